"""What the clock starts for payments: cards that are to be charged, payments that were not made, webhooks that may go."""

import uuid
from datetime import timedelta
from functools import partial

from functions.booking.paying import PaymentState
from functions.payments import repository, service
from functions.payments.domain import Step, Todo
from functions.payments.events import StepDue
from shared.platform import Platform
from shared.tx import Tx

BATCH = 200
OVERDUE = timedelta(minutes=30)
WEBHOOKS_KEPT = timedelta(days=35)


def authorise_upcoming(platform: Platform) -> int:
    """Has the saved cards charged whose bookings begin soon. Returns how many are begun."""
    now = platform.clock.now()
    payment_ids = platform.read(lambda tx: repository.to_authorise(tx, until=now, limit=BATCH))
    return sum(platform.transact(partial(_authorise, payment_id=payment_id)) for payment_id in payment_ids)


def _authorise(tx: Tx, *, payment_id: uuid.UUID) -> bool:
    _, payment = service.locked(tx, payment_id)
    if payment.state is not PaymentState.PLANNED:
        return False
    service.advance(tx, payment)
    return True


def resume_payments(platform: Platform) -> int:
    """Has the provider asked again where an answer is long overdue: its message was lost. Returns how many."""
    before = platform.clock.now() - OVERDUE

    def tell(tx: Tx) -> int:
        attempt_ids = repository.unanswered(tx, before=before, limit=BATCH)
        for attempt_id in attempt_ids:
            tx.publish(StepDue(attempt_id))
        return len(attempt_ids)

    return platform.transact(tell)


def release_unpaid(platform: Platform) -> int:
    """Payments that were not made in time: the provider's page is closed first, and only then the place is free; what was paid
    meanwhile counts. Returns how many are begun."""
    now = platform.clock.now()
    payment_ids = platform.read(lambda tx: repository.lapsed(tx, until=now, limit=BATCH))
    return sum(platform.transact(partial(_release, payment_id=payment_id)) for payment_id in payment_ids)


def _release(tx: Tx, *, payment_id: uuid.UUID) -> bool:
    booked, payment = service.locked(tx, payment_id)
    over = payment.mend_until is not None and payment.mend_until <= tx.now
    if not over or payment.state not in (PaymentState.NEEDED, PaymentState.ACTION_NEEDED):
        return False
    if payment.checkout_id is not None:
        service.begin(tx, payment, Todo(Step.EXPIRE))
    elif not any(attempt.answered_at is None for attempt in repository.attempts_of(tx, payment.id)):
        service.let_place_go(tx, booked, payment)
    return True


def prune_provider_events(platform: Platform) -> int:
    """Deletes webhooks that had their effect long ago. Returns how many."""
    before = platform.clock.now() - WEBHOOKS_KEPT
    return platform.transact(lambda tx: repository.prune_provider_events(tx, before=before))
