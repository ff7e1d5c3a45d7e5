"""Every SQL statement of forecasts, of what is remembered between runs, and of what came true."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa

from functions.forecast.memory import GroupKey
from functions.forecast.tables import forecast, forecast_memory, forecast_reliability
from shared.db import for_update, insert_new
from shared.tx import Tx

NO_VERSION = ""
"""A key has no NULL: what was forecast without a model counts under this version."""
PRUNED = 5000
"""Rows deleted by one statement: locks stay short."""


@dataclass(frozen=True)
class Forecast:
    """A forecast as it is stored."""

    location_id: uuid.UUID
    power_class: str
    target_time: datetime
    """The instant that is forecast."""
    horizon_minutes: int
    """How long before it the forecast was made."""
    p_free: float
    """Chance that one point of the class is free then."""
    occupancy: float
    """Expected share of its points that are taken then."""
    generated_at: datetime
    model_version: str | None
    """None where no model made it."""
    source: str
    """The rung of the ladder: a word of Source."""


def memories(tx: Tx, location_ids: Sequence[uuid.UUID], *, lock: bool = True) -> dict[GroupKey, bytes]:
    """What is remembered of the groups of locations. Locked: a run beside this one waits, and finds its work done."""
    table = forecast_memory.c
    statement = (
        sa.select(table.location_id, table.power_class, table.memory)
        .where(table.location_id.in_(list(location_ids)))
        .order_by(table.location_id, table.power_class)
    )
    rows = tx.execute(for_update(statement, tx.conn) if lock else statement)
    return {(row.location_id, row.power_class): row.memory for row in rows}


def put_memories(tx: Tx, step: int, packed: Mapping[GroupKey, bytes], old: Sequence[GroupKey]) -> None:
    """Replaces what is remembered of groups; `old` are those that have a row."""
    table = forecast_memory
    for power_class in sorted({power_class for _, power_class in old}):
        ids = [location_id for location_id, group in old if group == power_class]
        tx.execute(sa.delete(table).where(table.c.location_id.in_(ids), table.c.power_class == power_class))
    rows = [
        {"location_id": location_id, "power_class": power_class, "step": step, "memory": data}
        for (location_id, power_class), data in sorted(packed.items())
    ]
    if rows:
        tx.execute(sa.insert(table), rows)


def due(tx: Tx, location_ids: Sequence[uuid.UUID], until: datetime) -> list[Forecast]:
    """The forecasts of locations for instants until then."""
    table = forecast.c
    statement = sa.select(forecast).where(table.location_id.in_(list(location_ids)), table.target_time <= until)
    return [Forecast(**row._asdict()) for row in tx.execute(statement)]


def forget_due(tx: Tx, location_ids: Sequence[uuid.UUID], until: datetime) -> None:
    """Deletes the forecasts of locations for instants until then."""
    table = forecast.c
    tx.execute(sa.delete(forecast).where(table.location_id.in_(list(location_ids)), table.target_time <= until))


def insert(tx: Tx, rows: Sequence[Forecast]) -> None:
    """Stores forecasts."""
    if rows:
        tx.execute(sa.insert(forecast), [vars(row) for row in rows])


def of_locations(
    tx: Tx, location_ids: Sequence[uuid.UUID], *, after: datetime, until: datetime | None = None
) -> list[Forecast]:
    """The forecasts of locations for instants after `after` (up to `until`), by class, target and when they were made."""
    table = forecast.c
    statement = (
        sa.select(forecast)
        .where(table.location_id.in_(list(location_ids)), table.target_time > after)
        .order_by(table.location_id, table.power_class, table.target_time, table.generated_at)
    )
    if until is not None:
        statement = statement.where(table.target_time <= until)
    return [Forecast(**row._asdict()) for row in tx.execute(statement)]


def prune(tx: Tx, *, forecasts_before: datetime, memories_before: int, reliability_before: datetime) -> int:
    """Deletes forecasts, memories and figures that nobody asks for any more. Returns how many forecasts; call again where
    it is PRUNED."""
    table = forecast.c
    old = sa.select(table.target_time).where(table.target_time < forecasts_before).order_by(table.target_time)
    last = tx.execute(old.offset(PRUNED - 1).limit(1)).scalar_one_or_none()
    until = table.target_time < forecasts_before if last is None else table.target_time <= last
    gone = tx.execute(sa.delete(forecast).where(until)).rowcount
    tx.execute(sa.delete(forecast_memory).where(forecast_memory.c.step < memories_before))
    tx.execute(sa.delete(forecast_reliability).where(forecast_reliability.c.day < reliability_before))
    return max(gone, PRUNED if last is not None else gone)


@dataclass(frozen=True)
class Tally:
    """What became of the forecasts of one bin: sums over them."""

    day: datetime
    horizon_minutes: int
    source: str
    model_version: str
    bin: int
    forecasts: int
    came_free: int
    p_free_sum: float
    brier_sum: float
    squared_error_sum: float


_SUMS = ("forecasts", "came_free", "p_free_sum", "brier_sum", "squared_error_sum")


def add_tallies(tx: Tx, tallies: Sequence[Tally]) -> None:
    """Adds to the figures of a day, in order of their key so that two runs do not lock each other."""
    table = forecast_reliability
    for item in sorted(tallies, key=lambda item: (item.day, item.horizon_minutes, item.source, item.model_version, item.bin)):
        values = vars(item)
        mine = sa.and_(*(table.c[name] == value for name, value in values.items() if name not in _SUMS))
        more = sa.update(table).where(mine).values({name: table.c[name] + values[name] for name in _SUMS})
        if tx.execute(more).rowcount == 0 and not insert_new(tx.conn, table, **values):
            tx.execute(more)


def tallies_since(tx: Tx, since: datetime, *, until: datetime | None = None) -> list[Tally]:
    """The figures since a day, summed over days (until before another)."""
    table = forecast_reliability
    by = [table.c[name] for name in ("horizon_minutes", "source", "model_version", "bin")]
    sums = [sa.func.sum(table.c[name]).label(name) for name in _SUMS]
    statement = sa.select(*by, *sums).where(table.c.day >= since).group_by(*by).order_by(*by)
    if until is not None:
        statement = statement.where(table.c.day < until)
    return [
        Tally(
            day=since,
            horizon_minutes=row.horizon_minutes,
            source=row.source,
            model_version=row.model_version,
            bin=row.bin,
            forecasts=int(row.forecasts),
            came_free=int(row.came_free),
            p_free_sum=float(row.p_free_sum),
            brier_sum=float(row.brier_sum),
            squared_error_sum=float(row.squared_error_sum),
        )
        for row in tx.execute(statement)
    ]


def tally(due: Sequence[Forecast], free: np.ndarray, occupancy: np.ndarray, *, day: datetime, bins: int) -> list[Tally]:
    """The figures of forecasts whose instant has come: whether one was free, and the busy share, [forecasts]."""
    totals: dict[tuple[int, str, str, int], list[float]] = {}
    for judged, came, share in zip(due, free.tolist(), occupancy.tolist(), strict=True):
        p_free_bin = min(int(judged.p_free * bins), bins - 1)
        sums = totals.setdefault(
            (judged.horizon_minutes, judged.source, judged.model_version or NO_VERSION, p_free_bin), [0.0] * 5
        )
        squared = (judged.p_free - came) ** 2, (judged.occupancy - share) ** 2
        for index, value in enumerate((1.0, float(came), judged.p_free, *squared)):
            sums[index] += value
    return [
        Tally(day, horizon, source, version, p_free_bin, int(sums[0]), int(sums[1]), *sums[2:])
        for (horizon, source, version, p_free_bin), sums in totals.items()
    ]
