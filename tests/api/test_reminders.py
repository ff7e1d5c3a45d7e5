"""Reminders: an hour before the start, and only for a booking that still stands as it was."""

from datetime import datetime, timedelta

from shared.clock import ManualClock
from tests.support.world import World


def titles(world: World, driver) -> list[str]:  # type: ignore[no-untyped-def]
    world.drain()
    return [item["type"] for item in driver.get("/notify/inbox").json()["items"]]


def test_a_reminder_comes_an_hour_before(world: World, clock: ManualClock) -> None:
    driver = world.user()
    driver.book(world.location(), "10:00")
    assert titles(world, driver) == ["booking_reserved"]
    clock.advance(timedelta(minutes=59))
    assert titles(world, driver) == ["booking_reserved"]
    clock.advance(timedelta(minutes=1))
    assert titles(world, driver) == ["booking_reminder", "booking_reserved"]


def test_a_moved_or_cancelled_booking_is_not_reminded_of_its_old_time(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=5)
    moved = driver.book(place, "10:00").json()
    driver.post(f"/booking/bookings/{moved['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"})
    gone = driver.book(place, "10:00").json()
    driver.post(f"/booking/bookings/{gone['id']}/cancel")
    clock.jump(datetime.fromisoformat("2026-03-02T09:30:00+00:00"))
    assert "booking_reminder" not in titles(world, driver)
    clock.jump(datetime.fromisoformat("2026-03-02T11:00:00+00:00"))
    assert titles(world, driver)[0] == "booking_reminder"
