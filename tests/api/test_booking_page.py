"""The page behind the links of messages: it opens for everybody, knows nothing by itself, and its script is all that runs."""

import base64
import hashlib
import re

from functions.booking.page import SCRIPT
from shared.db import new_id
from tests.support.world import API, World


def test_the_page_of_a_booking_opens_without_a_token_and_says_nothing_of_it(world: World) -> None:
    driver = world.user()
    booked = driver.book(world.location(name="Stadhuis"), "10:00").json()
    mine = world.client.get(f"{API}/booking/bookings/{booked['id']}/page")
    nobodys = world.client.get(f"{API}/booking/bookings/{new_id()}/page")
    assert mine.status_code == 200
    assert mine.text == nobodys.text
    assert "Stadhuis" not in mine.text


def test_the_pages_policy_allows_its_own_script_and_calls_to_this_address_alone(world: World) -> None:
    page = world.client.get(f"{API}/booking/bookings/{new_id()}/page")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert re.search(r"<script>(.*)</script>", page.text, re.DOTALL)[1] == SCRIPT  # type: ignore[index]


def test_every_call_of_the_page_is_one_that_the_api_has(world: World) -> None:
    paths = world.client.get(f"{API}/openapi.json").json()["paths"]
    templates = {re.sub(r"\{\w+\}", "{}", path.removeprefix(API)): set(methods) for path, methods in paths.items()}
    calls = re.findall(r'call\("(\w+)", "([^,]+?)(?:"|,| \+)(?=[,)\s+])', SCRIPT)
    assert len(calls) == SCRIPT.count("await call(")
    for method, begun in calls:
        begun = begun.strip('" ')
        assert any(path.startswith(begun) and method.lower() in methods for path, methods in templates.items()), begun
