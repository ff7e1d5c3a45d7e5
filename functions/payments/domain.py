"""The rules of payments: what has come of one by what the provider told, and what is to be done next. No I/O, no clock."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from functions.booking.paying import BookingPayment, PaymentState
from shared.adapters.stripe_amounts import chargeable

ANSWER_KEPT = timedelta(hours=20)
"""How long the provider surely keeps the answer to a key (24 hours, less some): after that it is asked what has happened."""
MEND_LEAST = timedelta(minutes=120)
"""How long before the start a declined card must be mended at least: somebody else may still want the place."""


class Purpose(StrEnum):
    """What a payment is for."""

    BOOKING = "BOOKING"
    OVERTIME = "OVERTIME"
    """What a session cost beyond what was held."""


class Step(StrEnum):
    """What the provider is asked to do."""

    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    CANCEL = "CANCEL"
    REFUND = "REFUND"
    EXPIRE = "EXPIRE"
    """Close the page on which the driver could pay."""
    CHECKOUT = "CHECKOUT"
    """Open one."""


class EventType(StrEnum):
    """What has happened to a payment."""

    HELD = "HELD"
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"
    REFUNDED = "REFUNDED"
    FEE = "FEE"
    """The provider kept its fee."""
    WAIVED = "WAIVED"
    """It was due, and is less than can be charged."""


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A driver's payment for a booking, minor units of `currency`. Instants are UTC."""

    id: uuid.UUID
    booking_id: uuid.UUID
    user_id: uuid.UUID
    """The driver, or the pseudonym of one who left."""
    location_id: uuid.UUID
    purpose: Purpose
    seq: int
    currency: str
    asked_minor: int
    """What is held, or to be."""
    due_minor: int | None
    """What must have been taken in the end; None: that is not known yet."""
    held_minor: int
    """Held now: 0 once it is captured or released."""
    captured_minor: int
    refunded_minor: int
    state: PaymentState
    intent_id: str | None
    """The provider's, of what is held or was taken."""
    method_id: uuid.UUID | None
    """The saved card that is charged; None: none is known."""
    authorise_at: datetime | None
    """From when on a PLANNED one is held."""
    capture_before: datetime | None
    """When the hold ends at the card's bank."""
    mend_until: datetime | None
    """Until when its driver may pay; then the place goes."""
    failure: str | None
    """Why the card was declined last, in the provider's word."""
    checkout_id: str | None
    """The provider's page on which its driver may pay."""
    checkout_url: str | None
    checkout_until: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def reference(self) -> str:
        """Ours at the provider: the transfer group."""
        return f"payment_{self.id}"

    @property
    def waits(self) -> bool:
        """Whether its driver is to pay."""
        return self.state in (PaymentState.NEEDED, PaymentState.ACTION_NEEDED, PaymentState.OWED)

    @property
    def amount_minor(self) -> int:
        """What its driver reads: what was taken, is held, is owed, or will be held."""
        if self.captured_minor:
            return self.captured_minor - self.refunded_minor
        if self.held_minor:
            return self.held_minor
        return self.asked_minor if self.due_minor is None else self.due_minor


def payment_of(reference: str | None) -> uuid.UUID | None:
    """The payment that a reference at the provider names; None where it names none."""
    try:
        return uuid.UUID((reference or "").removeprefix("payment_")) if (reference or "").startswith("payment_") else None
    except ValueError:
        return None


@dataclass(frozen=True)
class PaymentEvent:
    """Something that happened to a payment at the provider; its type and `provider_ref` are there once."""

    type: EventType
    amount_minor: int
    provider_ref: str
    """The intent's id; a refund's of a refund, a balance transaction's of a fee."""


@dataclass(frozen=True)
class Attempt:
    """One asking of the provider, under its own key."""

    id: uuid.UUID
    payment_id: uuid.UUID
    step: Step
    number: int
    key: str
    amount_minor: int
    method_id: uuid.UUID | None
    answered_at: datetime | None
    outcome: str | None
    created_at: datetime


