"""The page behind the links of messages: it opens for everybody, knows nothing by itself, and its script is all that runs."""

import base64
import hashlib
import re

from fastapi.testclient import TestClient

from functions.booking.page import SCRIPT
from tests.support.world import API


def test_the_page_of_a_booking_opens_without_a_token_and_is_the_same_for_all(client: TestClient) -> None:
    page = client.get(f"{API}/booking/page")
    assert page.status_code == 200
    assert "Sign in to see it" in page.text


def test_the_pages_policy_allows_its_own_script_and_calls_to_this_address_alone(client: TestClient) -> None:
    page = client.get(f"{API}/booking/page")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert re.search(r"<script>(.*)</script>", page.text, re.DOTALL)[1] == SCRIPT  # type: ignore[index]


def test_every_call_of_the_page_is_one_that_the_api_has(client: TestClient) -> None:
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    templates = {re.sub(r"\{\w+\}", "{}", path.removeprefix(API)): set(methods) for path, methods in paths.items()}
    calls = re.findall(r'call\("(\w+)", "([^,]+?)(?:"|,| \+)(?=[,)\s+])', SCRIPT)
    assert len(calls) == SCRIPT.count("await call(")
    for method, begun in calls:
        begun = begun.strip('" ')
        assert any(path.startswith(begun) and method.lower() in methods for path, methods in templates.items()), begun
