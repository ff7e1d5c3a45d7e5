"""Bookings at EVSEs that broke or fell silent: moved in their pool as soon as that is known, else at risk.

A fault may be mended and a feed come back, so what finds no other EVSE waits where it is and is tried again each minute. At one
that is certainly out of use it is AT_RISK: its driver is told at once and may leave at no cost, and places nearby are sought
(functions/relocation), which ends it in time where there is none. At one that is only silent it stands: the charger may well
work. Nobody pays for not charging at either.
"""

import logging
import uuid
from datetime import timedelta
from functools import partial

from functions.booking import displacements, repository, repository_claims, repository_sessions, service
from functions.booking.assurance import Assurance
from functions.booking.displacements import Displaced, DisplacementOutcome, DisplacementPlan
from functions.booking.domain import REVEAL_BEFORE, SAFE, Booking, CanceledReason, ReservationStatus
from functions.booking.events import BookingAtRisk, BookingSafe
from functions.stations import service as stations
from functions.stations.domain import BROKEN, OUT_OF_USE, Location, repaired
from functions.stations.enums import EvseStatus
from functions.stations.feed import service as feed
from functions.stations.feed.events import EvseBackInUse, EvseOutOfUse
from shared.errors import SlotTaken
from shared.platform import Platform
from shared.slots import slot_of
from shared.tx import Tx

log = logging.getLogger(__name__)
NET = timedelta(minutes=5)
"""What is at risk for longer, and begins so soon that its EVSE would be told, is ended here should nobody else have."""


def handle(platform: Platform, *, consumer: str, message_id: str, event: EvseOutOfUse | EvseBackInUse) -> None:
    """Looks after what is booked at a location as soon as an EVSE of it breaks or works again."""
    platform.consume(partial(_rehouse, location_id=event.location_id), consumer=consumer, message_id=message_id)


def rehouse_bookings(platform: Platform) -> int:
    """Moves or ends what is booked at EVSEs out of use, one transaction a location. Returns how many bookings. The net under
    `handle`, and the one way for feeds that fell silent."""

    def concerned(tx: Tx) -> list[uuid.UUID]:
        location_of = feed.out_of_use(tx=tx)
        claimed = repository_claims.claimed_among(tx, sorted(location_of), from_slot=slot_of(tx.now))
        return sorted({location_of[evse_id] for evse_id in claimed} | set(repository.locations_at_risk(tx)))

    done = 0
    for location_id in platform.read(concerned):
        try:
            done += platform.transact(partial(_rehouse, location_id=location_id))
        except SlotTaken:
            log.warning("location %s: claims changed under the move; the next run tries again", location_id)
    return done


def _rehouse(tx: Tx, *, location_id: uuid.UUID) -> int:
    location = stations.lock_location(tx=tx, location_id=location_id)
    plan = displacements.plan(tx=tx, before=repaired(location, OUT_OF_USE), after=location)
    due = tuple(
        displaced
        for displaced in plan.displaced
        if displaced.outcome is DisplacementOutcome.MOVED or _ends(tx, location, displaced)
    )
    displacements.carry_out(
        tx=tx, location=location, plan=DisplacementPlan(due, plan.moves), reason=CanceledReason.BROKEN_CHARGER
    )
    _assure(tx, location, {displaced.booking.id for displaced in due})
    return len(due)


def _assure(tx: Tx, location: Location, settled: set[uuid.UUID]) -> None:
    """Says what is at risk now, and what is no more; each driver is told once. `settled` are those that moved or ended."""
    broken = [evse.id for evse in location.evses if evse.status in BROKEN]
    waiting = {booking.id for booking in repository.reserved_on(tx, location.id, broken)} - settled
    known = set(repository.at_risk_at(tx, location.id))
    for booking in repository.by_ids(tx, waiting ^ known).values():
        if booking.id in known and unusable(tx, location, booking) is CanceledReason.BLOCKED:
            continue  # it works, and somebody is still there
        if booking.id in waiting:
            at_risk = service.change(tx, booking, assurance=Assurance.AT_RISK.value, at_risk_since=tx.now)
            tx.publish(BookingAtRisk.of(location, at_risk, now=tx.now))
        elif booking.at_risk:
            safe = service.change(tx, booking, **SAFE)
            tx.publish(BookingSafe.of(location, safe, now=tx.now))


def _ends(tx: Tx, location: Location, displaced: Displaced) -> bool:
    """Whether a booking that found no other EVSE ends now. An offer that is only held does: it could not be kept."""
    if displaced.outcome is not DisplacementOutcome.CANCELED:
        return False
    booking = displaced.booking
    if booking.status is ReservationStatus.PENDING:
        return True
    near = booking.start - tx.now <= min(REVEAL_BEFORE, timedelta(minutes=booking.terms.give_up_minutes))
    since = booking.at_risk_since
    return near and since is not None and tx.now - since >= NET and _status(location, booking) in BROKEN


def _status(location: Location, booking: Booking) -> str | None:
    return next((evse.status for evse in location.evses if evse.id == booking.evse_id), None)


def cannot_be_used(location: Location, booking: Booking) -> bool:
    """Whether the booking's EVSE is certainly out of use: its driver is not sent there."""
    return _status(location, booking) in BROKEN


def unusable(tx: Tx, location: Location, booking: Booking) -> CanceledReason | None:
    """Why a booking's driver cannot count on its EVSE, None where they can: it is out of use, or somebody is still there
    whose time is over."""
    if cannot_be_used(location, booking):
        return CanceledReason.BROKEN_CHARGER
    return CanceledReason.BLOCKED if repository_sessions.overstays(tx, booking.evse_id) is not None else None


def at_risk(*, tx: Tx, booking_id: uuid.UUID) -> bool:
    """Whether a booking waits at an EVSE that is certainly out of use."""
    booking = repository.get(tx, booking_id)
    if booking is None or booking.status is not ReservationStatus.RESERVED:
        return False
    return cannot_be_used(stations.get_location(tx=tx, location_id=booking.location_id), booking)


def excuse(tx: Tx, location: Location, booking: Booking) -> CanceledReason | None:
    """Why a driver who did not come to a booking does not pay for it, None where they do: somebody else is still at the EVSE
    when their time has begun or they were told so, or it is out of use."""
    if (booking.begun(tx.now) or booking.at_risk) and repository_sessions.running_on(tx, booking.evse_id) is not None:
        return CanceledReason.BLOCKED
    status = _status(location, booking)
    if status in BROKEN:
        return CanceledReason.BROKEN_CHARGER
    return CanceledReason.UNKNOWN if status == EvseStatus.UNKNOWN else None


def waiting(*, tx: Tx, location: Location) -> list[Booking]:
    """The bookings at a location's EVSEs out of use: those that no other EVSE could take so far."""
    return repository.reserved_on(tx, location.id, [evse.id for evse in location.evses if evse.status in OUT_OF_USE])
