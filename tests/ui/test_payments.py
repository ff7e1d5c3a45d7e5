"""Paying in chromium, on the loopback Stripe: a declined card, another that is held, and what is said of it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from devhost.stack.stripe import LoopbackStripe
from functions.accounts import repository as account_rows
from functions.stations.domain import BookingTerms
from shared.clock import SystemClock
from tests.support.world import Person as Caller
from tests.support.world import World
from tests.ui.person import PHONE, Application, Person


@pytest.fixture(scope="module")
def more_settings(free_web_port: int) -> Iterator[dict[str, Any]]:
    """The platform pays at a loopback Stripe, which tells it what has happened."""
    webhooks = f"http://127.0.0.1:{free_web_port}/api/v1/payments/webhooks/stripe"
    with LoopbackStripe(SystemClock(), webhook_url=webhooks) as stripe:
        yield stripe.settings()


@pytest.fixture
def driver(application: Application) -> Iterator[Person]:
    """The demo driver on a phone."""
    with application.person(size=PHONE) as person:
        yield person


def test_a_place_is_paid_for_after_a_declined_card_and_says_what_is_held(driver: Person, world: World) -> None:
    page = driver.page
    place = world.location(evses=1, name="Paid place", terms=BookingTerms(payment="HOLD", min_lead_minutes=0))
    user = world.platform.read(lambda tx: account_rows.user_by_email(tx, "driver@demo.test"))
    assert user is not None
    now = world.platform.clock.now().replace(second=0, microsecond=0)
    start = now + timedelta(minutes=120 - now.minute % 5)
    body = {"location_id": place, "connector": "IEC_62196_T2", "start": start.isoformat(), "duration_minutes": 60}
    booked = Caller(world, user.id, "driver").post("/booking/bookings", body)
    assert booked.status_code == 201, booked.text
    page.goto(f"/bookings/{booked.json()['id']}")
    expect(page.get_by_role("heading", name=re.compile("to be paid"))).to_be_visible()
    assert driver.flaws() == []
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", name="Simulated Checkout")).to_be_visible()
    page.locator('input[value="4000000000000002"]').check()
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("declined"))
    page.locator('input[value="4242424242424242"]').check()
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_text(re.compile("is held on visa 4242; only what you use is taken"))).to_be_visible()
    expect(page.locator(".ticket .pill")).to_contain_text("Booked")
    assert driver.flaws() == []
