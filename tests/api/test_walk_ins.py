"""Walk-ins: who is there charges from now on, until a guaranteed end that the answer names."""

from typing import Any

import httpx2 as httpx
import pytest

from functions.booking.overstay import watch_sessions
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from tests.support.stations_feed import Station, minutes
from tests.support.world import TYPE2, Person, World


def walk_in(driver: Person, place: str, **more: Any) -> httpx.Response:
    wanted = {"connector": TYPE2} if "evse_uid" not in more else {}
    return driver.post("/booking/walk-ins", {"location_id": place} | wanted | more)


def begun(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_who_is_there_charges_at_once_and_is_told_until_when(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    assert world.user().book(place, "10:00").status_code == 201
    driver = world.user()
    visit = begun(walk_in(driver, place, energy_kwh=60))
    assert (visit["kind"], visit["reservation_status"]) == ("WALK_IN", "FULFILLED")
    assert visit["guaranteed_until"] == visit["period"]["end"] == "2026-03-02T10:00:00Z"
    assert visit["fits_kwh"] == 39.6, "two hours of 22 kW, less a tenth"
    assert visit["evse_uid"] == "E0"


def test_what_is_needed_takes_no_more_time_than_that(world: World) -> None:
    visit = begun(walk_in(world.user(), world.location(evses=1), energy_kwh=9.9))
    assert visit["period"] == {"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T08:30:00Z"}
    assert visit["quote"]["energy_kwh"] == pytest.approx(9.9)


def test_the_place_is_claimed_and_free_again_when_they_leave(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    driver = world.user()
    visit = begun(walk_in(driver, place, energy_kwh=30))
    assert world.user().book(place, "08:30").status_code == 409
    assert walk_in(world.user(), place, energy_kwh=5).json()["code"] == "SLOT_TAKEN"
    clock.advance(minutes(10))
    ended = driver.post(f"/booking/bookings/{visit['id']}/stop").json()
    assert ended["settlement"]["total_minor"] <= visit["quote"]["total_minor"]
    assert world.user().book(place, "08:30").status_code == 201


def test_where_the_next_booking_leaves_too_little_it_is_refused_with_alternatives(world: World) -> None:
    place = world.location(evses=1, terms=BookingTerms(min_booking_minutes=15))
    near = world.location(evses=1, name="Near", latitude=52.092)
    assert world.user().book(place, "08:10").status_code == 201
    refused = walk_in(world.user(), place, energy_kwh=5)
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    assert near in {item["location_id"] for item in refused.json()["alternatives"]}


def test_the_evse_that_is_free_the_longest_is_taken(world: World) -> None:
    place = world.location(evses=2)
    taken = world.user().book(place, "09:00").json()
    visit = begun(walk_in(world.user(), place, energy_kwh=100))
    assert visit["guaranteed_until"] == "2026-03-02T13:04:00Z", "100 kWh at 22 kW, less a tenth"
    assert taken["reservation_status"] == "RESERVED"


def test_where_nobody_meters_they_say_what_they_need(world: World) -> None:
    refused = walk_in(world.user(), world.location(evses=1))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "energy_kwh")


def test_the_longest_that_is_booked_bounds_it(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1, terms=BookingTerms(max_booking_minutes=60))
    station.report("E0", "AVAILABLE", "08:00")
    visit = begun(walk_in(world.user(), station.location))
    assert visit["guaranteed_until"] == "2026-03-02T09:00:00Z"


def test_where_the_station_can_tell_it_has_to_and_who_does_not_plug_in_pays_nothing(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    station.report("E0", "AVAILABLE", "08:00")
    driver = world.user()
    visit = begun(walk_in(driver, station.location, energy_kwh=5))
    assert visit["reservation_status"] == "RESERVED"
    clock.advance(minutes(6))
    station.heartbeat()
    assert watch_sessions(world.platform) == 1
    ended = driver.get(f"/booking/bookings/{visit['id']}").json()
    assert (ended["reservation_status"], ended["canceled"]["fee_minor"]) == ("CANCELED", 0)
    assert driver.get("/accounts/me/standing").json()["strikes"] == []


def test_who_plugged_in_first_names_the_evse_and_the_session_is_theirs(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=2)
    station.report("E1", "CHARGING", "08:00")
    report = {"status": "ACTIVE", "start_date_time": "2026-03-02T08:00:00Z", "kwh": 0, "last_updated": "2026-03-02T08:00:00Z"}
    assert station.call("PUT", f"/stations/evses/{station.evses['E1']}/sessions/1", report).status_code == 200
    driver = world.user()
    visit = begun(walk_in(driver, station.location, evse_uid="E1"))
    assert (visit["reservation_status"], visit["evse_uid"]) == ("FULFILLED", "E1")
    (session,) = driver.get(f"/booking/bookings/{visit['id']}/sessions").json()["items"]
    assert session["booking_id"] == visit["id"]


def test_a_car_that_is_booked_now_is_in_one_place(world: World) -> None:
    driver, place = world.user(), world.location(evses=2)
    begun(walk_in(driver, place, energy_kwh=5))
    refused = walk_in(driver, place, energy_kwh=5)
    assert (refused.status_code, refused.json()["code"]) == (409, "LIMIT_REACHED")
