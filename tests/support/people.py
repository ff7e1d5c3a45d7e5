"""Accounts as people make them: registered, verified by the mailed link, signed in. For tests that go the whole way."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
from fastapi.testclient import TestClient

from devhost.host.pages import mailbox
from functions.accounts.legal_texts import Document, current
from shared.platform import Platform
from shared.settings import Settings
from tests.support.world import API, World

PASSWORD = "correct horse 4"
TERMS = current(Settings(), Document.TERMS).version
"""The version of the terms that are shipped."""
ADA = {"email": "Ada@Example.org", "password": PASSWORD, "name": "Ada", "accept_terms": TERMS}


def register(client: TestClient, **changes: Any) -> httpx.Response:
    return client.post(f"{API}/accounts/register", json=ADA | changes)


def log_in(client: TestClient, **changes: Any) -> httpx.Response:
    body = {"email": "ada@example.org", "password": PASSWORD} | changes
    return client.post(f"{API}/accounts/login", json=body)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def mail_subjects(platform: Platform) -> list[str]:
    """Subjects of the mailbox, oldest first."""
    return [item.subject for item in reversed(mailbox(platform))]


def link(platform: Platform) -> tuple[str, str]:
    """(page, token) of the newest message's link."""
    newest = mailbox(platform)[0]
    match = re.search(r"http://127\.0\.0\.1:7071(/\S+)#(\S+)", newest.text)
    assert match is not None, newest.text
    assert newest.html is not None
    assert match[0] in newest.html
    return match[1], match[2]


def visit(begun: dict[str, str]) -> dict[str, str]:
    """A browser at the loopback provider: what its redirect brings back to the client's page."""
    answer = httpx.get(begun["authorization_url"], follow_redirects=False)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith("https://app.example.org/signed-in?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def newcomer(world: World, **changes: Any) -> dict[str, Any]:
    """Registers and verifies; the tokens of the first session."""
    assert register(world.client, **changes).status_code == 202
    world.drain()
    _, token = link(world.platform)
    answer = world.client.post(f"{API}/accounts/verify", json={"token": token, "password": changes.get("password", PASSWORD)})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens
