"""Fixtures every suite shares: a platform on a fresh database with a clock that only moves when told, and a client."""

import functools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from shared.clock import Clock, ManualClock
from shared.local_files import data_folder, write_private
from shared.platform import Platform
from shared.settings import Settings
from tests.support import declared_errors
from tests.support.world import World

pytest_plugins = ["tests.support.stack_fixtures"]
# A machine that is busy with other things is no fault of the code.
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")

DATABASE = "evcharging.db"
MONDAY_EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    """Monday 2 March 2026, 08:00 UTC."""
    return ManualClock(MONDAY_EIGHT)


@functools.cache
def _migrated() -> bytes:
    """A database at the head with nothing in it. Made once: the migrations take longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        instance = make_platform(Settings(data_dir=Path(folder)), ManualClock(MONDAY_EIGHT))
        upgrade(instance.database)
        instance.close()
        return (Path(folder) / DATABASE).read_bytes()


def embedded_platform(data_dir: Path, clock: Clock, **settings: Any) -> Platform:
    """A platform on a fresh SQLite file with the embedded bus, folder blobs and the local mailbox."""
    write_private(data_folder(data_dir) / DATABASE, _migrated())
    return make_platform(Settings(data_dir=data_dir, **settings), clock)


@pytest.fixture
def platform(tmp_path: Path, clock: ManualClock) -> Iterator[Platform]:
    """The test's own."""
    instance = embedded_platform(tmp_path / "data", clock)
    yield instance
    instance.close()


_served: list[Platform] = []


@functools.cache
def _app() -> FastAPI:
    """One app for all tests of a process: its routes take a third of a second to make. It serves the platform of the test."""
    return create_app(lambda: _served[-1])


@pytest.fixture
def client(platform: Platform) -> Iterator[TestClient]:
    """The API over `platform`; an error that an operation does not declare fails the test."""
    _served.append(platform)
    with TestClient(_app(), raise_server_exceptions=False) as instance:
        declared_errors.watch(instance)
        yield instance
    _served.remove(platform)


@pytest.fixture
def world(platform: Platform, client: TestClient) -> World:
    """The API with shortcuts."""
    return World(platform, client)
