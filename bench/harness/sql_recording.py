"""The statements and commits of the platform's requests, written down as they went to PyMySQL, and played back without us."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Engine

COMMIT, ROLLBACK = "COMMIT", "ROLLBACK"


@dataclass(frozen=True)
class Step:
    """A statement with its parameters, or COMMIT or ROLLBACK; `many` where it went by executemany."""

    text: str
    parameters: Any = None
    many: bool = False


Recording = tuple[Step, ...]
"""Everything one request sent."""


@contextmanager
def recording(engine: Engine) -> Iterator[list[Step]]:
    """Writes down what the engine sends to the database, in order, while the block runs."""
    steps: list[Step] = []

    def on_statement(_conn: object, _cursor: object, text: str, parameters: Any, _context: object, many: bool) -> None:
        steps.append(Step(text, parameters, many))

    def on_commit(_conn: object) -> None:
        steps.append(Step(COMMIT))

    def on_rollback(_conn: object) -> None:
        steps.append(Step(ROLLBACK))

    listeners = (("before_cursor_execute", on_statement), ("commit", on_commit), ("rollback", on_rollback))
    for name, listener in listeners:
        sa.event.listen(engine, name, listener)
    try:
        yield steps
    finally:
        for name, listener in listeners:
            sa.event.remove(engine, name, listener)


class SqlPlayer:
    """One bare PyMySQL connection, set up as the platform's are: isolation, time zone, lock timeout, SQL mode."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = pymysql.connect(
            host="127.0.0.1",
            port=int(parts.port or 3306),
            user=parts.username,
            database=parts.path.strip("/"),
            charset="utf8mb4",
            init_command="SET SESSION innodb_lock_wait_timeout=5, time_zone='+00:00', "
            "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
        )
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def play(self, recording: Recording) -> None:
        """Sends a request's statements and reads their rows. Raises pymysql's errors."""
        with self._connection.cursor() as cursor:
            for step in recording:
                if step.text == COMMIT:
                    self._connection.commit()
                elif step.text == ROLLBACK:
                    self._connection.rollback()
                elif step.many:
                    cursor.executemany(step.text, step.parameters)
                else:
                    cursor.execute(step.text, step.parameters)
                    cursor.fetchall()

    def timed(self, recordings: Sequence[Recording]) -> float:
        """Seconds that playing them one after the other takes."""
        began = time.perf_counter()
        for recording in recordings:
            self.play(recording)
        return time.perf_counter() - began

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()
