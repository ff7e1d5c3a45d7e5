"""The provider is asked, outside any transaction, under the key of an attempt; what it answers is taken in afterwards.

Killed in between, the message comes again and the same key has its effect once."""

import logging
import uuid
from dataclasses import dataclass
from functools import partial

from functions.payments import repository, service
from functions.payments.domain import ANSWER_KEPT, Attempt, Payment, Step
from functions.payments.events import StepDue
from functions.payments.service import Outcome
from shared.adapters.payments import (
    Asked,
    CardDeclined,
    Intent,
    IntentState,
    OutcomeUnknown,
    PaymentProvider,
    StateChanged,
    or_unavailable,
)
from shared.errors import Unavailable
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
DONE, UNKNOWN = "DONE", "UNKNOWN"
SHOWS = {
    Step.HOLD: (IntentState.HELD, IntentState.CAPTURED),
    Step.CAPTURE: (IntentState.CAPTURED,),
    Step.CANCEL: (IntentState.CANCELED,),
}
"""In which state of an intent a step has had its effect."""


@dataclass(frozen=True)
class Work:
    """An attempt with all that the provider must be told."""

    attempt: Attempt
    payment: Payment
    customer: str | None
    card: str | None
    """The provider's id of the card."""
    is_old: bool
    """Whether the provider may have forgotten the key."""


def handle(platform: Platform, *, consumer: str, message_id: str, event: StepDue) -> None:
    """Asks the provider, and takes in what it says. Raises Unavailable: the message comes again."""
    work = platform.read(partial(work_of, attempt_id=event.attempt_id))
    if work is None:
        return
    outcome = perform(platform.payments, work)
    settle = partial(service.settle, attempt_id=event.attempt_id, outcome=outcome)
    platform.consume(settle, consumer=consumer, message_id=message_id)


def work_of(tx: Tx, *, attempt_id: uuid.UUID) -> Work | None:
    """What an attempt asks for; None where it is answered."""
    attempt = repository.get_attempt(tx, attempt_id)
    if attempt is None or attempt.answered_at is not None:
        return None
    payment = repository.get(tx, attempt.payment_id)
    assert payment is not None
    card = None if attempt.method_id is None else repository.get_card(tx, attempt.method_id)
    customer = repository.customer_of(tx, payment.user_id)
    is_old = tx.now - attempt.created_at > ANSWER_KEPT
    return Work(attempt, payment, customer, None if card is None else card.provider_id, is_old)


def perform(provider: PaymentProvider, work: Work) -> Outcome:
    """Asks the provider. Where it failed, or has forgotten the key, what is there is read before anything is tried again."""
    if work.is_old:
        return _read_again(provider, work)
    try:
        return _ask(provider, work)
    except CardDeclined as declined:
        log.info("payment %s: the card was declined: %s", work.payment.id, declined.code)
        return Outcome(declined.code, declined=True)
    except (OutcomeUnknown, StateChanged) as error:
        log.warning("payment %s: %s of %s: %s", work.payment.id, type(error).__name__, work.attempt.step, error)
        return _read_again(provider, work)


def _ask(provider: PaymentProvider, work: Work) -> Outcome:
    payment, attempt = work.payment, work.attempt
    amount, currency, intent_id = attempt.amount_minor, payment.currency, payment.intent_id or ""
    match attempt.step:
        case Step.HOLD:
            if work.customer is None or work.card is None:
                return Outcome("no_card", declined=True)
            asked = Asked(payment.reference, work.customer, amount, currency, "Charging")
            held = provider.hold(asked, method=work.card, off_session=True, key=attempt.key)
            if held.state is IntentState.NEEDS_PERSON:
                return Outcome("authentication_required", declined=True)
            return Outcome(DONE, (held,))
        case Step.CAPTURE:
            captured = provider.capture(intent_id, amount_minor=amount, currency=currency, key=attempt.key)
            return Outcome(DONE, (captured,))
        case Step.CANCEL:
            return Outcome(DONE, (provider.cancel(intent_id, key=attempt.key),))
        case Step.REFUND:
            refund_id = provider.refund(intent_id, amount_minor=amount, currency=currency, key=attempt.key)
            return Outcome(DONE, refunds=((refund_id, amount),))
        case Step.EXPIRE | Step.CHECKOUT:
            return _closed(provider, payment)


def _closed(provider: PaymentProvider, payment: Payment) -> Outcome:
    """Closes the page on which its driver could pay. One that is complete was paid on."""
    if payment.checkout_id is None:
        return Outcome(DONE)
    return Outcome(DONE, page=provider.expire_checkout(payment.checkout_id))


def _read_again(provider: PaymentProvider, work: Work) -> Outcome:
    """What is there at the provider; UNKNOWN where it does not show the step's effect, so that it is tried anew."""
    with or_unavailable():
        return _read(provider, work)


def _read(provider: PaymentProvider, work: Work) -> Outcome:
    attempt, payment = work.attempt, work.payment
    if attempt.step in (Step.EXPIRE, Step.CHECKOUT):
        return _closed(provider, payment)
    intents = provider.intents_of(payment.reference)
    if attempt.step is Step.REFUND:
        refunds = provider.refunds(payment.intent_id or "")
        done = sum(amount for _, amount in refunds) >= payment.refunded_minor + attempt.amount_minor
        return Outcome(DONE if done else UNKNOWN, tuple(intents), refunds=tuple(refunds))
    shows = any(_shows(attempt, payment, intent) for intent in intents)
    if not shows and any(intent.state is IntentState.PROCESSING for intent in intents):
        raise Unavailable("The payment is being processed.")
    over = attempt.step is not Step.HOLD and not any(intent.state is IntentState.HELD for intent in intents)
    return Outcome(DONE if shows or over else UNKNOWN, tuple(intents))


def _shows(attempt: Attempt, payment: Payment, intent: Intent) -> bool:
    known = attempt.step is Step.HOLD or intent.provider_id == payment.intent_id
    return known and intent.state in SHOWS.get(attempt.step, ())