def key_of(payment_id: uuid.UUID, step: Step, number: int) -> str:
    """The key under which an attempt has its effect once."""
    return f"payment:{payment_id}:{step.value.lower()}:{number}"


@dataclass(frozen=True)
class Totals:
    """What events add up to, in whatever order they came."""

    held_minor: int
    captured_minor: int
    refunded_minor: int
    intent_id: str | None
    """Of what is held or was captured."""


def fold(events: Iterable[PaymentEvent]) -> Totals:
    """What has come of a payment. A hold that was captured or released holds nothing any more, also where we hear so first."""
    listed = sorted(events, key=lambda event: (event.type.value, event.provider_ref))
    over = {event.provider_ref for event in listed if event.type in (EventType.CAPTURED, EventType.RELEASED)}
    held = {e.provider_ref: e.amount_minor for e in listed if e.type is EventType.HELD and e.provider_ref not in over}
    captured = {event.provider_ref: event.amount_minor for event in listed if event.type is EventType.CAPTURED}
    refunded = sum(event.amount_minor for event in listed if event.type is EventType.REFUNDED)
    intent = next(iter(captured or held), None)
    return Totals(sum(held.values()), sum(captured.values()), refunded, intent)


@dataclass(frozen=True)
class Todo:
    """What the provider is to be asked next."""

    step: Step
    amount_minor: int = 0


def next_step(payment: Payment, now: datetime) -> Todo | None:
    """What is to be done for a payment; None: nothing now. Each step brings it nearer to `due`."""
    due = payment.due_minor
    if due is None:
        ready = payment.state is PaymentState.PLANNED and payment.authorise_at is not None and payment.authorise_at <= now
        return Todo(Step.HOLD, payment.asked_minor) if ready and payment.method_id is not None else None
    if payment.checkout_id is not None and due == 0:
        return Todo(Step.EXPIRE)
    if payment.held_minor > 0:
        taken = 0 if payment.captured_minor else chargeable(min(due, payment.held_minor), payment.currency)
        return Todo(Step.CAPTURE, taken) if taken else Todo(Step.CANCEL)
    if payment.captured_minor - payment.refunded_minor > due:
        return Todo(Step.REFUND, payment.captured_minor - payment.refunded_minor - due)
    wanted = payment.captured_minor == 0 and payment.state in (PaymentState.PLANNED, PaymentState.ACTION_NEEDED)
    if wanted and payment.method_id is not None and chargeable(due, payment.currency) and payment.failure is None:
        return Todo(Step.HOLD, due)
    return None


def settled_state(payment: Payment) -> PaymentState:
    """The state that a payment's sums and what is due make."""
    if payment.captured_minor:
        return PaymentState.CAPTURED
    if payment.held_minor:
        return PaymentState.HELD
    if payment.due_minor is None:
        return payment.state
    if chargeable(payment.due_minor, payment.currency) == 0:
        return PaymentState.FAILED if payment.state is PaymentState.FAILED else PaymentState.RELEASED
    tried = payment.method_id is None or payment.failure is not None
    return PaymentState.OWED if tried else payment.state


def mend_until(now: datetime, start: datetime, cancel_until: datetime, patience: timedelta) -> datetime:
    """Until when a declined card may be mended: while the place is still of use to others, and never at once."""
    latest = min(cancel_until, start - MEND_LEAST)
    return min(max(latest, now + patience), max(start, now + patience))


def summary(payment: Payment, method: str | None, now: datetime) -> BookingPayment:
    """What the booking's driver sees of it. `method`: the card in words."""
    is_open = payment.checkout_until is not None and payment.checkout_until > now and payment.waits
    return BookingPayment(
        state=payment.state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        authorise_at=payment.authorise_at if payment.state is PaymentState.PLANNED else None,
        pay_url=payment.checkout_url if is_open else None,
        mend_until=payment.mend_until if payment.waits else None,
        method=method,
    )
