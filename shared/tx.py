"""`Tx`, what a use case gets: a connection inside a transaction, the instant, who acts, and the outbox."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared import audit, outbox
from shared.clock import Clock
from shared.db import new_id
from shared.events import Event
from shared.precompiled import Precompiled
from shared.settings import Settings


@dataclass(frozen=True)
class Actor:
    """Who acts: a person with a role, or the platform itself (`SYSTEM`)."""

    role: str
    """driver, owner, admin, or system."""
    id: uuid.UUID | None = None
    """The person's account."""
    session_id: uuid.UUID | None = None
    """The session of the token that came with the call."""
    address: str | None = None
    """The network address the call came from."""
    may_lack_factor: bool = False
    """Whether the call is one of those by which somebody sets up the second factor that their role must have."""
    key_hash: str | None = field(default=None, repr=False)
    """Of a station key that came with the call and is not looked up yet: the use case does that in its own transaction."""


SYSTEM = Actor("system")


@dataclass
class Tx:
    """One transaction of one use case. Services take it, and never commit."""

    conn: Connection
    clock: Clock
    settings: Settings
    actor: Actor = SYSTEM
    queues: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By an event's TYPE: the queues on which somebody listens (app/subscriptions.py)."""
    now: datetime = field(init=False)
    """The instant of the transaction's begin; one use case sees one instant."""
    emitted: list[outbox.Message] = field(default_factory=list)
    """What goes into the outbox at the end."""
    wake: bool = False
    """Whether the relay has something to send after the commit though nothing was emitted."""
    audited: int = 0
    """Audit entries that this use case wrote."""
    committed: list[Callable[[], None]] = field(default_factory=list)
    """What is done once the transaction has committed, and not where it is rolled back."""

    def __post_init__(self) -> None:
        self.now = self.clock.now()

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Runs a statement in the transaction."""
        result: sa.CursorResult[Any] = self.conn.execute(statement, parameters)
        return result

    def rows(self, statement: Precompiled, /, **values: Any) -> list[Any]:
        """The rows of a precompiled SELECT as named tuples. Raises TypeError where `values` are not those of the statement."""
        return statement.rows(self.conn, **values)

    def change(self, statement: Precompiled, /, **values: Any) -> int:
        """Sends a precompiled INSERT, UPDATE or DELETE. Returns how many rows it matched."""
        return statement.execute(self.conn, **values)

    def when_committed(self, do: Callable[[], None]) -> None:
        """Does something that nothing can take back, such as a line of a log, once what it tells of is true."""
        self.committed.append(do)

    def publish(self, event: Event, *, available_at: datetime | None = None) -> None:
        """Tells whoever subscribes that something has happened: a message for each queue on which somebody listens.

        It leaves after the commit, not before `available_at`. Raises RuntimeError where nobody subscribes.
        """
        queues = self.queues.get(event.TYPE)
        if not queues:
            raise RuntimeError(f"nobody subscribes to {event.TYPE}")
        payload = event.to_payload()
        for queue in queues:
            self.emit(queue, event.TYPE, payload, available_at=available_at)

    def emit(
        self, queue: str, event_type: str, payload: dict[str, Any], *, available_at: datetime | None = None
    ) -> outbox.Message:
        """The low-level primitive under `publish`: one message for one queue. Domains publish events instead.

        It is written at the end of the transaction with all others, and leaves after the commit (not before `available_at`).
        """
        message = outbox.message(queue=queue, event_type=event_type, payload=payload, now=self.now, available_at=available_at)
        self.emitted.append(message)
        return message

    def audit(
        self,
        action: str,
        *,
        object_type: str,
        object_id: uuid.UUID,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Records who did what to which object, before and after, from where."""
        self.audited += 1
        self.conn.execute(
            audit.entry(
                entry_id=new_id(),
                at=self.now,
                actor_id=self.actor.id,
                actor_role=self.actor.role,
                action=action,
                object_type=object_type,
                object_id=object_id,
                before=before,
                after=after,
                address=self.actor.address,
            )
        )
