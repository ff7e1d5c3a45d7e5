"""Claiming: how a period at a pool becomes claims on one EVSE."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from functions.booking import repository, repository_claims, repository_sessions
from functions.booking.claim_grid import Claim
from functions.booking.domain import Booking, CanceledReason, Cancellation, ReservationStatus, WhoCanceled
from functions.booking.events import HoldExpired, PlaceFreed
from functions.booking.placement import OccupiedInterval, Placement, place
from functions.booking.repository_claims import ClaimSpan
from functions.stations.domain import ENGAGED_SLOTS, FAULTY, Location, Pool, repaired
from functions.stations.enums import EvseStatus
from shared import telemetry
from shared.errors import Invalid, SlotTaken
from shared.slots import SLOTS_AN_HOUR, slot_after, slot_of, slot_start
from shared.tx import Tx

WINDOW = 16 * SLOTS_AN_HOUR
"""Slots around a period that a repack looks at: twice the longest usual booking."""


def choose_pools(location: Location, *, standard: str, power_class: str | None, field: str = "connector") -> list[Pool]:
    """The location's pools of a connector standard, fastest first.

    Raises Invalid naming the field where there is none, SlotTaken where every EVSE of them is out of order or not heard
    from now.
    """
    pools = pools_of(location, standard, power_class)
    if pools:
        return pools
    if pools_of(repaired(location, FAULTY | {EvseStatus.UNKNOWN}), standard, power_class):
        telemetry.claims_lost.add(1, {"where": "out_of_use"})
        raise SlotTaken(f"No {standard} at {location.name} can be used now: out of order, or not heard from.", alternatives=[])
    offered = sorted({f"{pool.standard} ({pool.power_class})" for pool in location.pools()})
    raise Invalid.one(field, f"{standard} is not to be had here; there is {', '.join(offered) or 'no usable EVSE'}")


def pools_of(location: Location, standard: str, power_class: str | None) -> list[Pool]:
    """The location's usable pools of a connector standard and a power class (None: any), fastest first."""
    fitting = [pool for pool in location.pools() if pool.standard == standard and power_class in (None, pool.power_class)]
    return sorted(fitting, key=lambda pool: -pool.power_kw)


def check_open(location: Location, slots: range) -> None:
    """Raises Invalid unless the location is open over all `slots`."""
    if location.always_open():
        return
    opened = location.opened(slot_start(slots.start), len(slots))
    if not opened.all():
        closed = slot_start(slots.start + int(opened.argmin()))
        raise Invalid.one("start", f"{location.name} is closed at {closed.isoformat()}")


def occupied(tx: Tx, location: Location, slots: range, *, ignoring: uuid.UUID | None = None) -> list[OccupiedInterval]:
    """What is taken around `slots` on every EVSE of a locked location, as placements see it.

    That is claims, blocked times, and where somebody charges now without a booking.
    """
    return intervals(location, spans_around(tx, [location], slots), now=tx.now, ignoring=ignoring)


def occupied_unless_lapsed(tx: Tx, location: Location, slots: range) -> list[OccupiedInterval]:
    """The same at a locked location for somebody new; holds that have run out there end now, so that nobody waits for the
    timer."""
    spans = spans_around(tx, [location], slots)
    lapsed = {span.booking_id for span in spans if span.held_until is not None and span.held_until <= tx.now}
    if lapsed:
        for booking in repository.by_ids(tx, lapsed).values():
            end_hold(tx, booking)
        spans = [span for span in spans if span.booking_id not in lapsed]
    return intervals(location, spans, now=tx.now)


def spans_around(tx: Tx, locations: Sequence[Location], slots: range) -> list[ClaimSpan]:
    """What bookings hold of all EVSEs of locations as far around `slots` as placements look."""
    evse_ids = [evse.id for location in locations for evse in location.evses]
    return repository_claims.claim_spans(tx, evse_ids, slots.start - WINDOW, slots.stop + WINDOW)


def intervals(
    location: Location, spans: Iterable[ClaimSpan], *, now: datetime, ignoring: uuid.UUID | None = None
) -> list[OccupiedInterval]:
    """Everything that is taken at a location, of which the spans are what bookings hold of it."""
    pools = {(pool.standard, pool.power_class): pool.evse_ids for pool in location.pools()}
    booked, booked_now, slot_now = [], set[uuid.UUID](), slot_of(now)
    for span in spans:
        if span.first <= slot_now < span.stop:
            booked_now.add(span.evse_id)
        if span.booking_id == ignoring:
            continue
        movable = span.is_whole and not span.settled
        allowed = pools.get((span.standard, span.power_class), ()) if movable else ()
        booked.append(OccupiedInterval(span.booking_id, span.evse_id, span.first, span.stop, allowed))
    engaged = [
        OccupiedInterval(evse_id, evse_id, slot_now, slot_now + ENGAGED_SLOTS)
        for evse_id in location.engaged_evses()
        if evse_id not in booked_now
    ]
    return booked + blocked(location) + engaged


