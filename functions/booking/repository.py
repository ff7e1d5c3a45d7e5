"""Every SQL statement of bookings but those of their claims (repository_claims.py)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter

from functions.accounts.drivers import DriverLock, LockedDriver
from functions.booking.assurance import Assurance
from functions.booking.charging import RecordedSession
from functions.booking.domain import (
    LIVE,
    Booking,
    BookingFilter,
    BookingPosition,
    Cancellation,
    ReservationStatus,
    Settlement,
)
from functions.booking.limits import Car, OpenBooking
from functions.booking.paying import BookingPayment, PaymentState
from functions.booking.tables import booking as booking_table
from functions.booking.tables import booking_request
from functions.stations.domain import BookingTerms
from functions.tariffs.quotes import Quote
from shared import telemetry
from shared.db import Id, for_update, insert_rows, new_id
from shared.precompiled import Precompiled
from shared.tx import Tx


class RequestStatus(StrEnum):
    """OCPI ReservationRequestStatus."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


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
    if values["payment"] is not None:
        values["payment"] = BookingPayment.model_validate(values["payment"])
    values.pop("payment_state", None)
    return Booking(**values)


def _stored(value: Any) -> Any:
    """A value of a booking as its column holds it: documents as JSON, states as their word."""
    if isinstance(value, BookingTerms):
        return value.stored()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.value if isinstance(value, ReservationStatus) else value


def insert(tx: Tx, booking: Booking) -> None:
    """Stores a new booking."""
    insert_rows(tx.conn, booking_table, [{name: _stored(getattr(booking, name)) for name in _COLUMNS}])
    _count(tx, booking.status)


def update(tx: Tx, booking_id: uuid.UUID, **values: Any) -> None:
    """Changes fields of one booking."""
    stored = {name: _stored(value) for name, value in values.items()}
    tx.execute(sa.update(booking_table).where(booking_table.c.id == booking_id).values(**stored, updated_at=tx.now))
    if "status" in values:
        _count(tx, values["status"])


def _count(tx: Tx, status: ReservationStatus) -> None:
    tx.when_committed(lambda: telemetry.bookings.add(1, {"status": status.value}))


def note_payment(tx: Tx, booking_id: uuid.UUID, payment: BookingPayment) -> None:
    """Writes what a booking knows of its payment; its revision, by which letters are ordered, stays."""
    values = {"payment": payment.model_dump(mode="json"), "payment_state": payment.state.value}
    tx.execute(sa.update(booking_table).where(booking_table.c.id == booking_id).values(**values, updated_at=tx.now))


def owed_by(tx: Tx, user_id: uuid.UUID) -> uuid.UUID | None:
    """A booking of a driver's that was used and not paid; None where there is none."""
    columns = booking_table.c
    statement = sa.select(columns.id).where(columns.user_id == user_id, columns.payment_state == PaymentState.OWED.value)
    owed: uuid.UUID | None = tx.execute(statement.order_by(columns.id).limit(1)).scalar()
    return owed


