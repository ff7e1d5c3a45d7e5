"""Cancelling: by the driver under the terms, by the platform at no cost to them."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from functions.booking import outages, repository, sessions
from functions.booking.claims import end_hold
from functions.booking.domain import (
    DRIVER_REASONS,
    OPERATOR_REASONS,
    Booking,
    CanceledReason,
    CancellationCause,
    ReservationStatus,
    WhoCanceled,
    check_transition,
)
from functions.booking.fees import frozen_fee
from functions.booking.service import by_driver, end_booking, get_owned, lock_booking
from functions.stations import service as stations
from functions.stations.domain import Location, StaffRight
from functions.tariffs.domain import BookingRestriction
from shared.errors import Invalid, NotFound, WrongState
from shared.tx import Tx


def cancel_booking(
    *,
    tx: Tx,
    booking_id: uuid.UUID,
    reason: CanceledReason = CanceledReason.UNKNOWN,
    cause: CancellationCause | None = None,
) -> Booking:
    """Ends a booking and frees its claims in the same transaction.

    By its driver it costs what the terms say: late the fee of a late cancel; once its start has passed it is a miss, NO_SHOW
    with that fee, since their place was kept and they did not come. At a charger that is out of use, or that
    somebody else is still at, neither costs anything.
    By anybody else, or with a `cause`, it is the operator's side's and free. Raises WrongState, Invalid for a reason that is
    the other side's.
    """
    location, booking = lock_booking(tx, booking_id)
    who = WhoCanceled.MSP if cause is None and by_driver(tx, booking) else WhoCanceled.CPO
    reasons = DRIVER_REASONS if who is WhoCanceled.MSP else OPERATOR_REASONS
    if reason not in reasons:
        raise Invalid.one("reason", f"must be one of {', '.join(reasons)}")
    check_transition(booking.status, ReservationStatus.CANCELED)
    if who is WhoCanceled.CPO:
        return end_booking(tx, location, booking, reason=reason, who=who, cause=cause or CancellationCause.ADMINISTRATOR)
    return _by_driver(tx, location, booking, reason)


def let_go(*, tx: Tx, booking_id: uuid.UUID) -> None:
    """Ends a hold that nobody accepted, if it still stands; its place is free."""
    _, booking = lock_booking(tx, booking_id)
    if booking.status is ReservationStatus.PENDING:
        end_hold(tx, booking)


@dataclass(frozen=True)
class CancellationCost:
    """What it costs its driver to cancel a booking now."""

    becomes: ReservationStatus
    """CANCELED, or NO_SHOW once its start has passed."""
    fee_minor: int
    currency: str
    free_until: datetime | None
    """Until when it is free of charge; None: it is not, or not for a time that is known (its charger is out of use)."""


def cost_of_cancelling(*, tx: Tx, booking_id: uuid.UUID) -> CancellationCost:
    """What `cancel_booking` would cost the booking's driver now. Nothing is changed. Raises NotFound, WrongState."""
    booking = get_owned(tx=tx, booking_id=booking_id)
    check_transition(booking.status, ReservationStatus.CANCELED)
    location = stations.get_location(tx=tx, location_id=booking.location_id)
    currency, canceled = booking.quote.currency, ReservationStatus.CANCELED
    free_until = booking.cancel_until if booking.late_since is None and tx.now <= booking.cancel_until else None
    if not _costs(tx, location, booking):
        return CancellationCost(canceled, 0, currency, free_until)
    if booking.begun(tx.now):
        fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_EXPIRES) if booking.terms.noshow_fee else 0
        return CancellationCost(ReservationStatus.NO_SHOW, fee, currency, None)
    late = booking.left_late(tx.now) is not None
    fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES) if late else 0
    return CancellationCost(canceled, fee, currency, free_until)


def _costs(tx: Tx, location: Location, booking: Booking) -> bool:
    """Whether leaving a booking may cost its driver anything: a hold does not, nor one whose charger they cannot have."""
    return booking.status is ReservationStatus.RESERVED and outages.excuse(tx, location, booking) is None


def cancel_hosted(*, tx: Tx, booking_id: uuid.UUID, reason: CanceledReason, said: str | None) -> Booking:
    """Whoever runs the place ends a booking there: free for its driver, who reads why, in the operator's own words (`said`).

    Raises NotFound for others' places, Invalid for a reason that is the driver's, WrongState for what is over, is being
    charged, or is only held for an offer.
    """
    unlocked = repository.get(tx, booking_id)
    try:
        location = None if unlocked is None else _operated(tx, unlocked.location_id)
    except NotFound:
        location = None
    booking = None if location is None else repository.get(tx, booking_id, lock=True)
    if location is None or booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    if reason not in OPERATOR_REASONS:
        raise Invalid.one("reason", f"must be one of {', '.join(OPERATOR_REASONS)}")
    if booking.status is ReservationStatus.PENDING:
        raise WrongState("It is only held for an offer, and lapses by itself.", reservation_status=booking.status.value)
    check_transition(booking.status, ReservationStatus.CANCELED)
    cause = CancellationCause.ADMINISTRATOR if tx.actor.role == "admin" else None
    return end_booking(tx, location, booking, reason=reason, who=WhoCanceled.CPO, cause=cause, detail=said)


def _operated(tx: Tx, location_id: uuid.UUID) -> Location:
    return stations.get_owned(tx=tx, location_id=location_id, right=StaffRight.OPERATE)


def _by_driver(tx: Tx, location: Location, booking: Booking, reason: CanceledReason) -> Booking:
    costs = _costs(tx, location, booking)
    if costs and booking.begun(tx.now):
        return sessions.miss(tx=tx, location=location, booking=booking)
    late = costs and booking.left_late(tx.now) is not None
    fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES) if late else 0
    return end_booking(tx, location, booking, reason=reason, who=WhoCanceled.MSP, late=late, fee_minor=fee)
