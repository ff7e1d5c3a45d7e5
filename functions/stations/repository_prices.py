"""Every SQL statement of dynamic prices: the factors of the coming week, and when they were worked out."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from functions.stations.domain import APPROVED
from functions.stations.tables import location, price_run, price_step
from shared.db import insert_new
from shared.precompiled import Precompiled
from shared.tx import Tx

ClassKey = tuple[uuid.UUID, str]
"""Location and power class."""
Steps = list[tuple[datetime, Decimal]]
PER_CENT = 100

_STEPS = Precompiled(
    sa.select(price_step.c.location_id, price_step.c.power_class, price_step.c.slot_start, price_step.c.factor_percent)
    .join_from(price_step, price_run, price_run.c.location_id == price_step.c.location_id)
    .where(
        price_step.c.location_id.in_(sa.bindparam("ids", expanding=True)),
        price_step.c.slot_start < sa.bindparam("until"),
        price_run.c.written_at >= sa.bindparam("fresh"),
    )
    .order_by(price_step.c.location_id, price_step.c.power_class, price_step.c.slot_start)
)


def steps(tx: Tx, location_ids: Sequence[uuid.UUID], *, until: datetime, fresh: datetime) -> dict[ClassKey, Steps]:
    """The steps of locations that begin before an instant, of those worked out at `fresh` or later."""
    by_class: dict[ClassKey, Steps] = {}
    for row in tx.rows(_STEPS, ids=location_ids, until=until, fresh=fresh):
        factor = Decimal(row.factor_percent) / PER_CENT
        by_class.setdefault((row.location_id, row.power_class), []).append((row.slot_start, factor))
    return by_class


def written_at(tx: Tx, location_id: uuid.UUID) -> datetime | None:
    """When a location's factors were last worked out."""
    return tx.execute(sa.select(price_run.c.written_at).where(price_run.c.location_id == location_id)).scalar_one_or_none()


def put(tx: Tx, location_id: uuid.UUID, by_class: Mapping[str, Iterable[tuple[datetime, Decimal]]]) -> None:
    """Replaces a location's steps by those worked out now; where they are the same their age alone changes. The row of the run
    is written first: two at once follow each other."""
    mine = price_run.c.location_id == location_id
    stamped = sa.update(price_run).where(mine).values(written_at=tx.now)
    if tx.execute(stamped).rowcount == 0 and not insert_new(tx.conn, price_run, location_id=location_id, written_at=tx.now):
        tx.execute(stamped)
    wanted = {
        (power_class, start, int(factor * PER_CENT)) for power_class, steps_ in by_class.items() for start, factor in steps_
    }
    columns = price_step.c
    statement = sa.select(columns.power_class, columns.slot_start, columns.factor_percent)
    standing = {tuple(row) for row in tx.execute(statement.where(columns.location_id == location_id))}
    if standing == wanted:
        return
    tx.execute(sa.delete(price_step).where(columns.location_id == location_id))
    names = ("power_class", "slot_start", "factor_percent")
    rows = [{"location_id": location_id} | dict(zip(names, row, strict=True)) for row in sorted(wanted)]
    if rows:
        tx.execute(sa.insert(price_step), rows)


def forget(tx: Tx, location_id: uuid.UUID) -> None:
    """Deletes what was worked out for a location."""
    for table in (price_step, price_run):
        tx.execute(sa.delete(table).where(table.c.location_id == location_id))


def ruled(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """Ids of approved locations that have a price rule, in order, after the cursor."""
    statement = sa.select(location.c.id).where(location.c.status == APPROVED, location.c.price_rule.is_not(None))
    if after is not None:
        statement = statement.where(location.c.id > after)
    return list(tx.execute(statement.order_by(location.c.id).limit(limit)).scalars())
