"""Every SQL statement of claims: who holds an EVSE in which slots."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.booking.claim_grid import Claim, is_fine, quarter, whole_quarters, widened
from functions.booking.domain import ReservationStatus
from functions.booking.tables import booking as booking_table
from functions.booking.tables import slot_claim
from shared.db import insert_rows, is_duplicate
from shared.precompiled import Precompiled
from shared.slots import SLOTS_A_QUARTER, slot_after, slot_of, slot_start
from shared.tx import Tx

_ON_EVSES = (
    slot_claim.c.evse_id.in_(sa.bindparam("evse_ids", expanding=True)),
    slot_claim.c.slot_start >= sa.bindparam("begin"),
    slot_claim.c.slot_start < sa.bindparam("end"),
)
_OF_BOOKING = (
    booking_table.c.start,
    booking_table.c.end,
    booking_table.c.standard,
    booking_table.c.power_class,
    booking_table.c.revealed_at,
    booking_table.c.started_at,
    booking_table.c.status,
    booking_table.c.hold_expires_at,
)


@dataclass(frozen=True)
class ClaimSpan:
    """A booking's claims on one EVSE among the slots looked at, and what a placement must know of the booking."""

    booking_id: uuid.UUID
    evse_id: uuid.UUID
    first: int
    """The first claimed slot."""
    stop: int
    """The slot after the last claimed one."""
    is_whole: bool
    """Whether it is all that the booking claims there: every slot of its period and no other."""
    standard: str
    """OCPI ConnectorType of the booking's pool."""
    power_class: str
    settled: bool
    """Its EVSE was told, or the session runs: it is not moved."""
    held_until: datetime | None = None
    """When an offer that is only held lapses."""


class ClaimTaken(Exception):
    """Another transaction holds one of the claims: the primary key refused."""


_FIRST = sa.func.min(slot_claim.c.slot_start).label("first")
_SPANS = Precompiled(
    sa.select(
        slot_claim.c.evse_id,
        slot_claim.c.booking_id,
        _FIRST,
        sa.func.max(slot_claim.c.slot_start).label("last"),
        sa.func.count().label("slots"),
        *_OF_BOOKING,
    )
    .join_from(slot_claim, booking_table, booking_table.c.id == slot_claim.c.booking_id)
    .where(*_ON_EVSES)
    .group_by(slot_claim.c.evse_id, slot_claim.c.booking_id, *_OF_BOOKING)
    .order_by(slot_claim.c.evse_id, _FIRST)
)


def claim_spans(tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int) -> list[ClaimSpan]:
    """What bookings hold of the EVSEs in slots [start, end), by EVSE in order of time.

    With what a placement must know of each: no quotes, no terms. They are not locked: whoever changes a booking has its
    location's lock, and places beside the location that is locked are only looked at.
    """
    if not evse_ids:
        return []
    fine = is_fine(tx)
    if not fine:
        start, end = widened(start, end)
    rows = tx.rows(_SPANS, evse_ids=evse_ids, begin=slot_start(start), end=slot_start(end))
    return [_span(row, fine=fine) for row in rows]


def _span(row: Any, *, fine: bool) -> ClaimSpan:
    first, stop = slot_of(row.first), slot_of(row.last) + 1
    booked, counts = (slot_of(row.start), slot_after(row.end)), {stop - first}
    if not fine:
        first, stop = widened(first, stop)
        booked = widened(*booked)
        counts = {stop - first, (stop - first) // SLOTS_A_QUARTER}  # by us, or by code of before
    return ClaimSpan(
        booking_id=row.booking_id,
        evse_id=row.evse_id,
        first=first,
        stop=stop,
        is_whole=(first, stop) == booked and row.slots in counts,
        standard=row.standard,
        power_class=row.power_class,
        settled=row.revealed_at is not None or row.started_at is not None,
        held_until=row.hold_expires_at if row.status == ReservationStatus.PENDING.value else None,
    )


_CLAIMS = Precompiled(sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start, slot_claim.c.booking_id).where(*_ON_EVSES))


