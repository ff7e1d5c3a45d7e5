"""Every SQL statement of bookings."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from functions.booking.domain import (
    LIVE,
    Booking,
    Filter,
    Neighbour,
    RecordedSession,
    RequestStatus,
    ReservationStatus,
    slot_of,
    slot_start,
)
from functions.booking.limits import Standing
from functions.booking.tables import booking, booking_request, slot_claim
from shared.db import for_update, insert_rows, is_duplicate, new_id
from shared.precompiled import Precompiled
from shared.tx import Tx

Claim = tuple[uuid.UUID, int]
"""An EVSE and a slot number."""
Position = tuple[datetime, uuid.UUID]
"""The booked start and the id of a booking: where a page of recorded sessions ended."""

LONGEST = timedelta(days=1)
"""No booking is longer: the terms' largest max_booking_minutes."""

_COLUMNS = [field.name for field in fields(Booking)]


class ClaimTaken(Exception):
    """Another transaction holds one of the claims: the primary key refused."""


def _booking(row: sa.Row[Any]) -> Booking:
    values = row._asdict()
    return Booking(**values | {"status": ReservationStatus(values["status"])})


def insert(tx: Tx, made: Booking) -> None:
    """Stores a new booking."""
    insert_rows(tx.conn, booking, [{name: getattr(made, name) for name in _COLUMNS}])


def update(tx: Tx, booking_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of one booking."""
    tx.execute(sa.update(booking).where(booking.c.id == booking_id).values(**values, updated_at=tx.now))


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


_NEIGHBOURS = Precompiled(
    sa.select(
        booking.c.id, booking.c.start, booking.c.end, booking.c.standard, booking.c.power_class, booking.c.revealed_at,
        booking.c.started_at,
    ).where(booking.c.id.in_(sa.bindparam("ids", expanding=True)))
)  # fmt: skip


def neighbours(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Neighbour]:
    """What a placement must know of bookings by id: no quotes, no terms. They are not locked: whoever changes a booking has
    its location's lock, and places beside the location that is locked are only looked at."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {
        row.id: Neighbour(
            row.start, row.end, row.standard, row.power_class, row.revealed_at is not None or row.started_at is not None
        )
        for row in _NEIGHBOURS.rows(tx.conn, ids=wanted)
    }


def of_user(tx: Tx, user_id: uuid.UUID, *, wanted: Filter, before: uuid.UUID | None, limit: int | None) -> list[Booking]:
    """A driver's bookings, newest first, after the cursor."""
    statement = sa.select(booking).where(booking.c.user_id == user_id, *_passing(wanted)).order_by(booking.c.id.desc())
    if before is not None:
        statement = statement.where(booking.c.id < before)
    return [_booking(row) for row in tx.execute(statement.limit(limit))]


def hosted(tx: Tx, location_ids: Sequence[uuid.UUID], *, wanted: Filter, after: Position | None, limit: int) -> list[Booking]:
    """Bookings at locations in order of start and id, after the cursor."""
    columns = booking.c
    statement = sa.select(booking).where(columns.location_id.in_(list(location_ids)), *_passing(wanted))
    if after is not None:
        start, id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > id))
    return [_booking(row) for row in tx.execute(statement.order_by(columns.start, columns.id).limit(limit))]


def _passing(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    columns = booking.c
    found: list[sa.ColumnElement[bool]] = []
    if wanted.statuses:
        found.append(columns.status.in_([item.value for item in wanted.statuses]))
    if wanted.location_id is not None:
        found.append(columns.location_id == wanted.location_id)
    if wanted.vehicle_id is not None:
        found.append(columns.vehicle_id == wanted.vehicle_id)
    if wanted.since is not None:
        found += [columns.start > wanted.since - LONGEST, columns.end > wanted.since]  # the first for the index
    if wanted.until is not None:
        found.append(columns.start < wanted.until)
    return found


_STANDING = Precompiled(
    sa.select(
        booking.c.id, booking.c.location_id, booking.c.vehicle_id, booking.c.start, booking.c.end, booking.c.hold_expires_at,
        booking.c.status,
    ).where(
        booking.c.user_id == sa.bindparam("user_id"),
        sa.or_(
            booking.c.status == ReservationStatus.RESERVED.value,
            sa.and_(
                booking.c.status == ReservationStatus.PENDING.value, booking.c.hold_expires_at > sa.bindparam("now")
            ),
            sa.and_(booking.c.status == ReservationStatus.FULFILLED.value, booking.c.stopped_at.is_(None)),
        ),
        booking.c.end > sa.bindparam("now"),
    )
)  # fmt: skip


def standing(tx: Tx, user_id: uuid.UUID) -> list[Standing]:
    """A driver's bookings that stand and have not ended: reserved, charging, or held by an offer that has not lapsed."""
    found = []
    for row in _STANDING.rows(tx.conn, user_id=user_id, now=tx.now):
        until = min(row.hold_expires_at, row.end) if row.status == ReservationStatus.PENDING.value else row.end
        found.append(Standing(row.id, row.location_id, row.vehicle_id, row.start, row.end, until))
    return found


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
    found = by_ids(tx, tx.execute(statement).scalars())
    return [found[id] for id in sorted(found)]


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
    """Gives a user's bookings to another id and takes his vehicle off them. Returns how many."""
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
        start, id = after
        statement = statement.where(columns.start >= start, sa.or_(columns.start > start, columns.id > id))
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


def claims_with_begin(
    tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int
) -> list[tuple[uuid.UUID, datetime, datetime | None]]:
    """(EVSE, slot, when its session began) of every claim on the EVSEs in slots [start, end)."""
    table = slot_claim.c
    statement = (
        sa.select(table.evse_id, table.slot_start, booking.c.started_at)
        .join(booking, booking.c.id == table.booking_id)
        .where(table.evse_id.in_(list(evse_ids)), table.slot_start >= slot_start(start), table.slot_start < slot_start(end))
    )
    return [(row.evse_id, row.slot_start, row.started_at) for row in tx.execute(statement)]


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
    return sorted(row.id for row in _LAPSED.rows(tx.conn, location_id=location_id, now=tx.now))


_CLAIMS = Precompiled(
    sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start, slot_claim.c.booking_id).where(
        slot_claim.c.evse_id.in_(sa.bindparam("evse_ids", expanding=True)),
        slot_claim.c.slot_start >= sa.bindparam("begin"),
        slot_claim.c.slot_start < sa.bindparam("end"),
    )
)


