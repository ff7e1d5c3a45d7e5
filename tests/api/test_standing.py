"""Standing: who does not come has a strike until it expires, three limit what may be open, and a driver sees each of theirs."""

from datetime import timedelta
from typing import Any

from functions.booking import privacy
from functions.booking.sweeps import sweep_no_shows
from shared.clock import ManualClock
from shared.db import new_id
from tests.support.stations_feed import Station, minutes
from tests.support.world import Person, World


def misses(world: World, clock: ManualClock, driver: Person, place: str, times: int) -> None:
    """So many bookings, one after the other, to which the driver does not come."""
    for _ in range(times):
        answer = driver.book(place, (clock.now() + minutes(15)).isoformat(), minutes=15)
        assert answer.status_code == 201, answer.text
        clock.advance(minutes(45))
        assert sweep_no_shows(world.platform) == 1


def standing(driver: Person) -> dict[str, Any]:
    answer = driver.get("/accounts/me/standing")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def books(world: World, driver: Person, place: str, count: int, at: str) -> list[int]:
    """The statuses of so many bookings at once, each for a car of its own."""
    return [driver.book(place, at, vehicle_id=driver.car()).status_code for _ in range(count)]


def test_who_did_not_come_has_a_strike_for_ninety_days(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    misses(world, clock, driver, place, 1)
    (strike,) = standing(driver)["strikes"]
    assert strike["expires_at"] == (clock.now() + timedelta(days=90)).isoformat().replace("+00:00", "Z")
    assert standing(driver)["limited_until"] is None
    clock.advance(timedelta(days=90))
    assert standing(driver)["strikes"] == []


def test_three_strikes_leave_two_open_bookings_until_the_oldest_expires(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=4)
    misses(world, clock, driver, place, 2)
    assert standing(driver)["open_bookings"] == 20
    misses(world, clock, driver, place, 1)
    told = standing(driver)
    assert told["open_bookings"] == 2
    assert told["limited_until"] == told["strikes"][0]["expires_at"]
    assert books(world, driver, place, 3, "2026-03-05T10:00:00Z") == [201, 201, 409]
    clock.advance(timedelta(days=90))
    later = (clock.now() + timedelta(days=1)).isoformat()
    assert books(world, driver, place, 3, later) == [201, 201, 201]


def test_whose_charger_was_taken_or_broken_has_none(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    driver = world.user()
    assert driver.book(station.location, "08:15", minutes=15).status_code == 201
    station.report("E0", "OUTOFORDER", "08:00")
    clock.advance(minutes(45))
    assert sweep_no_shows(world.platform) == 1
    assert standing(driver)["strikes"] == []


def test_a_miss_says_how_many_count(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    misses(world, clock, driver, place, 2)
    world.drain()
    newest = driver.get("/notify/inbox").json()["items"][0]["body"]
    assert "2 bookings that you missed within 90 days" in newest


def test_who_leaves_takes_their_strikes_along(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    misses(world, clock, driver, place, 1)
    (copy,) = world.platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
    assert copy["strike_until"] is not None
    world.platform.transact(lambda tx: privacy.pseudonymise(tx=tx, user_id=driver.id, pseudonym=new_id()))
    assert standing(driver)["strikes"] == []
