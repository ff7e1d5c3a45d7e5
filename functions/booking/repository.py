"""Every SQL statement of bookings but those of their claims (repository_claims.py)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter

from functions.booking.domain import (
    LIVE,
    Booking,
    Cancellation,
    Filter,
    Position,
    RecordedSession,
    RequestStatus,
    ReservationStatus,
    Settlement,
)
from functions.booking.limits import Standing
from functions.booking.tables import booking, booking_request
from functions.stations.domain import BookingTerms
from functions.tariffs.pricing import Quote
from shared.db import for_update, insert_rows, new_id
from shared.precompiled import Precompiled
from shared.tx import Tx

LONGEST = timedelta(days=1)
"""No booking is longer: the terms' largest max_booking_minutes."""

_COLUMNS = [field.name for field in fields(Booking)]
_SETTLEMENT: TypeAdapter[Settlement | None] = TypeAdapter(Settlement | None)


def _booking(row: sa.Row[Any]) -> Booking:
    values = row._asdict()
    values["status"] = ReservationStatus(values["status"])
    values["quote"] = Quote.model_validate(values["quote"])
    values["terms"] = BookingTerms.model_validate(values["terms"])
    if values["canceled"] is not None:
        values["canceled"] = Cancellation.model_validate(values["canceled"])
    if values["settlement"] is not None:
        values["settlement"] = _SETTLEMENT.validate_python(values["settlement"])
    return Booking(**values)


def _stored(value: Any) -> Any:
    """A value of a booking as its column holds it: documents as JSON, states as their word."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.value if isinstance(value, ReservationStatus) else value


def insert(tx: Tx, reserved: Booking) -> None:
    """Stores a new booking."""
    insert_rows(tx.conn, booking, [{name: _stored(getattr(reserved, name)) for name in _COLUMNS}])


def update(tx: Tx, booking_id: uuid.UUID, **values: Any) -> None:
    """Changes fields of one booking."""
    stored = {name: _stored(value) for name, value in values.items()}
    tx.execute(sa.update(booking).where(booking.c.id == booking_id).values(**stored, updated_at=tx.now))


def get(tx: Tx, booking_id: uuid.UUID, *, lock: bool = False) -> Booking | None:
    """One booking, locked where asked."""
    statement = sa.select(booking).where(booking.c.id == booking_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _booking(row)


def read_by_ids(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by id, not locked."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row.id: _booking(row) for row in tx.execute(sa.select(booking).where(booking.c.id.in_(wanted)))}


def by_ids(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by id, locked in ascending order of id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    statement = sa.select(booking).where(booking.c.id.in_(wanted)).order_by(booking.c.id)
    return {row.id: _booking(row) for row in tx.execute(for_update(statement, tx.conn))}


def of_user(tx: Tx, user_id: uuid.UUID, *, wanted: Filter, before: uuid.UUID | None, limit: int | None) -> list[Booking]:
    """A driver's bookings, newest first, after the cursor."""
    statement = sa.select(booking).where(booking.c.user_id == user_id, *_passing(wanted)).order_by(booking.c.id.desc())
    if before is not None:
        statement = statement.where(booking.c.id < before)
    return [_booking(row) for row in tx.execute(statement.limit(limit))]


def at_locations(
    tx: Tx, location_ids: Sequence[uuid.UUID], *, wanted: Filter, after: Position | None, limit: int
) -> list[Booking]:
    """Bookings at locations in order of start and id, after the cursor."""
    columns = booking.c
    statement = sa.select(booking).where(columns.location_id.in_(list(location_ids)), *_passing(wanted))
    if after is not None:
        start, booking_id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > booking_id))
    return [_booking(row) for row in tx.execute(statement.order_by(columns.start, columns.id).limit(limit))]


