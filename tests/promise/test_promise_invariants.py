"""The busy day can fail: each invariant is violated on purpose in a copy of the rows, and names what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.booking.overstay import watch_sessions
from functions.waitlist.offering import offer_places
from shared.clock import ManualClock
from shared.platform import Platform
from shared.slots import slot_of, slot_start
from tests.conftest import embedded_platform
from tests.promise import invariants
from tests.promise.invariants import DaySnapshot, judge
from tests.support.stations_feed import Station, minutes
from tests.support.world import TYPE2, World

Spoil = Callable[[DaySnapshot], DaySnapshot]


@pytest.fixture
def platform(tmp_path: Path, clock: ManualClock) -> Iterator[Platform]:
    """Letters leave at once, as on the day."""
    instance = embedded_platform(tmp_path / "data", clock, message_hold_s=0)
    yield instance
    instance.close()


@pytest.fixture
def snapshot(world: World, clock: ManualClock) -> DaySnapshot:
    """Two places after an hour: a session that ran and one that runs, a missed and a cancelled booking, a charger out of order
    with its booking at risk, and somebody who waits for a place that is held for them."""
    station = Station.at(world, evses=3)
    broken = Station.at(world, evses=1, name="Broken", latitude=52.4)
    for uid in station.evses:
        station.report(uid, "AVAILABLE", "08:00")
    broken.report("E0", "AVAILABLE", "08:00")
    first, second, third = world.user(), world.user(), world.user()
    one = first.book(station.location, "08:05", minutes=30).json()["id"]
    assert second.book(broken.location, "11:00").status_code == 201
    canceled = second.book(station.location, "12:00", vehicle_id=second.car()).json()["id"]
    assert second.post(f"/booking/bookings/{canceled}/cancel", {}).status_code == 200
    wish = {
        "battery_kwh": 60,
        "soc": 0.5,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 11,
        "origin": {"latitude": 52.09, "longitude": 5.12},
    }
    window = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T14:00:00Z"}
    never = {"quiet_from": "00:00", "quiet_until": "00:00"}
    world.drain()
    clock.advance(minutes(6))
    assert third.post("/waitlist", {"wish": wish, "window": window} | never).status_code == 201
    assert first.post(f"/booking/bookings/{one}/start").status_code == 200
    (uid,) = {row["uid"] for row in _evses(first, one)}
    station.report(uid, "CHARGING", clock.now())
    said = {"status": "ACTIVE", "start_date_time": clock.now().isoformat(), "kwh": 0, "last_updated": clock.now().isoformat()}
    assert station.call("PUT", f"/stations/evses/{station.evses[uid]}/sessions/1", said).status_code == 200
    broken.report("E0", "OUTOFORDER", clock.now())
    world.drain()
    offer_places(world.platform)
    watch_sessions(world.platform)
    world.drain()
    return world.platform.database.read(lambda conn: DaySnapshot.read(conn, clock.now()))


def _evses(driver: Any, booking_id: str) -> list[dict[str, str]]:
    return [{"uid": driver.get(f"/booking/bookings/{booking_id}").json()["evse_uid"]}]


def _violations(snapshot: DaySnapshot) -> list[str]:
    return [str(item) for item in judge(snapshot, mailed=_mailed(snapshot), sms=[])]


def _mailed(snapshot: DaySnapshot) -> dict[str, int]:
    return {str(row.id): 1 for row in snapshot.rows.deliveries if row.channel == "EMAIL" and row.status == "SENT"}


def _other(row: Any, **changes: Any) -> Any:
    return SimpleNamespace(**row._asdict() | changes)


def _booking(snapshot: DaySnapshot, of: Callable[[Any], bool], **changes: Any) -> DaySnapshot:
    """The same with one booking otherwise."""
    row = next(row for row in snapshot.rows.bookings.values() if of(row))
    return replace(snapshot, rows=replace(snapshot.rows, bookings=snapshot.rows.bookings | {row.id: _other(row, **changes)}))


def _runs(row: Any) -> bool:
    return row.status == "FULFILLED"


def _at_risk(row: Any) -> bool:
    return row.assurance == "AT_RISK"


def _two_sessions(snapshot: DaySnapshot) -> DaySnapshot:
    (session,) = snapshot.sessions
    return replace(snapshot, sessions=[session, _other(session, booking_id=None, ref="2")])


def _no_claim(snapshot: DaySnapshot) -> DaySnapshot:
    running = next(row for row in snapshot.rows.bookings.values() if _runs(row))
    return replace(
        snapshot, rows=replace(snapshot.rows, claims=[c for c in snapshot.rows.claims if c.booking_id != running.id])
    )


def _not_told(snapshot: DaySnapshot) -> DaySnapshot:
    rest = [row for row in snapshot.rows.notifications if row.type != "booking_at_risk"]
    return replace(snapshot, rows=replace(snapshot.rows, notifications=rest))


def _billed(snapshot: DaySnapshot, **bill: Any) -> DaySnapshot:
    settlement = {"total_minor": 0, "energy_kwh": 0.0, "metered": True} | bill
    return _booking(snapshot, _runs, stopped_at=snapshot.now, settlement=settlement)


def _costs_though_broken(snapshot: DaySnapshot) -> DaySnapshot:
    return _booking(snapshot, _at_risk, status="CANCELED", canceled={"who_canceled": "CPO", "fee_minor": 242})


def _two_offers(snapshot: DaySnapshot) -> DaySnapshot:
    (offer,) = snapshot.offers
    return replace(snapshot, offers=[offer, _other(offer)])


def _nothing_held(snapshot: DaySnapshot) -> DaySnapshot:
    return _booking(snapshot, lambda row: row.status == "PENDING", status="CANCELED", canceled={})


def _waits_beside_a_free_place(snapshot: DaySnapshot) -> DaySnapshot:
    (entry,) = snapshot.entries
    (offer,) = snapshot.offers
    without = _booking(snapshot, lambda row: row.id == offer.booking_id, status="CANCELED", canceled={})
    claims = [row for row in snapshot.rows.claims if row.booking_id != offer.booking_id]
    waits = replace(without, entries=[_other(entry, state="WAITING")], offers=[_other(offer, state="EXPIRED")])
    return replace(waits, rows=replace(waits.rows, claims=claims))


def _moved_and_not_told(snapshot: DaySnapshot) -> DaySnapshot:
    return _booking(snapshot, _at_risk, start=snapshot.now + timedelta(hours=9), end=snapshot.now + timedelta(hours=10))


SPOILED: dict[str, tuple[Spoil, str]] = {
    "two sessions": (_two_sessions, "1 one session"),
    "no claim": (_no_claim, "1 one session"),
    "at risk and not told": (_not_told, "2 what is booked at a broken charger"),
    "not even at risk": (lambda it: _booking(it, _at_risk, assurance="SAFE"), "2 what is booked at a broken charger"),
    "a bill above the quote": (lambda it: _billed(it, total_minor=1_000_000), "3 nobody pays more"),
    "a fee for what the operator ended": (_costs_though_broken, "3 nobody pays more"),
    "two offers": (_two_offers, "4 one place, one open offer"),
    "an offer that holds nothing": (_nothing_held, "4 one place, one open offer"),
    "somebody waits beside a free place": (_waits_beside_a_free_place, "4 what is free is offered"),
    "moved without a word": (_moved_and_not_told, "5 the last word"),
    "energy that nobody metered": (lambda it: _billed(it, energy_kwh=11.0), "6 kWh priced"),
}


def test_the_rows_as_they_are_violate_nothing(snapshot: DaySnapshot) -> None:
    assert _violations(snapshot) == []


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_violated_is_named(snapshot: DaySnapshot, what: str) -> None:
    spoil, named = SPOILED[what]
    assert any(item.startswith(named) for item in _violations(spoil(snapshot)))


def test_who_missed_what_somebody_else_held_is_named(snapshot: DaySnapshot) -> None:
    (session,) = snapshot.sessions
    missed = _booking(
        snapshot,
        _at_risk,
        status="NO_SHOW",
        evse_id=session.evse_id,
        start=snapshot.now,
        no_show_at=snapshot.now,
        settlement={},
    )
    named = [str(item) for item in invariants.nobody_misses_what_was_not_there(missed)]
    assert len(named) == 1
    assert "was missed while session" in named[0]


def test_a_text_to_a_number_that_nobody_confirmed_is_named(snapshot: DaySnapshot) -> None:
    (violation,) = invariants.texts_go_to_confirmed_numbers(snapshot, [{"to": "+31612345678", "text": "Your charger"}])
    assert violation.invariant.startswith("10 ")


def test_a_gap_is_found_where_it_is_and_not_where_something_is_claimed() -> None:
    first = slot_start(1_000_000)
    need = timedelta(minutes=30)
    assert invariants._has_gap(set(), first, first, need)
    assert not invariants._has_gap({slot_of(first) + 3}, first, first, need)
    assert invariants._has_gap({slot_of(first)}, first, first + timedelta(minutes=5), need)
