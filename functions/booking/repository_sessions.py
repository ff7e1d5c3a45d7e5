"""Every SQL statement of charging sessions and of what their meters counted."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.booking.charging import ChargingSession, MeterValue, SessionStatus
from functions.booking.domain import ReservationStatus
from functions.booking.repository import LONGEST
from functions.booking.tables import booking as booking_table
from functions.booking.tables import charging_session, meter_value
from shared.db import for_update, insert_new, insert_rows, is_duplicate
from shared.errors import Conflict
from shared.tx import Tx

_COLUMNS = [field.name for field in fields(ChargingSession)]
_S = charging_session.c


@dataclass(frozen=True)
class RunningSession:
    """A session that has not ended, and what the clock must know of it."""

    session_id: uuid.UUID
    location_id: uuid.UUID
    evse_id: uuid.UUID
    started_at: datetime
    booked_until: datetime | None
    """The end of its booking's period."""


def _session(row: Any) -> ChargingSession:
    return ChargingSession(**row._asdict())


def _one(tx: Tx, *conditions: sa.ColumnElement[bool], lock: bool = False) -> ChargingSession | None:
    statement = sa.select(charging_session).where(*conditions)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _session(row)


def get(tx: Tx, session_id: uuid.UUID) -> ChargingSession | None:
    """One session; who changes it has its location's lock."""
    return _one(tx, _S.id == session_id)


def by_ref(tx: Tx, evse_id: uuid.UUID, ref: str) -> ChargingSession | None:
    """The session that a station calls so."""
    return _one(tx, _S.evse_id == evse_id, _S.ref == ref)


def running_on(tx: Tx, evse_id: uuid.UUID) -> ChargingSession | None:
    """The one session that runs on an EVSE."""
    return _one(tx, _S.running_evse_id == evse_id)


def unnamed(tx: Tx, evse_id: uuid.UUID, *, since: datetime, until: datetime) -> ChargingSession | None:
    """The newest session on an EVSE that has ended, touches [since, until], and of which its station never spoke."""
    mine = (_S.evse_id == evse_id, _S.ref.is_(None), _S.running_evse_id.is_(None))
    statement = sa.select(charging_session).where(*mine, _S.started_at <= until, _S.ended_at >= since)
    row = tx.execute(statement.order_by(_S.id.desc()).limit(1)).one_or_none()
    return None if row is None else _session(row)


