"""The real components for measurements: MariaDB, the broker, server processes and a queue worker, all on loopback."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from app.migrate import load_tables, upgrade
from app.process import make_platform
from bench.harness.wire import Wire, request
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import Child, free_port
from devhost.stack.servicebus import ServiceBusBroker
from shared.clock import SystemClock
from shared.db import Database
from shared.outbox import QUEUES
from shared.platform import Platform
from shared.settings import Settings
from shared.web.call import PREFIX

SECRET = "a secret of the benchmarks, 32 bytes or more"
STAGES_FILE = "BENCH_STAGES"
"""Environment variable: the file to which the queue worker writes what its stages took."""


class Stack:
    """A private MariaDB, and what is started on it. Made by `started`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mariadb = Mariadb(folder / "mariadb" / "data")
        self.broker: ServiceBusBroker | None = None
        self._children: list[Child] = []
        self._platforms: list[Platform] = []

    def platform(self, name: str, *, url: str | None = None) -> Platform:
        """A platform of this process over a database, migrated. Closed with the stack."""
        platform = make_platform(self._settings(url or self.mariadb.create(name)), SystemClock())
        upgrade(platform.database)
        self._platforms.append(platform)
        return platform

    def _settings(self, url: str) -> Settings:
        return Settings.model_validate({"data_dir": self.folder / "here", "database_url": url, "jwt_secret": SECRET})

    def copy(self, source: str, target: str) -> str:
        """Another database with the same rows; its address."""
        url = self.mariadb.create(target)
        database = Database(url)
        try:
            upgrade(database)
            with database.engine.begin() as conn:
                conn.execute(sa.text("SET SESSION foreign_key_checks = 0"))
                for table in load_tables().tables:
                    rows = f"SELECT * FROM `{source}`.`{table}`"  # noqa: S608 - our own names
                    conn.exec_driver_sql(f"REPLACE INTO `{target}`.`{table}` {rows}")  # migrations write some
                conn.execute(sa.text("SET SESSION foreign_key_checks = 1"))
        finally:
            database.dispose()
        return url

    def start_broker(self) -> ServiceBusBroker:
        """The AMQP broker with the platform's queues."""
        self.broker = ServiceBusBroker(self.folder / "broker.log", QUEUES).start()
        return self.broker

    def environment(self, url: str, **more: str) -> dict[str, str]:
        """What a process of the platform is told."""
        settings = {
            "DATABASE_URL": url,
            "JWT_SECRET": SECRET,
            "DATA_DIR": str(self.folder / "data"),
            "LOG_LEVEL": "WARNING",
            "SEARCHES_PER_MINUTE": "100000",
            "RATE_LIMITS": "false",
        }
        if self.broker is not None:
            settings["SERVICEBUS"] = self.broker.connection_string
            settings["SERVICEBUS_CONNECTION_STRING"] = self.broker.connection_string  # its name in bases before 0.2
        return settings | more

    def serve(self, url: str, *, name: str = "server", app: str = "function_app:api", **more: str) -> "ServerProcess":
        """A server process of the app, once it answers."""
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            app,
            "--port",
            str(port),
            "--log-level",
            "warning",
            "--lifespan",
            "off",
            "--timeout-keep-alive",
            "600",
        ]
        child = self._child(name, command, self.environment(url, **more))
        server = ServerProcess(child, port)
        child.wait_until(server.answers)
        return server

    def start_queue_worker(self, url: str, **more: str) -> Child:
        """A process with the app's queue triggers and timers, once it says that it is up."""
        child = self._child("deliverer", [sys.executable, "-m", "bench.harness.queue_worker"], self.environment(url, **more))
        child.wait_until(lambda: "delivering" in child.tail())
        return child

    def _child(self, name: str, command: list[str], environment: dict[str, str]) -> Child:
        log = self.folder / f"{name}-{len(self._children)}.log"
        child = Child(name, ["env", *(f"{key}={value}" for key, value in environment.items()), *command], log, cwd=Path.cwd())
        self._children.append(child)
        return child

    def stop(self) -> None:
        """Ends everything that was started, the database last."""
        for child in reversed(self._children):
            child.stop()
        for platform in self._platforms:
            platform.close()
        if self.broker is not None:
            self.broker.stop()
        self.mariadb.stop()


class ServerProcess:
    """A server process and where it listens."""

    def __init__(self, child: Child, port: int) -> None:
        self.child, self.port = child, port

    @property
    def pid(self) -> int:
        """Its process."""
        return self.child.process.pid

    def wire(self) -> Wire:
        """A connection to it."""
        return Wire(self.port)

    def answers(self) -> bool:
        """Whether it is healthy."""
        wire = self.wire()
        try:
            return wire.send(request("GET", f"{PREFIX}/health")).status == 200
        except OSError:
            return False
        finally:
            wire.close()


@contextmanager
def served_here(app: FastAPI) -> Iterator[Wire]:
    """A connection to an app that this process serves."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, name="http", daemon=True)
    thread.start()
    waiting = threading.Event()
    while not server.started and thread.is_alive():
        waiting.wait(0.02)
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
        server.should_exit = True
        thread.join()


@contextmanager
def started(kept: Path | None = None) -> Iterator[Stack]:
    """A stack with its database up, in a temporary folder, or in one that is kept with the database in it. Raises
    ComponentMissingError where MariaDB is not installed."""
    with TemporaryDirectory(prefix="evcharging-bench-") as folder:
        stack = Stack(kept or Path(folder))
        stack.mariadb.start()
        try:
            yield stack
        finally:
            stack.stop()


def resident_mb(pid: int) -> float:
    """Memory a process holds now (RSS), MB of 10^6 bytes. Raises OSError where it has ended."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_ms(pid: int) -> float:
    """Processor time a process has used, its ended threads' too, ms in steps of 10. Raises OSError where it has ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