def claims(tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """(EVSE, slot, booking) of every claim on the EVSEs in slots [start, end)."""
    if not evse_ids:
        return []
    rows = _CLAIMS.rows(tx.conn, evse_ids=evse_ids, begin=slot_start(start), end=slot_start(end))
    return [(evse_id, slot_of(at), booking_id) for evse_id, at, booking_id in rows]


def claims_of(tx: Tx, booking_id: uuid.UUID) -> set[Claim]:
    """The claims of one booking."""
    statement = sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start).where(slot_claim.c.booking_id == booking_id)
    return {(row.evse_id, slot_of(row.slot_start)) for row in tx.execute(statement)}


def claimed_among(tx: Tx, evse_ids: Sequence[uuid.UUID], *, from_slot: int) -> set[uuid.UUID]:
    """Those of the EVSEs that anybody holds a claim on, from a slot on."""
    table, found = slot_claim.c, set[uuid.UUID]()
    for begin in range(0, len(evse_ids), 1000):
        some = list(evse_ids[begin : begin + 1000])
        statement = (
            sa.select(table.evse_id).distinct().where(table.evse_id.in_(some), table.slot_start >= slot_start(from_slot))
        )
        found |= set(tx.execute(statement).scalars())
    return found


def reserved_on(tx: Tx, location_id: uuid.UUID, evse_ids: Sequence[uuid.UUID]) -> list[Booking]:
    """The reserved bookings of a location on these EVSEs that have not ended, in order of their start."""
    columns = booking.c
    mine = sa.select(booking).where(columns.location_id == location_id, columns.evse_id.in_(list(evse_ids)))
    standing = mine.where(columns.status == ReservationStatus.RESERVED.value, columns.end > tx.now)
    return [_booking(row) for row in tx.execute(standing.order_by(columns.start, columns.id))]


def change_claims(tx: Tx, *, remove: dict[uuid.UUID, set[Claim]] | None = None, add: dict[uuid.UUID, set[Claim]]) -> None:
    """Applies the difference of claims, by booking: deletes, then one multi-row INSERT in ascending order.

    A claim that a booking both loses and gains is left alone. Raises ClaimTaken where another booking holds one.
    """
    remove = remove or {}
    for booking_id in sorted(remove):
        gone = remove[booking_id] - add.get(booking_id, set())
        by_evse: dict[uuid.UUID, list[datetime]] = {}
        for evse, slot in sorted(gone):
            by_evse.setdefault(evse, []).append(slot_start(slot))
        for evse, starts in by_evse.items():
            tx.execute(
                sa.delete(slot_claim).where(
                    slot_claim.c.evse_id == evse,
                    slot_claim.c.slot_start.in_(starts),
                    slot_claim.c.booking_id == booking_id,
                )
            )
    rows = sorted(
        (evse, slot, booking_id) for booking_id, wanted in add.items() for evse, slot in wanted - remove.get(booking_id, set())
    )
    if not rows:
        return
    try:
        insert_rows(
            tx.conn,
            slot_claim,
            [{"evse_id": evse, "slot_start": slot_start(slot), "booking_id": owner} for evse, slot, owner in rows],
        )
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):
            raise ClaimTaken from error
        raise


def release(tx: Tx, booking_id: uuid.UUID, *, from_slot: int | None = None) -> int:
    """Deletes a booking's claims (from a slot on). Returns how many."""
    statement = sa.delete(slot_claim).where(slot_claim.c.booking_id == booking_id)
    if from_slot is not None:
        statement = statement.where(slot_claim.c.slot_start >= slot_start(from_slot))
    return tx.execute(statement).rowcount


def add_request(
    tx: Tx,
    made: Booking,
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
        "booking_id": made.id,
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
