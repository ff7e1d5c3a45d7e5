"""An administrator sees how the platform does, looks at somebody's bookings, and what a suspension would end, in chromium."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.world import TYPE2, Person, World
from tests.ui.person import Application
from tests.ui.person import Person as Visitor


@pytest.fixture(scope="module")
def administrator(application: Application) -> Iterator[Visitor]:
    """The demo administrator on a wide screen."""
    with application.person("admin") as person:
        yield person


@pytest.fixture(scope="module")
def driver(world: World) -> Person:
    """A driver with one booking tomorrow."""
    driver = world.user()
    start = (world.platform.clock.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    place = world.location(name="Their place")
    body = {"location_id": place, "connector": TYPE2, "start": start.isoformat(), "duration_minutes": 60}
    answer = driver.post("/booking/bookings", body)
    assert answer.status_code == 201, answer.text
    return driver


def test_somebodys_bookings_are_seen(administrator: Visitor, driver: Person) -> None:
    administrator.visit(f"/admin/people/{driver.id}")
    expect(administrator.page.get_by_text("Their place")).to_be_visible()
    assert administrator.flaws() == []


def test_what_a_suspension_ends_is_listed_before_it_is_done(administrator: Visitor, driver: Person) -> None:
    page = administrator.page
    administrator.visit(f"/admin/people?email={driver.id}")
    page.get_by_role("button", name="Suspend").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Card stolen.")
    dialog.get_by_role("button", name="Suspend").click()
    expect(dialog.get_by_text("1 booking is concerned.")).to_be_visible()
    assert driver.get("/accounts/me").status_code == 200
    assert administrator.flaws() == []
    dialog.get_by_role("button", name="Do it all the same").click()
    expect(page.locator("li.panel .tag")).to_have_text("suspended")


def test_the_numbers_of_now_stand_above_what_waits(administrator: Visitor) -> None:
    administrator.visit("/admin")
    for name in ("Wait for you", "Booked", "Silent feeds", "Dead letters"):
        expect(administrator.page.locator("dt", has_text=name)).to_be_visible()


def test_queues_and_who_decides_are_shown(administrator: Visitor) -> None:
    administrator.visit("/admin/health")
    expect(administrator.page.get_by_role("heading", name="Queues")).to_be_visible()
    expect(administrator.page.locator("dt", has_text="Decisions in 7 days")).to_be_visible()
