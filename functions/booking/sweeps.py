"""Use cases that the clock starts: lapsed holds, no-shows, and telling drivers their EVSE. One transaction a booking."""

import logging
import uuid
from collections.abc import Callable
from functools import partial

from functions.booking import claims, outages, repository, service, sessions
from functions.booking.charging import CONFIRM_WITHIN
from functions.booking.domain import (
    REVEAL_BEFORE,
    Booking,
    CanceledReason,
    ReservationStatus,
    WhoCanceled,
    check_transition,
)
from functions.booking.events import EvseRevealed
from functions.booking.fees import credit_of
from functions.stations import service as stations
from functions.stations.domain import Location
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
BATCH = 200

Step = Callable[[Tx, Location, Booking], bool]


def _each(platform: Platform, booking_ids: list[uuid.UUID], step: Step) -> int:
    """Runs `step` for each booking in a transaction of its own, location locked first; it re-checks what it finds."""

    def locked_step(tx: Tx, booking_id: uuid.UUID) -> bool:
        unlocked = repository.get(tx, booking_id)
        if unlocked is None:
            return False
        location = stations.lock_location(tx=tx, location_id=unlocked.location_id)
        booking = repository.get(tx, booking_id, lock=True)
        return booking is not None and step(tx, location, booking)

    return sum(platform.transact(partial(locked_step, booking_id=booking_id)) for booking_id in booking_ids)


def release_expired_holds(platform: Platform) -> int:
    """Cancels PENDING bookings whose hold has run out. Returns how many."""

    def step(tx: Tx, _location: Location, booking: Booking) -> bool:
        if booking.status is not ReservationStatus.PENDING or booking.holds(tx.now):
            return False
        claims.end_hold(tx, booking)
        return True

    now = platform.clock.now()
    pending = ReservationStatus.PENDING
    booking_ids = platform.read(lambda tx: repository.due(tx, column="hold_expires_at", status=pending, until=now, limit=BATCH))
    return _each(platform, booking_ids, step)


def sweep_no_shows(platform: Platform) -> int:
    """RESERVED bookings nobody came to within the terms' time: NO_SHOW, the slot is freed, the fee is the terms'.

    Where the EVSE is out of use, or somebody else is still at it, nobody could have come: the booking is cancelled by the
    operator's side, at no cost.
    """

    def step(tx: Tx, location: Location, booking: Booking) -> bool:
        if booking.status is not ReservationStatus.RESERVED or booking.no_show_at > tx.now:
            return False
        arrived_at = booking.arrived_at
        if arrived_at is not None and arrived_at <= booking.no_show_at and tx.now - arrived_at < CONFIRM_WITHIN:
            return False  # they came in time; their station has yet to say so
        check_transition(booking.status, ReservationStatus.NO_SHOW)
        excuse = outages.excuse(tx, location, booking)
        if excuse is not None:
            credit = credit_of(booking) if excuse is CanceledReason.BROKEN_CHARGER else None
            service.end_booking(tx, location, booking, reason=excuse, who=WhoCanceled.CPO, credit_minor=credit)
            return True
        sessions.miss(tx=tx, location=location, booking=booking)
        return True

    now = platform.clock.now()
    reserved = ReservationStatus.RESERVED
    booking_ids = platform.read(lambda tx: repository.due(tx, column="no_show_at", status=reserved, until=now, limit=BATCH))
    return _each(platform, booking_ids, step)


def assign_evses(platform: Platform) -> int:
    """Thirty minutes before the start a booking's EVSE is settled and told; from then on it is not moved."""

    def step(tx: Tx, location: Location, booking: Booking) -> bool:
        if booking.status is not ReservationStatus.RESERVED or booking.revealed_at is not None:
            return False
        if outages.cannot_be_used(location, booking):
            return False  # it is moved or ended by `rehouse_bookings`
        revealed = service.reveal(tx=tx, booking=booking)
        tx.publish(EvseRevealed.of(location, revealed, now=tx.now))
        return True

    until = platform.clock.now() + REVEAL_BEFORE
    booking_ids = platform.read(lambda tx: repository.to_reveal(tx, until=until, limit=BATCH))
    return _each(platform, booking_ids, step)
