"""Proof and consent on MariaDB: registration to booking, and a code that is guessed at from many sides at once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.accounts import phones
from functions.accounts.domain import phone_code
from functions.accounts.tables import consent, phone_verification
from shared.clock import ManualClock
from shared.errors import AppError
from shared.settings import Settings
from shared.tx import Actor
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
