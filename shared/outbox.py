"""Messages that leave with the transaction that caused them, and the inbox that gives each its effect once.

On Service Bus a relay sends the rows; on the embedded bus the table itself is the queue and devhost delivers from it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared.db import Id, Key, LongText, UtcDateTime, for_update, insert_new, insert_rows, metadata, new_id

CHARGE_REQUESTS = "charge-requests"
NOTIFY = "notify"
BOOKINGS = "bookings"
PAYMENTS = "payments"
QUEUES = (CHARGE_REQUESTS, NOTIFY, BOOKINGS, PAYMENTS)
"""Every queue of the platform; a test holds that each has a trigger."""

PENDING, SENT, DEAD = "PENDING", "SENT", "DEAD"

outbox_message = sa.Table(
    "outbox_message",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("queue", Key(64), nullable=False),
    sa.Column("type", Key(64), nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", Key(8), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("available_at", UtcDateTime, nullable=False),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("last_error", LongText()),
    sa.Index("ix_outbox_message_due", "state", "available_at"),
    sa.Index("ix_outbox_message_settled", "settled_at"),
)

inbox_message = sa.Table(
    "inbox_message",
    metadata,
    sa.Column("consumer", Key(64), primary_key=True),
    sa.Column("message_id", Key(64), primary_key=True),
    sa.Column("consumed_at", UtcDateTime, nullable=False),
    sa.Index("ix_inbox_message_consumed_at", "consumed_at"),
)


@dataclass(frozen=True)
class Message:
    """One message of the outbox."""

    id: uuid.UUID
    """Its MessageId on every bus."""
    queue: str
    type: str
    """The event's TYPE: what `payload` holds."""
    payload: dict[str, Any]
    """JSON values."""
    created_at: datetime
    available_at: datetime
    """It does not leave before."""
    attempts: int = 0
    """Deliveries that failed."""
    last_error: str | None = None
    """Why the last of them failed."""

    @property
    def due_at(self) -> datetime:
        """From when on it is late: when it might first leave, which a message that is held or for later may not at once."""
        return self.created_at if self.attempts else self.available_at


def message(
    *, queue: str, event_type: str, payload: dict[str, Any], now: datetime, available_at: datetime | None = None
) -> Message:
    """A message that leaves not before `available_at`, once it is put in the outbox."""
    return Message(new_id(), queue, event_type, payload, now, available_at or now)


def put(conn: Connection, messages: Sequence[Message]) -> None:
    """Writes messages in the caller's transaction, in one statement; they leave after the commit."""
    rows = [
        {
            "id": message.id,
            "queue": message.queue,
            "type": message.type,
            "payload": message.payload,
            "state": PENDING,
            "created_at": message.created_at,
            "available_at": message.available_at,
            "attempts": 0,
        }
        for message in messages
    ]
    insert_rows(conn, outbox_message, rows)


def due(conn: Connection, *, now: datetime, limit: int = 100, queue: str | None = None) -> list[Message]:
    """Messages waiting to leave, oldest first, locked for this transaction; those another relay holds are skipped."""
    columns = outbox_message.c
    statement = (
        sa.select(outbox_message)
        .where(columns.state == PENDING, columns.available_at <= now)
        .order_by(columns.available_at, columns.id)
        .limit(limit)
    )
    if queue is not None:
        statement = statement.where(columns.queue == queue)
    return [_message(row) for row in conn.execute(for_update(statement, conn, skip_locked=True))]


def next_due_at(conn: Connection) -> datetime | None:
    """When the next waiting message may leave: replays jump their clock there."""
    statement = sa.select(sa.func.min(outbox_message.c.available_at)).where(outbox_message.c.state == PENDING)
    due_at: datetime | None = conn.execute(statement).scalar()
    return due_at


def settle(conn: Connection, ids: list[uuid.UUID], *, now: datetime) -> None:
    """The messages reached the bus, or on the embedded bus their consumer."""
    if ids:
        conn.execute(sa.update(outbox_message).where(outbox_message.c.id.in_(ids)).values(state=SENT, settled_at=now))


def put_back(conn: Connection, message_id: uuid.UUID, *, error: str, available_at: datetime) -> None:
    """A delivery failed: it is counted and tried again at `available_at`."""
    conn.execute(
        sa.update(outbox_message)
        .where(outbox_message.c.id == message_id)
        .values(attempts=outbox_message.c.attempts + 1, last_error=error, available_at=available_at)
    )


def dead_letter(conn: Connection, message_id: uuid.UUID, *, error: str, now: datetime) -> None:
    """The message failed too often: it stays, visible to administrators, and is not tried again by itself."""
    conn.execute(
        sa.update(outbox_message)
        .where(outbox_message.c.id == message_id)
        .values(state=DEAD, attempts=outbox_message.c.attempts + 1, last_error=error, settled_at=now)
    )


def note_failure(conn: Connection, message_id: uuid.UUID, *, error: str) -> None:
    """A delivery by the bus failed: should it be the last, administrators read why."""
    conn.execute(sa.update(outbox_message).where(outbox_message.c.id == message_id).values(last_error=error))


