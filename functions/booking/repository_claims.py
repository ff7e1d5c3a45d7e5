"""Every SQL statement of claims: who holds an EVSE in which slots."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from functions.booking.domain import Holding
from functions.booking.tables import booking, slot_claim
from shared.db import insert_rows, is_duplicate
from shared.precompiled import Precompiled
from shared.slots import slot_of, slot_start
from shared.tx import Tx

Claim = tuple[uuid.UUID, int]
"""An EVSE and a slot number."""
_ON_EVSES = (
    slot_claim.c.evse_id.in_(sa.bindparam("evse_ids", expanding=True)),
    slot_claim.c.slot_start >= sa.bindparam("begin"),
    slot_claim.c.slot_start < sa.bindparam("end"),
)
_SEEN = (
    booking.c.start,
    booking.c.end,
    booking.c.standard,
    booking.c.power_class,
    booking.c.revealed_at,
    booking.c.started_at,
)


class ClaimTaken(Exception):
    """Another transaction holds one of the claims: the primary key refused."""


_FIRST = sa.func.min(slot_claim.c.slot_start).label("first")
_HOLDINGS = Precompiled(
    sa.select(
        slot_claim.c.evse_id,
        slot_claim.c.booking_id,
        _FIRST,
        sa.func.max(slot_claim.c.slot_start).label("last"),
        sa.func.count().label("slots"),
        *_SEEN,
    )
    .join_from(slot_claim, booking, booking.c.id == slot_claim.c.booking_id)
    .where(*_ON_EVSES)
    .group_by(slot_claim.c.evse_id, slot_claim.c.booking_id, *_SEEN)
    .order_by(slot_claim.c.evse_id, _FIRST)
)


def holdings(tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int) -> list[Holding]:
    """What bookings hold of the EVSEs in slots [start, end), by EVSE in order of time, with what a placement must know of each:
    no quotes, no terms. They are not locked: whoever changes a booking has its location's lock, and places beside the
    location that is locked are only looked at."""
    if not evse_ids:
        return []
    return [
        Holding(
            row.booking_id,
            row.evse_id,
            slot_of(row.first),
            slot_of(row.last) + 1,
            row.slots,
            row.start,
            row.end,
            row.standard,
            row.power_class,
            row.revealed_at is not None or row.started_at is not None,
        )
        for row in tx.rows(_HOLDINGS, evse_ids=evse_ids, begin=slot_start(start), end=slot_start(end))
    ]


_CLAIMS = Precompiled(sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start, slot_claim.c.booking_id).where(*_ON_EVSES))


def claims(tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """(EVSE, slot, booking) of every claim on the EVSEs in slots [start, end)."""
    if not evse_ids:
        return []
    rows = tx.rows(_CLAIMS, evse_ids=evse_ids, begin=slot_start(start), end=slot_start(end))
    return [(evse_id, slot_of(at), booking_id) for evse_id, at, booking_id in rows]


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


def claims_of(tx: Tx, booking_id: uuid.UUID) -> set[Claim]:
    """The claims of one booking."""
    statement = sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start).where(slot_claim.c.booking_id == booking_id)
    return {(row.evse_id, slot_of(row.slot_start)) for row in tx.execute(statement)}


def claimed_among(tx: Tx, evse_ids: Sequence[uuid.UUID], *, from_slot: int) -> set[uuid.UUID]:
    """Those of the EVSEs that anybody holds a claim on, from a slot on."""
    table, claimed = slot_claim.c, set[uuid.UUID]()
    for begin in range(0, len(evse_ids), 1000):
        some = list(evse_ids[begin : begin + 1000])
        statement = (
            sa.select(table.evse_id).distinct().where(table.evse_id.in_(some), table.slot_start >= slot_start(from_slot))
        )
        claimed |= set(tx.execute(statement).scalars())
    return claimed


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
