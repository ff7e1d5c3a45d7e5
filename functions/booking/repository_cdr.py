"""Every SQL statement of charge detail records, which are added and read, never changed, and of what is due for bookings."""

import uuid
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from functions.booking.charging import Cdr
from functions.booking.domain import ReservationStatus
from functions.booking.tables import booking, cdr
from shared.db import insert_rows
from shared.tx import Tx

_COLUMNS = [field.name for field in fields(Cdr)]


def add(tx: Tx, record: Cdr) -> None:
    """Stores a record."""
    insert_rows(tx.conn, cdr, [{name: getattr(record, name) for name in _COLUMNS}])


def of_booking(tx: Tx, booking_id: uuid.UUID) -> list[Cdr]:
    """A booking's records in the order in which they were written."""
    statement = sa.select(cdr).where(cdr.c.booking_id == booking_id).order_by(cdr.c.seq)
    return [Cdr(**row._asdict()) for row in tx.execute(statement)]


def starting_between(
    tx: Tx,
    statuses: Sequence[ReservationStatus],
    *,
    since: datetime,
    until: datetime,
    after: uuid.UUID | None,
    limit: int,
) -> list[uuid.UUID]:
    """Bookings of these states whose start lies in [since, until), in order of their ids after a cursor."""
    columns = booking.c
    statement = sa.select(columns.id).where(
        columns.status.in_([status.value for status in statuses]), columns.start >= since, columns.start < until
    )
    if after is not None:
        statement = statement.where(columns.id > after)
    return list(tx.execute(statement.order_by(columns.id).limit(limit)).scalars())
