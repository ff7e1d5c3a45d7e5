"""Moving a booking in time, under its terms."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from functions.accounts import service as accounts
from functions.booking import claims, repository
from functions.booking.alternatives import alternatives
from functions.booking.domain import NOT_YET_THERE, SAFE, Booking, ReservationStatus, check_period, end_of
from functions.booking.events import BookingRescheduled
from functions.booking.fees import keeping_late_fee
from functions.booking.limits import Car
from functions.booking.paying import PaymentState, to_hold
from functions.booking.placement import place
from functions.booking.quotes import tariff_for, wish_of
from functions.booking.service import (
    MINUTE,
    announce,
    by_driver,
    change,
    check_allowed,
    get_owned,
    limits_of,
    lock_booking,
    placed_period,
)
from functions.tariffs.quotes import Quote
from shared import telemetry
from shared.errors import SlotTaken, TermsRefuse, WrongState
from shared.tx import Tx


def check_payable(tx: Tx, booking: Booking, start: datetime) -> None:
    """A hold on a card does not last for ever: what is held moves no further away than money is held. Raises TermsRefuse."""
    ahead = timedelta(hours=tx.settings.hold_ahead_hours)
    held = booking.payment is not None and booking.payment.state is PaymentState.HELD
    if held and start > max(booking.start, tx.now + ahead):
        raise TermsRefuse("Money is held for it: book the later time anew, and cancel this booking.")


def check_within_hold(booking: Booking, quote: Quote) -> None:
    """What is held for a booking does not grow. Raises TermsRefuse for a period that costs more."""
    payment = booking.payment
    if payment is None or payment.state is not PaymentState.HELD:
        return
    if to_hold(booking.terms, quote, quote.total_minor) > payment.amount_minor:
        raise TermsRefuse("It costs more than is held for it: book the other time anew, and cancel this booking.")


def reschedule_booking(
    *,
    tx: Tx,
    booking_id: uuid.UUID,
    start: datetime,
    duration_minutes: float | None = None,
    energy_limit_kwh: float | None = None,
) -> Booking:
    """Moves a booking in time at its pool by the difference of its claims: the old slot is never lost meanwhile. Its quote is
    made anew for the new period; one that its driver leaves late stays late to cancel. One at risk may move whatever its terms
    say, and is never late.

    Raises WrongState, TermsRefuse, LimitReached, SlotTaken, PriceNotKnown (the booking then stands as it was).
    """
    accounts.lock_driver(tx=tx, user_id=get_owned(tx=tx, booking_id=booking_id).user_id)
    location, booking = lock_booking(tx, booking_id)
    if booking.status is not ReservationStatus.RESERVED:
        raise WrongState(f"A {booking.status} booking cannot be moved.", reservation_status=booking.status.value)
    terms = booking.terms
    if terms.change_not_allowed and not booking.at_risk:
        raise TermsRefuse("The terms of this booking do not allow changes.")
    change_until = booking.start - timedelta(minutes=terms.change_until_minutes)
    if tx.now > change_until and not booking.at_risk:
        raise TermsRefuse(f"Changes were possible until {change_until.isoformat()}.", change_until=change_until.isoformat())
    check_payable(tx, booking, start)
    minutes = duration_minutes or (booking.end - booking.start) / MINUTE
    end = end_of(start, minutes)
    slots = check_period(start, end)
    claims.release_lapsed(tx, location.id)
    wish = wish_of(booking, energy_limit_kwh)
    car = Car(booking.vehicle_id, booking.plate)
    limits = limits_of(tx=tx, user_id=booking.user_id, car=car, moving=booking.id)
    check_allowed(tx, limits, location, terms, start, end, moved=True)
    pool = location.pool_of(booking.standard, booking.power_class)
    taken = claims.occupied(tx, location, slots, ignoring=booking.id)
    placement = None if pool is None else place(pool.evse_ids, taken, slots.start, slots.stop, prefer=booking.evse_id)
    if pool is None or placement is None:
        telemetry.claims_lost.add(1, {"where": "reschedule"})
        refusal = SlotTaken(
            f"No {booking.standard} is free at {location.name} over the new period; your booking stands as it was.",
            alternatives=[],
        )
        raise refusal if pool is None else refusal.completed_by(alternatives(location, pool, start, end, taken))
    claims.apply(tx, location, placement, booking.id, slots)
    tariff_id = tariff_for(tx, booking, pool, start)
    placed = placed_period(tx, location, placement, tariff_id, terms, start, end, wish)
    leaves_late = by_driver(tx, booking) and not booking.at_risk
    late_since = booking.left_late(tx.now) if leaves_late else booking.late_since
    if late_since is not None:
        placed = replace(placed, quote=keeping_late_fee(tx, booking, placed.quote))
    check_within_hold(booking, placed.quote)
    # The price of the booking before it caps no more than was booked then.
    cap = booking.price_cap_minor if end - start <= booking.end - booking.start else None
    moved = change(tx, booking, **vars(placed), late_since=late_since, price_cap_minor=cap, **NOT_YET_THERE, **SAFE)
    claims.tell_free(tx, location.id)
    repository.add_request(tx, moved, start=start, end=end)
    announce(tx, location, moved, BookingRescheduled, previous=booking)
    return moved
