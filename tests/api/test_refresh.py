"""Refreshing: several at once, repeats after a lost answer, and what is still theft."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.accounts.tables import refresh_token, session
from shared.clock import ManualClock
from tests.support.authenticator import set_up
from tests.support.people import PASSWORD, bearer, link, log_in, newcomer
from tests.support.world import API, World


def refresh(world: World, tokens: dict[str, Any]) -> Any:
    return world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]})


def is_signed_in(world: World, tokens: dict[str, Any]) -> bool:
    status: int = world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).status_code
    assert status in (200, 401)
    return status == 200


@pytest.mark.parametrize("at_once", [2, 8])
def test_several_refreshes_at_once_sign_nobody_out(any_world: World, at_once: int) -> None:
    tokens = newcomer(any_world)
    gate, answers = threading.Barrier(at_once), []

    def bring() -> None:
        gate.wait(10)
        answers.append(refresh(any_world, tokens))

    threads = [threading.Thread(target=bring) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status_code for answer in answers] == [200] * at_once
    pairs = [answer.json() for answer in answers]
    assert len({pair["refresh_token"] for pair in pairs}) == at_once, "each has a pair of its own"
    assert all(is_signed_in(any_world, pair) for pair in pairs)
    assert [refresh(any_world, pair).status_code for pair in pairs] == [200] * at_once
    assert any_world.scalar(sa.select(session.c.revoked_at)) is None
    assert any_world.scalar(sa.select(sa.func.count()).select_from(session)) == 1


def test_a_repeat_within_twenty_seconds_gives_a_fresh_pair_and_prolongs_nothing(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    assert refresh(world, tokens).status_code == 200
    clock.advance(timedelta(seconds=15))
    repeated = refresh(world, tokens)
    assert repeated.status_code == 200
    clock.advance(timedelta(seconds=5))
    assert refresh(world, tokens).status_code == 200, "the twentieth second still counts"
    clock.advance(timedelta(seconds=1))
    late = refresh(world, tokens)
    assert (late.status_code, late.json()["code"]) == (401, "BAD_CREDENTIALS"), "the repeats did not begin the time anew"
    assert not is_signed_in(world, repeated.json())
    assert world.scalar(sa.select(session.c.revoked_for)) == "reuse"


def test_a_repeat_is_theft_once_what_it_gave_was_used(world: World) -> None:
    """Whoever has the next token has moved on: nobody honest brings the one before, however soon."""
    first = newcomer(world)
    second = refresh(world, first).json()
    third = refresh(world, second).json()
    assert refresh(world, first).status_code == 401
    assert not is_signed_in(world, third)
    assert world.scalar(sa.select(session.c.revoked_for)) == "reuse"


def test_a_repeat_revives_no_session_that_has_ended(world: World) -> None:
    tokens = newcomer(world)
    second = refresh(world, tokens).json()
    assert world.client.post(f"{API}/accounts/logout", headers=bearer(second)).status_code == 204
    assert refresh(world, tokens).status_code == 401
    assert world.scalar(sa.select(session.c.revoked_for)) == "logout"


ENDS = {
    "password changed": "change",
    "password reset": "reset",
    "suspended": "suspended",
    "suspended and active again": "suspended",
    "ended from elsewhere": "revoked",
    "a second factor added": "factor",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_repeat_within_the_grace_revives_nothing_that_ended_from_elsewhere(world: World, end: str) -> None:
    """Another tab that comes with the token it had, a moment after the session was ended."""
    other, mine = newcomer(world), log_in(world.client).json()
    rotated = refresh(world, other).json()
    _end_from(world, mine, end)
    for tokens in (other, rotated, other):
        answer = refresh(world, tokens)
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert not is_signed_in(world, rotated)
    ended = world.scalar(sa.select(session.c.revoked_for).order_by(session.c.id).limit(1))
    assert ended == ENDS[end], "and it is no reuse"


def _end_from(world: World, mine: dict[str, Any], end: str) -> None:
    """What ends the other sessions of whoever is signed in with `mine`."""
    if end == "password changed":
        body = {"current_password": PASSWORD, "new_password": "a horse of 4"}
        done = world.client.post(f"{API}/accounts/me/password", json=body, headers=bearer(mine))
    elif end == "password reset":
        assert world.client.post(f"{API}/accounts/password/forgot", json={"email": "ada@example.org"}).status_code == 202
        world.drain()
        body = {"token": link(world.platform)[1], "password": "a horse of 4"}
        done = world.client.post(f"{API}/accounts/password/reset", json=body)
    elif end == "a second factor added":
        set_up(world, mine)
        return
    elif end == "ended from elsewhere":
        done = world.client.delete(f"{API}/accounts/me/sessions", headers=bearer(mine))
    else:
        user_id = world.client.get(f"{API}/accounts/me", headers=bearer(mine)).json()["id"]
        admin = world.user("admin")
        done = admin.patch(f"/accounts/users/{user_id}", {"status": "SUSPENDED", "reason": "unpaid"})
        if end == "suspended and active again":
            done = admin.patch(f"/accounts/users/{user_id}", {"status": "ACTIVE"})
    assert done.status_code in (200, 204), done.text


def test_a_token_that_older_code_gave_has_the_grace_too(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    assert refresh(world, tokens).status_code == 200
    world.platform.transact(lambda tx: tx.execute(sa.update(refresh_token).values(parent_id=None)))
    assert refresh(world, tokens).status_code == 200
    clock.advance(timedelta(seconds=21))
    assert refresh(world, tokens).status_code == 401
