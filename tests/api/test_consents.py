"""The legal texts: shown, versioned, accepted at registration or before a booking, asked for anew when they change."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.process import make_platform
from functions.accounts.legal_texts import Document, current, to_html
from functions.accounts.sweeps import prune_accounts
from functions.accounts.tables import consent, user
from shared.clock import ManualClock
from shared.settings import Settings
from tests.support.authorisation_objects import WISH
from tests.support.people import TERMS, bearer, link, newcomer, register
from tests.support.world import API, TYPE2, World


@contextmanager
def deployed(world: World, clock: ManualClock, **settings: Any) -> Iterator[World]:
    """The same data under other settings: what a new deployment finds."""
    platform = make_platform(Settings(data_dir=world.platform.settings.data_dir, **settings), clock)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Terms of an operator, with a version of their own."""
    path = tmp_path / "terms.md"
    path.write_text("# House rules\n\nVersion: 2027-01\n\nBe kind. <script>alert(1)</script>\n")
    return path


def rows(world: World) -> list[Any]:
    return world.platform.read(lambda tx: list(tx.execute(sa.select(consent).order_by(consent.c.id)).all()))


def to_accept(world: World, headers: dict[str, str]) -> dict[str, str]:
    found = world.client.get(f"{API}/accounts/me", headers=headers).json()["to_accept"]
    return {item["document"]: item["version"] for item in found}


def accept(world: World, headers: dict[str, str], version: str, document: str = "terms") -> Any:
    body = {"document": document, "version": version}
    return world.client.post(f"{API}/accounts/me/consents", json=body, headers=headers)


def booking(place: str) -> dict[str, Any]:
    return {"location_id": place, "connector": TYPE2, "start": "2026-03-02T12:00:00Z", "duration_minutes": 60}


def test_what_was_accepted_at_registration_is_kept_with_its_version(world: World) -> None:
    tokens = newcomer(world)
    kept = rows(world)
    assert [(row.document, row.version) for row in kept] == [("terms", TERMS), ("privacy", TERMS)]
    assert {row.accepted_at for row in kept} == {world.platform.clock.now()}
    assert all(len(row.text_hash) == 64 for row in kept)
    assert all(row.address_hash and "testclient" not in row.address_hash for row in kept)
    assert to_accept(world, bearer(tokens)) == {}


def test_another_version_is_not_accepted_and_nothing_is_registered(world: World) -> None:
    refused = register(world.client, accept_terms="1999")
    assert (refused.status_code, refused.json()["code"]) == (403, "TERMS_CHANGED")
    assert (refused.json()["document"], refused.json()["version"]) == ("terms", TERMS)
    assert world.scalar(sa.select(sa.func.count()).select_from(user)) == 0


def test_who_accepted_nothing_is_asked_before_the_first_booking(world: World) -> None:
    headers, place = bearer(newcomer(world, accept_terms=None)), world.location()
    assert to_accept(world, headers) == {"terms": TERMS, "privacy": TERMS}

    def book() -> Any:
        once = headers | {"Idempotency-Key": "one"}
        return world.client.post(f"{API}/booking/bookings", json=booking(place), headers=once)

    refused = book()
    assert (refused.status_code, refused.json()["code"], refused.json()["version"]) == (403, "TERMS_CHANGED", TERMS)
    asked = world.client.post(f"{API}/optimizer/charge-requests", json=WISH, headers=headers)
    assert (asked.status_code, asked.json()["code"]) == (403, "TERMS_CHANGED")
    wrong = accept(world, headers, "1999")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "TERMS_CHANGED")
    assert accept(world, headers, TERMS).json() == {
        "document": "terms",
        "version": TERMS,
        "accepted_at": "2026-03-02T08:00:00Z",
    }
    assert book().status_code == 201, "the same key: a refusal is not kept"
    assert accept(world, headers, TERMS).status_code == 201, "once more changes nothing"
    assert len(rows(world)) == 1
    assert to_accept(world, headers) == {"privacy": TERMS}
    assert accept(world, headers, TERMS, "privacy").status_code == 201
    assert accept(world, headers, TERMS, "imprint").status_code == 422