def get(tx: Tx, booking_id: uuid.UUID, *, lock: bool = False) -> Booking | None:
    """One booking, locked where asked."""
    statement = sa.select(booking_table).where(booking_table.c.id == booking_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _booking(row)


def read_by_ids(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by id, not locked."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row.id: _booking(row) for row in tx.execute(sa.select(booking_table).where(booking_table.c.id.in_(wanted)))}


def by_ids(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by id, locked in ascending order of id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    statement = sa.select(booking_table).where(booking_table.c.id.in_(wanted)).order_by(booking_table.c.id)
    return {row.id: _booking(row) for row in tx.execute(for_update(statement, tx.conn))}


def of_user(tx: Tx, user_id: uuid.UUID, *, wanted: BookingFilter, before: uuid.UUID | None, limit: int | None) -> list[Booking]:
    """A driver's bookings, newest first, after the cursor."""
    statement = (
        sa.select(booking_table)
        .where(booking_table.c.user_id == user_id, *_passing(wanted))
        .order_by(booking_table.c.id.desc())
    )
    if before is not None:
        statement = statement.where(booking_table.c.id < before)
    return [_booking(row) for row in tx.execute(statement.limit(limit))]


def at_locations(
    tx: Tx, location_ids: Sequence[uuid.UUID], *, wanted: BookingFilter, after: BookingPosition | None, limit: int
) -> list[Booking]:
    """Bookings at locations in order of start and id, after the cursor."""
    columns = booking_table.c
    statement = sa.select(booking_table).where(columns.location_id.in_(list(location_ids)), *_passing(wanted))
    if after is not None:
        start, booking_id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > booking_id))
    return [_booking(row) for row in tx.execute(statement.order_by(columns.start, columns.id).limit(limit))]


def _passing(wanted: BookingFilter) -> list[sa.ColumnElement[bool]]:
    columns = booking_table.c
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


def _open(user_id: sa.ColumnElement[uuid.UUID]) -> sa.Select[Any]:
    """A driver's bookings that stand and have not ended: reserved, charging, or held by an offer that has not lapsed."""
    columns = booking_table.c
    now: sa.BindParameter[datetime] = sa.bindparam("now")
    counted = ("id", "location_id", "vehicle_id", "plate", "start", "end", "hold_expires_at", "status")
    return sa.select(*(columns[name] for name in counted)).where(
        columns.user_id == user_id,
        sa.or_(
            columns.status == ReservationStatus.RESERVED.value,
            sa.and_(columns.status == ReservationStatus.PENDING.value, columns.hold_expires_at > now),
            sa.and_(columns.status == ReservationStatus.FULFILLED.value, columns.stopped_at.is_(None)),
        ),
        columns.end > now,
    )


_USER: sa.BindParameter[uuid.UUID] = sa.bindparam("user_id", type_=Id)
_OPEN, _LOCK = Precompiled(_open(_USER)), DriverLock(_open)


def _counted(rows: Iterable[Any]) -> list[OpenBooking]:
    bookings = []
    for row in rows:
        held = row.status == ReservationStatus.PENDING.value
        until = min(row.hold_expires_at, row.end) if held else row.end
        car = Car(row.vehicle_id, row.plate)
        bookings.append(OpenBooking(row.id, row.location_id, car, row.start, row.end, until, held))
    return bookings


def open_bookings(tx: Tx, user_id: uuid.UUID) -> list[OpenBooking]:
    """A driver's bookings that count against their limits."""
    return _counted(tx.rows(_OPEN, user_id=user_id, now=tx.now))


def lock_driver(tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID | None) -> tuple[LockedDriver, list[OpenBooking]]:
    """The driver, locked, with one of their vehicles and the bookings that count against their limits: one statement. Raises
    NotFound."""
    driver = _LOCK.take(tx=tx, user_id=user_id, vehicle_id=vehicle_id, now=tx.now)
    return driver, _counted(driver.belongings)


def standing_at(tx: Tx, location_id: uuid.UUID) -> list[Booking]:
    """A location's bookings that have not ended and hold a place there, sessions that run among them; locked, by id."""
    statement = sa.select(booking_table.c.id).where(
        booking_table.c.location_id == location_id,
        sa.or_(
            booking_table.c.status.in_([status.value for status in LIVE]),
            sa.and_(booking_table.c.status == ReservationStatus.FULFILLED.value, booking_table.c.stopped_at.is_(None)),
        ),
        booking_table.c.end > tx.now,
    )
    bookings = by_ids(tx, tx.execute(statement).scalars())
    return [bookings[booking_id] for booking_id in sorted(bookings)]


def open_of_user(tx: Tx, user_id: uuid.UUID) -> list[Booking]:
    """A driver's bookings that are held, reserved or being charged, however long ago they should have ended."""
    statement = sa.select(booking_table).where(
        booking_table.c.user_id == user_id,
        sa.or_(
            booking_table.c.status.in_([status.value for status in LIVE]),
            sa.and_(booking_table.c.status == ReservationStatus.FULFILLED.value, booking_table.c.stopped_at.is_(None)),
        ),
    )
    return [_booking(row) for row in tx.execute(statement)]


def ids_of_user(tx: Tx, user_id: uuid.UUID) -> list[uuid.UUID]:
    """The ids of all of a driver's bookings."""
    return list(tx.execute(sa.select(booking_table.c.id).where(booking_table.c.user_id == user_id)).scalars())


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's bookings to another id and takes vehicle and plate off them. Returns how many."""
    statement = sa.update(booking_table).where(booking_table.c.user_id == user_id)
    return tx.execute(statement.values(user_id=pseudonym, vehicle_id=None, plate=None)).rowcount


def fulfilled(
    tx: Tx, *, since: datetime, until: datetime, after: BookingPosition | None, limit: int
) -> list[tuple[BookingPosition, RecordedSession]]:
    """FULFILLED bookings whose booked start lies in [since, until), by start and id, after the cursor."""
    columns = booking_table.c
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


def settled_at(tx: Tx, location_id: uuid.UUID, *, since: datetime, until: datetime, limit: int) -> list[Booking]:
    """The bookings at a location whose session is settled and whose booked start lies in [since, until), the newest first."""
    columns = booking_table.c
    statement = sa.select(booking_table).where(
        columns.location_id == location_id,
        columns.start >= since,
        columns.start < until,
        columns.status == ReservationStatus.FULFILLED.value,
        columns.stopped_at.is_not(None),
    )
    return [_booking(row) for row in tx.execute(statement.order_by(columns.start.desc(), columns.id).limit(limit))]


def running(tx: Tx, location_ids: Sequence[uuid.UUID], *, since: datetime) -> list[tuple[uuid.UUID, datetime]]:
    """(EVSE, start) of the sessions at locations that began after `since` and were not stopped."""
    columns = booking_table.c
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
    columns = booking_table.c
    instant = columns[column]
    statement = sa.select(columns.id).where(columns.status == status.value, instant <= until).order_by(instant, columns.id)
    return list(tx.execute(statement.limit(limit)).scalars())


def to_reveal(tx: Tx, *, until: datetime, limit: int) -> list[uuid.UUID]:
    """Reserved bookings that begin by `until` and whose EVSE is not told yet."""
    statement = (
        sa.select(booking_table.c.id)
        .where(
            booking_table.c.status == ReservationStatus.RESERVED.value,
            booking_table.c.start <= until,
            booking_table.c.revealed_at.is_(None),
        )
        .order_by(booking_table.c.start, booking_table.c.id)
    )
    return list(tx.execute(statement.limit(limit)).scalars())


_LAPSED = Precompiled(
    sa.select(booking_table.c.id).where(
        booking_table.c.location_id == sa.bindparam("location_id"),
        booking_table.c.status == ReservationStatus.PENDING.value,
        booking_table.c.hold_expires_at <= sa.bindparam("now"),
    )
)


def lapsed_holds(tx: Tx, location_id: uuid.UUID) -> list[uuid.UUID]:
    """PENDING bookings of a location whose hold has run out."""
    return sorted(row.id for row in tx.rows(_LAPSED, location_id=location_id, now=tx.now))


def reserved_on(tx: Tx, location_id: uuid.UUID, evse_ids: Sequence[uuid.UUID]) -> list[Booking]:
    """The reserved bookings of a location on these EVSEs that have not ended, in order of their start."""
    columns = booking_table.c
    statement = sa.select(booking_table).where(
        columns.location_id == location_id,
        columns.evse_id.in_(list(evse_ids)),
        columns.status == ReservationStatus.RESERVED.value,
        columns.end > tx.now,
    )
    return [_booking(row) for row in tx.execute(statement.order_by(columns.start, columns.id))]


_AT_RISK = (
    booking_table.c.assurance == Assurance.AT_RISK.value,
    booking_table.c.status == ReservationStatus.RESERVED.value,
)


def at_risk_at(tx: Tx, location_id: uuid.UUID) -> list[uuid.UUID]:
    """The reserved bookings of a location that are at risk."""
    return list(
        tx.execute(sa.select(booking_table.c.id).where(*_AT_RISK, booking_table.c.location_id == location_id)).scalars()
    )


def locations_at_risk(tx: Tx) -> list[uuid.UUID]:
    """The locations that have bookings at risk."""
    return list(tx.execute(sa.select(booking_table.c.location_id).distinct().where(*_AT_RISK)).scalars())


def at_risk(tx: Tx, *, since: datetime, until: datetime, limit: int, after: BookingPosition | None) -> list[BookingPosition]:
    """Bookings at risk since an instant or longer that start by another, in order of start and id, after the cursor."""
    columns = booking_table.c
    statement = sa.select(columns.start, columns.id).where(*_AT_RISK, columns.at_risk_since <= since, columns.start <= until)
    if after is not None:
        start, booking_id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > booking_id))
    rows = tx.execute(statement.order_by(columns.start, columns.id).limit(limit))
    return [(row.start, row.id) for row in rows]


def add_request(
    tx: Tx,
    booking: Booking,
    *,
    start: datetime,
    end: datetime,
    status: RequestStatus = RequestStatus.ACCEPTED,
    canceled: bool = False,
    reason: str | None = None,
) -> None:
    """Records what was asked of a booking that stands (OCPI booking_requests)."""
    row = {
        "id": new_id(),
        "booking_id": booking.id,
        "request_status": status.value,
        "start": start,
        "end": end,
        "canceled": canceled,
        "reason": reason,
        "request_received": tx.now,
    }
    insert_rows(tx.conn, booking_request, [row])


def requests_of(tx: Tx, booking: Booking) -> list[dict[str, Any]]:
    """Everything asked of a booking, in order; what it was made for has the booking's own id."""
    columns = booking_request.c
    statement = sa.select(booking_request).where(columns.booking_id == booking.id).order_by(columns.id)
    later = [row._asdict() for row in tx.execute(statement)]
    if booking.asked_start is None:
        return later
    first = {"id": booking.id, "booking_id": booking.id, "request_status": RequestStatus.ACCEPTED.value, "reason": None}
    first |= {"start": booking.asked_start, "end": booking.asked_end, "canceled": False, "request_received": booking.created_at}
    return [first, *later]
