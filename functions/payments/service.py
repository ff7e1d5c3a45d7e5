"""Use cases of payments: open one, do what is next, take in what the provider answered. None commits, none calls outside.

Locks: the location and the booking, as bookings lock them, then the payment.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.booking import service as booking
from functions.booking.cancellations import cancel_booking, let_go
from functions.booking.domain import Booking, CancellationCause, ReservationStatus
from functions.booking.paying import PaymentState
from functions.payments import repository
from functions.payments.domain import (
    Attempt,
    EventType,
    Payment,
    PaymentEvent,
    Purpose,
    Step,
    Todo,
    fold,
    key_of,
    mend_until,
    next_step,
    settled_state,
    summary,
)
from functions.payments.events import (
    MoneyMoved,
    PaymentActionNeeded,
    PaymentCaptured,
    PaymentRefunded,
    ProviderFee,
    StepDue,
)
from functions.stations import service as stations
from shared.adapters.payments import CheckoutPage, Intent, IntentState
from shared.adapters.stripe_amounts import chargeable
from shared.db import new_id
from shared.errors import NotFound
from shared.tx import Tx

LATEST_AGAIN_S = 600
"""Seconds after which a step is tried again at the latest that the provider has failed."""


@dataclass(frozen=True)
class Outcome:
    """What the provider answered to an attempt."""

    word: str
    """DONE, UNKNOWN (it failed, and nothing shows an effect), or why a card was declined."""
    intents: tuple[Intent, ...] = ()
    page: CheckoutPage | None = None
    """A page that was closed; a complete one was paid on."""
    refunds: tuple[tuple[str, int], ...] = ()
    """(id, minor units)."""
    declined: bool = False


def locked(tx: Tx, payment_id: uuid.UUID) -> tuple[Booking, Payment]:
    """A payment with its booking, locked in the one order. Raises NotFound."""
    unlocked = repository.get(tx, payment_id)
    if unlocked is None:
        raise NotFound(f"There is no payment {payment_id}.")
    _, booked = booking.lock_booking(tx, unlocked.booking_id)
    payment = repository.get(tx, payment_id, lock=True)
    assert payment is not None
    return booked, payment


def open_payment(tx: Tx, booked: Booking, purpose: Purpose, *, asked_minor: int, due_minor: int | None) -> Payment:
    """Stores a payment for a booking, to be charged to its driver's first card where they have saved one."""
    cards = repository.cards_of(tx, booked.user_id)
    payment = Payment(
        id=new_id(),
        booking_id=booked.id,
        user_id=booked.user_id,
        location_id=booked.location_id,
        purpose=purpose,
        seq=1,
        currency=booked.quote.currency,
        asked_minor=asked_minor,
        due_minor=due_minor,
        held_minor=0,
        captured_minor=0,
        refunded_minor=0,
        state=PaymentState.NEEDED if purpose is Purpose.BOOKING else PaymentState.PLANNED,
        intent_id=None,
        method_id=cards[0].id if cards else None,
        authorise_at=booked.start - timedelta(hours=tx.settings.hold_ahead_hours),
        capture_before=None,
        mend_until=booked.payment.mend_until if booked.payment is not None else None,
        failure=None,
        checkout_id=None,
        checkout_url=None,
        checkout_until=None,
        created_at=tx.now,
        updated_at=tx.now,
    )
    repository.add(tx, payment)
    return payment


def plan(tx: Tx, booked: Booking, payment: Payment, method_id: uuid.UUID) -> Payment:
    """A card is known: it is charged now where the start is near, else later, and the booking stands until then."""
    payment = change(tx, payment, method_id=method_id, failure=None)
    near = payment.authorise_at is None or payment.authorise_at <= tx.now
    if near or payment.due_minor is not None:
        begin(tx, payment, Todo(Step.HOLD, payment.asked_minor if payment.due_minor is None else payment.due_minor))
        return payment
    if booking.confirm_paid(tx=tx, booking_id=booked.id):
        return change(tx, payment, state=PaymentState.PLANNED, mend_until=None)
    return change(tx, payment, state=PaymentState.RELEASED, due_minor=0, mend_until=None)


def change(tx: Tx, payment: Payment, **values: Any) -> Payment:
    """Changes a locked payment, and what its booking shows of it."""
    repository.update(tx, payment.id, **values)
    payment = replace(payment, **values)
    show(tx, payment)
    return payment


def show(tx: Tx, payment: Payment) -> None:
    """Writes what the booking's driver sees: of the booking's own payment, or what is owed beside it."""
    if payment.purpose is Purpose.OVERTIME and payment.state is not PaymentState.OWED:
        first = next((other for other in repository.of_booking(tx, payment.booking_id) if other.id != payment.id), None)
        if first is None or first.state is PaymentState.OWED:
            return
        payment = first
    card = None if payment.method_id is None else repository.get_card(tx, payment.method_id)
    shown = summary(payment, None if card is None else card.in_words, tx.now)
    booking.note_payment(tx=tx, booking_id=payment.booking_id, payment=shown)


