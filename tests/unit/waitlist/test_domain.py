"""Who is awake, and who comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.optimizer.core.objective import DEFAULT_WEIGHTS
from functions.optimizer.needs import ChargingNeeds
from functions.waitlist.domain import Entry, EntryState, Place, in_order, passed_over
from shared.db import new_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(**values: Any) -> Entry:
    """Somebody who waits for the afternoon."""
    wish = ChargingNeeds(
        latitude=52.0,
        longitude=5.0,
        earliest_departure=NOON,
        battery_kwh=60,
        soc=0.5,
        consumption_kwh_per_km=0.18,
        max_power_kw=22,
        standards=("IEC_62196_T2",),
        energy_kwh=10,
        weights=DEFAULT_WEIGHTS,
    )
    known: dict[str, Any] = {
        "id": new_id(),
        "user_id": new_id(),
        "vehicle_id": None,
        "wish": wish,
        "cell": 0,
        "window_begin": NOON,
        "window_end": NOON + timedelta(days=1),
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "state": EntryState.WAITING,
        "passed_over": 0,
        "snoozed_until": None,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Entry(**known | values)


def place(cost: float) -> Place:
    """Something that would suit at this cost."""
    return Place(new_id(), "IEC_62196_T2", "AC", NOON, NOON + timedelta(hours=1), 5.0, cost)


@pytest.mark.parametrize(
    ("hour", "awake"), [(20, True), (21, False), (23, False), (5, False), (6, True)], ids=lambda value: str(value)
)
def test_the_night_is_that_of_the_place(hour: int, awake: bool) -> None:
    """Amsterdam is an hour ahead: its night is 21:00 to 06:00 UTC."""
    day = 2 if hour > 12 else 3
    now = datetime(2026, 3, day, hour, tzinfo=UTC)
    window = datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert entry(window_begin=window, window_end=window + timedelta(hours=8)).awake(now, "Europe/Amsterdam") is awake


def test_who_has_no_quiet_hours_is_always_awake() -> None:
    now = datetime(2026, 3, 3, 1, tzinfo=UTC)
    window = {"window_begin": now + timedelta(hours=9), "window_end": now + timedelta(hours=19)}
    assert entry(quiet_from="00:00", quiet_until="00:00", **window).awake(now, "UTC")


@pytest.mark.parametrize(
    "values",
    [
        {"state": EntryState.OFFERED},
        {"window_end": NOON},
        {"snoozed_until": NOON + timedelta(seconds=1)},
    ],
    ids=["has an offer", "window is over", "snoozes"],
)
def test_who_does_not_wait_is_not_awake(values: dict[str, Any]) -> None:
    assert entry().awake(NOON, "UTC")
    assert not entry(**values).awake(NOON, "UTC")


def test_the_cheapest_comes_first_then_who_came_first_and_who_was_passed_over_before_all() -> None:
    early, late = entry(), entry(created_at=NOON + timedelta(minutes=1))
    cheap, patient = entry(created_at=NOON + timedelta(minutes=2)), replace(entry(), passed_over=3)
    waiting = [(late, place(2.0)), (early, place(2.0)), (cheap, place(1.0)), (patient, place(9.0))]
    assert [item.id for item, _ in in_order(waiting)] == [patient.id, cheap.id, early.id, late.id]
    assert set(passed_over(waiting, cheap)) == {early.id, late.id, patient.id}


def test_a_place_is_held_until_its_driver_sets_out_and_ten_minutes_at_most() -> None:
    near = place(1.0)
    assert near.hold(NOON - timedelta(minutes=13)) == timedelta(minutes=8)
    assert near.hold(NOON - timedelta(hours=1)) == timedelta(minutes=10)