def _passing(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    columns = booking.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.statuses:
        conditions.append(columns.status.in_([status.value for status in wanted.statuses]))
    if wanted.location_id is not None:
        conditions.append(columns.location_id == wanted.location_id)
    if wanted.vehicle_id is not None:
        conditions.append(columns.vehicle_id == wanted.vehicle_id)
    if wanted.since is not None:
        conditions += [columns.start > wanted.since - LONGEST, columns.end > wanted.since]  # the first for the index
    if wanted.until is not None:
        conditions.append(columns.start < wanted.until)
    return conditions


_STANDING = Precompiled(
    sa.select(
        booking.c.id,
        booking.c.location_id,
        booking.c.vehicle_id,
        booking.c.start,
        booking.c.end,
        booking.c.hold_expires_at,
        booking.c.status,
    ).where(
        booking.c.user_id == sa.bindparam("user_id"),
        sa.or_(
            booking.c.status == ReservationStatus.RESERVED.value,
            sa.and_(booking.c.status == ReservationStatus.PENDING.value, booking.c.hold_expires_at > sa.bindparam("now")),
            sa.and_(booking.c.status == ReservationStatus.FULFILLED.value, booking.c.stopped_at.is_(None)),
        ),
        booking.c.end > sa.bindparam("now"),
    )
)


def standing(tx: Tx, user_id: uuid.UUID) -> list[Standing]:
    """A driver's bookings that stand and have not ended: reserved, charging, or held by an offer that has not lapsed."""
    counted = []
    for row in tx.rows(_STANDING, user_id=user_id, now=tx.now):
        until = min(row.hold_expires_at, row.end) if row.status == ReservationStatus.PENDING.value else row.end
        counted.append(Standing(row.id, row.location_id, row.vehicle_id, row.start, row.end, until))
    return counted


def standing_at(tx: Tx, location_id: uuid.UUID) -> list[Booking]:
    """A location's bookings that have not ended and hold a place there, sessions that run among them; locked, by id."""
    statement = sa.select(booking.c.id).where(
        booking.c.location_id == location_id,
        sa.or_(
            booking.c.status.in_([item.value for item in LIVE]),
            sa.and_(booking.c.status == ReservationStatus.FULFILLED.value, booking.c.stopped_at.is_(None)),
        ),
        booking.c.end > tx.now,
    )
    bookings = by_ids(tx, tx.execute(statement).scalars())
    return [bookings[booking_id] for booking_id in sorted(bookings)]


def open_of_user(tx: Tx, user_id: uuid.UUID) -> list[Booking]:
    """A driver's bookings that are held, reserved or being charged, however long ago they should have ended."""
    statement = sa.select(booking).where(
        booking.c.user_id == user_id,
        sa.or_(
            booking.c.status.in_([item.value for item in LIVE]),
            sa.and_(booking.c.status == ReservationStatus.FULFILLED.value, booking.c.stopped_at.is_(None)),
        ),
    )
    return [_booking(row) for row in tx.execute(statement)]


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's bookings to another id and takes their vehicle off them. Returns how many."""
    statement = sa.update(booking).where(booking.c.user_id == user_id)
    return tx.execute(statement.values(user_id=pseudonym, vehicle_id=None)).rowcount


def fulfilled(
    tx: Tx, *, since: datetime, until: datetime, after: Position | None, limit: int
) -> list[tuple[Position, RecordedSession]]:
    """FULFILLED bookings whose booked start lies in [since, until), by start and id, after the cursor."""
    columns = booking.c
    measured = (columns.started_at, columns.stopped_at, columns.session_energy_kwh)
    statement = (
        sa.select(columns.id, columns.evse_id, columns.start, columns.end, columns.energy_kwh, *measured)
        .where(columns.status == ReservationStatus.FULFILLED.value, columns.start >= since, columns.start < until)
        .order_by(columns.start, columns.id)
        .limit(limit)
    )
    if after is not None:
        start, booking_id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > booking_id))
    return [
        (
            (row.start, row.id),
            RecordedSession(
                row.evse_id,
                row.started_at or row.start,
                row.stopped_at or row.end,
                row.energy_kwh if row.session_energy_kwh is None else row.session_energy_kwh,
            ),
        )
        for row in tx.execute(statement)
    ]


