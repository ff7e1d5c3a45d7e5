"""Bookings that a change at their location displaces: moved in their pool where that can be, else cancelled.

One path for whatever takes a place away (an EVSE removed or changed, times blocked, hours shortened, a location suspended):
`plan` says what would become of whom and changes nothing, `carry_out` does it. Both run in the transaction that changes the
location, whose row it has locked; bookings are locked by id, claims change as one difference.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.booking import claims, repository, repository_claims, service
from functions.booking.domain import (
    NOT_YET_THERE,
    SAFE,
    Booking,
    CanceledReason,
    CancellationCause,
    ReservationStatus,
    WhoCanceled,
    missed_at,
)
from functions.booking.events import BookingSafe, EvseChanged
from functions.booking.fees import credit_of
from functions.booking.placement import OccupiedInterval, Placement, place
from functions.stations.domain import APPROVED, Location, Pool
from shared.errors import SlotTaken
from shared.slots import slot_after, slot_of, slot_start, slots_of
from shared.tx import Tx


class DisplacementOutcome(StrEnum):
    """What becomes of a displaced booking: another EVSE of its pool, an end at no cost, or a session that goes on."""

    MOVED = "MOVED"
    CANCELED = "CANCELED"
    GOES_ON = "GOES_ON"


@dataclass(frozen=True)
class Displaced:
    """A booking that cannot stay, and what becomes of it."""

    booking: Booking
    outcome: DisplacementOutcome

    def to_public(self) -> dict[str, Any]:
        """As the owner reads it: nothing of who booked."""
        booking = self.booking
        return {
            "booking_id": str(booking.id),
            "reservation_status": booking.status.value,
            "period": {"start": booking.start.isoformat(), "end": booking.end.isoformat()},
            "connector": booking.standard,
            "power_class": booking.power_class,
            "evse_uid": booking.evse_uid,
            "outcome": self.outcome.value,
        }


def _by_start(displaced: Displaced) -> tuple[datetime, uuid.UUID]:
    return displaced.booking.start, displaced.booking.id


@dataclass(frozen=True)
class DisplacementPlan:
    """What a change displaces, and where every booking that moves goes, those moved to make room among them."""

    displaced: tuple[Displaced, ...] = ()
    moves: Mapping[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    def listed(self) -> list[dict[str, Any]]:
        """The displaced bookings in order of their start."""
        return [displaced.to_public() for displaced in sorted(self.displaced, key=_by_start)]

    def token(self, *parts: str) -> str:
        """Stands for this list (each booking, its period and its outcome) and `parts`, and for no other."""
        listed = json.dumps([*parts, self.listed()], sort_keys=True)
        return hashlib.sha256(listed.encode()).hexdigest()[:32]


def plan(*, tx: Tx, before: Location, after: Location, judged: Location | None = None) -> DisplacementPlan:
    """What becomes of the bookings that stood at `before` and do not at `after`. The location must be locked.

    `judged`: who is concerned is found by it instead of `after` (an edit does not concern who waits at another EVSE that
    is broken anyway); places are sought at `after` all the same.
    """
    claims.release_lapsed(tx, before.id)
    standing = repository.standing_at(tx, before.id)
    gone = [booking for booking in standing if _stands(before, booking, tx) and not _stands(judged or after, booking, tx)]
    running = [booking for booking in gone if booking.charging()]
    # Firm bookings first, then offers that are only held; in order of start, as a pool is packed.
    waiting = [booking for booking in gone if not booking.charging()]
    waiting.sort(key=lambda booking: (booking.status is ReservationStatus.PENDING, booking.start, booking.id))
    if not gone:
        return DisplacementPlan()
    occupied = _occupied_without(tx, after, waiting)
    displaced = [Displaced(booking, DisplacementOutcome.GOES_ON) for booking in running]
    moves: dict[uuid.UUID, uuid.UUID] = {}
    for booking in waiting:
        placement = _place(after, booking, occupied.values())
        if placement is None:
            displaced.append(Displaced(booking, DisplacementOutcome.CANCELED))
            continue
        for other_id, evse_id in placement.moves.items():
            moves[other_id] = evse_id
            occupied[other_id, 0] = replace(occupied.pop(_key(occupied, other_id)), evse_id=evse_id)
        moves[booking.id] = placement.evse_id
        pool = _pool(after, booking)
        allowed = pool.evse_ids if booking.revealed_at is None and pool is not None else ()
        first, stop = slot_of(booking.start), slot_after(booking.end)
        occupied[booking.id, 0] = OccupiedInterval(booking.id, placement.evse_id, first, stop, allowed)
        displaced.append(Displaced(booking, DisplacementOutcome.MOVED))
    return DisplacementPlan(tuple(displaced), moves)


def _stands(location: Location, booking: Booking, tx: Tx) -> bool:
    """Whether what is left of a booking can be held at its EVSE."""
    pool = _pool(location, booking)
    if location.status != APPROVED or pool is None or booking.evse_id not in pool.evse_ids:
        return False
    first, stop = max(slot_of(booking.start), slot_of(tx.now)), slot_after(booking.end)
    if not location.opened(slot_start(first), stop - first).all():
        return False
    return not any(
        block.evse_id == booking.evse_id and block.start < stop and block.end > first for block in claims.blocked(location)
    )


def _pool(location: Location, booking: Booking) -> Pool | None:
    return location.pool_of(booking.standard, booking.power_class)


_ByHolder = dict[tuple[uuid.UUID, int], OccupiedInterval]
"""By holder and a running number: blocked times of one id lie on one EVSE, a booking may hold two."""


def _occupied_without(tx: Tx, location: Location, waiting: list[Booking]) -> _ByHolder:
    if not waiting:
        return {}
    reach = slots_of(min(booking.start for booking in waiting), max(booking.end for booking in waiting))
    leaving, by_holder = {booking.id for booking in waiting}, _ByHolder()
    for interval in claims.occupied(tx, location, reach):
        if interval.holder_id not in leaving:
            number = 0
            while (interval.holder_id, number) in by_holder:
                number += 1
            by_holder[interval.holder_id, number] = interval
    return by_holder


def _key(by_holder: _ByHolder, booking_id: uuid.UUID) -> tuple[uuid.UUID, int]:
    return next(key for key in by_holder if key[0] == booking_id)


def _place(location: Location, booking: Booking, occupied: Iterable[OccupiedInterval]) -> Placement | None:
    pool = _pool(location, booking)
    first, stop = slot_of(booking.start), slot_after(booking.end)
    if location.status != APPROVED or pool is None or not location.opened(slot_start(first), stop - first).all():
        return None
    return place(pool.evse_ids, occupied, first, stop)


def carry_out(
    *,
    tx: Tx,
    location: Location,
    plan: DisplacementPlan,
    reason: CanceledReason = CanceledReason.BLOCKED,
    cause: CancellationCause | None = None,
    said: str | None = None,
) -> None:
    """Does what `plan` says at `location` as it is after the change, and tells whom it concerns; `said`: why, in the operator's
    own words.

    Cancels first, since what that frees may be needed; then the claims change as one difference, then the bookings that move.

    Drivers who know their EVSE are told of the new one, the others learn it 30 minutes before as ever. Drivers whose booking
    is cancelled are told why, at no cost. An offer that is only held expires as if it had not been accepted.
    """
    uids = {evse.id: evse.uid for evse in location.evses}
    old = {booking_id: repository_claims.claims_of(tx, booking_id) for booking_id in plan.moves}
    for displaced in plan.displaced:  # before the moves: what they free may be needed
        if displaced.outcome is DisplacementOutcome.CANCELED:
            _cancel(tx, location, displaced.booking, reason, cause, said)
    add = {booking_id: {(evse_id, slot) for _, slot in old[booking_id]} for booking_id, evse_id in plan.moves.items()}
    try:
        repository_claims.change_claims(tx, remove=old, add=add)
    except repository_claims.ClaimTaken:
        raise SlotTaken("Somebody else was a moment faster; ask again.", alternatives=[]) from None
    movers = repository.by_ids(tx, plan.moves)
    for booking_id in sorted(movers):
        evse_id = plan.moves[booking_id]
        mover = movers[booking_id]
        no_show_at = mover.no_show_at  # who is told another EVSE has the terms' time to come to it
        if mover.revealed_at is not None:
            no_show_at = missed_at(mover.terms, mover.start, mover.end, tx.now)
        there = {"evse_id": evse_id, "evse_uid": uids[evse_id], "no_show_at": no_show_at}
        booking = service.change(tx, mover, **there, **NOT_YET_THERE, **SAFE)
        if booking.revealed_at is not None:
            tx.publish(EvseChanged.of(location, booking, now=tx.now, previous=movers[booking_id]))
        elif mover.at_risk:
            tx.publish(BookingSafe.of(location, booking, now=tx.now))


def _cancel(
    tx: Tx, location: Location, booking: Booking, reason: CanceledReason, cause: CancellationCause | None, said: str | None
) -> None:
    if booking.status is ReservationStatus.PENDING:
        claims.end_hold(tx, booking, reason=reason, who=WhoCanceled.CPO, detail="the operator took the place away")
        return
    credit = credit_of(booking) if reason is CanceledReason.BROKEN_CHARGER else None
    service.end_booking(
        tx, location, booking, reason=reason, who=WhoCanceled.CPO, cause=cause, detail=said, credit_minor=credit
    )
