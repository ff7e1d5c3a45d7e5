"""Every SQL statement of strikes."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from functions.booking.tables import booking as booking_table
from functions.booking.tables import strike
from shared.db import insert_new
from shared.tx import Tx


@dataclass(frozen=True)
class Strike:
    """A booking that nobody came to."""

    id: uuid.UUID
    user_id: uuid.UUID
    booking_id: uuid.UUID
    start: datetime
    """Of the booking."""
    at: datetime
    """When it was missed."""
    expires_at: datetime


def add(tx: Tx, new: Strike) -> None:
    """Stores a strike; a booking has one at most."""
    columns = ("id", "user_id", "booking_id", "at", "expires_at")
    insert_new(tx.conn, strike, **{name: getattr(new, name) for name in columns})


def of_user(tx: Tx, user_id: uuid.UUID, *, now: datetime) -> list[Strike]:
    """A driver's strikes that have not expired, the oldest first."""
    statement = (
        sa.select(strike, booking_table.c.start)
        .join(booking_table, booking_table.c.id == strike.c.booking_id)
        .where(strike.c.user_id == user_id, strike.c.expires_at > now)
        .order_by(strike.c.at, strike.c.id)
    )
    return [Strike(**row._asdict()) for row in tx.execute(statement)]


def all_of(tx: Tx, user_id: uuid.UUID) -> dict[uuid.UUID, datetime]:
    """By booking: until when its strike counts or counted."""
    statement = sa.select(strike.c.booking_id, strike.c.expires_at).where(strike.c.user_id == user_id)
    return {row.booking_id: row.expires_at for row in tx.execute(statement)}


def forget(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's strikes."""
    tx.execute(sa.delete(strike).where(strike.c.user_id == user_id))