def begin(tx: Tx, payment: Payment, todo: Todo, *, tell: bool = True, at: datetime | None = None) -> Attempt:
    """Writes an attempt under its own key, and has the provider asked. One that is under way is not begun twice."""
    attempts = repository.attempts_of(tx, payment.id)
    opens = todo.step is Step.CHECKOUT  # a page that was never opened keeps nothing else from being done
    unanswered = (attempt for attempt in attempts if attempt.answered_at is None)
    under_way = next((attempt for attempt in unanswered if opens or attempt.step is not Step.CHECKOUT), None)
    if under_way is not None:
        return under_way
    number = 1 + sum(attempt.step is todo.step for attempt in attempts)
    attempt = Attempt(
        id=new_id(),
        payment_id=payment.id,
        step=todo.step,
        number=number,
        key=key_of(payment.id, todo.step, number),
        amount_minor=todo.amount_minor,
        method_id=payment.method_id,
        answered_at=None,
        outcome=None,
        created_at=tx.now,
    )
    repository.add_attempt(tx, attempt)
    if tell:
        tx.publish(StepDue(attempt.id), available_at=at)
    return attempt


def advance(tx: Tx, payment: Payment) -> None:
    """Begins what is to be done next, if anything is."""
    todo = next_step(payment, tx.now)
    if todo is not None:
        begin(tx, payment, todo)


def settle(tx: Tx, *, attempt_id: uuid.UUID, outcome: Outcome) -> Payment | None:
    """Takes in what came of an attempt, once: the payment's sums, its booking, and what is next. None where it is known."""
    attempt = repository.get_attempt(tx, attempt_id)
    if attempt is None:
        return None
    booked, payment = locked(tx, attempt.payment_id)
    if not repository.answer_attempt(tx, attempt.id, outcome.word):
        return None
    if attempt.step in (Step.EXPIRE, Step.CHECKOUT):
        payment = change(tx, payment, checkout_id=None, checkout_url=None, checkout_until=None)
    if outcome.page is not None and outcome.page.state == "complete":
        return paid_on_page(tx, booked, payment, outcome.page)
    payment = take_in(tx, booked, payment, outcome)
    if outcome.declined:
        return _declined(tx, booked, payment, attempt, outcome.word)
    if outcome.word == "UNKNOWN":
        again_at = tx.now + timedelta(seconds=min(LATEST_AGAIN_S, 15 * 2**attempt.number))
        begin(tx, payment, Todo(attempt.step, attempt.amount_minor), at=again_at)
        return payment
    if attempt.step is Step.EXPIRE:
        return let_place_go(tx, booked, payment)
    advance(tx, payment)
    return payment


def take_in(tx: Tx, booked: Booking, payment: Payment, outcome: Outcome) -> Payment:
    """Notes what the provider says has happened, folds the sums, and has the booking follow. Said twice it changes nothing."""
    for intent in outcome.intents:
        _note_intent(tx, payment, intent)
    for refund_id, amount in outcome.refunds:
        _note(tx, payment, PaymentEvent(EventType.REFUNDED, amount, refund_id), PaymentRefunded)
    totals = fold(repository.events_of(tx, payment.id))
    held = next((intent for intent in outcome.intents if intent.state is IntentState.HELD), None)
    values: dict[str, Any] = {"held_minor": totals.held_minor, "captured_minor": totals.captured_minor}
    values |= {"refunded_minor": totals.refunded_minor, "intent_id": totals.intent_id or payment.intent_id}
    if held is not None:
        values |= {"capture_before": held.capture_before, "failure": None, "mend_until": None}
    after = replace(payment, **values)
    if held is not None and payment.due_minor is None and not booking.confirm_paid(tx=tx, booking_id=booked.id):
        values["due_minor"] = 0  # the place is gone: what is held is let go
        after = replace(after, due_minor=0)
    return change(tx, payment, **values, state=settled_state(after))


def paid_on_page(tx: Tx, booked: Booking, payment: Payment, page: CheckoutPage) -> Payment:
    """A driver has entered a card on the provider's page: it is saved, and holds the payment or is charged later."""
    if payment.checkout_id == page.provider_id:
        payment = change(tx, payment, checkout_id=None, checkout_url=None, checkout_until=None)
    card = page.method if page.intent is None else page.intent.method
    saved = None if card is None else repository.save_card(tx, payment.user_id, card)
    if saved is not None and (payment.waits or payment.method_id is None):
        payment = change(tx, payment, method_id=saved.id)
    if page.intent is not None:
        payment = take_in(tx, booked, payment, Outcome("DONE", (page.intent,)))
        advance(tx, payment)
    elif saved is not None and payment.waits:
        payment = plan(tx, booked, payment, saved.id)
    return payment


