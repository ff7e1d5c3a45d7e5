"""Every SQL statement of charge detail records: they are added and read, never changed."""

import uuid
from dataclasses import fields

import sqlalchemy as sa

from functions.booking.charging import Cdr
from functions.booking.tables import cdr
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
