"""From claims of quarter hours to claims of five minutes, while both kinds of code run (ADR 15).

Code of before claims a quarter hour by one row, at its beginning. A claim of 10:05 would not collide with such a row of 10:00.
So as long as code of before may run, ours claims whole quarter hours, by a row for each of their slots, and reads any row as
its quarter hour: the first of three rows collides with the one. When no such code runs any more, `python -m app.claim_grid`
makes its rows whole, and from then on slots are claimed as they are.
"""

import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from functions.booking.tables import booking, claim_grid, slot_claim
from functions.stations import service as stations
from shared.db import insert_rows
from shared.slots import SLOT_MINUTES, SLOTS_A_QUARTER, slot_of, slot_start
from shared.tx import Tx

Claim = tuple[uuid.UUID, int]
"""An EVSE and a slot number."""
_FINE = set[Engine]()
"""Databases in which slots are claimed as they are: what is once so stays so."""


def is_fine(tx: Tx) -> bool:
    """Whether slots of five minutes are claimed as they are; else whole quarter hours."""
    engine = tx.conn.engine
    if engine not in _FINE and is_fine_now(tx):
        _FINE.add(engine)
    return engine in _FINE


def is_fine_now(tx: Tx) -> bool:
    """The same, by what the database says."""
    statement = sa.select(claim_grid.c.slot_minutes).where(claim_grid.c.slot_minutes == SLOT_MINUTES)
    return tx.execute(statement).scalar() is not None


def switch(*, tx: Tx) -> None:
    """Slots are claimed as they are from now on. Every location's claims must be whole, and no code of before may run."""
    tx.execute(sa.insert(claim_grid).values(slot_minutes=SLOT_MINUTES, since=tx.now))


def locations_with_claims(*, tx: Tx) -> list[uuid.UUID]:
    """The locations at which anything is or was claimed."""
    statement = sa.select(booking.c.location_id).distinct().join(slot_claim, slot_claim.c.booking_id == booking.c.id)
    return sorted(tx.execute(statement).scalars())


def make_whole(*, tx: Tx, location_id: uuid.UUID) -> tuple[int, int]:
    """Makes a location's claims whole: to a quarter hour claimed by its first row alone come the others; rows without the first
    of their quarter hour, which code of before left when it moved a booking of ours, go. Returns how many came and went."""
    stations.lock_location(tx=tx, location_id=location_id)
    columns = slot_claim.c
    statement = (
        sa.select(columns.evse_id, columns.slot_start, columns.booking_id)
        .join(booking, booking.c.id == columns.booking_id)
        .where(booking.c.location_id == location_id)
    )
    held: dict[tuple[uuid.UUID, uuid.UUID], set[int]] = {}
    for row in tx.execute(statement):
        held.setdefault((row.evse_id, row.booking_id), set()).add(slot_of(row.slot_start))
    added, removed = list[dict[str, object]](), 0
    for (evse_id, booking_id), slots in held.items():
        left = [slot_start(slot) for slot in slots if quarter(slot).start not in slots]
        if left:
            its = (columns.evse_id == evse_id, columns.booking_id == booking_id)
            removed += tx.execute(sa.delete(slot_claim).where(*its, columns.slot_start.in_(left))).rowcount
        added += [
            {"evse_id": evse_id, "slot_start": slot_start(each), "booking_id": booking_id}
            for slot in slots
            if slot == quarter(slot).start
            for each in quarter(slot)
            if each not in slots
        ]
    if added:
        insert_rows(tx.conn, slot_claim, added)
    return len(added), removed


def quarter(slot: int) -> range:
    """The slots of the quarter hour that holds a slot."""
    first = slot - slot % SLOTS_A_QUARTER
    return range(first, first + SLOTS_A_QUARTER)


def widened(start: int, end: int) -> tuple[int, int]:
    """[start, end) out to whole quarter hours."""
    return quarter(start).start, quarter(end - 1).stop if end > start else quarter(start).start


def whole_quarters(claims: Iterable[Claim]) -> set[Claim]:
    """Every slot of the quarter hours in which there are claims."""
    return {(evse_id, each) for evse_id, slot in claims for each in quarter(slot)}
