"""Fixtures every suite shares: a platform on a fresh database with a clock that only moves when told, and a client."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from shared.clock import ManualClock
from shared.platform import Platform
from shared.settings import Settings
from tests.support import declared_errors
from tests.support.world import World

pytest_plugins = ["tests.support.stack_fixtures"]

MONDAY_EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    """Monday 2 March 2026, 08:00 UTC."""
    return ManualClock(MONDAY_EIGHT)


@pytest.fixture
def platform(tmp_path: Path, clock: ManualClock) -> Iterator[Platform]:
    """A platform on a fresh SQLite file with the embedded bus, folder blobs and the local mailbox."""
    instance = make_platform(Settings(data_dir=tmp_path / "data"), clock)
    upgrade(instance.database)
    yield instance
    instance.close()


@pytest.fixture
def client(platform: Platform) -> Iterator[TestClient]:
    """The API over `platform`; an error that an operation does not declare fails the test."""
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as instance:
        declared_errors.watch(instance)
        yield instance


@pytest.fixture
def world(platform: Platform, client: TestClient) -> World:
    """The API with shortcuts."""
    return World(platform, client)
