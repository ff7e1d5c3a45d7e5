"""Cancelling: by the driver under the terms, by the platform at no cost to them."""

import uuid

from functions.booking import outages, sessions
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
from functions.booking.service import by_driver, end_booking, lock_booking
from functions.stations.domain import Location
from functions.tariffs.domain import BookingRestriction
from shared.errors import Invalid
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


def _by_driver(tx: Tx, location: Location, booking: Booking, reason: CanceledReason) -> Booking:
    costs = booking.status is ReservationStatus.RESERVED and outages.excuse(tx, location, booking) is None
    if costs and booking.begun(tx.now):
        return sessions.miss(tx=tx, location=location, booking=booking)
    late = costs and booking.left_late(tx.now) is not None
    fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES) if late else 0
    return end_booking(tx, location, booking, reason=reason, who=WhoCanceled.MSP, late=late, fee_minor=fee)