def running_among(tx: Tx, evse_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the EVSEs on which a session runs."""
    return set(tx.execute(sa.select(_S.running_evse_id).where(_S.running_evse_id.in_(list(evse_ids)))).scalars())


def of_booking(tx: Tx, booking_id: uuid.UUID) -> ChargingSession | None:
    """The newest session of a booking."""
    statement = sa.select(charging_session).where(_S.booking_id == booking_id).order_by(_S.id.desc()).limit(1)
    row = tx.execute(statement).one_or_none()
    return None if row is None else _session(row)


def add(tx: Tx, session: ChargingSession) -> None:
    """Stores a new session. Raises Conflict where another runs on its EVSE, or has its name."""
    try:
        insert_rows(tx.conn, charging_session, [{name: getattr(session, name) for name in _COLUMNS}])
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):
            raise Conflict("Another session runs on this EVSE.", evse_id=str(session.evse_id)) from None
        raise


def update(tx: Tx, session_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a session."""
    tx.execute(sa.update(charging_session).where(_S.id == session_id).values(**values))


def add_value(tx: Tx, session_id: uuid.UUID, value: MeterValue) -> bool:
    """Stores what a meter had counted; False where that was known. Of two values of one instant the higher count and the end
    of charging stand, whichever came first."""
    if insert_new(tx.conn, meter_value, session_id=session_id, **vars(value)):
        return True
    columns = meter_value.c
    mine = (columns.session_id == session_id, columns.at == value.at)
    row = tx.execute(sa.select(columns.kwh, columns.charging).where(*mine)).one()
    kwh, charging = max(row.kwh, value.kwh), row.charging and value.charging
    if (kwh, charging) == (row.kwh, row.charging):
        return False
    tx.execute(sa.update(meter_value).where(*mine).values(kwh=kwh, charging=charging))
    return True


def values_of(tx: Tx, session_id: uuid.UUID) -> list[MeterValue]:
    """Everything a meter said of a session, in order of its own time."""
    columns = meter_value.c
    statement = sa.select(columns.at, columns.kwh, columns.charging).where(columns.session_id == session_id)
    return [MeterValue(row.at, row.kwh, row.charging) for row in tx.execute(statement.order_by(columns.at))]


def active(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[RunningSession]:
    """Sessions that have not ended, by id after the cursor, and the end of each one's booked period."""
    statement = (
        sa.select(_S.id, _S.location_id, _S.evse_id, _S.started_at, booking_table.c.end.label("booked_until"))
        .select_from(charging_session.outerjoin(booking_table, booking_table.c.id == _S.booking_id))
        .where(_S.status == SessionStatus.ACTIVE.value)
        .order_by(_S.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(_S.id > after)
    return [
        RunningSession(row.id, row.location_id, row.evse_id, row.started_at, row.booked_until) for row in tx.execute(statement)
    ]


def arrived(tx: Tx, *, since: datetime, until: datetime, limit: int) -> list[uuid.UUID]:
    """Reserved bookings that begin in [since, until] whose driver is there and whose station has yet to say so."""
    columns = booking_table.c
    statement = sa.select(columns.id).where(
        columns.status == ReservationStatus.RESERVED.value,
        columns.start >= since,
        columns.start <= until,
        columns.arrived_at.is_not(None),
    )
    return list(tx.execute(statement.order_by(columns.start, columns.id).limit(limit)).scalars())


def overstays(tx: Tx, evse_id: uuid.UUID) -> uuid.UUID | None:
    """The booking whose session runs on an EVSE though its time is over."""
    statement = (
        sa.select(booking_table.c.id)
        .join(booking_table, booking_table.c.id == _S.booking_id)
        .where(_S.running_evse_id == evse_id, booking_table.c.end <= tx.now)
    )
    return tx.execute(statement).scalar()


def unended(tx: Tx, *, since: datetime, until: datetime, limit: int) -> list[uuid.UUID]:
    """Bookings whose session began in [since, until] and did not end, and that have no session of their own: made by code
    that knew of none."""
    columns = booking_table.c
    mine = sa.select(_S.id).where(_S.booking_id == columns.id).exists()
    statement = sa.select(columns.id).where(
        columns.status == ReservationStatus.FULFILLED.value,
        columns.start >= since,
        columns.start <= until,
        columns.started_at.is_not(None),
        columns.stopped_at.is_(None),
        ~mine,
    )
    return list(tx.execute(statement.order_by(columns.start, columns.id).limit(limit)).scalars())


def on_evse(tx: Tx, location_id: uuid.UUID, evse_id: uuid.UUID, *, since: datetime, until: datetime) -> list[uuid.UUID]:
    """Reserved bookings on an EVSE of a location that end after `since` and start by `until`, in order of their start."""
    columns = booking_table.c
    statement = sa.select(columns.id).where(
        columns.location_id == location_id,
        columns.status == ReservationStatus.RESERVED.value,
        columns.start > since - LONGEST,
        columns.start <= until,
        columns.end > since,
        columns.evse_id == evse_id,
    )
    return list(tx.execute(statement.order_by(columns.start, columns.id)).scalars())


def sessions_of(tx: Tx, booking_ids: Sequence[uuid.UUID]) -> list[ChargingSession]:
    """The sessions of bookings, in order of their id."""
    if not booking_ids:
        return []
    statement = sa.select(charging_session).where(_S.booking_id.in_(list(booking_ids))).order_by(_S.id)
    return [_session(row) for row in tx.execute(statement)]
