"""What anybody may call: limited whatever the path, deaf to bad tokens where people come for a new one, and telling little."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.openapi import operations
from app.process import make_platform
from shared.clock import ManualClock
from shared.errors import BadCredentials
from shared.settings import Settings
from tests.api.test_optimizer import ask
from tests.conftest import MONDAY_EIGHT
from tests.support import policies
from tests.support.authorisation_rules import ANYBODY, RULES
from tests.support.policies import usage
from tests.support.world import API, World

LIMIT = 3
ID = "01a20d6f-1c73-71f2-8c3d-b9d69f8236d2"
PAGES = ["/docs", "/openapi.json", "/docs/assets/favicon.png", "/accounts/verify", "/accounts/password/reset", "/nothing"]


def public_calls() -> list[tuple[str, str]]:
    """Method and path of everything that takes no token: the operations by their rules, pages, and what is not there."""
    operations = [name.split(" ") for name, rule in RULES.items() if rule.who >= ANYBODY]
    return [(method, path.replace("{", "").replace("}", "")) for method, path in operations] + [("GET", path) for path in PAGES]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An API that takes few calls in a minute."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("narrow"), calls_per_minute=LIMIT)
    platform = make_platform(settings, ManualClock(MONDAY_EIGHT))
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


@pytest.mark.parametrize(("method", "path"), public_calls())
def test_whatever_anybody_may_call_is_limited(narrow: World, method: str, path: str) -> None:
    clock = narrow.platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=1))
    answers = [narrow.client.request(method, API + path) for _ in range(LIMIT + 1)]
    assert [answer.status_code == 429 for answer in answers] == [False] * LIMIT + [True]
    if method != "HEAD":
        assert (answers[-1].json()["code"], answers[-1].json()["limit"]) == ("TOO_MANY_REQUESTS", "calls")


def test_a_token_counts_for_its_account_and_a_false_one_for_the_address(narrow: World) -> None:
    clock = narrow.platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=1))
    first, second = narrow.user(), narrow.user()
    for person in (first, second):
        statuses = [person.get("/optimizer/model").status_code for _ in range(LIMIT + 1)]
        assert statuses == [200] * LIMIT + [429]
    statuses = []
    for number in range(LIMIT + 1):
        headers = {"Authorization": f"Bearer x.{number}.z"}
        statuses.append(narrow.client.get(f"{API}/optimizer/model", headers=headers).status_code)
    assert statuses == [401] * LIMIT + [429]


def test_the_limit_is_of_the_address_that_trusted_proxies_tell(tmp_path: Path, clock: ManualClock) -> None:
    platform = make_platform(Settings(data_dir=tmp_path / "data", calls_per_minute=LIMIT, trusted_proxies="1"), clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:

        def call(forwarded: str) -> int:
            return client.get(f"{API}/health", headers={"X-Forwarded-For": forwarded}).status_code

        assert [call("198.51.100.1") for _ in range(LIMIT + 1)] == [200] * LIMIT + [429]
        assert call("198.51.100.2, 198.51.100.1") == 429, "what a client claims is before what the proxy wrote"
        assert call("198.51.100.2") == 200
    platform.close()


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.who >= ANYBODY and " /accounts" in name])
def test_a_bad_token_keeps_nobody_from_signing_in(world: World, clock: ManualClock, name: str) -> None:
    method, path = name.split(" ")
    headers = world.user().headers()
    clock.advance(timedelta(minutes=16))
    for bad in (headers, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Bearer evcsk_x"}):
        answer = world.client.request(method, API + path, json={}, headers=bad)
        assert answer.status_code != 401 or answer.json()["code"] == BadCredentials.code, answer.text


def test_the_document_asks_for_no_token_where_none_is_heeded(world: World) -> None:
    app: Any = world.client.app
    for path, method, operation in operations(app.openapi()):
        rule = RULES[f"{method.upper()} {path.removeprefix(API)}"]
        if rule.who >= ANYBODY and path.startswith(f"{API}/accounts"):
            assert "security" not in operation, f"{method} {path}"


def test_anybody_learns_which_policy_decides_and_administrators_how_often(world: World, clock: ManualClock) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7"))
    world.location(evses=3)
    ask(world, world.user())
    told = world.client.get(f"{API}/optimizer/model").json()
    assert set(told) == {"name", "version", "kind", "trained", "loaded_at", "feature_version"}
    assert usage(world)["decisions_7d"] == 1
    ask(world, world.user())
    assert usage(world)["decisions_7d"] == 1, "counted once a minute"
    clock.advance(timedelta(minutes=1))
    assert usage(world)["decisions_7d"] == 2


def test_a_client_is_told_of_the_installation(tmp_path: Path, clock: ManualClock, world: World) -> None:
    told = world.client.get(f"{API}/config")
    assert told.headers["cache-control"] == "public, max-age=300"
    assert (told.json()["tiles"], told.json()["oidc"], told.json()["demo"]) == (None, False, False)
    assert {code: told.json()["currencies"][code] for code in ("EUR", "JPY", "KWD")} == {"EUR": 2, "JPY": 0, "KWD": 3}
    assert told.json()["limits"]["max_photo_bytes"] == world.platform.settings.max_photo_bytes
    settings = {"tile_url": "https://tiles.example.org/{z}/{x}/{y}.png", "tile_attribution": "© somebody", "demo": True}
    platform = make_platform(Settings.model_validate(settings | {"data_dir": tmp_path / "other"}), clock)
    with TestClient(create_app(lambda: platform)) as client:
        other = client.get(f"{API}/config").json()
    platform.close()
    assert other["tiles"] == {"url": settings["tile_url"], "attribution": settings["tile_attribution"]}
    assert other["demo"] is True
