"""Proof by e-mail: verification, forgotten passwords, changes; and that nobody learns by it who has an account."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from devhost.host.pages import mailbox
from functions.accounts import service
from functions.accounts.tables import account_token, consent, session, user
from functions.notify.tables import delivery
from shared.clock import ManualClock
from shared.outbox import outbox_message
from shared.platform import Platform
from tests.support.people import ADA, PASSWORD, bearer, link, log_in, mail_subjects, newcomer, register
from tests.support.world import API, World


def post(world: World, path: str, body: dict[str, Any], tokens: dict[str, Any] | None = None) -> Any:
    return world.client.post(f"{API}/accounts/{path}", json=body, headers=bearer(tokens) if tokens else None)


def same(first: Any, second: Any) -> None:
    """Two answers that tell nothing apart."""
    assert first.status_code == second.status_code
    assert {**first.json(), "invocation_id": ""} == {**second.json(), "invocation_id": ""}
    ignored = {"x-invocation-id", "date"}
    assert {k: v for k, v in first.headers.items() if k not in ignored} == {
        k: v for k, v in second.headers.items() if k not in ignored
    }


def statements(platform: Platform, act: Callable[[], Any]) -> list[str]:
    """The SQL that `act` ran, without its values."""
    found: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: Any) -> None:
        found.append(statement.split("WHERE")[0].strip())

    sa.event.listen(platform.database.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        sa.event.remove(platform.database.engine, "before_cursor_execute", note)
    return found


def test_a_taken_address_registers_like_a_new_one_and_its_holder_is_told(world: World) -> None:
    newcomer(world)
    before = world.scalar(sa.select(user.c.password_hash))
    new: dict[str, Any] = {}
    taken: dict[str, Any] = {}

    def ask(email: str, kept: dict[str, Any]) -> None:
        kept["answer"] = register(world.client, email=email, password="another 4 horses", name="Eve")

    ran_new = statements(world.platform, lambda: ask("new@example.org", new))
    ran_taken = statements(world.platform, lambda: ask("ADA@example.org", taken))
    same(new["answer"], taken["answer"])
    assert ran_new == ran_taken, "the same statements, so the same time"
    world.drain()
    assert mail_subjects(world.platform) == [
        "Confirm your e-mail address",
        "Confirm your e-mail address",
        "You have an account already",
    ]
    assert mailbox(world.platform)[0].to == "ada@example.org"
    assert world.scalar(sa.select(user.c.password_hash).where(user.c.email == "ada@example.org")) == before
    assert log_in(world.client, password="another 4 horses").status_code == 401


def test_a_wrong_password_an_unknown_and_an_unverified_address_look_alike(world: World) -> None:
    newcomer(world)
    register(world.client, email="eve@example.org")
    asked = [
        log_in(world.client, password="wrong"),
        log_in(world.client, email="nobody@example.org"),
        log_in(world.client, email="eve@example.org"),
    ]
    for answer in asked[1:]:
        same(asked[0], answer)
    assert asked[0].json()["code"] == "BAD_CREDENTIALS"


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org", "eve@example.org", "provider@example.org"])
def test_every_sign_in_burns_one_argon2_hash_and_reads_the_same(world: World, email: str) -> None:
    """Known, unknown, unverified, and without a password: the work is the same, counted in calls and not in seconds."""
    from functions.accounts import sessions
    from functions.accounts.passwords import verify_password
    from shared.errors import BadCredentials
    from shared.tx import Actor

    newcomer(world)
    register(world.client, email="eve@example.org")
    register(world.client, email="provider@example.org")
    world.platform.transact(
        lambda tx: tx.execute(
            sa.update(user).where(user.c.email == "provider@example.org").values(password_hash="", email_verified=True)
        )
    )
    verify_password("warm", None)
    burnt: list[str] = []

    def profile(frame: Any, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_name in ("verify", "hash") and "argon2" in frame.f_code.co_filename:
            burnt.append(frame.f_code.co_name)

    def attempt() -> None:
        sys.setprofile(profile)
        try:
            with pytest.raises(BadCredentials):
                sessions.log_in(platform=world.platform, actor=Actor("anonymous"), email=email, password="wrong", user_agent="")
        finally:
            sys.setprofile(None)

    ran = statements(world.platform, attempt)
    assert burnt == ["verify"]
    assert [item.split()[0] for item in ran] == ["BEGIN", "INSERT", "BEGIN", "SELECT"]


@pytest.mark.parametrize("path", ["password/forgot", "verification"])
def test_what_is_asked_for_an_address_is_answered_alike(world: World, path: str) -> None:
    newcomer(world)
    register(world.client, email="eve@example.org")
    world.drain()
    sent, answers, ran = len(mail_subjects(world.platform)), [], []
    for email in ("ada@example.org", "nobody@example.org", "eve@example.org"):

        def ask(email: str = email) -> None:
            answers.append(post(world, path, {"email": email}))

        ran.append(statements(world.platform, ask))
    assert answers[0].status_code == 202
    same(answers[0], answers[1])
    same(answers[0], answers[2])
    assert ran[0] == ran[1] == ran[2]
    world.drain()
    told = mail_subjects(world.platform)[sent:]
    assert told == (["Set a new password"] * 2 if path == "password/forgot" else ["Confirm your e-mail address"])


def test_a_link_verifies_only_with_the_password_chosen_with_it(world: World) -> None:
    """Somebody registers Ada's address with a password of their own; her click must not give them the account."""
    register(world.client, password="eve knows this 4")
    world.drain()
    _, token = link(world.platform)
    refused = post(world, "verify", {"token": token, "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert log_in(world.client, password="eve knows this 4").status_code == 401
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "password/reset", {"token": token, "password": PASSWORD}).status_code == 204
    assert log_in(world.client).status_code == 200, "the reset proves the address too"
    assert log_in(world.client, password="eve knows this 4").status_code == 401


TYPED = "Account locked, call evil 0900"


def test_nothing_that_somebody_typed_is_mailed_to_an_address_nobody_proved(world: World) -> None:
    """Verification, repeated or not; a forgotten password; the link to another address; who wants an address that has one."""
    register(world.client, name=TYPED)
    post(world, "verification", {"email": ADA["email"]})
    post(world, "password/forgot", {"email": ADA["email"]})
    tokens = newcomer(world, email="eve@example.org", name=TYPED)
    post(world, "me/email", {"email": "victim@example.org", "password": PASSWORD}, tokens)
    register(world.client, email="eve@example.org", name="Somebody else")
    world.drain()
    letters = mailbox(world.platform)
    assert len(letters) == 6
    for letter in letters:
        assert "Somebody else" not in letter.text
        assert "Somebody else" not in (letter.html or "")
        if letter.to != "eve@example.org" or letter.subject == "Confirm your e-mail address":
            assert letter.text.startswith("Hello,")
            assert "evil" not in letter.text
            assert "evil" not in (letter.html or "")
    assert letters[0].text.startswith(f"Hello {TYPED},"), "their own name goes to their own address"


def test_an_unverified_address_gets_no_message_but_its_links(world: World, clock: ManualClock) -> None:
    driver = world.user(phone="+31612345678")
    world.platform.transact(lambda tx: tx.execute(sa.update(user).values(email_verified=False)))
    assert driver.book(world.location(), "12:00").status_code == 201
    world.drain()
    clock.advance(timedelta(minutes=1))
    world.drain()
    assert [letter.kind for letter in mailbox(world.platform)] == ["SMS"]


def test_a_reset_that_proves_the_address_leaves_nothing_of_what_was_typed(world: World) -> None:
    register(world.client, name=TYPED, role="owner")
    world.platform.transact(lambda tx: tx.execute(sa.update(user).values(phone="+31612345678")))
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "password/reset", {"token": token, "password": "a new horse 5"}).status_code == 204
    tokens = log_in(world.client, password="a new horse 5").json()
    me = world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).json()
    assert (me["name"], me["phone"], me["role"]) == ("ada", None, "driver")
    world.drain()
    assert not any("evil" in letter.text for letter in mailbox(world.platform))