def _note_intent(tx: Tx, payment: Payment, intent: Intent) -> None:
    ref = intent.provider_id
    if intent.state is IntentState.HELD:
        _note(tx, payment, PaymentEvent(EventType.HELD, intent.held_minor, ref), None)
    elif intent.state is IntentState.CANCELED:
        _note(tx, payment, PaymentEvent(EventType.RELEASED, 0, ref), None)
    elif intent.state is IntentState.CAPTURED:
        _note(tx, payment, PaymentEvent(EventType.CAPTURED, intent.captured_minor, ref), PaymentCaptured)
        if intent.fee_ref is not None and intent.fee_minor > 0:
            _note(tx, payment, PaymentEvent(EventType.FEE, intent.fee_minor, intent.fee_ref), ProviderFee)


def _note(tx: Tx, payment: Payment, event: PaymentEvent, kind: type[MoneyMoved] | None) -> None:
    if not repository.add_event(tx, payment.id, event) or kind is None or event.amount_minor <= 0:
        return
    owner_id = stations.get_location(tx=tx, location_id=payment.location_id).owner_id
    moved = (payment.id, payment.booking_id, owner_id, payment.user_id, payment.currency)
    published = kind(*moved, event.amount_minor, event.provider_ref, tx.now)
    if isinstance(published, PaymentRefunded):
        # What is paid back so far is what a corrected bill took back: that bill has granted it.
        published = replace(published, borne_by="DRIVER")
    tx.publish(published)


def _declined(tx: Tx, booked: Booking, payment: Payment, attempt: Attempt, code: str) -> Payment:
    """A card was declined: each other saved card is tried once, then its driver is asked."""
    tried = {other.method_id for other in repository.attempts_of(tx, payment.id) if other.step is Step.HOLD}
    others = [card for card in repository.cards_of(tx, payment.user_id) if card.id not in tried]
    if others and booked.status is not ReservationStatus.PENDING:
        payment = change(tx, payment, method_id=others[0].id, failure=code)
        begin(tx, payment, Todo(Step.HOLD, attempt.amount_minor))
        return payment
    if payment.due_minor is not None:
        payment = change(tx, payment, failure=code, state=PaymentState.OWED)
        ask(tx, booked, payment)
        return payment
    if booked.status is ReservationStatus.PENDING:
        payment = change(tx, payment, failure=code, state=PaymentState.NEEDED)
    else:
        patience = timedelta(minutes=tx.settings.payment_minutes)
        until = mend_until(tx.now, booked.start, booked.cancel_until, patience)
        payment = change(tx, payment, failure=code, state=PaymentState.ACTION_NEEDED, mend_until=until)
    ask(tx, booked, payment)
    return payment


def ask(tx: Tx, booked: Booking, payment: Payment) -> None:
    """Tells a booking's driver that they are to pay."""
    location = stations.get_location(tx=tx, location_id=booked.location_id)
    event = PaymentActionNeeded.of(location, booked, now=tx.now)
    owed = payment.state is PaymentState.OWED
    tx.publish(replace(event, owed=owed, amount_minor=payment.amount_minor, mend_until=None if owed else payment.mend_until))


def let_place_go(tx: Tx, booked: Booking, payment: Payment) -> Payment:
    """Nobody paid in time: the place is free for others, at no cost to its driver."""
    if payment.due_minor is not None:
        advance(tx, payment)
        return payment
    payment = change(tx, payment, state=PaymentState.FAILED, due_minor=0, mend_until=None)
    if booked.status is ReservationStatus.PENDING:
        let_go(tx=tx, booking_id=booked.id)
    elif booked.status is ReservationStatus.RESERVED:
        cancel_booking(tx=tx, booking_id=booked.id, cause=CancellationCause.PAYMENT_FAILED)
    return payment


def set_due(tx: Tx, payment: Payment, due_minor: int) -> Payment:
    """What is to have been taken in the end is known: it is held, captured, given free or paid back accordingly."""
    payment = change(tx, payment, due_minor=due_minor)
    waived = due_minor > 0 and chargeable(due_minor, payment.currency) == 0
    if waived:
        repository.add_event(tx, payment.id, PaymentEvent(EventType.WAIVED, due_minor, f"waived_{payment.id.hex}"))
    state = settled_state(payment)
    owes = state is PaymentState.OWED and payment.state is not PaymentState.OWED
    if state is not payment.state:
        payment = change(tx, payment, state=state)
    if owes:
        ask(tx, booking.get_owned(tx=tx, booking_id=payment.booking_id), payment)
    advance(tx, payment)
    return payment
