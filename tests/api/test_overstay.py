"""Never two sessions on one EVSE: who stays is told, who comes gets another EVSE or alternatives, and nobody pays for that."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.outages import rehouse_bookings
from functions.booking.overstay import watch_sessions
from functions.booking.sweeps import assign_evses, sweep_no_shows
from functions.booking.tables import charging_session, slot_claim
from functions.relocation.service import relocate_bookings
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.outbox import outbox_message
from tests.support.stations_feed import Station, instant
from tests.support.world import Person, World

TakenPlace = tuple[Person, str, str, Station]
RUNNING = sa.select(charging_session.c.running_evse_id).where(charging_session.c.status == "ACTIVE")


def at(clock: ManualClock, time: str) -> None:
    clock.jump(datetime.fromisoformat(instant(time)))


def book(world: World, place: str, start: str, minutes: int = 30) -> tuple[Person, str]:
    driver = world.user()
    made = driver.book(place, start, minutes=minutes)
    assert made.status_code == 201, made.text
    return driver, f"/booking/bookings/{made.json()['id']}"


def told(world: World, kind: str) -> int:
    return int(world.scalar(sa.select(sa.func.count()).where(outbox_message.c.type == kind)))


def running(world: World) -> list[Any]:
    return world.platform.read(lambda tx: list(tx.execute(RUNNING).scalars()))


def stays(world: World, clock: ManualClock, place: str) -> tuple[Person, str]:
    """Somebody who came at ten, whose time ended at half past, and who is still there."""
    driver, path = book(world, place, "10:00")
    at(clock, "10:00")
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED"
    return driver, path


def test_who_comes_to_an_evse_that_is_still_taken_gets_another_of_the_pool(world: World, clock: ManualClock) -> None:
    place = world.location(evses=2)
    _, first = stays(world, clock, place)
    driver, path = book(world, place, "10:30")
    assign_evses(world.platform)
    before = driver.get(path).json()
    at(clock, "10:31")
    began = driver.post(f"{path}/start").json()
    assert (before["evse_uid"], began["evse_uid"]) == ("E0", "E1")
    assert began["reservation_status"] == "FULFILLED"
    assert told(world, "evse_changed") == 1
    assert len(set(running(world))) == 2
    assert first != path


def test_where_no_other_is_free_they_are_told_with_alternatives(world: World, clock: ManualClock) -> None:
    place, near = world.location(evses=1), world.location(evses=1, name="Next door", latitude=52.091)
    stays(world, clock, place)
    driver, path = book(world, place, "10:30")
    at(clock, "10:31")
    refused = driver.post(f"{path}/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    assert near in {item["location_id"] for item in refused.json()["alternatives"]}
    assert len(running(world)) == 1
    at(clock, "10:46")
    assert sweep_no_shows(world.platform) == 1
    ended = driver.get(path).json()
    assert (ended["reservation_status"], ended["canceled"]["fee_minor"]) == ("CANCELED", 0)
    assert (ended["canceled"]["who_canceled"], ended["canceled"]["cancellation_reason"]) == ("CPO", "BLOCKED")


def test_who_stays_is_told_once(world: World, clock: ManualClock) -> None:
    driver, _ = stays(world, clock, world.location(evses=1))
    at(clock, "10:29")
    watch_sessions(world.platform)
    assert told(world, "session_overstayed") == 0
    at(clock, "10:30")
    watch_sessions(world.platform)
    watch_sessions(world.platform)
    assert told(world, "session_overstayed") == 1
    world.drain()
    assert driver.get("/notify/inbox").json()["items"][0]["title"].startswith("Please move your car")


def test_who_may_stay_while_nobody_else_has_booked_is_told_when_somebody_has(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1, terms=BookingTerms(late_stop_allowed=True))
    stays(world, clock, place)
    book(world, place, "11:15")
    at(clock, "10:30")
    watch_sessions(world.platform)
    assert told(world, "session_overstayed") == 0
    at(clock, "11:00")
    watch_sessions(world.platform)
    assert told(world, "session_overstayed") == 1


def test_who_stays_takes_what_is_next_and_gives_it_back(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    driver, path = stays(world, clock, place)
    at(clock, "10:31")
    watch_sessions(world.platform)
    refused = world.user().book(place, "10:45", minutes=15)
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    at(clock, "10:33")
    assert driver.post(f"{path}/stop").status_code == 200
    assert world.scalar(sa.select(sa.func.count()).select_from(slot_claim)) == 7, "10:00 to 10:35"
    assert world.user().book(place, "10:45", minutes=15).status_code == 201


def test_who_is_next_is_moved_before_they_are_told_their_evse(world: World, clock: ManualClock) -> None:
    place = world.location(evses=2)
    stays(world, clock, place)
    driver, path = book(world, place, "11:00")
    at(clock, "10:30")
    watch_sessions(world.platform)
    assign_evses(world.platform)
    assert driver.get(path).json()["evse_uid"] == "E1"
    assert told(world, "evse_changed") == 0, "they knew of none"


def test_the_next_driver_may_say_that_nobody_is_there(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    first, forgotten = stays(world, clock, place)
    driver, path = book(world, place, "10:30")
    at(clock, "10:31")
    assert driver.post(f"{path}/start", {"vacant": True}).json()["reservation_status"] == "FULFILLED"
    assert len(running(world)) == 1
    ended = first.get(forgotten).json()
    assert ended["session"]["stopped_at"] == "2026-03-02T10:30:00Z"
    assert ended["settlement"]["total_minor"] == ended["quote"]["expected_minor"]


def test_a_station_that_speaks_is_believed_more_than_who_says_that_nobody_is_there(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    first, stayed = book(world, station.location, "10:00")
    driver, path = book(world, station.location, "10:30")
    at(clock, "10:00")
    station.report("E0", "CHARGING", "10:00")
    assert first.post(f"{stayed}/start").json()["reservation_status"] == "FULFILLED"
    at(clock, "10:31")
    station.heartbeat()
    refused = driver.post(f"{path}/start", {"vacant": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")


def test_an_early_start_takes_another_evse_where_its_own_is_taken(world: World, clock: ManualClock) -> None:
    place = world.location(evses=2)
    other, other_path = book(world, place, "10:00")
    driver, path = book(world, place, "10:30")
    at(clock, "10:05")
    other.post(f"{other_path}/start")
    assign_evses(world.platform)
    assert driver.get(path).json()["evse_uid"] == "E0", "packed behind the other"
    at(clock, "10:22")
    early = driver.post(f"{path}/start")
    assert early.status_code == 200, early.text
    assert (early.json()["reservation_status"], early.json()["evse_uid"]) == ("FULFILLED", "E1")


def test_an_early_start_stands_as_planned_where_nothing_is_free(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    book(world, place, "10:00")
    driver, path = book(world, place, "10:30")
    at(clock, "10:22")
    early = driver.post(f"{path}/start")
    assert (early.status_code, early.json()["code"]) == (409, "CONFLICT")
    assert driver.get(path).json()["reservation_status"] == "RESERVED"


@pytest.mark.parametrize("late_stop_allowed", [True, False])
def test_the_station_is_told_until_when_the_evse_may_be_used(world: World, clock: ManualClock, late_stop_allowed: bool) -> None:
    station = Station.at(world, evses=1, terms=BookingTerms(late_stop_allowed=late_stop_allowed))
    station.report("E0", "AVAILABLE", "08:00")
    driver, path = book(world, station.location, "10:00")
    book(world, station.location, "11:15")
    at(clock, "10:00")
    station.heartbeat()
    driver.post(f"{path}/start")
    body = {"status": "ACTIVE", "start_date_time": instant("10:00"), "kwh": 0, "last_updated": instant("10:00")}
    answer = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", body).json()
    assert answer["allowed_until"] == ("2026-03-02T11:15:00Z" if late_stop_allowed else "2026-03-02T10:30:00Z")


def test_a_forgotten_session_that_nobody_can_see_is_not_thought_to_stay_for_a_day(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    stays(world, clock, place)
    driver, path = book(world, place, "13:00")
    at(clock, "12:00")
    watch_sessions(world.platform)
    assert world.user().book(place, "12:15", minutes=15).status_code == 201
    clock.advance(timedelta(hours=1))
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED"


def test_who_finds_their_charger_taken_leaves_at_no_cost_but_a_late_cancel_before_it_costs(
    world: World, clock: ManualClock
) -> None:
    """Once the start has passed a cancel is a miss, but not where somebody else is still there; that somebody charges there
    earlier, in a booking of their own, excuses nothing."""
    place = world.location(evses=1)
    stays(world, clock, place)
    at(clock, "10:20")
    late, path = book(world, place, "10:30")
    before = late.post(f"{path}/cancel").json()
    assert (before["reservation_status"], before["canceled"]["late"], before["canceled"]["fee_minor"] > 0) == (
        "CANCELED",
        True,
        True,
    )
    driver, path = book(world, place, "10:30")
    at(clock, "10:40")
    left = driver.post(f"{path}/cancel").json()
    assert (left["reservation_status"], left["canceled"]["fee_minor"]) == ("CANCELED", 0)
    assert left["settlement"] is None


@pytest.fixture
def taken_place(world: World, clock: ManualClock) -> TakenPlace:
    """Somebody stays beyond half past ten at the one EVSE of a place, whose feed lives; who is next is told so, and how they
    stand. The driver, their booking's path, a place close by, and the station."""
    station = Station.at(world, evses=1)
    near = world.location(evses=1, name="Next door", latitude=52.095)
    station.report("E0", "AVAILABLE", "08:00")
    first = world.user().book(station.location, "10:00", minutes=30).json()["id"]
    driver, path = book(world, station.location, "10:31")
    at(clock, "10:00")
    station.report("E0", "CHARGING", "10:00")
    said = {"status": "ACTIVE", "start_date_time": instant("10:00"), "kwh": 0, "last_updated": instant("10:00")}
    answer = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", said | {"booking_id": first})
    assert answer.json()["booking_id"] == first, answer.text
    at(clock, "10:30")
    station.heartbeat()
    watch_sessions(world.platform)
    world.drain()
    return driver, path, near, station


