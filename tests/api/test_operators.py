"""Owners over HTTP: bookings at their locations, calendars, frozen minutes; and the filters of a driver's own list."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.sweeps import assign_evses, sweep_no_shows
from functions.booking.tables import booking as booking_table
from functions.stations.domain import BookingTerms
from functions.stations.opening import Hours
from functions.stations.tables import location as location_table
from shared.clock import ManualClock
from tests.support.world import CHADEMO, TYPE2, Person, World


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def car_of(driver: Person) -> str:
    made: str = driver.post("/accounts/me/vehicles", {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}).json()["id"]
    return made


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{text}:00+00:00")


def frozen(owner: Person) -> list[int]:
    return [item["frozen_minutes"] for item in owner.get("/booking/hosted").json()["items"]]


def test_an_owner_sees_the_bookings_at_their_locations_and_nothing_of_who_booked(world: World, owner: Person) -> None:
    here, there = world.location(evses=3), world.location(name="Museumplein", latitude=52.1)
    driver = world.user()
    car = car_of(driver)
    made = [
        driver.book(place, start, vehicle_id=car).json()
        for place, start in ((here, "12:00"), (there, "10:00"), (here, "11:00"))
    ]
    answer = owner.get("/booking/hosted").json()
    assert [item["id"] for item in answer["items"]] == [made[1]["id"], made[2]["id"], made[0]["id"]], "in order of the start"
    text = str(answer)
    assert str(driver.id) not in text
    assert car not in text
    first = answer["items"][0]
    assert (first["evse_uid"], first["movable"]) == ("E0", True), "the owner knows where it stands, the driver does not yet"
    assert (first["quoted_minor"], first["currency"]) == (made[1]["quote"]["total_minor"], "EUR")
    assert world.user("owner").get("/booking/hosted").json()["items"] == []
    assert world.user("owner").get("/booking/hosted", location_id=here).status_code == 404
    admin = world.user("admin")
    assert admin.get("/booking/hosted").json()["items"] == [], "an administrator has no locations of their own"
    assert len(admin.get("/booking/hosted", location_id=here).json()["items"]) == 2
    assert world.user().get("/booking/hosted").status_code == 403


def test_filters_and_pages_of_the_owners_list(world: World, owner: Person) -> None:
    place, driver = world.location(evses=4), world.user()
    starts = ("10:00", "10:00", "11:00", "12:00")
    made = [driver.book(place, start, vehicle_id=driver.car()).json()["id"] for start in starts]
    driver.post(f"/booking/bookings/{made[2]}/cancel")
    pages, cursor = [], None
    for _ in range(4):
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = owner.get("/booking/hosted", limit=1, **more).json()
        pages += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert pages == sorted(made[:2]) + made[2:], "each once, also where two begin together"
    assert [item["id"] for item in owner.get("/booking/hosted", status="CANCELED").json()["items"]] == [made[2]]
    both = owner.get("/booking/hosted", status=["CANCELED", "RESERVED"]).json()["items"]
    assert len(both) == 4
    touching = owner.get("/booking/hosted", **{"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T12:00:00Z"}).json()["items"]
    assert [item["id"] for item in touching] == [made[2]], "one that ends when it begins does not touch it"
    wrong = owner.get("/booking/hosted", **{"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T12:00:00Z"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "to")
    drivers_cursor = driver.get("/booking/bookings", limit=1).json()["next_cursor"]
    assert owner.get("/booking/hosted", cursor=drivers_cursor).json()["code"] == "BAD_CURSOR"


def test_filters_of_a_drivers_own_list(world: World) -> None:
    here, there = world.location(), world.location(name="Museumplein", latitude=52.1)
    driver = world.user()
    car, second = car_of(driver), car_of(driver)
    made = [
        driver.book(place, start, vehicle_id=vehicle).json()["id"]
        for place, start, vehicle in ((here, "10:00", car), (there, "12:00", car), (there, "12:00", second))
    ]

    def listed(**wanted: Any) -> list[str]:
        return [item["id"] for item in driver.get("/booking/bookings", **wanted).json()["items"]]

    assert listed(location_id=there) == [made[2], made[1]]
    assert listed(vehicle_id=car) == [made[1], made[0]]
    assert listed(vehicle_id=car, location_id=there) == [made[1]]
    assert listed(to="2026-03-02T12:00:00Z") == [made[0]]
    assert listed(**{"from": "2026-03-02T10:59:59Z"}) == made[::-1]
    assert listed(**{"from": "2026-03-02T11:00:00Z"}) == [made[2], made[1]]
    assert listed(status=["CANCELED", "NO_SHOW"]) == []
    assert driver.get("/booking/bookings", status="LOST").json()["errors"][0]["field"] == "status.0"
    assert world.user().get("/booking/bookings", vehicle_id=car).json()["items"] == []


def test_a_calendar_says_what_holds_each_evse_what_is_free_and_what_is_closed(world: World, owner: Person) -> None:
    hours = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "14:00"}]})
    place = world.location(plugs=[[(TYPE2, 22)], [(TYPE2, 22), (CHADEMO, 50)]], hours=hours)
    made = world.user().book(place, "09:00").json()
    span = {"from": "2026-03-02T08:00:00Z", "to": "2026-03-02T14:00:00Z"}
    found = owner.get(f"/booking/locations/{place}/calendar", **span).json()
    assert (found["begin_from"], found["end_before"], found["time_zone"]) == (span["from"], span["to"], "Europe/Amsterdam")
    first, second = found["evses"]
    (held,) = first["bookings"]
    assert (held["id"], held["holds"]) == (made["id"], {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"})
    assert first["free"] == [
        {"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T09:00:00Z"},
        {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T13:00:00Z"},
    ]
    closed = {"start": "2026-03-02T13:00:00Z", "end": "2026-03-02T14:00:00Z", "why": "CLOSED", "reason": None}
    assert first["closed"] == second["closed"] == [closed], "it closes at 14:00 local"
    assert second["bookings"] == []
    type2 = next(item for item in found["pools"] if item["connector"] == TYPE2)
    assert [slot["free"] for slot in type2["available_timeslots"]] == [2, 1, 2]
    assert world.user("owner").get(f"/booking/locations/{place}/calendar").status_code == 404
    assert world.user().get(f"/booking/locations/{place}/calendar").status_code == 403
    assert world.user("admin").get(f"/booking/locations/{place}/calendar").status_code == 200


def test_a_calendar_covers_at_most_seven_days_from_before_to_after(world: World, owner: Person) -> None:
    path = f"/booking/locations/{world.location()}/calendar"
    for wrong in (
        {"to": "2026-03-02T08:00:00Z"},
        {"to": "2026-03-09T08:00:01Z"},
        {"from": "2026-03-05T00:00:00Z", "to": "2026-03-04T00:00:00Z"},
    ):
        answer = owner.get(path, **wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to"), wrong
    assert owner.get(path, to="2026-03-09T08:00:00Z").status_code == 200
    default = owner.get(path).json()
    assert (default["begin_from"], default["end_before"]) == ("2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z")


def test_a_calendar_over_the_night_the_clocks_change(world: World, owner: Person) -> None:
    """29 March 2026 has 23 hours in Amsterdam: 92 quarter hours from midnight to midnight."""
    hours = Hours.model_validate({"regular_hours": [{"weekday": 7, "period_begin": "00:00", "period_end": "00:00"}]})
    place = world.location(evses=1, hours=hours)
    span = {"from": "2026-03-28T23:00:00Z", "to": "2026-03-29T22:00:00Z"}
    (evse,) = owner.get(f"/booking/locations/{place}/calendar", **span).json()["evses"]
    assert evse["free"] == [{"start": span["from"], "end": span["to"]}]
    assert evse["closed"] == []


def test_blocked_times_and_states_close_what_they_concern(world: World, owner: Person) -> None:
    place = world.location(evses=2)
    ids = [item["id"] for item in owner.get(f"/stations/locations/{place}").json()["evses"]]
    path = f"/stations/locations/{place}/blocked-times"

    def block(begin: str, end: str, reason: str, evse_id: str | None = None) -> None:
        body = {"period_begin": f"2026-03-02T{begin}:00Z", "period_end": f"2026-03-02T{end}:00Z", "reason": reason}
        body |= {"evse_id": evse_id} if evse_id else {}
        answer = world.client.post(f"/api/v1{path}", json=body, headers=owner.headers() | {"If-Match": "*"})
        assert answer.status_code == 201, answer.text

    block("10:00", "10:10", "Inspection", ids[0])
    block("12:00", "12:30", "Market")
    span = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T13:00:00Z"}
    first, second = owner.get(f"/booking/locations/{place}/calendar", **span).json()["evses"]
    market = {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T12:30:00Z", "why": "BLOCKED", "reason": "Market"}
    inspection = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T10:10:00Z", "why": "BLOCKED", "reason": "Inspection"}
    assert second["closed"] == [market]
    assert first["closed"] == [inspection, market], "whole slots"
    assert len(first["free"]) == 3
    assert len(second["free"]) == 2


def test_frozen_minutes_are_those_in_which_an_evse_waits(world: World, owner: Person, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    made = driver.book(place, "10:00").json()
    path = f"/booking/bookings/{made['id']}"
    clock.jump(at("10:00"))
    assert frozen(owner) == [0], "until the start a walk-in may charge"
    clock.jump(at("10:07"))
    assert frozen(owner) == [7]
    driver.post(f"{path}/start")
    clock.jump(at("10:43"))
    assert frozen(owner) == [7], "nothing is frozen while it charges"
    driver.post(f"{path}/stop", {"energy_kwh": 8})
    clock.jump(at("12:00"))
    assert frozen(owner) == [9], "its slot ends at 10:45; the rest was given back"
    (evse,) = owner.get(f"/booking/locations/{place}/calendar", **{"from": "2026-03-02T10:00:00Z"}).json()["evses"]
    assert evse["bookings"][0]["holds"]["end"] == "2026-03-02T10:45:00Z"


def test_a_no_show_freezes_until_it_is_given_away_and_a_cancelled_one_not_at_all(
    world: World, owner: Person, clock: ManualClock
) -> None:
    place = world.location(evses=2, terms=BookingTerms(noshow_timeout_minutes=20))
    driver = world.user()
    driver.book(place, "10:00")
    canceled = driver.book(place, "10:30", vehicle_id=driver.car()).json()
    driver.post(f"/booking/bookings/{canceled['id']}/cancel")
    clock.jump(at("10:20"))
    assert sweep_no_shows(world.platform) == 1
    clock.jump(at("15:00"))
    assert frozen(owner) == [20, 0]
    ended = sa.select(booking_table.c.ended_at).order_by(booking_table.c.start)
    assert world.platform.read(lambda tx: list(tx.execute(ended).scalars())) == [at("10:20"), at("08:00")]


def test_the_owner_sees_that_a_told_evse_is_settled(world: World, owner: Person, clock: ManualClock) -> None:
    world.user().book(world.location(), "10:00")
    clock.jump(at("09:30"))
    assign_evses(world.platform)
    assert [item["movable"] for item in owner.get("/booking/hosted").json()["items"]] == [False]


def test_a_lapsed_hold_is_not_in_the_calendar(world: World, owner: Person, clock: ManualClock) -> None:
    place, driver = world.location(evses=1), world.user()
    wish = {"battery_kwh": 60, "soc": 0.3, "connectors": [TYPE2], "max_power_kw": 22, "energy_kwh": 12, "auto_book": False}
    driver.post("/optimizer/charge-requests", wish | {"origin": {"lat": 52.09, "lon": 5.12}})
    world.drain()
    path = f"/booking/locations/{place}/calendar"
    assert [len(item["bookings"]) for item in owner.get(path).json()["evses"]] == [1]
    clock.advance(timedelta(minutes=2))
    assert [len(item["bookings"]) for item in owner.get(path).json()["evses"]] == [0]


def test_a_location_that_is_not_open_yet_has_a_calendar_for_its_owner(world: World, owner: Person) -> None:
    place = world.location()
    world.platform.transact(
        lambda tx: tx.execute(sa.update(location_table).where(location_table.c.id == uuid.UUID(place)).values(status="DRAFT"))
    )
    assert owner.get(f"/booking/locations/{place}/calendar").status_code == 200
