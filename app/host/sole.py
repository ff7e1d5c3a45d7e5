"""Exactly one process of a kind on a database: who holds the server's named lock is it."""

import logging
import threading
from collections.abc import Callable

import sqlalchemy as sa

from shared.db import Database
from shared.errors import Conflict

log = logging.getLogger(__name__)
LOOK_EVERY_S = 5.0
"""How often the lock is looked at: a connection that was lost has lost it, and another process may hold it since."""


class Sole:
    """The lock `name` of a MySQL or MariaDB database, held by a connection of its own until it is closed."""

    def __init__(self, database: Database, name: str) -> None:
        """Raises Conflict where another process holds it, ValueError on SQLite, which has no such lock."""
        address = sa.make_url(database.address)
        if address.get_backend_name() not in ("mysql", "mariadb"):
            raise ValueError("DATABASE_URL: must be a MySQL or MariaDB server")
        self._name = f"evcharging.{name}.{address.database}"[:64]
        self._connection = database.engine.connect()
        self._connection.detach()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        if self._ask("SELECT GET_LOCK(:name, 0)") != 1:
            self._connection.close()
            raise Conflict(f"another process is {name} for this database: there must be exactly one")

    def _ask(self, statement: str) -> int | None:
        answer: int | None = self._connection.execute(sa.text(statement), {"name": self._name}).scalar()
        self._connection.commit()  # else a transaction would stay open as long as the process runs
        return answer

    def is_held(self) -> bool:
        """Whether this process has it still."""
        try:
            return self._ask("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()") == 1
        except sa.exc.DBAPIError as error:
            log.error("the connection that holds %s is lost: %s", self._name, error.orig)
            return False

    def watch(self, lost: Callable[[], None]) -> None:
        """Calls `lost` once, from a thread of its own, when it is no longer held."""

        def look() -> None:
            while not self._stopping.wait(LOOK_EVERY_S):
                if not self.is_held():
                    lost()
                    return

        self._thread = threading.Thread(target=look, name="sole", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Gives it up."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._connection.close()