def test_a_reset_of_a_verified_account_changes_the_password_alone(world: World) -> None:
    newcomer(world, role="owner", name="Ada L.")
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "password/reset", {"token": token, "password": "a new horse 5"}).status_code == 204
    tokens = log_in(world.client, password="a new horse 5").json()
    me = world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).json()
    assert (me["name"], me["role"]) == ("Ada L.", "owner")


def test_registering_again_before_verifying_replaces_what_was_nobodys(world: World) -> None:
    register(world.client, password="the first one 4")
    register(world.client, name="Ada L.")
    world.drain()
    _, token = link(world.platform)
    assert post(world, "verify", {"token": token, "password": "the first one 4"}).status_code == 401
    tokens = post(world, "verify", {"token": token, "password": PASSWORD}).json()
    assert world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).json()["name"] == "Ada L."
    assert world.scalar(sa.select(sa.func.count()).select_from(user)) == 1


def test_links_work_once_and_not_for_long(world: World, clock: ManualClock) -> None:
    register(world.client)
    world.drain()
    _, token = link(world.platform)
    clock.advance(timedelta(days=2))
    assert post(world, "verify", {"token": token, "password": PASSWORD}).status_code == 401
    post(world, "verification", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "verify", {"token": token, "password": PASSWORD}).status_code == 200
    assert post(world, "verify", {"token": token, "password": PASSWORD}).status_code == 401

    post(world, "password/forgot", {"email": ADA["email"]})
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, late = link(world.platform)
    clock.advance(timedelta(hours=1))
    assert post(world, "password/reset", {"token": late, "password": "a new horse 5"}).status_code == 401
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, first = link(world.platform)
    clock.advance(timedelta(seconds=1))
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, second = link(world.platform)
    assert first != second
    weak = post(world, "password/reset", {"token": second, "password": "12345678"})
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
    assert post(world, "password/reset", {"token": second, "password": "a new horse 5"}).status_code == 204
    for token in (first, second):
        again = post(world, "password/reset", {"token": token, "password": "a new horse 6"})
        assert again.status_code == 401, "a reset spends every open link"
    assert log_in(world.client, password="a new horse 5").status_code == 200


