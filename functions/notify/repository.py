"""Every SQL statement of notify."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.notify.order import Told
from functions.notify.records import Notification, NotificationDelivery
from functions.notify.tables import delivery, notification, told
from shared.db import for_update, insert_new
from shared.tx import Tx

FORGOTTEN: dict[str, Any] = {"content": {}, "address": ""}
"""What is left of a delivery of which nothing may stay."""


def add_notification(tx: Tx, recorded: Notification) -> None:
    """Stores an in-app message."""
    tx.execute(sa.insert(notification), dict(vars(recorded)))


def add_delivery(tx: Tx, recorded: NotificationDelivery) -> None:
    """Stores what is to be sent."""
    tx.execute(sa.insert(delivery), dict(vars(recorded)))


def pending(tx: Tx, message_id: str) -> list[NotificationDelivery]:
    """What a message still has to send and is not held any more, in order: what was given up too, should it be sent again and
    is not forgotten."""
    due = sa.or_(delivery.c.held_until.is_(None), delivery.c.held_until <= tx.now)
    is_open = delivery.c.status.in_(["PENDING", "GIVEN_UP"])
    statement = sa.select(delivery).where(delivery.c.message_id == message_id, delivery.c.address != "", is_open, due)
    return [NotificationDelivery(**row._asdict()) for row in tx.execute(statement.order_by(delivery.c.id))]


def settle(tx: Tx, delivery_id: uuid.UUID, *, status: str, error: str | None = None, forget: bool = False) -> None:
    """Records how a delivery went; `forget` leaves nothing of its text and address."""
    values: dict[str, Any] = {"status": status, "attempts": delivery.c.attempts + 1, "error": error and error[:500]}
    if status != "PENDING":
        values["settled_at"] = tx.now
    if forget:
        values |= FORGOTTEN
    tx.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(**values))


def told_of(tx: Tx, user_id: uuid.UUID, subject: str, *, lock: bool = False) -> Told | None:
    """How far somebody has been told of a subject; None where they never were."""
    columns = (told.c.revision, told.c.outside, told.c.reminded_for)
    statement = sa.select(*columns).where(told.c.user_id == user_id, told.c.subject == subject)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else Told(row.revision, row.outside, row.reminded_for)


def all_told(tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """How far somebody has been told of what, by subject."""
    columns = (told.c.subject, told.c.revision, told.c.outside, told.c.reminded_for)
    statement = sa.select(*columns).where(told.c.user_id == user_id).order_by(told.c.subject)
    return [row._asdict() for row in tx.execute(statement)]


def lock_told(tx: Tx, user_id: uuid.UUID, subject: str) -> Told:
    """The same, locked until the transaction ends; the row is made where there is none."""
    stored = told_of(tx, user_id, subject, lock=True)
    if stored is None:
        insert_new(tx.conn, told, user_id=user_id, subject=subject, **vars(Told()))
        stored = told_of(tx, user_id, subject, lock=True)
    assert stored is not None
    return stored


def set_told(tx: Tx, user_id: uuid.UUID, subject: str, now_told: Told) -> None:
    """Records how far somebody is told; the row must be locked."""
    tx.execute(sa.update(told).where(told.c.user_id == user_id, told.c.subject == subject).values(**vars(now_told)))


def give_up(tx: Tx, message_id: str) -> None:
    """Notes that what a message still had to send will not leave by itself; of what may not be kept nothing stays."""
    waiting = sa.select(delivery.c.id, delivery.c.content).where(
        delivery.c.message_id == message_id, delivery.c.status == "PENDING"
    )
    for row in tx.execute(for_update(waiting.order_by(delivery.c.id), tx.conn)).all():
        values = {} if row.content.get("keep", True) else FORGOTTEN
        changed = sa.update(delivery).where(delivery.c.id == row.id)
        tx.execute(changed.values(status="GIVEN_UP", settled_at=tx.now, **values))


def inbox(tx: Tx, user_id: uuid.UUID, *, unread: bool, before: uuid.UUID | None, limit: int | None) -> list[Notification]:
    """A user's in-app messages, newest first, after the cursor."""
    columns = notification.c
    statement = sa.select(notification).where(columns.user_id == user_id).order_by(columns.id.desc()).limit(limit)
    if unread:
        statement = statement.where(columns.read_at.is_(None))
    if before is not None:
        statement = statement.where(columns.id < before)
    return [Notification(**row._asdict()) for row in tx.execute(statement)]


def get(tx: Tx, notification_id: uuid.UUID) -> Notification | None:
    """One in-app message."""
    row = tx.execute(sa.select(notification).where(notification.c.id == notification_id)).one_or_none()
    return None if row is None else Notification(**row._asdict())


def mark_read(tx: Tx, notification_id: uuid.UUID) -> None:
    """Marks a message as read, the first time only."""
    statement = sa.update(notification).where(notification.c.id == notification_id, notification.c.read_at.is_(None))
    tx.execute(statement.values(read_at=tx.now))


def deliveries_of(tx: Tx, user_id: uuid.UUID) -> list[NotificationDelivery]:
    """What was sent to a user outside, or is on its way, in order."""
    statement = sa.select(delivery).where(delivery.c.user_id == user_id).order_by(delivery.c.id)
    return [NotificationDelivery(**row._asdict()) for row in tx.execute(statement)]


def erase(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's messages."""
    for table in (notification, delivery, told):
        tx.execute(sa.delete(table).where(table.c.user_id == user_id))


def prune_deliveries(tx: Tx, *, before: datetime, limit: int) -> int:
    """Deletes settled deliveries made before an instant, the oldest first: ids rise in time. Returns how many."""
    first = sa.select(delivery.c.id, delivery.c.created_at).where(delivery.c.status != "PENDING")
    rows = tx.execute(first.order_by(delivery.c.id).limit(limit)).all()
    ids = [row.id for row in rows if row.created_at < before]
    if ids:
        tx.execute(sa.delete(delivery).where(delivery.c.id.in_(ids)))
    return len(ids)


def prune_notifications(tx: Tx, *, read_before: datetime, unread_before: datetime, limit: int) -> int:
    """Deletes messages of the app: read ones made before one instant, all before another. Returns how many."""
    columns = notification.c
    old = sa.or_(sa.and_(columns.read_at.is_not(None), columns.created_at < read_before), columns.created_at < unread_before)
    ids = list(tx.execute(sa.select(columns.id).where(old).order_by(columns.id).limit(limit)).scalars())
    if ids:
        tx.execute(sa.delete(notification).where(columns.id.in_(ids)))
    return len(ids)