def keep_dead(
    conn: Connection,
    message_id: uuid.UUID,
    *,
    queue: str,
    event_type: str,
    payload: Any,
    deliveries: int,
    reason: str,
    now: datetime,
) -> bool:
    """Keeps what the bus gave up on, once: the row it came from becomes a dead letter.

    The row keeps the last failure where one was noted; what never was a row of ours gets one. False where it is known as
    dead already.
    """
    columns = outbox_message.c
    row = conn.execute(
        for_update(sa.select(columns.state, columns.last_error).where(columns.id == message_id), conn)
    ).one_or_none()
    if row is None:
        conn.execute(
            sa.insert(outbox_message).values(
                id=message_id,
                queue=queue,
                type=event_type,
                payload=payload,
                state=DEAD,
                created_at=now,
                available_at=now,
                settled_at=now,
                attempts=deliveries,
                last_error=reason,
            )
        )
        return True
    if row.state != SENT:  # dead already, or on its way again: this is an older copy
        return False
    error = row.last_error or reason
    changed = {"state": DEAD, "settled_at": now, "attempts": deliveries, "last_error": error}
    conn.execute(sa.update(outbox_message).where(columns.id == message_id).values(**changed))
    return True


def revive(conn: Connection, message_id: uuid.UUID, *, now: datetime) -> bool:
    """Sends a dead letter again; False if there is none."""
    result = conn.execute(
        sa.update(outbox_message)
        .where(outbox_message.c.id == message_id, outbox_message.c.state == DEAD)
        .values(state=PENDING, attempts=0, available_at=now, settled_at=None)
    )
    return result.rowcount == 1


def dead_letters(conn: Connection, *, limit: int = 100, before: uuid.UUID | None = None) -> list[Message]:
    """What failed for good, newest message first, after the cursor."""
    statement = sa.select(outbox_message).where(outbox_message.c.state == DEAD)
    if before is not None:
        statement = statement.where(outbox_message.c.id < before)
    return [_message(row) for row in conn.execute(statement.order_by(outbox_message.c.id.desc()).limit(limit))]


def dead_letter_of(conn: Connection, message_id: uuid.UUID) -> Message | None:
    """One dead letter."""
    statement = sa.select(outbox_message).where(outbox_message.c.id == message_id, outbox_message.c.state == DEAD)
    row = conn.execute(statement).one_or_none()
    return None if row is None else _message(row)


def counts(conn: Connection) -> dict[str, dict[str, int]]:
    """Messages by queue and state."""
    by_queue: dict[str, dict[str, int]] = {queue: {PENDING: 0, SENT: 0, DEAD: 0} for queue in QUEUES}
    statement = sa.select(outbox_message.c.queue, outbox_message.c.state, sa.func.count()).group_by(
        outbox_message.c.queue, outbox_message.c.state
    )
    for queue, state, count in conn.execute(statement):
        by_queue.setdefault(queue, {})[state] = count
    return by_queue


def waiting(conn: Connection, *, now: datetime) -> dict[str, tuple[int, datetime | None]]:
    """By queue: how many messages are due and have not left, and when the oldest of them was due; None where there is none."""
    columns = outbox_message.c
    statement = (
        sa.select(columns.queue, sa.func.count(), sa.func.min(columns.available_at))
        .where(columns.state == PENDING, columns.available_at <= now)
        .group_by(columns.queue)
    )
    by_queue = {queue: (count, oldest) for queue, count, oldest in conn.execute(statement)}
    return {queue: by_queue.get(queue, (0, None)) for queue in QUEUES}


def dead(conn: Connection) -> dict[str, int]:
    """How many dead letters there are, by queue."""
    columns = outbox_message.c
    count = sa.func.count().label("number")
    statement = sa.select(columns.queue, count).where(columns.state == DEAD).group_by(columns.queue)
    by_queue = {row.queue: row.number for row in conn.execute(statement)}
    return {queue: by_queue.get(queue, 0) for queue in QUEUES} | by_queue


def first_time(conn: Connection, *, consumer: str, message_id: str, now: datetime) -> bool:
    """Records in the effect's transaction that `consumer` took the message; False if it did so before."""
    return insert_new(conn, inbox_message, consumer=consumer, message_id=message_id, consumed_at=now)


def prune(conn: Connection, *, now: datetime, keep: timedelta = timedelta(days=7), limit: int = 1000) -> int:
    """Deletes settled messages and inbox rows older than `keep`; dead letters stay."""
    old = sa.select(outbox_message.c.id).where(outbox_message.c.state == SENT, outbox_message.c.settled_at < now - keep)
    message_ids = list(conn.execute(old.limit(limit)).scalars())
    if message_ids:
        conn.execute(sa.delete(outbox_message).where(outbox_message.c.id.in_(message_ids)))
    deleted = conn.execute(sa.delete(inbox_message).where(inbox_message.c.consumed_at < now - keep))
    return len(message_ids) + deleted.rowcount


def _message(row: Any) -> Message:
    return Message(
        id=row.id,
        queue=row.queue,
        type=row.type,
        payload=row.payload,
        created_at=row.created_at,
        available_at=row.available_at,
        attempts=row.attempts,
        last_error=row.last_error,
    )
