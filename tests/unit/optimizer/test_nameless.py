"""What leaves the database of a decision says neither where somebody set out nor where they went."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.optimizer.repository import StoredDecision
from functions.optimizer.retention import nameless

COLUMNS = ("pool", "start", "length", "begin_min", "wait_min", "price", "km", "duration_min", "cost", "score")


def stored(**needs: Any) -> StoredDecision:
    record = {"candidates": {name: [1] for name in COLUMNS} | {"terms": {"wait": [1], "distance": [1]}}, "shadow": None}
    at, places = datetime(2026, 3, 2, tzinfo=UTC), {"latitude": 52.0912, "longitude": 5.1234}
    return StoredDecision(uuid.uuid4(), places | needs, record, at)


@pytest.mark.parametrize(
    ("destination", "left"),
    [
        ({"destination_latitude": 51.9852, "destination_longitude": 5.9}, (52.0, 5.9)),
        ({"destination_latitude": None, "destination_longitude": None}, (None, None)),
        ({}, (None, None)),
    ],
    ids=["going somewhere", "nowhere", "asked before there were destinations"],
)
def test_places_are_blunt(destination: dict[str, Any], left: tuple[float | None, float | None]) -> None:
    needs = nameless(stored(**destination))["needs"]
    assert (needs["latitude"], needs["longitude"]) == (52.1, 5.1)
    assert (needs.get("destination_latitude"), needs.get("destination_longitude")) == left


def test_no_column_tells_when_somebody_arrived_or_how_far_they_drove() -> None:
    candidates = nameless(stored())["decision"]["candidates"]
    assert set(candidates) == {"pool", "start", "length", "wait_min", "price", "score", "terms"}
    assert set(candidates["terms"]) == {"wait"}
