"""Limits over HTTP: each refusal says which, how much, whose, and when it lifts; at that instant the same request is taken. The
optimizer proposes nothing that they refuse."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.booking.tables import booking as booking_table
from functions.booking.tables import slot_claim
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT
from tests.support.world import CCS, TYPE2, Person, World

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)
DAY = timedelta(days=1)


def car_of(driver: Person, *standards: str) -> str:
    body = {"battery_kwh": 60, "max_power_kw": 22, "standards": list(standards or (TYPE2,))}
    made: str = driver.post("/accounts/me/vehicles", body).json()["id"]
    return made


def refusal(answer: Any, field: str) -> tuple[Any, ...]:
    """(limit, value, scope, lifts_at) of a refusal of the one shape that names `field`."""
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json"), answer.text
    problem = answer.json()
    assert problem["code"] == "LIMIT_REACHED"
    assert [item["field"] for item in problem["errors"]] == [field]
    return tuple(problem[name] for name in ("limit", "value", "scope", "lifts_at"))


def test_the_horizon_lifts_when_it_says(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=BookingTerms(booking_horizon_days=7))
    assert driver.book(place, "2026-03-09T08:00:00Z").status_code == 201, "seven days ahead to the instant"
    limit, value, scope, lifts = refusal(driver.book(place, "2026-03-09T08:15:00Z"), "start")
    assert (limit, value, scope) == ("booking_horizon_days", 7, "location")
    clock.jump(datetime.fromisoformat(lifts) - timedelta(microseconds=1))
    refusal(driver.book(place, "2026-03-09T08:15:00Z"), "start")
    clock.jump(datetime.fromisoformat(lifts))
    assert driver.book(place, "2026-03-09T08:15:00Z", vehicle_id=car_of(driver)).status_code == 201


def test_notice_to_the_instant(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=BookingTerms(min_lead_minutes=60))
    assert driver.book(place, "09:00").status_code == 201
    clock.advance(timedelta(microseconds=1))
    limit, value, scope, lifts = refusal(driver.book(place, "09:00"), "start")
    assert (limit, value, scope, lifts) == ("min_lead_minutes", 60, "location", "2026-03-02T09:05:00+00:00")
    assert driver.book(place, lifts, vehicle_id=car_of(driver)).status_code == 201, "from lifts_at on a start is taken"


def test_durations(world: World) -> None:
    driver, place = world.user(), world.location(terms=BookingTerms(min_booking_minutes=30, max_booking_minutes=90))
    assert refusal(driver.book(place, "10:00", minutes=15), "duration_minutes") == ("min_booking_minutes", 30, "location", None)
    assert refusal(driver.book(place, "10:00", minutes=91), "duration_minutes") == ("max_booking_minutes", 90, "location", None)
    assert world.scalar(CLAIMS) == 0
    assert refusal(driver.book(place, "10:00", minutes=29), "duration_minutes")[0] == "min_booking_minutes"
    assert driver.book(place, "10:01", minutes=31).status_code == 201, "from any minute on, as long as is asked"
    short = driver.post(
        "/booking/bookings", {"location_id": place, "connector": TYPE2, "start": "2026-03-02T14:00:00Z", "energy_kwh": 1}
    )
    assert short.json()["period"]["end"] == "2026-03-02T14:30:00Z", "an energy that takes less than is booked at least"
    assert driver.book(place, "12:00", minutes=90).status_code == 201


def test_open_bookings_here_lift_when_enough_have_ended(world: World, clock: ManualClock) -> None:
    driver, place = (
        world.user(),
        world.location(evses=4, terms=BookingTerms(open_bookings_per_driver=2, noshow_timeout_minutes=120)),
    )
    for start in ("10:00", "09:00"):
        assert driver.book(place, start).status_code == 201
    third = refusal(driver.book(place, "15:00"), "bookings")
    assert third == ("open_bookings_per_driver", 2, "location", "2026-03-02T10:00:00+00:00")
    assert world.user().book(place, "15:00").status_code == 201, "it is a driver's own limit"
    assert driver.book(world.location(name="Museumplein", latitude=52.1), "17:00").status_code == 201, "and a location's own"
    clock.jump(datetime.fromisoformat(third[3]) - timedelta(microseconds=1))
    refusal(driver.book(place, "15:00"), "bookings")
    clock.jump(datetime.fromisoformat(third[3]))
    assert driver.book(place, "15:00").status_code == 201


def test_a_cancelled_booking_makes_room_and_a_moved_one_needs_none(world: World) -> None:
    driver, place = world.user(), world.location(terms=BookingTerms(open_bookings_per_driver=1))
    made = driver.book(place, "10:00").json()
    assert driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"}).status_code == 200
    refusal(driver.book(place, "15:00"), "bookings")
    assert driver.post(f"/booking/bookings/{made['id']}/cancel").status_code == 200
    assert driver.book(place, "15:00").status_code == 201


@pytest.fixture
def unhurried(tmp_path: Path) -> Iterator[World]:
    """A platform on which a driver books as often as they like."""
    platform = make_platform(Settings(data_dir=tmp_path, rate_limits=False), ManualClock(MONDAY_EIGHT))
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[World]:
    """A platform that allows three open bookings, ten days ahead."""
    settings = Settings(data_dir=tmp_path, open_bookings_per_driver=3, booking_horizon_days=10)
    platform = make_platform(settings, ManualClock(MONDAY_EIGHT))
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


def test_the_platforms_own_limits_hold_over_all_locations(narrow: World) -> None:
    driver = narrow.user()
    places = [narrow.location(name=f"Place {number}", latitude=52.0 + number / 10) for number in range(4)]
    for hour, place in enumerate(places[:3]):
        assert driver.book(place, f"1{hour}:00").status_code == 201
    said = refusal(driver.book(places[3], "15:00"), "bookings")
    assert said == ("open_bookings_per_driver", 3, "platform", "2026-03-02T11:00:00+00:00")
    other = narrow.user()
    assert other.book(places[0], "2026-03-12T08:00:00Z").status_code == 201
    said = refusal(other.book(places[0], "2026-03-12T08:15:00Z"), "start")
    assert said == ("booking_horizon_days", 10, "platform", "2026-03-02T08:15:00+00:00")


def test_a_vehicle_is_in_one_place_at_a_time(world: World) -> None:
    driver = world.user()
    here, there = world.location(evses=4), world.location(name="Museumplein", latitude=52.1, evses=4)
    car, second = car_of(driver), car_of(driver)
    first = driver.book(here, "10:00", vehicle_id=car).json()
    for place in (here, there):
        answer = driver.book(place, "10:45", minutes=30, vehicle_id=car)
        assert refusal(answer, "vehicle_id") == ("one_vehicle_one_place", 1, "platform", "2026-03-02T11:00:00+00:00")
        assert answer.json()["booking_id"] == first["id"]
    assert driver.book(there, "10:45", minutes=30, vehicle_id=second).status_code == 201
    assert driver.book(there, "09:30", minutes=30, vehicle_id=car).status_code == 201, "until it is there"
    later = driver.book(there, "11:00", vehicle_id=car)
    assert later.status_code == 201, "from when it leaves"
    moved = driver.post(f"/booking/bookings/{later.json()['id']}/reschedule", {"start": "2026-03-02T10:45:00Z"})
    assert refusal(moved, "vehicle_id")[0] == "one_vehicle_one_place"
    assert driver.get(f"/booking/bookings/{later.json()['id']}").json()["period"]["start"] == "2026-03-02T11:00:00Z"
    assert (
        driver.post(f"/booking/bookings/{later.json()['id']}/reschedule", {"start": "2026-03-02T11:15:00Z"}).status_code == 200
    )


def test_two_vehicles_of_one_plate_are_one_car_also_entered_anew(world: World) -> None:
    driver, place = world.user(), world.location(evses=4)
    body = {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}
    first, second = (
        driver.post("/accounts/me/vehicles", body | {"plate": plate}).json()["id"] for plate in ("ab-12 CD", "AB12CD")
    )
    assert driver.book(place, "10:00", vehicle_id=first).status_code == 201
    assert refusal(driver.book(place, "10:00", vehicle_id=second), "vehicle_id")[0] == "one_vehicle_one_place"
    assert driver.delete(f"/accounts/me/vehicles/{first}").status_code == 204
    anew = driver.post("/accounts/me/vehicles", body | {"plate": "ab12cd"}).json()["id"]
    assert refusal(driver.book(place, "10:00", vehicle_id=anew), "vehicle_id")[0] == "one_vehicle_one_place"
    family = world.user()
    theirs = family.post("/accounts/me/vehicles", body | {"plate": "AB12CD"}).json()["id"]
    assert family.book(place, "10:00", vehicle_id=theirs).status_code == 201, "a plate is not proven: it limits its account"


def test_who_names_no_vehicle_has_one(world: World) -> None:
    driver = world.user()
    here, there = world.location(evses=2), world.location(name="Museumplein", latitude=52.1)
    first = driver.book(here, "10:00", minutes=480).json()
    for place in (here, there):
        answer = driver.book(place, "12:00")
        assert refusal(answer, "vehicle_id")[:3] == ("one_vehicle_one_place", 1, "platform")
        assert answer.json()["booking_id"] == first["id"]
        assert "name it by vehicle_id" in answer.json()["detail"]
    assert driver.book(there, "12:00", vehicle_id=car_of(driver)).status_code == 201, "whoever has two names them"


def test_a_driver_has_three_offers_held_at_once_and_no_more(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location(evses=9, terms=BookingTerms(open_bookings_per_driver=100))
    offers = [ask(world, driver, vehicle_id=car_of(driver), auto_book=False) for _ in range(4)]
    assert [item["status"] for item in offers] == ["OFFERED"] * 3 + ["UNSATISFIABLE"]
    assert offers[3]["reason"] == "LIMIT_REACHED"
    assert (offers[3]["decision"]["limit"]["limit"], offers[3]["decision"]["limit"]["value"]) == (
        "pending_bookings_per_driver",
        3,
    )
    assert ask(world, driver, vehicle_id=car_of(driver))["status"] == "RESERVED", "a booking is no hold"
    assert driver.post(f"/optimizer/charge-requests/{offers[0]['id']}/accept").status_code == 200
    assert ask(world, driver, vehicle_id=car_of(driver), auto_book=False)["status"] == "OFFERED"
    clock.advance(timedelta(minutes=2))
    assert ask(world, driver, vehicle_id=car_of(driver), auto_book=False)["status"] == "OFFERED", "the others have lapsed"


def test_a_hold_counts_until_it_lapses(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=3, terms=BookingTerms(open_bookings_per_driver=1))
    car = car_of(driver)
    ask(world, driver, vehicle_id=car, auto_book=False)
    said = refusal(driver.book(place, "15:00"), "bookings")
    assert said == ("open_bookings_per_driver", 1, "location", "2026-03-02T08:02:00+00:00"), "the hold is of two minutes"
    clock.jump(datetime.fromisoformat(said[3]))
    assert driver.book(place, "15:00").status_code == 201


def ask(world: World, driver: Person, **more: Any) -> dict[str, Any]:
    """A charge request, decided."""
    body = {"soc": 0.3, "energy_kwh": 12, "origin": {"lat": 52.091, "lon": 5.121}}
    if "vehicle_id" not in more:
        body |= {"battery_kwh": 60, "connectors": [TYPE2], "max_power_kw": 22}
    asked = driver.post("/optimizer/charge-requests", body | more)
    assert asked.status_code == 202, asked.text
    world.drain()
    found: dict[str, Any] = driver.get(f"/optimizer/charge-requests/{asked.json()['id']}").json()
    return found


def recommended(driver: Person, **more: Any) -> dict[str, Any]:
    body = {"soc": 0.3, "energy_kwh": 12, "origin": {"lat": 52.091, "lon": 5.121}} | more
    answer = driver.world.client.post("/api/v1/optimizer/recommendations?limit=50", json=body, headers=driver.headers())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_queue_decides_around_the_vehicles_other_bookings(world: World) -> None:
    driver, place = world.user(), world.location(evses=4)
    car = car_of(driver)
    assert driver.book(place, "08:00", minutes=60, vehicle_id=car).status_code == 201
    found = ask(world, driver, vehicle_id=car)
    assert found["status"] == "RESERVED"
    made = driver.get(f"/booking/bookings/{found['booking_id']}").json()
    assert made["period"]["start"] == "2026-03-02T09:00:00Z", "as soon as the vehicle is free"
    assert ask(world, driver)["status"] == "RESERVED", "figures without a vehicle are held against none"


def test_a_request_that_only_a_limit_stops_says_which(world: World) -> None:
    driver = world.user()
    place = world.location(evses=4, terms=BookingTerms(open_bookings_per_driver=1))
    assert driver.book(place, "15:00").status_code == 201
    found = ask(world, driver)
    assert (found["status"], found["reason"]) == ("UNSATISFIABLE", "LIMIT_REACHED")
    assert found["decision"]["limit"] == {
        "limit": "open_bookings_per_driver",
        "value": 1,
        "scope": "location",
        "lifts_at": "2026-03-02T16:00:00+00:00",
    }
    assert found["explanation"].startswith("bookings: of the 1 open bookings allowed here you have 1")
    shown = recommended(driver, battery_kwh=60, connectors=[TYPE2], max_power_kw=22)
    assert (shown["items"], shown["reason"], shown["explanation"]) == ([], "LIMIT_REACHED", found["explanation"])


def test_what_no_limit_stops_keeps_its_own_reason(world: World) -> None:
    driver = world.user()
    place = world.location(evses=1, terms=BookingTerms(open_bookings_per_driver=1))
    assert driver.book(place, "15:00").status_code == 201
    assert ask(world, driver, latest_finish="2026-03-02T08:10:00Z")["reason"] == "WINDOW_TOO_SHORT"
    other = {"battery_kwh": 60, "connectors": [CCS], "max_power_kw": 22}
    assert recommended(driver, **other)["reason"] == "NO_CONNECTOR"


@pytest.mark.parametrize(
    ("terms", "limit"),
    [
        ({"min_lead_minutes": 45}, "min_lead_minutes"),
        ({"max_booking_minutes": 30}, "max_booking_minutes"),
        ({"booking_horizon_days": 1}, "booking_horizon_days"),
        ({"open_bookings_per_driver": 1}, "open_bookings_per_driver"),
    ],
)
def test_every_recommendation_can_be_booked(unhurried: World, terms: dict[str, int], limit: str) -> None:
    """One location with the limit, one without: whatever is listed is taken as it stands; what is not would be refused."""
    world = unhurried
    driver, blocked = world.user(), world.location(evses=9, latitude=52.0911, longitude=5.121, terms=BookingTerms(**terms))
    free = world.location(name="Museumplein", evses=9, latitude=52.1, longitude=5.121)
    assert driver.book(blocked, "20:00").status_code == 201 if limit == "open_bookings_per_driver" else True
    departure = datetime(2026, 3, 3, 7, 30, tzinfo=UTC) if limit == "booking_horizon_days" else MONDAY_EIGHT
    shown = recommended(driver, battery_kwh=60, connectors=[TYPE2], max_power_kw=22, earliest_departure=departure.isoformat())[
        "items"
    ]
    assert {item["location_id"] for item in shown} >= {free}
    listed = {(item["location_id"], item["start"]) for item in shown}
    refused = 0
    for slot in range(9):
        start = (departure + timedelta(minutes=15 * slot)).isoformat().replace("+00:00", "Z")
        for place in (blocked, free):
            answer = driver.book(place, start, minutes=45)
            if (place, start) in listed:
                assert answer.status_code == 201, answer.text
            elif answer.status_code == 409:
                refused += 1
                assert answer.json()["limit"] == limit
            if answer.status_code == 201:
                driver.post(f"/booking/bookings/{answer.json()['id']}/cancel")
    assert refused > 0, "the limit stood in the way of something"


def test_another_offer_is_taken_within_the_limits(world: World) -> None:
    """Taking another offer lets the hold go first: at one open booking that is no second one."""
    driver = world.user()
    world.location(evses=3, terms=BookingTerms(open_bookings_per_driver=1))
    found = ask(world, driver, vehicle_id=car_of(driver), auto_book=False)
    assert found["status"] == "OFFERED"
    taken = driver.post(f"/optimizer/charge-requests/{found['id']}/accept", {"offer": 2})
    assert (taken.status_code, taken.json()["status"]) == (200, "RESERVED")
    standing = sa.select(sa.func.count()).select_from(booking_table).where(booking_table.c.status == "RESERVED")
    assert world.scalar(standing) == 1