def test_who_is_next_and_finds_no_other_in_the_pool_is_told_and_may_leave_free(world: World, taken_place: TakenPlace) -> None:
    driver, path, *_ = taken_place
    assert driver.get(path).json()["assurance"] == "AT_RISK"
    (letter, *_) = driver.get("/notify/inbox").json()["items"]
    assert letter["title"].startswith("Still taken")
    watch_sessions(world.platform)
    assert told(world, "booking_at_risk") == 1
    assert driver.post(f"{path}/cancel", {}).json()["canceled"]["fee_minor"] == 0


def test_who_is_next_goes_to_another_place_after_the_grace(world: World, clock: ManualClock, taken_place: TakenPlace) -> None:
    driver, path, near, _ = taken_place
    at(clock, "10:33")
    rehouse_bookings(world.platform)
    assert relocate_bookings(world.platform) == 1
    world.drain()
    before = driver.get(path).json()
    assert (before["canceled"]["cancellation_reason"], before["canceled"]["fee_minor"]) == ("BLOCKED", 0)
    now = driver.get(f"/booking/bookings/{before['rebooked_to']}").json()
    assert (now["location_id"], now["reservation_status"]) == (near, "RESERVED")
    (letter, *_) = [item for item in driver.get("/notify/inbox").json()["items"] if item["type"] == "booking_relocated"]
    assert "is still taken. We booked another for you" in letter["body"]


