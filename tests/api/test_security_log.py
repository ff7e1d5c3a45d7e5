"""The security log: who signed in and who was refused, from where, in one line each; nothing that is secret or typed."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.accounts.service import get_user
from functions.accounts.sessions import open_session
from shared.clock import ManualClock
from shared.errors import Conflict
from shared.settings import Settings
from shared.telemetry import JsonFormatter, security
from shared.tx import Tx
from shared.web.auth import make_station_key
from tests.support.people import log_in, newcomer
from tests.support.world import API, World


class Kept(logging.Handler):
    """Keeps lines as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(JsonFormatter().format(record))


@pytest.fixture
def log() -> Iterator[Kept]:
    kept = Kept()
    security.addHandler(kept)
    level = security.level
    security.setLevel(logging.INFO)
    yield kept
    security.removeHandler(kept)
    security.setLevel(level)


def callers(log: Kept) -> list[tuple[str | None, str | None]]:
    """User id and role of each line."""
    return [(line["user_id"], line["role"]) for line in map(json.loads, log.lines)]


def last(log: Kept) -> dict[str, object]:
    line: dict[str, object] = json.loads(log.lines[-1])
    assert str(line["time"]).endswith("+00:00"), "UTC"
    assert (line["logger"], line["address"]) == ("evcharging.security", "testclient")
    return line


def test_sign_ins_are_told_good_and_bad(world: World, log: Kept) -> None:
    newcomer(world)
    log.lines.clear()
    assert log_in(world.client, password="not theirs").status_code == 401
    line = last(log)
    assert (line["message"], line["code"], line["route"]) == ("refused", "BAD_CREDENTIALS", "/accounts/login")
    assert "ada@" not in log.lines[-1].lower()
    assert "not theirs" not in log.lines[-1]
    assert log_in(world.client).status_code == 200
    line = last(log)
    assert (line["message"], line["role"], line["second_factor"]) == ("signed in", "driver", False)
    assert line["user_id"]
    assert len(log.lines) == 2


def test_a_sign_in_that_was_rolled_back_is_not_told(world: World, log: Kept) -> None:
    driver = world.user()

    def sign_in(tx: Tx) -> None:
        open_session(tx=tx, user=get_user(tx=tx, user_id=driver.id), user_agent="tests")

    def fails(tx: Tx) -> None:
        sign_in(tx)
        raise Conflict("Something else went wrong.")

    log.lines.clear()
    with pytest.raises(Conflict):
        world.platform.transact(fails)
    assert log.lines == []
    world.platform.transact(sign_in)
    assert [json.loads(line)["message"] for line in log.lines] == ["signed in"]


def test_who_was_refused_what_is_told(world: World, log: Kept) -> None:
    driver = world.user()
    log.lines.clear()
    assert driver.get("/accounts/users").status_code == 403
    assert world.client.get(f"{API}/accounts/me", headers={"Authorization": "Bearer not.a.token"}).status_code == 401
    assert [json.loads(line)["code"] for line in log.lines] == ["FORBIDDEN", "UNAUTHENTICATED"]
    assert "not.a.token" not in log.lines[-1]
    assert world.client.get(f"{API}/accounts/me").status_code == 401
    assert driver.get("/accounts/me").status_code == 200
    assert len(log.lines) == 3, "what is let in is no line of it"
    assert callers(log) == [(str(driver.id), "driver"), (None, None), (None, None)]
    key = {"Authorization": f"Bearer {make_station_key()}"}
    assert world.client.get(f"{API}/accounts/me", headers=key).status_code == 403
    assert callers(log)[-1] == (None, "station_key")


def test_whom_the_limit_of_all_calls_refuses_is_told(tmp_path: Path, clock: ManualClock, log: Kept) -> None:
    platform = make_platform(Settings(data_dir=tmp_path / "data", calls_per_minute=1), clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        driver = World(platform, client).user()
        assert [driver.get("/accounts/me").status_code for _ in range(2)] == [200, 429]
    assert callers(log) == [(str(driver.id), "driver")]
    platform.close()


def test_a_limit_that_was_reached_is_told(world: World, log: Kept) -> None:
    login = {"email": "nobody@example.org", "password": "a wrong one"}
    for _ in range(world.platform.settings.sign_ins_per_account + 1):
        world.client.post(f"{API}/accounts/login", json=login)
    assert (last(log)["code"], last(log)["status"]) == ("TOO_MANY_REQUESTS", 429)
