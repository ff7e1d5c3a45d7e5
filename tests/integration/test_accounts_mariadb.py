"""Proof and consent on MariaDB: registration to booking, and a code that is guessed at from many sides at once."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.accounts import phones, repository, repository_phones
from functions.accounts.domain import CODE_LIFETIME, PhoneVerification, Purpose, derive, phone_code
from functions.accounts.recovery import confirm_email
from functions.accounts.single_use import make_token
from functions.accounts.tables import consent, phone_verification, user
from shared.clock import ManualClock
from shared.db import new_id
from shared.errors import AppError
from shared.settings import Settings
from shared.tx import Actor, Tx
from tests.support.people import PASSWORD, bearer, newcomer
from tests.support.world import API, TYPE2, World

SECRET = "a secret of the tests, 32 bytes or more"
GUESSERS = 16


@pytest.fixture(params=["sqlite", "mariadb"])
def world(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """A world on each database."""
    url = None if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    given = {"data_dir": tmp_path / "data", "database_url": url, "jwt_secret": SECRET}
    platform = make_platform(Settings.model_validate(given), clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


def post(world: World, path: str, body: dict[str, Any], tokens: dict[str, Any]) -> Any:
    return world.client.post(f"{API}{path}", json=body, headers=bearer(tokens))


def test_from_registration_to_a_booking_and_a_number(world: World) -> None:
    tokens = newcomer(world)
    assert world.scalar(sa.select(sa.func.count()).select_from(consent)) == 2
    start = {"start": "2026-03-02T12:00:00Z", "duration_minutes": 60}
    booked = post(world, "/booking/bookings", {"location_id": world.location(), "connector": TYPE2} | start, tokens)
    assert booked.status_code == 201, booked.text
    asked = post(world, "/accounts/me/phone", {"number": "+31612345678", "password": PASSWORD}, tokens)
    assert asked.status_code == 202, asked.text
    code = phone_code(SECRET, world.scalar(sa.select(phone_verification.c.id)))
    assert post(world, "/accounts/me/phone/confirm", {"code": code}, tokens).json()["phone"] == "+31612345678"


def holder_of(world: World, number: str) -> uuid.UUID:
    return world.user(phone=number).id


def wants(world: World, user_id: uuid.UUID, number: str) -> str:
    """Somebody waits to prove a number; the code."""
    now = world.platform.clock.now()
    waiting = PhoneVerification(user_id, new_id(), number, 0, now, now + CODE_LIFETIME)
    world.platform.transact(lambda tx: repository_phones.replace(tx, waiting))
    return phone_code(SECRET, waiting.id)


def wants_address(world: World, user_id: uuid.UUID, address: str) -> str:
    """Somebody waits to prove an address; the link's token."""
    row = world.platform.transact(lambda tx: make_token(tx=tx, purpose=Purpose.EMAIL, user_id=user_id, data={"email": address}))
    return derive(SECRET, Purpose.EMAIL, row.id)


@contextmanager
def crosswise(world: World) -> Iterator[list[int]]:
    """Two threads meet once each has locked an account, or after a moment, if the second has to wait for the first. Yields a
    list that grows by one with each transaction's first lock."""
    begun: list[int] = []
    both = threading.Event()

    def meet(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM user_account" in statement and statement.endswith("FOR UPDATE") and threading.get_ident() not in begun:
            begun.append(threading.get_ident())
            if len(begun) == 2:
                both.set()
            both.wait(2)

    def again(_conn: Any) -> None:
        if threading.get_ident() in begun:
            retried.append(threading.get_ident())

    retried: list[int] = []
    engine = world.platform.database.engine
    sa.event.listen(engine, "after_cursor_execute", meet)
    sa.event.listen(engine, "rollback", again)
    yield retried
    sa.event.remove(engine, "after_cursor_execute", meet)
    sa.event.remove(engine, "rollback", again)


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Does it all at once. Returns the codes of what was refused."""
    refused: list[str] = []

    def call(one: Callable[[], object]) -> None:
        try:
            one()
        except AppError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=call, args=[one]) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return refused


def test_two_who_prove_each_others_numbers_do_not_lock_each_other_out(world: World) -> None:
    people = [holder_of(world, number) for number in ("+31612345671", "+31612345672")]
    codes = [wants(world, people[0], "+31612345672"), wants(world, people[1], "+31612345671")]

    def confirm(number: int) -> None:
        phones.confirm(platform=world.platform, actor=Actor("driver", people[number]), code=codes[number])

    with crosswise(world) as retried:
        assert at_once(partial(confirm, 0), partial(confirm, 1)) == []
    assert retried == [], "no transaction was rolled back for a deadlock"


def test_two_who_want_each_others_addresses_do_not_lock_each_other_out(world: World) -> None:
    people = [world.user().id, world.user().id]
    tokens = [wants_address(world, people[number], f"{people[1 - number]}@example.org") for number in range(2)]

    def confirm(number: int) -> None:
        world.platform.transact(lambda tx: confirm_email(tx=tx, token=tokens[number]))

    with crosswise(world) as retried:
        assert at_once(partial(confirm, 0), partial(confirm, 1)) == ["CONFLICT"] * 2
    assert len(retried) <= 2, "each is refused once, and none is rolled back for a deadlock"


def test_a_number_removed_while_it_is_confirmed_is_gone(world: World) -> None:
    user_id = world.user().id
    removed = threading.Event()

    def remove() -> None:
        world.platform.transact(lambda tx: phones.remove(tx=tx), actor=Actor("driver", user_id))
        removed.set()

    thread = threading.Thread(target=remove)

    def confirmed(tx: Tx) -> None:
        repository.lock_user(tx, user_id)
        thread.start()
        removed.wait(2)  # it comes between only where it does not ask for the lock
        repository.update_user(tx, user_id, phone="+31612345671", phone_verified_at=tx.now)

    world.platform.transact(confirmed)
    thread.join(60)
    assert world.scalar(sa.select(user.c.phone).where(user.c.id == user_id)) is None


def test_sixteen_who_guess_at_once_have_five_tries(world: World) -> None:
    tokens = newcomer(world)
    post(world, "/accounts/me/phone", {"number": "+31612345678", "password": PASSWORD}, tokens)
    row = world.platform.read(lambda tx: tx.execute(sa.select(phone_verification)).one())
    wrong = f"{(int(phone_code(SECRET, row.id)) + 1) % 1_000_000:06}"
    gate, met = threading.Barrier(GUESSERS), []

    def guess() -> None:
        gate.wait(30)
        try:
            phones.confirm(platform=world.platform, actor=Actor("driver", row.user_id), code=wrong)
        except AppError as error:
            met.append(error.code)

    threads = [threading.Thread(target=guess) for _ in range(GUESSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(met) == ["INVALID"] * 5 + ["WRONG_STATE"] * (GUESSERS - 5)
