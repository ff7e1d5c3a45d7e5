"""Counts of bookings, as the platform and its drivers are told them. Its SQL is its own, like that of promises.py."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from functions.booking.domain import ReservationStatus
from functions.booking.tables import booking, charging_session
from shared.tx import Tx

_C = booking.c
_RUNS = (_C.status == ReservationStatus.FULFILLED.value, _C.stopped_at.is_(None))


@dataclass(frozen=True)
class BookingCounts:
    """How many bookings there are now."""

    held: int
    """PENDING: offers that wait for their driver."""
    reserved: int
    """RESERVED, to come or due."""
    charging: int
    """Sessions that run."""
    waiting_for_a_charger: int
    """Reserved ones at EVSEs out of use."""


def counts(*, tx: Tx, out_of_use: list[uuid.UUID]) -> BookingCounts:
    """The counts of now; `out_of_use`: EVSEs that cannot be used."""
    return BookingCounts(
        held=_count(tx, _C.status == ReservationStatus.PENDING.value, _C.hold_expires_at > tx.now),
        reserved=_count(tx, _C.status == ReservationStatus.RESERVED.value),
        charging=_count(tx, *_RUNS),
        waiting_for_a_charger=_waiting(tx, out_of_use),
    )


def _waiting(tx: Tx, evse_ids: list[uuid.UUID]) -> int:
    reserved = (_C.status == ReservationStatus.RESERVED.value, _C.end > tx.now)
    return sum(_count(tx, *reserved, _C.evse_id.in_(evse_ids[at : at + 500])) for at in range(0, len(evse_ids), 500))


def _count(tx: Tx, *conditions: sa.ColumnElement[bool]) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(booking).where(*conditions)).scalar_one())


LONGEST_STAY = timedelta(days=2)
"""No session is open for longer: it is closed after a day without a word."""


def session_spans(*, tx: Tx, location_id: uuid.UUID, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """(begin, end) of the sessions at a location, with a booking or without, that reach into [since, until); one that runs
    ends now."""
    columns = charging_session.c
    statement = sa.select(columns.started_at, columns.ended_at).where(
        columns.location_id == location_id,
        columns.started_at < until,
        columns.started_at > since - LONGEST_STAY,
        sa.or_(columns.ended_at.is_(None), columns.ended_at > since),
    )
    return [(row.started_at, row.ended_at or tx.now) for row in tx.execute(statement)]


@dataclass(frozen=True)
class SettledBooking:
    """What is counted of a booking that is over."""

    start: datetime
    status: ReservationStatus
    location_id: uuid.UUID
    kwh: float
    """Delivered, or expected where nobody measured it; 0 where nobody charged."""
    minutes: float
    """Of its session."""
    currency: str
    cost_minor: int
    """What it cost in the end: the session, or a fee."""


def settled(*, tx: Tx, user_id: uuid.UUID, since: datetime, until: datetime) -> list[SettledBooking]:
    """A driver's bookings that are over and began in [since, until), in order of their start."""
    statement = sa.select(
        _C.start,
        _C.status,
        _C.location_id,
        _C.energy_kwh,
        _C.session_energy_kwh,
        _C.started_at,
        _C.stopped_at,
        _C.quote,
        _C.settlement,
        _C.canceled,
    ).where(_C.user_id == user_id, _C.start >= since, _C.start < until)
    over = (ReservationStatus.FULFILLED.value, ReservationStatus.NO_SHOW.value, ReservationStatus.CANCELED.value)
    rows = tx.execute(statement.where(_C.status.in_(over)).order_by(_C.start, _C.id))
    return [_settled(row) for row in rows if row.status != ReservationStatus.FULFILLED.value or row.stopped_at is not None]


def _settled(row: sa.Row[tuple[object, ...]]) -> SettledBooking:
    charged = row.status == ReservationStatus.FULFILLED.value
    settlement, canceled = row.settlement or {}, row.canceled or {}
    cost = settlement.get("total_minor", settlement.get("no_show_fee_minor", canceled.get("fee_minor", 0)))
    kwh = row.energy_kwh if row.session_energy_kwh is None else row.session_energy_kwh
    minutes = (row.stopped_at - row.started_at).total_seconds() / 60 if charged and row.started_at is not None else 0.0
    return SettledBooking(
        start=row.start,
        status=ReservationStatus(row.status),
        location_id=row.location_id,
        kwh=kwh if charged else 0.0,
        minutes=minutes,
        currency=row.quote["currency"],
        cost_minor=int(cost),
    )
