"""What came of days at an owner's places: counted each night, today as it goes, split by day, hour and weekday."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from functions.booking.overstay import watch_sessions
from functions.booking.sweeps import sweep_no_shows
from functions.operators.summaries import roll_up_days
from functions.operators.tables import location_day
from shared.clock import ManualClock
from tests.api.test_overstay import at
from tests.support.world import Person, World

WEEK = {"from": "2026-03-02", "to": "2026-03-09"}


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def a_day(world: World, clock: ManualClock, place: str) -> dict[str, int]:
    """One who charges from 10:00 to 10:45 UTC, one who does not come at 12:00, one whom the operator cancels. The bill and the
    fee in minor units."""
    comes, misses, withdrawn = world.user(), world.user(), world.user()
    first = comes.book(place, "10:00").json()["id"]
    second = misses.book(place, "12:00").json()["id"]
    third = withdrawn.book(place, "15:00").json()["id"]
    owner = Person(world, world.owner_id, "owner")
    assert owner.post(f"/booking/hosted/{third}/cancel", {"reason": "BLOCKED"}).status_code == 200
    at(clock, "10:00")
    comes.post(f"/booking/bookings/{first}/start")
    at(clock, "10:45")
    bill = comes.post(f"/booking/bookings/{first}/stop").json()["settlement"]["total_minor"]
    at(clock, "12:30")
    watch_sessions(world.platform)
    sweep_no_shows(world.platform)
    fee = misses.get(f"/booking/bookings/{second}").json()["settlement"]["no_show_fee_minor"]
    at(clock, "16:00")
    return {"bill": bill, "fee": fee}


def test_today_is_counted_as_it_goes_and_the_night_makes_it_a_row(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location(evses=2)
    money = a_day(world, clock, place)
    today = owner.get("/booking/hosted/summary", **WEEK).json()
    total = today["total"]
    assert (total["bookings"], total["sessions"], total["no_shows"], total["withdrawn"]) == (3, 1, 1, 1)
    assert (total["occupied_minutes"], total["booked_minutes"]) == (45, 120)
    assert total["revenue"] == {"EUR": money["bill"] + money["fee"]}
    assert total["capacity_minutes"] == 2 * 17 * 60, "midnight to 16:00 UTC is 17 hours of two chargers there"
    assert total["utilisation"] == pytest.approx(45 / (2 * 17 * 60), abs=1e-4)
    assert total["frozen_minutes"] > 0
    clock.advance(timedelta(days=1))
    assert roll_up_days(world.platform) > 0
    (row,) = [item for item in today["buckets"] if item["day"] == "2026-03-02"]
    counted = owner.get("/booking/hosted/summary", **WEEK).json()
    (night,) = [item for item in counted["buckets"] if item["day"] == "2026-03-02"]
    assert {name: night[name] for name in ("sessions", "no_shows", "revenue", "kwh")} == {
        name: row[name] for name in ("sessions", "no_shows", "revenue", "kwh")
    }
    assert world.scalar(sa.select(sa.func.count()).select_from(location_day).where(location_day.c.day == "2026-03-02")) == 1
    roll_up_days(world.platform)
    assert owner.get("/booking/hosted/summary", **WEEK).json() == counted, "counted again it is the same"


def test_hours_and_weekdays_are_those_of_the_place(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location(evses=2)
    a_day(world, clock, place)
    by_hour = owner.get("/booking/hosted/summary", by="hour", **WEEK).json()["buckets"]
    assert len(by_hour) == 24
    assert {item["hour"]: item["occupied_minutes"] for item in by_hour if item["occupied_minutes"]} == {11: 45}
    cells = owner.get("/booking/hosted/summary", by="weekday_hour", **WEEK).json()["buckets"]
    assert {(item["weekday"], item["hour"]) for item in cells if item["no_shows"]} == {(1, 13)}


def test_what_settles_later_is_counted_anew_and_after_that_stays(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location()
    driver = world.user()
    booked = driver.book(place, "10:00").json()["id"]
    at(clock, "10:00")
    driver.post(f"/booking/bookings/{booked}/start")
    clock.advance(timedelta(hours=20))
    roll_up_days(world.platform)
    driver.post(f"/booking/bookings/{booked}/stop")
    bill = driver.get(f"/booking/bookings/{booked}").json()["settlement"]["total_minor"]
    clock.advance(timedelta(days=1))
    roll_up_days(world.platform)
    assert owner.get("/booking/hosted/summary", **WEEK).json()["total"]["revenue"] == {"EUR": bill}
    clock.advance(timedelta(days=10))
    roll_up_days(world.platform)
    assert owner.get("/booking/hosted/summary", **WEEK).json()["days_missing"] == 0
    before = world.scalar(sa.select(location_day.c.counted_at).where(location_day.c.day == "2026-03-02"))
    clock.advance(timedelta(days=1))
    roll_up_days(world.platform)
    assert world.scalar(sa.select(location_day.c.counted_at).where(location_day.c.day == "2026-03-02")) == before


def test_days_that_nobody_counted_are_said_to_be_missing(world: World, clock: ManualClock, owner: Person) -> None:
    world.location()
    clock.advance(timedelta(days=10))
    summary = owner.get("/booking/hosted/summary", **{"from": "2026-03-02", "to": "2026-03-13"}).json()
    assert summary["days_missing"] == 7, "the last three and today are counted as they are asked for"


def test_a_summary_is_of_ones_own_places(world: World, clock: ManualClock, owner: Person) -> None:
    here, there = world.location(), world.location(name="Other", latitude=52.1)
    a_day(world, clock, here)
    both = owner.get("/booking/hosted/summary", **WEEK).json()
    assert {item["location_id"]: item["sessions"] for item in both["locations"]} == {here: 1, there: 0}
    one = owner.get("/booking/hosted/summary", location_id=there, **WEEK).json()
    assert (len(one["locations"]), one["total"]["sessions"]) == (1, 0)
    assert world.user("owner").get("/booking/hosted/summary", location_id=here, **WEEK).status_code == 404
    assert world.user("owner").get("/booking/hosted/summary", **WEEK).json()["locations"] == []


@pytest.mark.parametrize(("to", "sentence"), [("2026-03-02", "after"), ("2027-03-04", "366")])
def test_a_period_that_cannot_be_names_its_end(world: World, owner: Person, to: str, sentence: str) -> None:
    answer = owner.get("/booking/hosted/summary", **{"from": "2026-03-02", "to": to})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
    assert sentence in answer.json()["errors"][0]["message"]
