"""What the broker's queues hold, in a file: a restart loses nothing that was accepted, as in Service Bus itself."""

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS stored (queue TEXT, sequence INTEGER, raw BLOB NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
    enqueued REAL NOT NULL, expires REAL, PRIMARY KEY (queue, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (queue TEXT, id TEXT, at REAL NOT NULL, PRIMARY KEY (queue, id)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Kept:
    """A message as it was kept. Locks are not: who held one before a restart lost it. Times are seconds since the epoch."""

    sequence: int
    raw: bytes
    state: str
    count: int
    enqueued: float
    expires: float | None


class Journal:
    """One file for all queues of a broker. Every change is written before it is answered; it outlives SIGKILL, not the
    machine's own crash (no fsync)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.executescript(_TABLES)

    def keep(self, queue: str, kept: Kept) -> None:
        """Writes a message, new or changed."""
        values = (queue, kept.sequence, kept.raw, kept.state, kept.count, kept.enqueued, kept.expires)
        self._file.execute("INSERT OR REPLACE INTO stored VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def change(self, queue: str, sequence: int, *, state: str, count: int) -> None:
        """Writes what became of a message; its content stays."""
        self._file.execute(
            "UPDATE stored SET state = ?, count = ? WHERE queue = ? AND sequence = ?", (state, count, queue, sequence)
        )

    def forget(self, queue: str, sequence: int) -> None:
        """A message is done with."""
        self._file.execute("DELETE FROM stored WHERE queue = ? AND sequence = ?", (queue, sequence))

    def see(self, queue: str, message_id: Any, at: float, *, window_s: float) -> None:
        """Remembers a message id for duplicate detection, and forgets those older than the window."""
        self._file.execute("DELETE FROM seen WHERE queue = ? AND at < ?", (queue, at - window_s))
        self._file.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (queue, _text(message_id), at))

    def kept(self, queue: str) -> Iterator[Kept]:
        """A queue's messages in order."""
        columns = "sequence, raw, state, count, enqueued, expires"
        for row in self._file.execute(f"SELECT {columns} FROM stored WHERE queue = ? ORDER BY sequence", (queue,)):  # noqa: S608
            yield Kept(*row)

    def seen(self, queue: str) -> dict[Any, float]:
        """The message ids a queue has seen, and when."""
        return {_id(row[0]): row[1] for row in self._file.execute("SELECT id, at FROM seen WHERE queue = ?", (queue,))}

    def last(self, queue: str) -> int:
        """The highest sequence number a queue still holds, 0 where it is empty."""
        return int(self._file.execute("SELECT max(sequence) FROM stored WHERE queue = ?", (queue,)).fetchone()[0] or 0)


def _text(message_id: Any) -> str:
    """AMQP message ids are strings, numbers, UUIDs or bytes: the type is part of the id."""
    if isinstance(message_id, bytes):
        return f"bytes:{message_id.hex()}"
    return f"{type(message_id).__name__}:{message_id}"


def _id(text: str) -> Any:
    kind, _, value = text.partition(":")
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "UUID":
        return uuid.UUID(value)
    return int(value) if kind in ("int", "ulong") else value
