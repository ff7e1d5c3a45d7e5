"""What happens to bookings, and what that means for their payment: a place that is held is to be paid for, what was used or
left late is due, what ended otherwise costs nothing."""

import uuid
from datetime import timedelta
from functools import partial

from functions.booking import service as booking
from functions.booking.domain import NoShowSettlement, ReservationStatus, SessionSettlement
from functions.booking.events import (
    BookingCanceled,
    BookingEvent,
    BookingHeld,
    BookingMissed,
    BookingRescheduled,
    SessionStopped,
)
from functions.booking.paying import PaymentState, to_hold
from functions.payments import repository, service
from functions.payments.domain import Payment, Purpose
from shared.adapters.stripe_amounts import chargeable
from shared.platform import Platform
from shared.tx import Tx


def handle(platform: Platform, *, consumer: str, message_id: str, event: BookingEvent) -> None:
    """Has the payment of a booking follow it; of one without a payment nothing is done."""
    platform.consume(partial(follow, event=event), consumer=consumer, message_id=message_id)


def follow(tx: Tx, *, event: BookingEvent) -> None:
    """The same, in a transaction. The booking is read as it is now: events may come late and in any order."""
    if isinstance(event, BookingHeld):
        _held(tx, event.booking_id)
        return
    payments = repository.of_booking(tx, event.booking_id)
    if not payments:
        return
    if isinstance(event, BookingCanceled):
        _canceled(tx, payments, event)
    elif isinstance(event, BookingMissed):
        settlement = event.settlement
        fee = settlement.no_show_fee_minor if isinstance(settlement, NoShowSettlement) else 0
        _due(tx, payments[0], fee)
    elif isinstance(event, SessionStopped):
        _used(tx, payments)
    elif isinstance(event, BookingRescheduled):
        _moved(tx, payments[0])


def _held(tx: Tx, booking_id: uuid.UUID) -> None:
    _, booked = booking.lock_booking(tx, booking_id)
    if not booked.unpaid or repository.of_booking(tx, booking_id):
        return
    asked = to_hold(booked.terms, booked.quote, booked.most_minor)
    payment = service.open_payment(tx, booked, Purpose.BOOKING, asked_minor=asked, due_minor=None)
    if payment.method_id is not None:
        service.plan(tx, booked, payment, payment.method_id)
    elif booked.charge_request_id is not None:
        service.ask(tx, booked, payment)  # who books by themselves reads it in the answer


def _canceled(tx: Tx, payments: list[Payment], event: BookingCanceled) -> None:
    """A booking that has gone to another place takes its payment along; else what leaving it costs is due."""
    if event.rebooked_to is None:
        _due(tx, payments[0], event.fee_minor or 0)
        return
    there = booking.get_owned(tx=tx, booking_id=event.rebooked_to)
    for payment in payments:
        repository.update(tx, payment.id, booking_id=there.id, location_id=there.location_id)
    moved = repository.get(tx, payments[0].id, lock=True)
    assert moved is not None
    service.show(tx, moved)
    if there.status is not ReservationStatus.RESERVED and there.canceled is not None:
        _due(tx, moved, there.canceled.fee_minor)  # it has ended before its payment came along


def _due(tx: Tx, payment: Payment, due_minor: int) -> None:
    _, locked = service.locked(tx, payment.id)
    service.set_due(tx, locked, due_minor)


def _used(tx: Tx, payments: list[Payment]) -> None:
    """What a session cost is due; what of it is more than was held is a payment of its own."""
    booked, first = service.locked(tx, payments[0].id)
    settlement = booked.settlement
    total = settlement.total_minor if isinstance(settlement, SessionSettlement) else 0
    service.set_due(tx, first, min(total, first.asked_minor))
    beyond = max(0, total - first.asked_minor)
    overtime = next((payment for payment in payments if payment.purpose is Purpose.OVERTIME), None)
    if overtime is not None:
        _due(tx, overtime, beyond)
    elif chargeable(beyond, first.currency):
        more = service.open_payment(tx, booked, Purpose.OVERTIME, asked_minor=beyond, due_minor=beyond)
        service.set_due(tx, more, beyond)


def _moved(tx: Tx, payment: Payment) -> None:
    """A booking that has moved in time is charged for its new price, by its new start. What is held stays."""
    booked, locked = service.locked(tx, payment.id)
    if locked.state not in (PaymentState.PLANNED, PaymentState.ACTION_NEEDED) or locked.due_minor is not None:
        return
    asked = to_hold(booked.terms, booked.quote, booked.most_minor)
    if asked == 0:
        service.set_due(tx, locked, 0)
        return
    ahead = booked.start - timedelta(hours=tx.settings.hold_ahead_hours)
    locked = service.change(tx, locked, asked_minor=asked, authorise_at=ahead)
    service.advance(tx, locked)
