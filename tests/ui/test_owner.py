"""An owner changes a place, part by part, ends a booking and reads their figures, in chromium."""

import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image
from playwright.sync_api import expect

from functions.accounts import repository as account_rows
from tests.support.world import TYPE2, World
from tests.ui.person import PHONE, Application, Person
from tests.ui.routes import OWNERS_OF_A_PLACE


def picture() -> bytes:
    """A photo, as small as is taken."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def place(world: World) -> str:
    """A place of the demo owner with two chargers."""
    user = world.platform.read(lambda tx: account_rows.user_by_email(tx, "owner@demo.test"))
    assert user is not None
    world.owner_id = user.id
    return world.location(name="Owner's place", latitude=52.0901, longitude=5.1201)


@pytest.fixture(scope="module")
def owner(application: Application, place: str) -> Iterator[Person]:
    """The demo owner on a wide screen."""
    with application.person("owner") as person:
        yield person


def test_each_part_of_a_place_is_whole_on_a_phone_in_german(application: Application, place: str) -> None:
    with application.person("owner", size=PHONE, theme="dark", language="de-DE") as person:
        for part in OWNERS_OF_A_PLACE:
            person.visit(f"/host/places/{place}/{part}")
            assert person.flaws() == [], part


def test_a_charger_is_added_and_removed(owner: Person, place: str) -> None:
    page = owner.page
    owner.visit(f"/host/places/{place}/chargers")
    page.get_by_role("button", name="Add a charger").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Its number").fill("NL*EVC*E0003")
    dialog.get_by_label("Highest power, kW").fill("50")
    assert owner.flaws() == []
    dialog.get_by_role("button", name="Save").click()
    added = page.locator("li.panel", has_text="NL*EVC*E0003")
    added.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("NL*EVC*E0003")).to_have_count(0)


def test_terms_are_read_as_they_are_typed_and_kept(owner: Person, place: str) -> None:
    page = owner.page
    owner.visit(f"/host/places/{place}/terms")
    field = page.get_by_label("Cancelled for free until this long before, min")
    field.fill("180")
    field.blur()
    expect(page.locator("section", has=page.get_by_role("heading", name="What drivers will read"))).to_contain_text("3 hours")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Cancelled for free until this long before, min")).to_have_value("180")


def test_prices_are_tried_and_set(owner: Person, place: str) -> None:
    page = owner.page
    owner.visit(f"/host/places/{place}/prices")
    page.get_by_label("Energy, a kWh").fill("0.5")
    page.get_by_label("Another price for some hours").check()
    page.get_by_label("Energy then, a kWh").fill("0.2")
    page.get_by_role("button", name="What they would have brought").click()
    expect(page.locator("[role=status]", has_text=re.compile("No sessions|The sessions of the last"))).to_be_visible()
    page.get_by_role("button", name="Set these prices").click()
    expect(page.get_by_text("22:00 to 06:00")).to_be_visible()
    assert owner.flaws() == []


def test_a_photo_is_added_and_removed(owner: Person, place: str) -> None:
    page = owner.page
    owner.visit(f"/host/places/{place}/photos")
    page.get_by_label("Photo (JPEG, PNG or WebP)").set_input_files(
        {"name": "entrance.png", "mimeType": "image/png", "buffer": picture()}
    )
    page.get_by_label("What it shows").fill("Entrance")
    page.get_by_role("button", name="Add a photo").click()
    expect(page.get_by_role("img", name="Entrance")).to_be_visible()
    page.get_by_role("button", name="Remove Entrance").click()
    expect(page.get_by_text("No photo yet.")).to_be_visible()


def test_somebody_is_invited_and_their_right_taken_back(owner: Person, place: str) -> None:
    page = owner.page
    owner.visit(f"/host/places/{place}/people")
    page.get_by_label("E-mail").fill("grace@example.org")
    page.get_by_label("May").select_option("OPERATE")
    page.get_by_role("button", name="Invite somebody").click()
    expect(page.get_by_role("heading", name="grace@example.org")).to_be_visible()
    page.get_by_role("button", name="Take the right from grace@example.org").click()
    expect(page.get_by_text("Nobody but you runs this place.")).to_be_visible()


def test_a_booking_is_ended_with_a_reason_and_the_driver_pays_nothing(owner: Person, world: World, place: str) -> None:
    driver, page = world.user(), owner.page
    start = (world.platform.clock.now() + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    body = {"location_id": place, "connector": TYPE2, "start": start.isoformat(), "duration_minutes": 60}
    booking = driver.post("/booking/bookings", body).json()["id"]
    owner.visit(f"/host/bookings?place={place}")
    page.get_by_role("button", name="End this booking").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").select_option("BLOCKED")
    dialog.get_by_label("In your words").fill("The street is closed for the market.")
    assert owner.flaws() == []
    dialog.get_by_role("button", name="End this booking").click()
    expect(page.get_by_text("No bookings like that.")).to_be_visible()
    canceled = driver.get(f"/booking/bookings/{booking}").json()["canceled"]
    assert (canceled["cancellation_reason"], canceled["fee_minor"]) == ("BLOCKED", 0)


def test_figures_are_a_drawing_and_its_table(owner: Person) -> None:
    page = owner.page
    owner.visit("/host/reports")
    week = page.get_by_role("region", name="By weekday and hour")
    expect(week.get_by_role("img")).to_be_visible()
    week.get_by_role("button", name="Table").click()
    expect(week.get_by_role("row")).to_have_count(8)
    assert owner.flaws() == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="Make a file").click()
    assert saved.value.suggested_filename.endswith(".csv")
