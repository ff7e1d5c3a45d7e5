"""Bookings that a change at their location displaces: moved in their pool where that can be, else cancelled.

One path for whatever takes a place away (an EVSE removed or changed, times blocked, hours shortened, a location suspended):
`plan` says what would become of whom and changes nothing, `carry_out` does it. Both run in the transaction that changes the
location, whose row it has locked; bookings are locked by id, claims change as one difference.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from functions.booking import claims, repository, repository_claims, service
from functions.booking.domain import Booking, CanceledReason, ReservationStatus, WhoCanceled
from functions.booking.events import EvseChanged
from functions.booking.placement import Held, place
from functions.stations.domain import APPROVED, Location, Pool
from shared.errors import SlotTaken
from shared.slots import slot_after, slot_of, slot_start
from shared.tx import Tx


class Outcome(StrEnum):
    """What becomes of a displaced booking: another EVSE of its pool, an end at no cost, or a session that goes on."""

    MOVED = "MOVED"
    CANCELED = "CANCELED"
    GOES_ON = "GOES_ON"


@dataclass(frozen=True)
class Displaced:
    """A booking that cannot stay, and what becomes of it."""

    booking: Booking
    outcome: Outcome

    def told(self) -> dict[str, Any]:
        """As the owner reads it: nothing of who booked."""
        made = self.booking
        return {
            "booking_id": str(made.id),
            "reservation_status": made.status.value,
            "period": {"start": made.start.isoformat(), "end": made.end.isoformat()},
            "connector": made.standard,
            "power_class": made.power_class,
            "evse_uid": made.evse_uid,
            "outcome": self.outcome.value,
        }


@dataclass(frozen=True)
class Plan:
    """What a change displaces, and where every booking that moves goes, those moved to make room among them."""

    displaced: tuple[Displaced, ...] = ()
    moves: Mapping[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    def listed(self) -> list[dict[str, Any]]:
        """The displaced bookings in order of their start."""
        return [item.told() for item in sorted(self.displaced, key=lambda item: (item.booking.start, item.booking.id))]

    def token(self, *parts: str) -> str:
        """Stands for this list (each booking, its period and its outcome) and `parts`, and for no other."""
        listed = json.dumps([*parts, self.listed()], sort_keys=True)
        return hashlib.sha256(listed.encode()).hexdigest()[:32]


def plan(*, tx: Tx, before: Location, after: Location, judged: Location | None = None) -> Plan:
    """What becomes of the bookings that stood at `before` and do not at `after`. The location must be locked.

    `judged`: who is concerned is found by it instead of `after` (an edit does not concern who waits at another EVSE that
    is broken anyway); places are sought at `after` all the same.
    """
    claims.release_lapsed(tx, before.id)
    standing = repository.standing_at(tx, before.id)
    gone = [made for made in standing if _stands(before, made, tx) and not _stands(judged or after, made, tx)]
    running = [made for made in gone if made.charging()]
    # Firm bookings first, then offers that are only held; in order of start, as a pool is packed.
    waiting = [made for made in gone if not made.charging()]
    waiting.sort(key=lambda made: (made.status is ReservationStatus.PENDING, made.start, made.id))
    if not gone:
        return Plan()
    held = _held_without(tx, after, waiting)
    displaced = [Displaced(made, Outcome.GOES_ON) for made in running]
    moves: dict[uuid.UUID, uuid.UUID] = {}
    for made in waiting:
        found = _place(after, made, held.values())
        if found is None:
            displaced.append(Displaced(made, Outcome.CANCELED))
            continue
        evse, others = found
        for other, target in others.items():
            moves[other] = target
            held[other, 0] = _moved(held.pop(_key(held, other)), target)
        moves[made.id] = evse
        pool = _pool(after, made)
        movable = pool.evse_ids if made.revealed_at is None and pool is not None else ()
        held[made.id, 0] = Held(made.id, evse, slot_of(made.start), slot_of(made.end), movable)
        displaced.append(Displaced(made, Outcome.MOVED))
    return Plan(tuple(displaced), moves)


def _stands(location: Location, made: Booking, tx: Tx) -> bool:
    """Whether what is left of a booking can be held at its EVSE."""
    pool = _pool(location, made)
    if location.status != APPROVED or pool is None or made.evse_id not in pool.evse_ids:
        return False
    first, stop = max(slot_of(made.start), slot_of(tx.now)), slot_after(made.end)
    if not location.opened(slot_start(first), stop - first).all():
        return False
    return not any(item.evse_id == made.evse_id and item.start < stop and item.end > first for item in claims.blocked(location))


def _pool(location: Location, made: Booking) -> Pool | None:
    wanted = (made.standard, made.power_class)
    return next((item for item in location.pools() if (item.standard, item.power_class) == wanted), None)


_Lanes = dict[tuple[uuid.UUID, int], Held]
"""Held by booking and a running number: blocked times of one id lie on one EVSE, a booking may hold two."""


def _held_without(tx: Tx, location: Location, waiting: list[Booking]) -> _Lanes:
    if not waiting:
        return {}
    reach = range(min(slot_of(made.start) for made in waiting), max(slot_of(made.end) for made in waiting))
    leaving, lanes = {made.id for made in waiting}, _Lanes()
    for item in claims.occupied(tx, location, reach):
        if item.booking_id not in leaving:
            number = 0
            while (item.booking_id, number) in lanes:
                number += 1
            lanes[item.booking_id, number] = item
    return lanes


def _key(lanes: _Lanes, booking_id: uuid.UUID) -> tuple[uuid.UUID, int]:
    return next(key for key in lanes if key[0] == booking_id)


def _moved(item: Held, evse: uuid.UUID) -> Held:
    return Held(item.booking_id, evse, item.start, item.end, item.allowed)


def _place(location: Location, made: Booking, held: Iterable[Held]) -> tuple[uuid.UUID, Mapping[uuid.UUID, uuid.UUID]] | None:
    pool = _pool(location, made)
    first, stop = slot_of(made.start), slot_of(made.end)
    if location.status != APPROVED or pool is None or not location.opened(slot_start(first), stop - first).all():
        return None
    found = place(pool.evse_ids, held, first, stop)
    return None if found is None else (found.evse_id, found.moves)


def carry_out(*, tx: Tx, location: Location, plan: Plan, reason: CanceledReason = CanceledReason.BLOCKED) -> None:
    """Does what `plan` says at `location` as it is after the change: claims first, then bookings, then who is told.

    A driver who knows his EVSE is told of the new one, who does not learns it 30 minutes before as ever; who is cancelled
    is told why, at no cost. An offer that is only held expires as if it had not been accepted.
    """
    uids = {evse.id: evse.uid for evse in location.evses}
    old = {id: repository_claims.claims_of(tx, id) for id in plan.moves}
    for item in plan.displaced:  # before the moves: what they free may be needed
        if item.outcome is Outcome.CANCELED:
            _cancel(tx, location, item.booking, reason)
    add = {id: {(evse, slot) for _, slot in old[id]} for id, evse in plan.moves.items()}
    try:
        repository_claims.change_claims(tx, remove=old, add=add)
    except repository_claims.ClaimTaken:
        raise SlotTaken("Somebody else was a moment faster; ask again.", alternatives=[]) from None
    movers = repository.by_ids(tx, plan.moves)
    for id in sorted(movers):
        evse = plan.moves[id]
        made = service.change(tx, movers[id], evse_id=evse, evse_uid=uids[evse])
        if made.revealed_at is not None:
            tx.publish(EvseChanged.of(location, made, now=tx.now, previous=movers[id]))


def _cancel(tx: Tx, location: Location, made: Booking, reason: CanceledReason) -> None:
    if made.status is ReservationStatus.PENDING:
        claims.end_hold(tx, made, reason=reason, who=WhoCanceled.CPO, detail="the operator took the place away")
        return
    service.end(tx, location, made, reason=reason, who=WhoCanceled.CPO)