def blocked(location: Location) -> list[OccupiedInterval]:
    """The blocked times of single EVSEs, as placements see them: nothing fits there, and nothing moves them."""
    return [
        OccupiedInterval(block.id, evse_id, slot_of(block.period_begin), slot_after(block.period_end), ())
        for evse_id, block in location.blocked_evses()
    ]


def claim(
    tx: Tx, location: Location, pool: Pool, booking_id: uuid.UUID, slots: range, *, prefer: uuid.UUID | None = None
) -> Placement | None:
    """Finds the EVSE for `slots`, moving others where it must, and changes the claims of all concerned.

    The location row must be locked by this transaction. `booking_id` must be stored. None where nothing is free.
    """
    placement = place(pool.evse_ids, occupied(tx, location, slots, ignoring=booking_id), slots.start, slots.stop, prefer=prefer)
    if placement is None:
        return None
    apply(tx, location, placement, booking_id, slots)
    return placement


def apply(
    tx: Tx,
    location: Location,
    placement: Placement,
    booking_id: uuid.UUID,
    slots: range,
    *,
    old: set[Claim] | None = None,
) -> None:
    """Writes a placement: the newcomer's claims and those of the bookings it moves, as one difference.

    `old`: the claims that the newcomer has, where they are known (none, of a new booking).
    """
    remove = {booking_id: repository_claims.claims_of(tx, booking_id) if old is None else old}
    add = {booking_id: {(placement.evse_id, slot) for slot in slots}}
    uids = {evse.id: evse.uid for evse in location.evses}
    for moved_id, evse_id in sorted(placement.moves.items()):
        remove[moved_id] = repository_claims.claims_of(tx, moved_id)
        add[moved_id] = {(evse_id, slot) for _, slot in remove[moved_id]}
        repository.update(tx, moved_id, evse_id=evse_id, evse_uid=uids[evse_id])
    try:
        repository_claims.change_claims(tx, remove=remove, add=add)
    except repository_claims.ClaimTaken:
        telemetry.claims_lost.add(1, {"where": "primary_key"})
        raise SlotTaken("Somebody else was a moment faster.", alternatives=[]) from None


def free(tx: Tx, booking: Booking) -> None:
    """Frees what a booking that ends has claimed. Who stays at its EVSE though their time is over takes what is near: nobody
    else is sent there meanwhile. Publishes that something is free."""
    repository_claims.release(tx, booking.id)
    near = range(slot_of(tx.now), slot_of(tx.now) + ENGAGED_SLOTS)
    if slot_of(booking.start) < near.stop:
        stays = repository_sessions.overstays(tx, booking.evse_id)
        if stays is not None and stays != booking.id:
            taken = {slot for _, slot, _ in repository_claims.claims(tx, [booking.evse_id], near.start, near.stop)}
            mine = {(booking.evse_id, slot) for slot in near if slot not in taken}
            repository_claims.change_claims(tx, add={stays: mine})
    tell_free(tx, booking.location_id)


def tell_free(tx: Tx, location_id: uuid.UUID) -> None:
    """Publishes that something is free at a location, once a transaction: who waits for a place hears of it."""
    said = (message.payload.get("location_id") for message in tx.emitted if message.type == PlaceFreed.TYPE)
    if str(location_id) not in said:
        tx.publish(PlaceFreed(tx.now, location_id))


def release_lapsed(tx: Tx, location_id: uuid.UUID) -> None:
    """Ends the holds of a location that have run out, inline, so that nobody waits for the timer."""
    for booking in repository.by_ids(tx, repository.lapsed_holds(tx, location_id)).values():
        end_hold(tx, booking)


def end_hold(
    tx: Tx,
    booking: Booking,
    *,
    reason: CanceledReason = CanceledReason.NO_CANCELED,
    who: WhoCanceled = WhoCanceled.MSP,
    detail: str = "the offer was not accepted in time",
) -> None:
    """Cancels a hold that has lapsed or lost its place, and tells its charge request."""
    free(tx, booking)
    canceled = Cancellation(cancellation_reason=reason, who_canceled=who, detail=detail, fee_minor=0)
    ended = {"status": ReservationStatus.CANCELED, "canceled": canceled, "ended_at": tx.now}
    repository.update(tx, booking.id, revision=booking.revision + 1, **ended)
    if booking.charge_request_id is not None:
        tx.publish(HoldExpired(booking.charge_request_id, withdrawn=who is WhoCanceled.CPO))
