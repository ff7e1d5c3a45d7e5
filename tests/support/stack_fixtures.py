"""The real components as fixtures: one of each a session. Where one cannot be had its tests are skipped and say so; in CI
(CI=true) that is a failure."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.stack.azurite import Azurite
from devhost.stack.communication import CommunicationServices
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import Failed, NotThere
from devhost.stack.servicebus import ServiceBusBroker
from shared.outbox import QUEUES

SHORT_QUEUE = "short-lived"
_numbers = itertools.count(1)


def _started(make: Callable[[], Any]) -> Any:
    try:
        return make().start()
    except (NotThere, Failed) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mariadb]:
    """A MariaDB server of this session."""
    server = _started(lambda: Mariadb(tmp_path_factory.mktemp("mariadb") / "data"))
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb: Mariadb) -> Iterator[str]:
    """An empty database of this test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield mariadb.create(name)
    mariadb.drop(name)


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
