"""Bookings at EVSEs that break or fall silent, over HTTP: moved within the pool, waiting, or ended in time; nobody pays."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking import outages, sweeps
from functions.booking.tables import booking, slot_claim
from functions.notify.tables import notification
from functions.stations.feed import silence
from shared.clock import ManualClock
from tests.support.stations_feed import Station, body, minutes
from tests.support.world import API, Person, World


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world)


def evse_of(station: Station, made: dict[str, Any]) -> str:
    """The uid of the EVSE that holds all of a booking's claims; the booking's row must say the same."""
    import uuid

    booking_id = uuid.UUID(made["id"])
    with station.world.platform.database.reading() as conn:
        claims = set(conn.execute(sa.select(slot_claim.c.evse_id).where(slot_claim.c.booking_id == booking_id)).scalars())
        row = conn.execute(sa.select(booking.c.evse_id, booking.c.evse_uid).where(booking.c.id == booking_id)).one()
    uids = {evse: uid for uid, evse in station.evses.items()}
    assert {str(evse) for evse in claims} == {str(row.evse_id)}
    assert uids[str(row.evse_id)] == row.evse_uid
    return str(row.evse_uid)


def book(station: Station, start: str = "10:00") -> tuple[Person, dict[str, Any]]:
    driver = station.world.user()
    made = driver.book(station.location, start)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return driver, found


def status(driver: Person, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = driver.get(f"/booking/bookings/{made['id']}").json()
    return found


def told(station: Station, driver: Person) -> list[str]:
    station.world.drain()
    rows = sa.select(notification.c.type).where(notification.c.user_id == driver.id).order_by(notification.c.id)
    with station.world.platform.database.reading() as conn:
        return list(conn.execute(rows).scalars())


def run(station: Station) -> int:
    return outages.rehouse_bookings(station.world.platform)


def other(uid: str) -> str:
    return "E1" if uid == "E0" else "E0"


@pytest.mark.parametrize("state", ["OUTOFORDER", "INOPERATIVE", "REMOVED", "UNKNOWN"])
def test_a_booking_moves_to_the_evse_that_works(station: Station, state: str) -> None:
    driver, made = book(station)
    old = evse_of(station, made)
    assert run(station) == 0
    station.report(old, state, "08:00")
    assert run(station) == 1
    assert evse_of(station, made) == other(old)
    assert status(driver, made)["reservation_status"] == "RESERVED"
    assert status(driver, made)["quote"] == made["quote"], "the price is frozen"
    assert run(station) == 0, "again does nothing"
    assert told(station, driver) == ["booking_reserved"], "who does not know the EVSE yet is not told of another"


@pytest.mark.parametrize("state", ["AVAILABLE", "BLOCKED", "CHARGING", "RESERVED"])
def test_what_is_so_now_alone_moves_nobody(station: Station, state: str) -> None:
    _, made = book(station)
    old = evse_of(station, made)
    station.report(old, state, "08:00")
    assert run(station) == 0
    assert evse_of(station, made) == old


def test_a_driver_who_knows_the_evse_is_told_of_the_other(station: Station, clock: ManualClock) -> None:
    driver, made = book(station, "08:30")
    old = evse_of(station, made)
    sweeps.assign_evses(station.world.platform)
    assert status(driver, made)["evse_uid"] == old
    station.report(old, "OUTOFORDER", "08:00")
    assert run(station) == 1
    assert status(driver, made)["evse_uid"] == other(old)
    assert told(station, driver)[-1] == "evse_changed"


def test_what_finds_no_place_waits_and_moves_when_there_is_one(station: Station) -> None:
    driver, made = book(station)
    rival, taken = book(station)
    old = evse_of(station, made)
    station.report(old, "OUTOFORDER", "08:00")
    assert run(station) == 0
    assert status(driver, made)["reservation_status"] == "RESERVED"
    assert evse_of(station, made) == old
    listed = station.owner.get(f"/stations/locations/{station.location}/feed").json()["waiting"]
    assert [(item["booking_id"], item["evse_uid"]) for item in listed] == [(made["id"], old)]
    assert station.call("GET", f"/stations/locations/{station.location}/feed").json()["waiting"] is None
    assert rival.post(f"/booking/bookings/{taken['id']}/cancel", {"reason": "TRAFFIC"}).status_code == 200
    assert run(station) == 1
    assert evse_of(station, made) == other(old)
    assert station.owner.get(f"/stations/locations/{station.location}/feed").json()["waiting"] == []


def test_a_fault_that_is_mended_in_time_changes_nothing(station: Station, clock: ManualClock) -> None:
    driver, made = book(station)
    book(station)
    old = evse_of(station, made)
    station.report(old, "OUTOFORDER", "08:00")
    run(station)
    clock.advance(minutes(60))
    station.report(old, "AVAILABLE", "09:00")
    clock.advance(minutes(30))
    assert run(station) == 0
    sweeps.assign_evses(station.world.platform)
    assert status(driver, made)["evse_uid"] == old


def test_half_an_hour_before_the_start_it_is_ended_by_the_operator_at_no_cost(station: Station, clock: ManualClock) -> None:
    driver, made = book(station)
    book(station)
    old = evse_of(station, made)
    station.report(old, "OUTOFORDER", "08:00")
    run(station)
    clock.advance(timedelta(minutes=89, seconds=59))
    station.heartbeat()
    assert run(station) == 0
    clock.advance(timedelta(seconds=1))
    sweeps.assign_evses(station.world.platform)
    assert status(driver, made)["evse_uid"] == "#NA", "nobody is told an EVSE that does not work"
    assert run(station) == 1
    found = status(driver, made)
    assert found["reservation_status"] == "CANCELED"
    assert found["canceled"]["cancellation_reason"] == "BROKEN_CHARGER"
    assert found["canceled"]["who_canceled"] == "CPO"
    assert found["canceled"]["fee_minor"] == 0
    assert "booking_canceled" in told(station, driver)
    with station.world.platform.database.reading() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(slot_claim)).scalar() == 12, "the rival's"


def test_nobody_pays_for_not_coming_to_a_silent_charger(station: Station, clock: ManualClock) -> None:
    driver, made = book(station)
    book(station)
    station.batch({"uid": "E0"} | body("AVAILABLE", "08:00"), {"uid": "E1"} | body("AVAILABLE", "08:00"))
    clock.advance(minutes(100))
    assert silence.mark_stale_feeds(station.world.platform) == 1
    assert run(station) == 0
    sweeps.assign_evses(station.world.platform)
    assert status(driver, made)["evse_uid"] != "#NA", "it may well work: its driver is told where"
    clock.advance(minutes(35))
    assert run(station) == 0
    assert sweeps.sweep_no_shows(station.world.platform) == 2
    found = status(driver, made)
    assert found["reservation_status"] == "CANCELED"
    assert (found["canceled"]["cancellation_reason"], found["canceled"]["fee_minor"]) == ("UNKNOWN", 0)
    assert found["settlement"] is None


def test_a_no_show_at_a_working_charger_still_pays(station: Station, clock: ManualClock) -> None:
    driver, made = book(station)
    station.report(evse_of(station, made), "AVAILABLE", "08:00")
    clock.advance(minutes(135))
    assert run(station) == 0
    assert sweeps.sweep_no_shows(station.world.platform) == 1
    assert status(driver, made)["reservation_status"] == "NO_SHOW"
    assert status(driver, made)["settlement"]["no_show_fee_minor"] > 0


def test_a_session_that_runs_goes_on(station: Station, clock: ManualClock) -> None:
    driver, made = book(station, "08:00")
    old = evse_of(station, made)
    assert driver.post(f"/booking/bookings/{made['id']}/start").status_code == 200
    clock.advance(minutes(10))
    station.report(old, "OUTOFORDER", "08:05")
    assert run(station) == 0
    assert driver.post(f"/booking/bookings/{made['id']}/stop", {}).status_code == 200


def test_an_offer_that_cannot_be_kept_is_not_held(world: World) -> None:
    station = Station.at(world, evses=1)
    driver = world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": ["IEC_62196_T2"],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
        "auto_book": False,
    }
    where = driver.post("/optimizer/charge-requests", wish).headers["location"]
    world.drain()
    assert world.client.get(where, headers=driver.headers()).json()["status"] == "OFFERED"
    station.report("E0", "OUTOFORDER", "08:00")
    assert run(station) == 1
    world.drain()
    assert world.client.get(where, headers=driver.headers()).json()["status"] == "EXPIRED"


def test_a_broken_pool_is_a_409_with_its_reason_and_not_a_wrong_field(world: World) -> None:
    station, near = Station.at(world, evses=1), Station.at(world, evses=1, name="Om de hoek", latitude=52.091)
    station.report("E0", "OUTOFORDER", "08:00")
    refused = world.user().book(station.location, "10:00")
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    assert "out of order" in refused.json()["detail"]
    assert world.user().book(near.location, "10:00").status_code == 201
    full = world.user().book(near.location, "10:00")
    assert (full.status_code, full.json()["code"]) == (409, "SLOT_TAKEN"), "the broken neighbour is no alternative, nor a fault"
    assert all(item["location_id"] != station.location for item in full.json()["alternatives"])


@pytest.mark.parametrize("state", ["CHARGING", "BLOCKED", "RESERVED"])
def test_who_is_there_without_a_booking_is_not_chased_away_at_once(world: World, state: str) -> None:
    station = Station.at(world, evses=1)
    station.report("E0", state, "07:55")
    for start in ("08:00", "08:15"):
        refused = world.user().book(station.location, start, minutes=30)
        assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN"), start
    free = world.client.get(f"{API}/stations/locations/{station.location}/availability").json()["calendars"][0]
    assert free["available_timeslots"][0]["start_date_time"] == "2026-03-02T08:30:00Z"
    near: dict[str, str | float] = {
        "lat": 52.09,
        "lon": 5.12,
        "free_from": "2026-03-02T08:15:00Z",
        "free_until": "2026-03-02T08:45:00Z",
    }
    assert world.client.get(f"{API}/stations/locations", params=near).json()["items"] == []
    driver = world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": ["IEC_62196_T2"],
        "max_power_kw": 22,
        "energy_kwh": 6,
        "origin": {"lat": 52.09, "lon": 5.12},
    }
    where = driver.post("/optimizer/charge-requests", wish).headers["location"]
    world.drain()
    found = world.client.get(where, headers=driver.headers()).json()
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["period"]["start"] == "2026-03-02T08:30:00Z"


def test_a_walk_in_may_stay_until_the_next_claim(world: World) -> None:
    station = Station.at(world, evses=1)
    station.report("E0", "CHARGING", "07:55")
    assert world.user().book(station.location, "08:30", minutes=30).status_code == 201


def test_a_booked_driver_who_charges_is_no_walk_in(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    driver = world.user()
    made = driver.book(station.location, "08:00", minutes=15).json()
    assert driver.post(f"/booking/bookings/{made['id']}/start").status_code == 200
    station.report("E0", "CHARGING", "08:00")
    near: dict[str, str | float] = {
        "lat": 52.09,
        "lon": 5.12,
        "free_from": "2026-03-02T08:15:00Z",
        "free_until": "2026-03-02T08:45:00Z",
    }
    assert len(world.client.get(f"{API}/stations/locations", params=near).json()["items"]) == 1
    assert world.user().book(station.location, "08:15", minutes=30).status_code == 201