def claims(tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """(EVSE, slot, booking) of every claim on the EVSEs in slots [start, end)."""
    if not evse_ids:
        return []
    fine = is_fine(tx)
    begin, until = (start, end) if fine else widened(start, end)
    rows = tx.rows(_CLAIMS, evse_ids=evse_ids, begin=slot_start(begin), end=slot_start(until))
    claimed = [(row.evse_id, slot_of(row.slot_start), row.booking_id) for row in rows]
    if fine:
        return claimed
    # Of one quarter hour several bookings may have rows: what one moved away and left, what another took.
    widely = {(evse_id, each, booking_id) for evse_id, slot, booking_id in claimed for each in quarter(slot)}
    return sorted(item for item in widely if start <= item[1] < end)


def claims_with_begin(
    tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, end: int
) -> list[tuple[uuid.UUID, datetime, datetime | None]]:
    """(EVSE, slot, when its session began) of every claim on the EVSEs in slots [start, end)."""
    columns, fine = slot_claim.c, is_fine(tx)
    begin, until = (start, end) if fine else widened(start, end)
    statement = (
        sa.select(columns.evse_id, columns.slot_start, booking_table.c.started_at)
        .join(booking_table, booking_table.c.id == columns.booking_id)
        .where(
            columns.evse_id.in_(list(evse_ids)),
            columns.slot_start >= slot_start(begin),
            columns.slot_start < slot_start(until),
        )
    )
    rows = [(row.evse_id, slot_of(row.slot_start), row.started_at) for row in tx.execute(statement)]
    slots = rows if fine else {(evse_id, each, began) for evse_id, slot, began in rows for each in quarter(slot)}
    return [(evse_id, slot_start(slot), began) for evse_id, slot, began in slots if start <= slot < end]


def claims_of(tx: Tx, booking_id: uuid.UUID) -> set[Claim]:
    """The claims of one booking, as they are written."""
    statement = sa.select(slot_claim.c.evse_id, slot_claim.c.slot_start).where(slot_claim.c.booking_id == booking_id)
    return {(row.evse_id, slot_of(row.slot_start)) for row in tx.execute(statement)}


def claimed_among(tx: Tx, evse_ids: Sequence[uuid.UUID], *, from_slot: int) -> set[uuid.UUID]:
    """Those of the EVSEs that anybody holds a claim on, from a slot on."""
    columns, claimed = slot_claim.c, set[uuid.UUID]()
    from_slot = from_slot if is_fine(tx) else widened(from_slot, from_slot + 1)[0]
    for begin in range(0, len(evse_ids), 1000):
        batch = list(evse_ids[begin : begin + 1000])
        statement = (
            sa.select(columns.evse_id).distinct().where(columns.evse_id.in_(batch), columns.slot_start >= slot_start(from_slot))
        )
        claimed |= set(tx.execute(statement).scalars())
    return claimed


def change_claims(tx: Tx, *, remove: dict[uuid.UUID, set[Claim]] | None = None, add: dict[uuid.UUID, set[Claim]]) -> None:
    """Applies the difference of claims, by booking: deletes, then one multi-row INSERT in ascending order.

    A claim that a booking both loses and gains is left alone. Raises ClaimTaken where another booking holds one.
    """
    remove = remove or {}
    if not is_fine(tx):
        remove, add = _of_whole_quarters(tx, remove, add)
    for booking_id in sorted(remove):
        lost = remove[booking_id] - add.get(booking_id, set())
        by_evse: dict[uuid.UUID, list[datetime]] = {}
        for evse_id, slot in sorted(lost):
            by_evse.setdefault(evse_id, []).append(slot_start(slot))
        for evse_id, starts in by_evse.items():
            tx.execute(
                sa.delete(slot_claim).where(
                    slot_claim.c.evse_id == evse_id,
                    slot_claim.c.slot_start.in_(starts),
                    slot_claim.c.booking_id == booking_id,
                )
            )
    gained = sorted(
        (evse_id, slot, booking_id)
        for booking_id, wanted in add.items()
        for evse_id, slot in wanted - remove.get(booking_id, set())
    )
    if not gained:
        return
    try:
        insert_rows(
            tx.conn,
            slot_claim,
            [
                {"evse_id": evse_id, "slot_start": slot_start(slot), "booking_id": booking_id}
                for evse_id, slot, booking_id in gained
            ],
        )
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):
            raise ClaimTaken from error
        raise


def _of_whole_quarters(
    tx: Tx, remove: dict[uuid.UUID, set[Claim]], add: dict[uuid.UUID, set[Claim]]
) -> tuple[dict[uuid.UUID, set[Claim]], dict[uuid.UUID, set[Claim]]]:
    """A difference of claims by whole quarter hours: one of which a booking keeps a part it keeps as it is, and what it has of
    those that it gains is not written twice."""
    removed, added = dict[uuid.UUID, set[Claim]](), dict[uuid.UUID, set[Claim]]()
    for booking_id in {*remove, *add}:
        held, lost = claims_of(tx, booking_id), remove.get(booking_id, set())
        gained = whole_quarters(add.get(booking_id, set()))
        removed[booking_id] = (held & lost) - whole_quarters(held - lost - gained)
        added[booking_id] = gained
        removed[booking_id] |= held & gained
    return removed, added


def release(tx: Tx, booking_id: uuid.UUID, *, from_slot: int | None = None) -> int:
    """Deletes a booking's claims (from a slot on). Returns how many."""
    statement = sa.delete(slot_claim).where(slot_claim.c.booking_id == booking_id)
    if from_slot is not None:
        statement = statement.where(slot_claim.c.slot_start >= slot_start(from_slot))
    return tx.execute(statement).rowcount


def claimed_evses(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """EVSEs that have any claim, in order of id, after one."""
    statement = sa.select(slot_claim.c.evse_id).distinct().order_by(slot_claim.c.evse_id).limit(limit)
    if after is not None:
        statement = statement.where(slot_claim.c.evse_id > after)
    return list(tx.execute(statement).scalars())


def prune(tx: Tx, evse_ids: Sequence[uuid.UUID], *, before: datetime) -> int:
    """Deletes the EVSEs' claims of slots that began before an instant. Returns how many."""
    old = sa.delete(slot_claim).where(slot_claim.c.evse_id.in_(evse_ids), slot_claim.c.slot_start < before)
    return tx.execute(old).rowcount