def test_a_reset_link_verifies_nothing_else(world: World) -> None:
    newcomer(world)
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "verify", {"token": token, "password": PASSWORD}).status_code == 401
    assert post(world, "email/confirm", {"token": token}).status_code == 401
    assert post(world, "password/reset", {"token": token, "password": "a new horse 5"}).status_code == 204


def test_a_reset_ends_every_session_and_tells_the_holder(world: World) -> None:
    first, second = newcomer(world), log_in(world.client).json()
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)
    assert post(world, "password/reset", {"token": token, "password": "a new horse 5"}).status_code == 204
    for tokens in (first, second):
        assert world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).status_code == 401
        assert post(world, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert log_in(world.client).status_code == 401
    world.drain()
    assert mail_subjects(world.platform)[-1] == "Your password was changed"
    tokens = log_in(world.client, password="a new horse 5").json()
    inbox = world.client.get(f"{API}/notify/inbox", headers=bearer(tokens)).json()["items"]
    assert [item["type"] for item in inbox] == ["password_changed"]


def test_no_token_is_stored_or_queued(world: World) -> None:
    """Not in the tokens' table, not in the queue, not in the stored letter: only its hash."""
    newcomer(world)
    post(world, "password/forgot", {"email": ADA["email"]})
    world.drain()
    _, token = link(world.platform)

    def dump(tx: Any) -> str:
        return "".join(
            repr(tuple(row)) for table in (account_token, outbox_message, delivery) for row in tx.execute(sa.select(table))
        )

    stored = world.platform.read(dump)
    assert len(token) == 43
    assert token not in stored
    assert "0TOKEN0" in stored


def test_a_mailbox_cannot_be_flooded(world: World) -> None:
    newcomer(world)
    for _ in range(8):
        assert post(world, "password/forgot", {"email": ADA["email"]}).status_code == 202
        assert register(world.client).status_code == 202
    world.drain()
    told = mail_subjects(world.platform)
    assert told.count("Set a new password") == 5
    assert told.count("You have an account already") == 5


def test_a_password_is_changed_with_the_old_one_and_other_sessions_end(world: World) -> None:
    here, there = newcomer(world), log_in(world.client).json()
    wrong = post(world, "me/password", {"current_password": "wrong", "new_password": "a new horse 5"}, here)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "BAD_CREDENTIALS")
    weak = post(world, "me/password", {"current_password": PASSWORD, "new_password": "ada@example.org"}, here)
    assert [item["field"] for item in weak.json()["errors"]] == ["new_password"]
    done = post(world, "me/password", {"current_password": PASSWORD, "new_password": "a new horse 5"}, here)
    assert done.status_code == 204
    assert world.client.get(f"{API}/accounts/me", headers=bearer(here)).status_code == 200
    assert world.client.get(f"{API}/accounts/me", headers=bearer(there)).status_code == 401
    assert world.scalar(sa.select(session.c.revoked_for).where(session.c.revoked_at.is_not(None))) == "change"
    assert log_in(world.client, password="a new horse 5").status_code == 200


