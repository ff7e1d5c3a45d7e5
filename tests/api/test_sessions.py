"""Sessions: where somebody is signed in, ending one, how long they last; and the rotation of signing keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.accounts.tables import account_token, refresh_token, session, user
from shared.clock import ManualClock
from shared.outbox import outbox_message
from shared.ratelimit import rate_limit
from shared.settings import Settings
from shared.web.auth import key_id
from tests.support.people import ADA, PASSWORD, bearer, link, log_in, newcomer, register
from tests.support.world import API, World

OLD, NEW = "the old key of thirty-two bytes or more", "the new key of thirty-two bytes or more"


def get(world: World, path: str, tokens: dict[str, Any]) -> Any:
    return world.client.get(f"{API}/accounts/{path}", headers=bearer(tokens))


def test_sessions_are_listed_with_device_address_and_last_use(world: World, clock: ManualClock) -> None:
    newcomer(world)
    agent = {"User-Agent": "Phone of Ada"}
    body = {"email": ADA["email"], "password": PASSWORD}
    phone = world.client.post(f"{API}/accounts/login", json=body, headers=agent).json()
    clock.advance(timedelta(minutes=10))
    phone = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": phone["refresh_token"]}, headers=agent).json()
    page = get(world, "me/sessions", phone).json()
    assert page["next_cursor"] is None
    mine, first = page["items"]
    assert (mine["user_agent"], mine["address"], mine["current"]) == ("Phone of Ada", "testclient", True)
    assert mine["created_at"] == "2026-03-02T08:00:00Z"
    assert mine["last_used_at"] == "2026-03-02T08:10:00Z"
    assert mine["expires_at"] == "2026-04-01T08:10:00Z"
    assert first["current"] is False
    one = world.client.get(f"{API}/accounts/me/sessions", params={"limit": 1}, headers=bearer(phone)).json()
    two = world.client.get(
        f"{API}/accounts/me/sessions", params={"limit": 1, "cursor": one["next_cursor"]}, headers=bearer(phone)
    ).json()
    assert [item["id"] for item in (*one["items"], *two["items"])] == [mine["id"], first["id"]]


def test_a_revoked_session_ends_at_once_and_the_others_stay(world: World) -> None:
    here, there, third = newcomer(world), log_in(world.client).json(), log_in(world.client).json()
    session_id = next(item["id"] for item in get(world, "me/sessions", there).json()["items"] if item["current"])
    assert world.client.delete(f"{API}/accounts/me/sessions/{session_id}", headers=bearer(here)).status_code == 204
    gone = get(world, "me", there)
    assert (gone.status_code, gone.json()["code"]) == (401, "UNAUTHENTICATED")
    assert world.client.post(f"{API}/accounts/refresh", json={"refresh_token": there["refresh_token"]}).status_code == 401
    assert get(world, "me", third).status_code == 200
    assert world.client.delete(f"{API}/accounts/me/sessions/{session_id}", headers=bearer(here)).status_code == 404
    assert world.client.delete(f"{API}/accounts/me/sessions", headers=bearer(here)).status_code == 204
    assert get(world, "me", third).status_code == 401
    assert get(world, "me", here).status_code == 200
    assert len(get(world, "me/sessions", here).json()["items"]) == 1


def test_a_session_ends_unused_after_a_month_and_used_after_half_a_year(world: World, clock: ManualClock) -> None:
    tokens, begun = newcomer(world), clock.now()

    def refresh() -> Any:
        return world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]})

    while clock.now() < begun + timedelta(days=174):
        clock.advance(timedelta(days=29))
        answer = refresh()
        assert answer.status_code == 200
        tokens = answer.json()
    clock.advance(timedelta(days=6))
    assert refresh().status_code == 401, "180 days are the end"
    tokens = log_in(world.client).json()
    clock.advance(timedelta(days=30))
    assert refresh().status_code == 401, "30 days without use are the end"


def test_two_who_bring_the_same_refresh_token_end_the_session(world: World) -> None:
    first = newcomer(world)
    body = {"refresh_token": first["refresh_token"]}
    chain = [world.client.post(f"{API}/accounts/refresh", json=body).json()]
    for _ in range(3):
        chain.append(world.client.post(f"{API}/accounts/refresh", json={"refresh_token": chain[-1]["refresh_token"]}).json())
    assert world.client.post(f"{API}/accounts/refresh", json=body).status_code == 401, "any earlier one, not the last alone"
    last = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": chain[-1]["refresh_token"]})
    assert last.status_code == 401
    other = log_in(world.client).json()
    assert get(world, "me", other).status_code == 200, "another log-in is another family"


@contextmanager
def keyed(tmp_path: Path, clock: ManualClock, *, signs: str, others: str | None = None) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path / "data", jwt_secret=signs, jwt_other_secrets=others)
    platform = make_platform(settings, clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


def test_keys_rotate_without_anybody_noticing(tmp_path: Path, clock: ManualClock) -> None:
    """The three steps of docs/accounts.md: the new key verifies, then signs while the old one verifies, then is alone."""
    with keyed(tmp_path, clock, signs=OLD) as before:
        old = newcomer(before)
        register(before.client, email="late@example.org")
        before.drain()
        _, mailed = link(before.platform)
    assert jwt.get_unverified_header(old["access_token"]) == {"alg": "HS256", "kid": key_id(OLD), "typ": "at+jwt"}
    with keyed(tmp_path, clock, signs=OLD, others=NEW) as first:
        assert get(first, "me", old).status_code == 200
        with keyed(tmp_path, clock, signs=NEW, others=f"{OLD}, ") as second:
            new = log_in(second.client).json()
            assert jwt.get_unverified_header(new["access_token"])["kid"] == key_id(NEW)
            assert get(second, "me", old).status_code == 200
            assert get(first, "me", new).status_code == 200, "an instance that still signs with the old key knows the new one"
            answer = second.client.post(f"{API}/accounts/verify", json={"token": mailed, "password": PASSWORD})
            assert answer.status_code == 200, "links mailed before stay good"
    with keyed(tmp_path, clock, signs=NEW) as last:
        assert get(last, "me", new).status_code == 200
        gone = get(last, "me", old)
        assert (gone.status_code, gone.json()["code"]) == (401, "UNAUTHENTICATED")
        answer = last.client.post(f"{API}/accounts/refresh", json={"refresh_token": old["refresh_token"]})
        assert answer.status_code == 200, "the session outlives the key"


def test_a_mail_still_in_the_queue_keeps_its_link_over_a_rotation(tmp_path: Path, clock: ManualClock) -> None:
    with keyed(tmp_path, clock, signs=OLD) as before:
        register(before.client)
    with keyed(tmp_path, clock, signs=NEW, others=OLD) as after:
        after.drain()
        _, token = link(after.platform)
        assert after.client.post(f"{API}/accounts/verify", json={"token": token, "password": PASSWORD}).status_code == 200


def test_short_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="JWT_OTHER_SECRETS"):
        assert Settings(jwt_secret=OLD, jwt_other_secrets=f"{NEW},short").verification_keys


def test_what_is_over_is_forgotten(world: World, clock: ManualClock) -> None:
    from functions.accounts.sweeps import prune_accounts

    def counts() -> list[int]:
        tables = (session, refresh_token, account_token, rate_limit, user)
        return [world.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]

    newcomer(world)
    register(world.client, email="never@example.org")
    world.drain()
    assert counts()[0] == 1
    clock.advance(timedelta(days=90))
    prune_accounts(world.platform)
    assert counts() == [0, 0, 0, 0, 1], "the verified account alone stays"
    assert world.scalar(sa.select(sa.func.count()).select_from(outbox_message)) > 0
