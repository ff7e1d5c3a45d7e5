"""SQL of the days of locations that were counted."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from functions.operators.day_figures import Day, of_stored, stored
from functions.operators.tables import location_day
from shared.tx import Tx

_C = location_day.c
LOCATIONS_AT_ONCE = 100


def put(tx: Tx, location_id: uuid.UUID, day: date, figures: Day) -> None:
    """Stores a location's day, in place of what was counted of it before."""
    tx.execute(sa.delete(location_day).where(_C.location_id == location_id, _C.day == day.isoformat()))
    row = {"location_id": location_id, "day": day.isoformat(), "hours": stored(figures), "counted_at": tx.now}
    tx.execute(sa.insert(location_day).values(**row))


def counted(tx: Tx, location_id: uuid.UUID, first: date) -> dict[date, datetime]:
    """When each of a location's days from one on was counted."""
    statement = sa.select(_C.day, _C.counted_at).where(_C.location_id == location_id, _C.day >= first.isoformat())
    return {date.fromisoformat(row.day): row.counted_at for row in tx.execute(statement)}


def between(tx: Tx, location_ids: Sequence[uuid.UUID], first: date, until: date) -> dict[tuple[uuid.UUID, date], Day]:
    """The days [first, until) of locations that were counted."""
    days: dict[tuple[uuid.UUID, date], Day] = {}
    for at in range(0, len(location_ids), LOCATIONS_AT_ONCE):
        batch = list(location_ids[at : at + LOCATIONS_AT_ONCE])
        period = (_C.day >= first.isoformat(), _C.day < until.isoformat())
        for row in tx.execute(sa.select(location_day).where(_C.location_id.in_(batch), *period)):
            days[row.location_id, date.fromisoformat(row.day)] = of_stored(row.hours)
    return days
