"""A driver's journeys in chromium, on the real devhost: asking, booking, moving, cancelling, and a line that dies."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from devhost.host.pages import mailbox
from functions.booking.cancellations import cancel_booking
from functions.booking.tables import booking
from shared.tx import Tx
from tests.support.waiting import until
from tests.ui.person import PHONE, Application, Person


@pytest.fixture
def driver(application: Application) -> Iterator[Person]:
    """The demo driver on a wide screen."""
    with application.person() as person:
        yield person
    application.host.platform.transact(_cancel_all)  # the next test asks for the same hour with the same car


def _cancel_all(tx: Tx) -> None:
    standing = sa.select(booking.c.id).where(booking.c.status.in_(("PENDING", "RESERVED")))
    for booking_id in tx.execute(standing).scalars().all():
        cancel_booking(tx=tx, booking_id=booking_id)


def ask(page: Page) -> None:
    """From the wish to the ticket, leaving tomorrow at seven."""
    page.goto("/")
    page.get_by_role("radio", name="at 07:00").check()
    page.get_by_role("button", name="Find my slot").click()
    expect(page.locator(".ticket")).to_be_visible()


def book(page: Page) -> str:
    """From the wish to the booking's page; the booking's id."""
    ask(page)
    page.get_by_role("button", name="Book it").click()
    page.get_by_role("link", name="See the booking").click()
    expect(page).to_have_url(re.compile("/bookings/"))
    return page.url.rsplit("/", 1)[1]


def test_a_driver_asks_by_keyboard_alone_sees_why_and_books(driver: Person) -> None:
    page = driver.page
    page.goto("/")
    page.get_by_role("radio", name="at 07:00").focus()
    page.keyboard.press("Space")
    page.get_by_role("slider", name="Battery now, percent").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("27%")).to_be_visible()
    page.get_by_role("button", name="Find my slot").press("Enter")
    expect(page.locator(".ticket h2")).to_be_focused()
    expect(page.get_by_text(re.compile(r"held for you [12]:"))).to_be_visible()
    place = page.locator(".ticket h2").inner_text()
    page.get_by_role("button", name="Why this one").press("Enter")
    expect(page.get_by_role("dialog").get_by_role("row", name=re.compile("^Waiting"))).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Book it").press("Enter")
    expect(page.get_by_text("✓ Booked")).to_be_visible()
    platform = driver.application.host.platform
    until(lambda: any(place in message.subject for message in mailbox(platform)), "the letter of the booking")


def test_a_wish_sent_before_the_page_has_read_its_settings_is_not_lost(driver: Person) -> None:
    page, held = driver.page, list[Route]()
    page.route("**/api/v1/config", lambda route: held.append(route))
    page.goto("/")
    page.get_by_role("radio", name="at 07:00").check()
    page.get_by_role("button", name="Find my slot").press("Enter")
    expect(page.get_by_role("button", name="Sending your wish")).to_be_disabled()
    for route in held:
        route.continue_()
    expect(page.locator(".ticket h2")).to_be_focused()


def test_an_alternative_is_compared_and_taken(driver: Person) -> None:
    page = driver.page
    ask(page)
    first = page.locator(".ticket h2").inner_text()
    other = page.locator(".alts .card").first
    name = other.locator(".n").inner_text()
    other.click()
    expect(page.locator(".ticket h2")).to_have_text(name)
    expect(page.locator(".alts .n").get_by_text(first, exact=True).first).to_be_visible()
    page.get_by_role("button", name="Book it").click()
    expect(page.get_by_text("✓ Booked")).to_be_visible()


def test_a_booking_is_moved_and_then_cancelled_at_the_price_that_was_shown(driver: Person) -> None:
    page = driver.page
    book(page)
    before = page.locator(".ticket .big").inner_text()
    page.get_by_role("button", name="Move").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".days input").nth(2).check()
    dialog.locator(".slots input").nth(5).check()
    dialog.get_by_role("button", name=re.compile("^Move to")).click()
    expect(page.get_by_text("The booking is moved.")).to_be_visible()
    expect(page.locator(".ticket .big")).not_to_have_text(before)
    page.get_by_role("button", name="Cancel for free").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel for free").click()
    expect(page.locator(".ticket .pill")).to_have_text("Cancelled")
    expect(page.get_by_text("You cancelled; it costs nothing.")).to_be_visible()


def test_a_line_that_dies_between_press_and_answer_makes_one_booking(driver: Person) -> None:
    page = driver.page
    page.goto("/stations")
    page.locator("a.card").nth(3).click()
    page.locator(".days input").nth(3).check()
    page.locator(".slots input").nth(4).check()
    page.get_by_role("button", name=re.compile("^Book ")).wait_for()

    def answer_is_lost(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/booking/bookings", answer_is_lost, times=1)
    page.get_by_role("button", name=re.compile("^Book ")).click()
    expect(page.get_by_role("alert")).to_contain_text("There is no connection")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/bookings")) as again:
        page.get_by_role("button", name=re.compile("^Book ")).click()
    assert again.value.headers["idempotency-replayed"] == "true"
    expect(page).to_have_url(re.compile("/bookings/"))


def test_leaving_a_ticket_gives_its_place_back(driver: Person) -> None:
    page = driver.page
    ask(page)
    with page.expect_response(lambda answer: answer.url.endswith("/cancel")) as given_back:
        page.get_by_role("link", name="Change the wish").click()
    assert given_back.value.json()["status"] == "CANCELED"


def test_signing_out_in_one_tab_signs_every_tab_out(driver: Person) -> None:
    page, other = driver.page, driver.page.context.new_page()
    other.goto("/bookings")
    expect(other.get_by_role("heading", name="Bookings", level=1)).to_be_visible()
    page.goto("/me")
    page.get_by_role("button", name="Sign out").click()
    expect(other).to_have_url(re.compile("/sign-in"))


def test_a_page_loaded_anew_is_still_signed_in_and_no_script_reads_the_token(driver: Person) -> None:
    page = driver.page
    page.goto("/bookings")
    page.reload()
    expect(page.get_by_role("heading", name="Bookings", level=1)).to_be_visible()
    assert "refresh" not in page.evaluate("document.cookie")
    assert "eyJ" not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


def test_a_wrong_password_says_so_and_leads_back_to_where_one_was_going(application: Application) -> None:
    with application.person(None, size=PHONE) as person:
        page = person.page
        page.goto("/me/vehicles")
        page.locator("input[name=email]").fill("driver@demo.test")
        page.locator("input[name=password]").fill("not this one")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This does not match")
        page.locator("input[name=password]").fill(application.seeded.password)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/me/vehicles$"))
        expect(page.get_by_role("heading", name="Demo car")).to_be_visible()