def running(tx: Tx, location_ids: Sequence[uuid.UUID], *, since: datetime) -> list[tuple[uuid.UUID, datetime]]:
    """(EVSE, start) of the sessions at locations that began after `since` and were not stopped."""
    columns = booking.c
    statement = sa.select(columns.evse_id, columns.started_at).where(
        columns.location_id.in_(list(location_ids)),
        columns.start >= since - timedelta(hours=1),  # an early start is before the booked one by at most an hour
        columns.status == ReservationStatus.FULFILLED.value,
        columns.started_at > since,
        columns.stopped_at.is_(None),
    )
    return [(row.evse_id, row.started_at) for row in tx.execute(statement)]


def due(tx: Tx, *, column: str, status: ReservationStatus, until: datetime, limit: int) -> list[uuid.UUID]:
    """Ids of bookings in `status` whose `column` is at or before `until`, earliest first."""
    at = booking.c[column]
    statement = sa.select(booking.c.id).where(booking.c.status == status.value, at <= until).order_by(at, booking.c.id)
    return list(tx.execute(statement.limit(limit)).scalars())


def to_reveal(tx: Tx, *, until: datetime, limit: int) -> list[uuid.UUID]:
    """Reserved bookings that begin by `until` and whose EVSE is not told yet."""
    statement = (
        sa.select(booking.c.id)
        .where(
            booking.c.status == ReservationStatus.RESERVED.value,
            booking.c.start <= until,
            booking.c.revealed_at.is_(None),
        )
        .order_by(booking.c.start, booking.c.id)
    )
    return list(tx.execute(statement.limit(limit)).scalars())


_LAPSED = Precompiled(
    sa.select(booking.c.id).where(
        booking.c.location_id == sa.bindparam("location_id"),
        booking.c.status == ReservationStatus.PENDING.value,
        booking.c.hold_expires_at <= sa.bindparam("now"),
    )
)


def lapsed_holds(tx: Tx, location_id: uuid.UUID) -> list[uuid.UUID]:
    """PENDING bookings of a location whose hold has run out."""
    return sorted(row.id for row in tx.rows(_LAPSED, location_id=location_id, now=tx.now))


def reserved_on(tx: Tx, location_id: uuid.UUID, evse_ids: Sequence[uuid.UUID]) -> list[Booking]:
    """The reserved bookings of a location on these EVSEs that have not ended, in order of their start."""
    columns = booking.c
    mine = sa.select(booking).where(columns.location_id == location_id, columns.evse_id.in_(list(evse_ids)))
    standing = mine.where(columns.status == ReservationStatus.RESERVED.value, columns.end > tx.now)
    return [_booking(row) for row in tx.execute(standing.order_by(columns.start, columns.id))]


def add_request(
    tx: Tx,
    asked: Booking,
    *,
    start: datetime,
    end: datetime,
    status: RequestStatus = RequestStatus.ACCEPTED,
    canceled: bool = False,
    reason: str | None = None,
) -> None:
    """Records what was asked of a booking (OCPI booking_requests)."""
    row = {
        "id": new_id(),
        "booking_id": asked.id,
        "request_status": status.value,
        "start": start,
        "end": end,
        "canceled": canceled,
        "reason": reason,
        "request_received": tx.now,
    }
    insert_rows(tx.conn, booking_request, [row])


def requests_of(tx: Tx, booking_id: uuid.UUID) -> list[dict[str, Any]]:
    """Everything asked of a booking, in order."""
    table = booking_request
    statement = sa.select(table).where(table.c.booking_id == booking_id).order_by(table.c.id)
    return [row._asdict() for row in tx.execute(statement)]
