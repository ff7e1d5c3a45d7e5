"""The cluster under test: two server processes on MariaDB, broker, Azurite and Communication Services' endpoint.

Each component can be taken away and brought back.
"""

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.stack.azurite import Azurite
from devhost.stack.communication import CommunicationServices
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import Child, free_port
from devhost.stack.servicebus import ServiceBusBroker
from functions.optimizer.models.registry import install_shipped
from functions.stations.domain import BookingTerms
from shared import outbox
from shared.clock import Clock, SystemClock
from shared.settings import Settings
from tests.support.world import API, World

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the fault tests, 32 bytes or more"
EVSES = 8
RADIUS_KM = 2.0
"""How far charge requests look: the contended location alone. Alternatives look 5 km far: its neighbour too, 3 km off."""
ASIDE_DEGREES = 0.027
LOCK_S, MAX_DELIVERY = "20", "10"
"""A message of a killed server is delivered again after the lock's seconds; the SDK renews what has 10 s or less left."""


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, every: float = 0.1) -> None:
    """Waits for a condition. Raises TimeoutError naming it."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:.0f} s not yet: {what}")
        pause.wait(every)


class ClusterServer:
    """One server process on a port of its own; the port stays when it is killed and started again."""

    def __init__(self, number: int, settings: dict[str, str], log: Path, *, module: str = "devhost.serve") -> None:
        self.port, self.log, self._number, self._module = free_port(), log, number, module
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = settings | {"PORT": str(self.port), "DATA_DIR": str(log.parent / f"server{number}")}
        self._child: Child | None = None

    def start(self, *, wait: bool = True) -> None:
        """Starts the process, and waits until it answers."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        command = ["env", "-i", *(f"{key}={value}" for key, value in (kept | self._settings).items())]
        name = f"server {self._number}"
        self._child = Child(name, [*command, sys.executable, "-m", self._module], self.log, cwd=ROOT)
        if wait:
            self._child.wait_until(self.answers, seconds=120)

    def answers(self) -> bool:
        """Whether it says that it is well."""
        try:
            return httpx.get(f"{self.url}{API}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL."""
        assert self._child is not None
        self._child.kill()

    def stop(self) -> None:
        """Ends it in order."""
        if self._child is not None:
            self._child.stop(seconds=60)


class Cluster:
    """Everything up. `platform` is the test's own view of the same database, blobs and broker; it delivers nothing.

    `module` is what the servers run, `clock` the test's own, `environment` settings beside the cluster's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        module: str = "devhost.serve",
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module, self._clock, self._environment = module, clock or SystemClock(), dict(environment or {})
        self._stack = ExitStack()
        self._folder = folder
        self._places = 0
        self.database = Mariadb(folder / "mariadb" / "data")
        self.blobs = Azurite(folder / "azurite.log", folder=folder / "azurite")
        options = ("--lock", LOCK_S, "--max-delivery", MAX_DELIVERY, "--duplicate-window", "600")
        self.broker = ServiceBusBroker(folder / "broker.log", outbox.QUEUES, journal=folder / "broker.db", options=options)
        self.communication = CommunicationServices()

    def __enter__(self) -> "Cluster":
        try:
            for part in (self.database, self.blobs, self.broker):
                part.start()
                self._stack.callback(part.stop)
            self._stack.enter_context(self.communication)
            settings = {
                "DATABASE_URL": self.database.create("faults"),
                "BLOB_CONNECTION_STRING": self.blobs.connection_string,
                "SERVICEBUS": self.broker.connection_string,
                "COMMUNICATION_ENDPOINT": self.communication.endpoint,
                "COMMUNICATION_KEY": self.communication.key,
                "JWT_SECRET": SECRET,
                "MESSAGE_HOLD_S": "0",
                "LOG_LEVEL": "WARNING",
                "RATE_LIMITS": "false",
            }
            mine = {name.lower(): value for name, value in settings.items()}
            self.platform = make_platform(Settings.model_validate(mine | {"data_dir": self._folder / "mine"}), self._clock)
            self._stack.callback(self.platform.close)
            upgrade(self.platform.database)
            install_shipped(self.platform.blobs)
            client = self._stack.enter_context(TestClient(create_app(lambda: self.platform)))
            self.world = World(self.platform, client)
            self.admin = self.world.user("admin")
            self.servers = [
                ClusterServer(number, settings | self._environment, self._folder / f"server{number}.log", module=self._module)
                for number in range(2)
            ]
            for server in self.servers:
                server.start(wait=False)
                self._stack.callback(server.stop)
            for server in self.servers:
                wait_until(server.answers, seconds=120, what=f"{server.url} answers\n{server.log.read_text()[-2000:]}")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def place(self) -> tuple[str, float, float]:
        """(id, latitude, longitude) of a new location with eight EVSEs to contend for.

        It is far from the last one, and has a neighbour that nobody books.
        """
        latitude, longitude = 45.0 + 0.5 * self._places, 5.1
        self._places += 1
        terms = BookingTerms(open_bookings_per_driver=100)
        contended = self.world.location(evses=EVSES, latitude=latitude, longitude=longitude, name="Contended", terms=terms)
        self.world.location(evses=1, latitude=latitude + ASIDE_DEGREES, longitude=longitude, name="Neighbour")
        return contended, latitude, longitude

    def settle(self, *, seconds: float = 240) -> None:
        """Waits until nothing is under way: no transaction open, nothing due in the outbox, nothing in the queues that has
        not had its effect."""
        quiet = [0]

        def still() -> bool:
            quiet[0] = quiet[0] + 1 if self._idle() else 0
            return quiet[0] >= 4

        try:
            wait_until(still, seconds=seconds, what="queues, outbox and transactions are idle", every=0.4)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self._waiting()}") from None

    def _idle(self) -> bool:
        transactions, pending, unconsumed, unsent = self._waiting()
        return not (transactions or pending or unconsumed or unsent)

    def _waiting(self) -> tuple[int, int, int, int]:
        """(open transactions, due outbox rows, messages without effect, deliveries to be sent)."""
        now = self.platform.clock.now()

        def read(conn: sa.Connection) -> tuple[int, int, int, int]:
            def count(sql: str, **values: Any) -> int:
                return int(conn.execute(sa.text(sql), values).scalar() or 0)

            return (
                count("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()"),
                count(
                    "SELECT count(*) FROM outbox_message WHERE state = 'PENDING' AND available_at <= :now",
                    now=now.replace(tzinfo=None),
                ),
                len(unconsumed(conn)),
                count("SELECT count(*) FROM delivery WHERE status = 'PENDING'"),
            )

        return self.platform.database.read(read)


def unconsumed(conn: sa.Connection) -> list[Any]:
    """Messages that left the outbox and had no effect: no inbox has them, though their charge request is undecided.

    Compared here: joined in SQL, the server would look through a whole table for each message.
    """
    sent = conn.execute(sa.text("SELECT id, queue, type, payload FROM outbox_message WHERE state = 'SENT'")).all()
    seen = set(conn.execute(sa.text("SELECT message_id FROM inbox_message")).scalars())
    decided = set(conn.execute(sa.text("SELECT lower(hex(id)) FROM charge_request WHERE status <> 'QUEUED'")).scalars())

    def without_need(row: Any) -> bool:
        asked = json.loads(row.payload).get("charge_request_id") if row.type == "charge_requested" else None
        return asked is not None and asked.replace("-", "") in decided

    return [row for row in sent if str(uuid.UUID(bytes=row.id)) not in seen and not without_need(row)]