def test_an_address_is_changed_by_a_link_to_the_new_one(world: World) -> None:
    tokens = newcomer(world)
    register(world.client, email="new@example.org", name="Nobody yet")
    asked = post(world, "me/email", {"email": "New@example.org", "password": PASSWORD}, tokens)
    assert asked.status_code == 202
    world.drain()
    assert mailbox(world.platform)[0].to == "new@example.org"
    _, token = link(world.platform)
    assert log_in(world.client).status_code == 200, "nothing has changed yet"
    assert post(world, "email/confirm", {"token": token}).status_code == 204
    assert post(world, "email/confirm", {"token": token}).status_code == 401
    assert log_in(world.client).status_code == 401
    assert log_in(world.client, email="new@example.org").status_code == 200
    world.drain()
    assert mailbox(world.platform)[0].to == "ada@example.org"
    assert mail_subjects(world.platform)[-1] == "Your e-mail address was changed"


def test_a_verified_address_of_another_cannot_be_taken(world: World) -> None:
    newcomer(world, email="eve@example.org")
    tokens = newcomer(world)
    free = post(world, "me/email", {"email": "free@example.org", "password": PASSWORD}, tokens)
    taken = post(world, "me/email", {"email": "eve@example.org", "password": PASSWORD}, tokens)
    same(free, taken)
    world.drain()
    assert mailbox(world.platform)[0].to == "eve@example.org"
    assert mail_subjects(world.platform)[-1] == "You have an account already"


@pytest.mark.parametrize(
    "password", ["password1", "12345678", "qwertyuiop", "evcharging1", "ada@example.org", "Ada@Example.org12"]
)
def test_passwords_that_are_tried_first_are_refused(world: World, password: str) -> None:
    answer = register(world.client, password=password)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == ["password"]


@pytest.mark.parametrize("password", ["correct horse 4", "пароль-для-зарядки", "aaaaaaab cccc", " spaces stay ", "x" * 128])
def test_any_characters_make_a_password(world: World, password: str) -> None:
    newcomer(world, password=password)
    assert log_in(world.client, password=password).status_code == 200
    assert log_in(world.client, password=password.upper()).status_code == 401
    assert log_in(world.client, password=password[:-1]).status_code == 401


def test_an_operators_command_keeps_nothing_of_what_a_stranger_typed(world: World) -> None:
    register(world.client, name=TYPED)
    world.platform.transact(lambda tx: tx.execute(sa.update(user).values(phone="+31612345678")))
    values: dict[str, Any] = {"email": ADA["email"], "password": "a new horse 5", "name": "Administrator", "role": "admin"}
    made = world.platform.transact(lambda tx: service.ensure_user(tx=tx, **values))
    assert (made.name, made.phone, made.role, made.email_verified) == ("Administrator", None, "admin", True)
    assert world.scalar(sa.select(sa.func.count()).select_from(consent)) == 0