def test_changed_terms_are_asked_for_anew_and_what_is_booked_stands(world: World, clock: ManualClock, text: Path) -> None:
    tokens, place = newcomer(world), world.location()
    booked = world.client.post(f"{API}/booking/bookings", json=booking(place), headers=bearer(tokens)).json()
    with deployed(world, clock, legal_terms_file=text) as later:
        headers = bearer(tokens)
        assert to_accept(later, headers) == {"terms": "2027-01"}
        another = booking(place) | {"start": "2026-03-02T15:00:00Z"}
        assert later.client.post(f"{API}/booking/bookings", json=another, headers=headers).json()["code"] == "TERMS_CHANGED"
        moved = {"start": "2026-03-02T13:00:00Z"}
        path = f"{API}/booking/bookings/{booked['id']}"
        assert later.client.post(f"{path}/reschedule", json=moved, headers=headers).status_code == 200
        assert later.client.post(f"{path}/cancel", headers=headers).status_code == 200
        assert accept(later, headers, TERMS).status_code == 403, "the version of before is not accepted any more"
        assert accept(later, headers, "2027-01").status_code == 201
        assert later.client.post(f"{API}/booking/bookings", json=another, headers=headers).status_code == 201
    assert [row.version for row in rows(world) if row.document == "terms"] == [TERMS, "2027-01"], "both are kept"


def test_a_stranger_accepts_nothing_for_the_holder(world: World) -> None:
    """Neither with a taken address, nor for who proves the address by a reset; a second registration replaces the first's."""
    newcomer(world)
    before = rows(world)
    assert register(world.client, name="Eve").status_code == 202
    assert rows(world) == before
    register(world.client, email="new@example.org")
    register(world.client, email="new@example.org", accept_terms=None)
    assert rows(world) == before, "the second registration accepted nothing"
    register(world.client, email="new@example.org")
    assert len(rows(world)) == 4
    world.client.post(f"{API}/accounts/password/forgot", json={"email": "new@example.org"})
    world.drain()
    reset = {"token": link(world.platform)[1], "password": "a new horse 5"}
    assert world.client.post(f"{API}/accounts/password/reset", json=reset).status_code == 204
    assert rows(world) == before


def test_registrations_that_nobody_verified_leave_no_consent(world: World, clock: ManualClock) -> None:
    register(world.client)
    clock.advance(timedelta(days=8))
    prune_accounts(world.platform)
    assert rows(world) == []


@pytest.mark.parametrize(("path", "title"), [("terms", "Terms of use"), ("privacy", "Privacy notice"), ("imprint", "Imprint")])
def test_each_text_is_a_page_without_scripts(world: World, path: str, title: str) -> None:
    page = world.client.get(f"{API}/accounts/{path}")
    assert page.status_code == 200
    assert f"<h1>{title}</h1>" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    listed = {item["document"]: item for item in world.client.get(f"{API}/accounts/legal").json()["items"]}
    assert listed[path]["title"] == title
    assert f"Version {listed[path]['version']}" in page.text


def test_an_operators_own_text_is_shown_and_its_html_is_not_used(world: World, clock: ManualClock, text: Path) -> None:
    with deployed(world, clock, legal_terms_file=text) as later:
        page = later.client.get(f"{API}/accounts/terms").text
        assert "<h1>House rules</h1>" in page
        assert "&lt;script&gt;" in page
        assert "<script" not in page
        assert later.client.get(f"{API}/accounts/legal").json()["items"][0]["version"] == "2027-01"


@pytest.mark.parametrize(
    "markdown", ["[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "<b onclick=x>y</b>", "[x](data:text/html,x)"]
)
def test_markdown_brings_no_script_and_no_picture(markdown: str) -> None:
    html = to_html(markdown)
    for bad in ("<img", 'href="javascript', 'href="data', "<b"):
        assert bad not in html


def test_a_text_without_a_version_line_has_its_hash_for_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    first.write_text("# A\n")
    second.write_text("# A \n")
    versions = {current(Settings(legal_terms_file=path), Document.TERMS).version for path in (first, second)}
    assert len(versions) == 2
    assert all(len(version) == 12 for version in versions)


def test_a_file_that_is_not_there_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="legal_terms_file"):
        Settings(legal_terms_file=tmp_path / "none.md")
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    with pytest.raises(ValueError, match="LEGAL_TERMS_FILE"):
        current(Settings(legal_terms_file=tmp_path / "latin.md"), Document.TERMS)


def test_the_shipped_texts_are_deployed() -> None:
    """`.funcignore` leaves Markdown out, but not these."""
    root = Path(__file__).parents[2]
    lines = (root / ".funcignore").read_text().splitlines()
    assert lines.index("!functions/accounts/legal/*.md") > lines.index("*.md")