def test_who_is_next_has_a_charger_again_once_it_is_left(world: World, clock: ManualClock, taken_place: TakenPlace) -> None:
    driver, path, _, station = taken_place
    at(clock, "10:31")
    said = {"status": "COMPLETED", "start_date_time": instant("10:00"), "end_date_time": instant("10:31"), "kwh": 5}
    over = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", said | {"last_updated": instant("10:31")})
    assert over.json()["outcome"] == "COMPLETED", over.text
    assert rehouse_bookings(world.platform) == 0
    world.drain()
    assert driver.get(path).json()["assurance"] == "SAFE"
    assert told(world, "booking_safe") == 1


def test_nobody_is_given_up_since_somebody_stays(world: World, clock: ManualClock, taken_place: TakenPlace) -> None:
    driver, path, near, _ = taken_place
    assert world.user().book(near, "10:31", minutes=240).status_code == 201
    at(clock, "10:33")
    relocate_bookings(world.platform)
    still = driver.get(path).json()
    assert (still["reservation_status"], still["assurance"]) == ("RESERVED", "AT_RISK")


@pytest.mark.parametrize("goes", ["elsewhere", "home"])
def test_what_the_next_one_frees_is_taken_by_who_stays_at_once(
    world: World, clock: ManualClock, taken_place: TakenPlace, goes: str
) -> None:
    driver, path, _, station = taken_place
    at(clock, "10:33")
    if goes == "elsewhere":
        assert relocate_bookings(world.platform) == 1
    else:
        assert driver.post(f"{path}/cancel", {}).status_code == 200
    now = datetime.fromisoformat(instant("10:30"))
    holder = sa.select(slot_claim.c.booking_id).where(slot_claim.c.slot_start == now, slot_claim.c.evse_id == evse_of(station))
    runs = sa.select(charging_session.c.booking_id).where(charging_session.c.running_evse_id == evse_of(station))
    assert world.scalar(holder) == world.scalar(runs) is not None
    assert world.user().book(station.location, "10:50", minutes=30).status_code == 409


def evse_of(station: Station) -> uuid.UUID:
    return uuid.UUID(station.evses["E0"])
