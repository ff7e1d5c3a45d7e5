"""`Host`: the whole platform in one process: API over loopback HTTP, queue delivery, timers."""

import os
import socket
import threading
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.host.delivery import EmbeddedDelivery, ServiceBusDelivery, make_delivery
from app.host.discovery import Triggers, discover
from app.host.site import Site
from app.host.timers import Timers
from app.migrate import upgrade
from app.process import use_platform
from app.ship import ship
from devhost.host.pages import dev_router, front_router
from devhost.stack.ingestion import Ingestion
from shared.platform import Platform

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

_triggers: Triggers | None = None


def triggers() -> Triggers:
    """The app's timers and queues, discovered once a process."""
    global _triggers
    if _triggers is None:
        import function_app

        _triggers = discover(function_app.app)
    return _triggers


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allowed_hosts() -> frozenset[str]:
    """The names this machine answers to: a page of any other name, made to lead here, could read what it has."""
    return LOOPBACK | {name.strip().lower() for name in os.environ.get("DEVHOST_HOSTS", "").split(",") if name.strip()}


class Host:
    """Brings a platform up and down. `site` is the folder of the built web application, None where there is none; `ingestion`
    is where the process's telemetry goes, where it goes to loopback."""

    def __init__(self, platform: Platform, *, port: int, site: Path | None = None, ingestion: Ingestion | None = None) -> None:
        self.platform, self.port, self._site, self._ingestion = platform, port, site, ingestion
        discovered = triggers()
        self.timers = Timers(discovered.timers, platform.clock)
        self.delivery: EmbeddedDelivery | ServiceBusDelivery = make_delivery(platform, discovered.queues)
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the API listens."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Migrates the database, installs the shipped models, makes this the process's platform."""
        upgrade(self.platform.database)
        ship(self.platform.blobs)
        use_platform(self.platform)

    def app(self) -> FastAPI:
        """The API with the /dev pages."""
        from app.asgi import create_app

        app = create_app(lambda: self.platform, hosts=allowed_hosts())
        app.include_router(front_router())
        app.include_router(dev_router(self.platform, self.timers, self._ingestion))
        return app

    def served(self) -> ASGIApp:
        """What is served: the API with the /dev pages and, where it is built, the web application."""
        return self.app() if self._site is None else Site(self.app(), self._site, tile_url=self.platform.settings.tile_url)

    def serve_in_thread(self) -> None:
        """Serves HTTP in the background and returns once it answers."""
        config = uvicorn.Config(
            self.served(),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            lifespan="off",
            access_log=False,
            proxy_headers=False,  # TRUSTED_PROXIES says whom to believe
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()
        waiting = threading.Event()
        while not self._server.started:
            if not self._thread.is_alive():
                raise OSError(f"port {self.port} could not be served")
            waiting.wait(0.02)

    def stop(self) -> None:
        """Ends HTTP, then timers, then delivery, then connections: what is running ends first, nothing else begins."""
        self.platform.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=15)
        self.timers.stop()
        self.delivery.stop()
        self.platform.close()
        use_platform(None)
