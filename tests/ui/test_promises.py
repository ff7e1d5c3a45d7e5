"""What a booking promises, in chromium: a charger that fails, a place that becomes free, somebody who walks in and rates it."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from functions.accounts import repository as account_rows
from functions.relocation.service import relocate_bookings
from tests.support.stations_feed import Station
from tests.support.waiting import until
from tests.support.world import TYPE2, World
from tests.support.world import Person as Caller
from tests.ui.person import PHONE, Application, Person

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CENTRE = (52.08952, 5.121659)
HERE = (52.21, 5.29)
"""Out of the demo city, so that no place of it is nearer."""


@pytest.fixture
def driver(application: Application) -> Iterator[Person]:
    """The demo driver on a phone."""
    with application.person(size=PHONE) as person:
        yield person


def dana(world: World) -> Caller:
    """The demo driver, by the API."""
    user = world.platform.read(lambda tx: account_rows.user_by_email(tx, "driver@demo.test"))
    assert user is not None
    return Caller(world, user.id, "driver")


def book(who: Caller, place: str, start: datetime, minutes: int) -> str:
    body = {"location_id": place, "connector": TYPE2, "start": start.isoformat(), "duration_minutes": minutes}
    answer = who.post("/booking/bookings", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_whose_charger_fails_is_told_moved_and_declines_with_a_credit(driver: Person, world: World) -> None:
    page, platform = driver.page, driver.application.host.platform
    now = platform.clock.now().replace(second=0, microsecond=0)
    station = Station.at(world, evses=1, name="Failing place", latitude=HERE[0], longitude=HERE[1])
    world.location(evses=1, name="Working place", latitude=HERE[0] + 0.005, longitude=HERE[1])
    assert station.report("E0", "AVAILABLE", now).status_code == 200
    start = now + timedelta(minutes=100 - now.minute % 5)
    booking = book(dana(world), station.location, start, 60)
    page.goto(f"/bookings/{booking}")
    expect(page.locator(".ticket h2")).to_have_text("Failing place")
    driver.application.host.timers.stop()  # else the minute's sweep may move it before anybody has looked
    assert station.report("E0", "OUTOFORDER", platform.clock.now()).status_code == 200
    expect(page.get_by_text("The charger of this booking has failed.")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel for free")).to_be_visible()
    assert driver.flaws() == []
    until(lambda: relocate_bookings(platform) > 0 or _is_moved(world, booking), "the move to another place")
    driver.application.host.timers.start()
    page.get_by_role("link", name="See where").click()
    expect(page.get_by_text("Your charger had failed, so we moved you here.")).to_be_visible()
    expect(page.locator(".ticket h2")).to_have_text("Working place")
    assert driver.flaws() == []
    page.get_by_role("button", name="Decline the move").click()
    page.get_by_role("dialog").get_by_role("button", name="Decline the move").click()
    expect(page.locator(".ticket .pill")).to_have_text("Cancelled")
    expect(page.get_by_text(re.compile("You are credited"))).to_be_visible()


def _is_moved(world: World, booking: str) -> bool:
    return bool(dana(world).get(f"/booking/bookings/{booking}").json()["rebooked_to"])


def test_what_becomes_free_is_offered_to_who_waits_and_taken(driver: Person, world: World) -> None:
    page = driver.page
    place = world.location(evses=1, name="Full place", latitude=CENTRE[0], longitude=CENTRE[1])
    today = driver.application.host.platform.clock.now().astimezone(AMSTERDAM)
    midnight = (today + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    rivals = [world.user() for _ in range(3)]
    bookings = [book(rival, place, midnight + timedelta(hours=8 * index), 480) for index, rival in enumerate(rivals)]
    page.goto(f"/places/{place}")
    page.locator(".days input").nth(2).check()
    page.get_by_role("button", name="Wait for a place here").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[name=from]").fill(f"{midnight:%Y-%m-%d}T09:00")
    dialog.locator("input[name=until]").fill(f"{midnight:%Y-%m-%d}T15:00")
    dialog.get_by_role("checkbox").check()
    assert driver.flaws() == []
    dialog.get_by_role("button", name="Put me on the waitlist").click()
    expect(page.get_by_text("You are number 1 of those who wait nearby.")).to_be_visible()
    assert rivals[1].post(f"/booking/bookings/{bookings[1]}/cancel", {}).status_code == 200
    expect(page.locator(".ticket h2")).to_have_text("Full place")
    assert driver.flaws() == []
    page.get_by_role("button", name="Take it").click()
    expect(page).to_have_url(re.compile("/bookings/"))
    expect(page.locator(".ticket .pill")).to_have_text("✓ Booked")


def test_who_walks_in_charges_at_once_and_says_how_it_was(driver: Person, world: World) -> None:
    page = driver.page
    place = world.location(evses=1, name="Walk-in place", latitude=CENTRE[0], longitude=CENTRE[1])
    page.goto(f"/places/{place}")
    page.get_by_label("Energy you need, kWh").fill("5")
    page.get_by_role("button", name="Charge now").click()
    expect(page.get_by_text(re.compile("The charger is yours until"))).to_be_visible()
    page.get_by_role("button", name="I am done, stop").click()
    expect(page.get_by_role("heading", name="How was it?")).to_be_visible()
    page.get_by_role("radio", name="4 stars").check()
    page.get_by_role("checkbox", name="as promised").check()
    page.get_by_role("button", name="Rate it").click()
    expect(page.get_by_text("Thank you. It is kept.")).to_be_visible()
    assert driver.flaws() == []


def test_a_saved_place_is_where_a_wish_sets_out(driver: Person) -> None:
    page = driver.page
    page.goto("/me/preferences")
    page.get_by_label("Name, such as home").fill("Home")
    page.get_by_label("Latitude, longitude").fill("52.0907, 5.1214")
    page.get_by_role("button", name="Save a place").click()
    expect(page.get_by_role("button", name="Forget Home")).to_be_visible()
    page.goto("/")
    page.locator(".from").click()
    page.get_by_role("dialog").get_by_role("button", name="Home").click()
    expect(page.locator(".from")).to_contain_text("A saved place")
    expect(page.locator(".from")).to_contain_text("52.0907")


def test_bookings_are_read_without_a_line_and_forgotten_at_signing_out(driver: Person, world: World) -> None:
    page, context = driver.page, driver.page.context
    now = world.platform.clock.now()
    start = (now + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    place = world.location(evses=1, name="Kept place", latitude=CENTRE[0], longitude=CENTRE[1])
    booking = book(dana(world), place, start, 60)
    page.goto("/bookings")
    expect(page.get_by_text("Kept place").first).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    expect(page.get_by_text("Kept place").first).to_be_visible()
    context.set_offline(True)
    page.goto("/bookings")
    expect(page.get_by_text("You are offline. What you see is from")).to_be_visible()
    expect(page.get_by_text("Kept place").first).to_be_visible()
    page.goto(f"/bookings/{booking}")
    expect(page.locator(".ticket h2")).to_have_text("Kept place")
    assert driver.flaws() == []
    context.set_offline(False)
    expect(page.get_by_role("button", name="Cancel for free")).to_be_visible()
    page.goto("/me")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    until(lambda: page.evaluate("indexedDB.databases().then(all => all.map(one => one.name))") == [], "the kept to be gone")
