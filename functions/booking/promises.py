"""Promises kept and broken: what was booked against what came of it, by week, as the platform itself has seen it.

A booking that stands promises its driver a charger from its start on. It is broken by as long as somebody else was still there
then, until the driver began, gave up or was missed, and wholly where the operator's side let it go. What the driver cancels
promises nothing any more.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from functions.booking.charging import LONGEST_SESSION
from functions.booking.domain import ReservationStatus, WhoCanceled
from functions.booking.tables import booking, charging_session
from shared.tx import Tx

WEEK = timedelta(days=7)
LATE, VERY_LATE = timedelta(minutes=5), timedelta(minutes=15)
"""Above so long after the start a promise counts as broken."""
_DUE = (ReservationStatus.FULFILLED.value, ReservationStatus.NO_SHOW.value, ReservationStatus.CANCELED.value)


@dataclass(frozen=True)
class PromiseWeek:
    """The bookings whose start fell into a week (Monday to Sunday, UTC) that has begun."""

    week: date
    """Its Monday."""
    planned: int
    """Those that stood until their start, or until the operator's side ended them."""
    told: int
    """Those of them whose driver was told their EVSE."""
    kept: int
    """Those of them where nobody else was there for more than five minutes after the start."""
    broken_5: int
    """Somebody else was there for more than five minutes after the start; those below are among them."""
    broken_15: int
    """For more than fifteen."""
    withdrawn: int
    """The operator's side ended them."""
    missed: int
    """Their driver did not come; kept or broken all the same."""


def by_week(*, tx: Tx, weeks: int) -> list[PromiseWeek]:
    """The last so many weeks, the present one first; of that one what is over."""
    monday = tx.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=tx.now.weekday())
    mondays = [monday - WEEK * number for number in range(weeks)]
    rows = _due(tx, mondays[-1], tx.now)
    return [_week(first, [row for row in rows if first <= row.start < first + WEEK]) for first in mondays]


@dataclass(frozen=True)
class _Due:
    start: datetime
    status: str
    withdrawn: bool
    told: bool
    engaged_for: timedelta
    """How long somebody else was at its EVSE after its start."""


def _week(monday: datetime, due: list[_Due]) -> PromiseWeek:
    broken = [item for item in due if not item.withdrawn and item.engaged_for > LATE]
    withdrawn = sum(item.withdrawn for item in due)
    return PromiseWeek(
        week=monday.date(),
        planned=len(due),
        told=sum(item.told for item in due),
        kept=len(due) - len(broken) - withdrawn,
        broken_5=len(broken),
        broken_15=sum(item.engaged_for > VERY_LATE for item in broken),
        withdrawn=withdrawn,
        missed=sum(item.status == ReservationStatus.NO_SHOW for item in due),
    )


def _due(tx: Tx, since: datetime, until: datetime) -> list[_Due]:
    """The bookings that promised something, by their start in [since, until)."""
    columns, other = booking.c, charging_session.c
    somebody_left = (
        sa.select(sa.func.max(sa.func.coalesce(other.ended_at, tx.now)))
        .where(
            other.evse_id == columns.evse_id,
            sa.or_(other.booking_id.is_(None), other.booking_id != columns.id),
            other.started_at < columns.start,
            other.started_at > since - 2 * LONGEST_SESSION,
            sa.or_(other.ended_at.is_(None), other.ended_at > columns.start),
        )
        .scalar_subquery()
    )
    statement = sa.select(
        columns.start,
        columns.status,
        columns.canceled,
        columns.revealed_at,
        columns.started_at,
        columns.ended_at,
        somebody_left.label("left_at"),
    ).where(columns.status.in_(_DUE), columns.start >= since, columns.start < until)
    due = []
    for row in tx.execute(statement):
        withdrawn = row.status == ReservationStatus.CANCELED
        canceled = row.canceled or {}
        if withdrawn and (canceled.get("who_canceled") != WhoCanceled.CPO or canceled.get("late") is None):
            continue  # by the driver, or an offer that never became a booking
        gone = row.started_at or row.ended_at or tx.now
        engaged = timedelta() if row.left_at is None else max(timedelta(), min(row.left_at, gone) - row.start)
        due.append(_Due(row.start, row.status, withdrawn, row.revealed_at is not None, engaged))
    return due
