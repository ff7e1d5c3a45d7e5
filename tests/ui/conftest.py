"""The real devhost with its demo city, the built application, and one chromium for all journeys of a file."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright

from app.process import make_platform
from devhost import web
from devhost.host.server import Host, free_port
from devhost.replay.seed import seed
from shared.settings import Settings
from tests.support.world import World
from tests.ui.person import Application


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not on this machine: apt-get install -y chromium fonts-noto-core")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def free_web_port() -> int:
    """Where the application is served."""
    return free_port()


@pytest.fixture(scope="module")
def more_settings() -> dict[str, Any]:
    """Settings of the platform besides the usual ones; a file of journeys may have its own."""
    return {}


@pytest.fixture(scope="module")
def application(
    tmp_path_factory: pytest.TempPathFactory, chromium: Browser, free_web_port: int, more_settings: dict[str, Any]
) -> Iterator[Application]:
    """The platform on a fresh folder, served with the application that stands in web/dist."""
    site = web.built()
    if site is None:
        pytest.skip("web/dist is not there: python -m devhost.web build")
    data: Path = tmp_path_factory.mktemp("ui") / "data"
    port, usual = free_web_port, {"demo": True, "pending_bookings_per_driver": 20, "fault_grace_s": 0}
    settings = Settings.model_validate({"data_dir": data, "public_url": f"http://127.0.0.1:{port}"} | usual | more_settings)
    platform = make_platform(settings)
    host = Host(platform, port=port, site=site)
    host.prepare()
    seeded, _ = seed(platform, city=None, progress=lambda *_: None)
    host.serve_in_thread()
    host.delivery.start()
    host.timers.start()
    yield Application(host, seeded, chromium)
    host.stop()


@pytest.fixture(scope="module")
def world(application: Application) -> Iterator[World]:
    """The same host by its API: people and places beside those of the demo city."""
    with httpx.Client(base_url=application.host.url, timeout=30) as client:
        yield World(application.host.platform, cast(TestClient, client))  # a client like any other, over the wire
