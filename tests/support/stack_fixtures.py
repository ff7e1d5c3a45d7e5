"""The real components as fixtures: one of each a session. Where one cannot be had its tests are skipped and say so; in CI
(CI=true) that is a failure."""

import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.stack.azurite import Azurite
from devhost.stack.communication import CommunicationServices
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import ComponentError, ComponentMissingError
from devhost.stack.servicebus import ServiceBusBroker
from shared.clock import Clock, ManualClock
from shared.outbox import QUEUES
from shared.platform import Platform
from shared.settings import Settings
from tests.support import mysql_grammar
from tests.support.world import World

SECRET = "a secret of the tests, 32 bytes or more"
DATA_KEY = "dGVzdHMtb2Ytc2VhbGluZy0zMi1ieXRlcy1sb25nISE="
SHORT_QUEUE = "short-lived"
_numbers = itertools.count(1)


def _started(make: Callable[[], Any]) -> Any:
    try:
        return make().start()
    except (ComponentMissingError, ComponentError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mariadb]:
    """A MariaDB server of this session. At its end MySQL's grammar judges what was sent to it."""
    server = _started(lambda: Mariadb(tmp_path_factory.mktemp("mariadb") / "data"))
    mysql_grammar.record()
    yield server
    server.stop()
    if reason := mysql_grammar.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {reason}")
        warnings.warn(reason, stacklevel=1)
        return
    assert mysql_grammar.complaints(mysql_grammar.recorded) == [], "MySQL would not take these"


@pytest.fixture
def mariadb_url(mariadb: Mariadb) -> Iterator[str]:
    """An empty database of this test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield mariadb.create(name)
    mariadb.drop(name)


def platform_on(url: str, folder: Path, clock: Clock, **settings: Any) -> Platform:
    """A platform on a database of a server, whatever its revision."""
    own: dict[str, Any] = {"data_dir": folder, "database_url": url, "jwt_secret": SECRET, "data_keys": DATA_KEY}
    return make_platform(Settings.model_validate(own | settings), clock)


@pytest.fixture
def mariadb_settings() -> dict[str, Any]:
    """Settings of `mariadb_platform` beyond its database. A module that needs some overrides this fixture."""
    return {}


@pytest.fixture
def mariadb_platform(
    mariadb_url: str, tmp_path: Path, clock: ManualClock, mariadb_settings: dict[str, Any]
) -> Iterator[Platform]:
    """A platform on an empty, migrated MariaDB, with the embedded bus, folder blobs and the local mailbox."""
    platform = platform_on(mariadb_url, tmp_path, clock, **mariadb_settings)
    upgrade(platform.database)
    yield platform
    platform.close()


@pytest.fixture
def mariadb_world(mariadb_platform: Platform) -> Iterator[World]:
    """The API of `mariadb_platform` with shortcuts."""
    with TestClient(create_app(lambda: mariadb_platform), raise_server_exceptions=False) as client:
        yield World(mariadb_platform, client)


@pytest.fixture(params=["sqlite", "mariadb"])
def any_world(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """The API on a fresh SQLite file, and on an empty MariaDB."""
    url = None if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    given = {"data_dir": tmp_path / "data", "database_url": url, "jwt_secret": SECRET, "data_keys": DATA_KEY}
    platform = make_platform(Settings.model_validate(given), clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An Azurite of this session, in memory."""
    server = _started(lambda: Azurite(tmp_path_factory.mktemp("azurite") / "log"))
    yield server
    server.stop()


@pytest.fixture
def servicebus(tmp_path: Path) -> Iterator[ServiceBusBroker]:
    """A broker of this test: locks of 5 seconds, dead letters after 3 deliveries."""
    options = ("--lock", "5", "--max-delivery", "3", "--duplicate-window", "60")
    server = _started(lambda: ServiceBusBroker(tmp_path / "broker.log", (*QUEUES, SHORT_QUEUE), options=options))
    yield server
    server.stop()


@pytest.fixture
def communication() -> Iterator[CommunicationServices]:
    """A loopback Communication Services endpoint of this test."""
    with CommunicationServices() as server:
        yield server
