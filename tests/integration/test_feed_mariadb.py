"""The feed on MariaDB: many at once report the same EVSE; the greatest timestamp is in force, and the history is whole."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from functions.stations.enums import EvseStatus
from functions.stations.feed import service as feed
from functions.stations.feed import silence
from shared.clock import ManualClock
from tests.support.stations_feed import Station, body
from tests.support.world import World

CLIENTS, REPORTS = 8, 240


@pytest.fixture
def mariadb_settings() -> dict[str, Any]:
    return {"feed_updates_per_minute": 10_000}


@pytest.fixture
def station(mariadb_world: World) -> Station:
    """A station that reports, on MariaDB."""
    return Station.at(mariadb_world)


def test_concurrent_reports_of_one_evse(station: Station, clock: ManualClock) -> None:
    rng = random.Random(1)
    words = [item.value for item in EvseStatus]
    reports = [(rng.choice(words), clock.now() - timedelta(seconds=number)) for number in range(REPORTS)]
    rng.shuffle(reports)
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda report: station.report("E0", *report), reports))
    assert {answer.status_code for answer in answers} == {200}
    newest = max(reports, key=lambda report: report[1])
    assert station.in_force("E0") == newest
    assert station.shown() == {"E0": newest[0], "E1": "AVAILABLE"}
    place = uuid.UUID(station.location)
    since = clock.now() - timedelta(hours=1)
    state = station.world.platform.read(lambda tx: feed.states_of(tx=tx, location_ids=[place], since=since))[place][0]
    assert {(change.status, change.at) for change in state.changes} <= set(reports)
    for before, after in pairwise(state.changes):
        assert before.at < after.at
        assert after.previous == before.status != after.status
    assert state.changes[-1].status == newest[0]


def test_batches_and_single_reports_meet(station: Station, clock: ManualClock) -> None:
    """Batches lock in another order of arrival than they name; nothing is lost and nobody waits for ever."""
    rng = random.Random(2)

    def send(number: int) -> int:
        at, status = clock.now() - timedelta(seconds=number), ("AVAILABLE", "CHARGING", "BLOCKED")[number % 3]
        if number % 4 == 0:
            return station.report(rng.choice(("E0", "E1")), status, at).status_code
        uids = ["E0", "E1"] if number % 2 else ["E1", "E0"]
        return station.batch(*({"uid": uid} | body(status, at) for uid in uids)).status_code

    numbers = list(range(1, 120))
    rng.shuffle(numbers)
    with ThreadPoolExecutor(CLIENTS) as pool:
        assert set(pool.map(send, numbers)) == {200}
    assert station.in_force("E0") == station.in_force("E1") == ("CHARGING", clock.now() - timedelta(seconds=1))


def test_a_silence_is_marked_once_by_many(station: Station, clock: ManualClock) -> None:
    station.batch({"uid": "E0"} | body("AVAILABLE", "07:59"), {"uid": "E1"} | body("CHARGING", "07:59"))
    clock.advance(timedelta(minutes=15))
    platform = station.world.platform
    with ThreadPoolExecutor(4) as pool:
        marked = list(pool.map(lambda _: silence.mark_stale_feeds(platform), range(4)))
    assert sum(marked) == 1
    assert station.shown() == {"E0": "UNKNOWN", "E1": "UNKNOWN"}
    assert station.history("E0") == [("07:59", "AVAILABLE", None), ("08:15", "UNKNOWN", "AVAILABLE")]
    with ThreadPoolExecutor(4) as pool:
        back = list(pool.map(lambda _: station.report("E0", "AVAILABLE", "07:59").json()["outcome"], range(4)))
    assert sorted(back) == ["CHANGED", "DUPLICATE", "DUPLICATE", "DUPLICATE"]
    assert station.world.drain() == 3, "feed_silent, feed_back and evse_back_in_use, once each"
