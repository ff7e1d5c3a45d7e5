"""How a driver pays: by a saved card, or on the provider's page, where they enter one. Each asking of the provider stands
between two transactions."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from functions.booking import service as booking
from functions.booking.paying import PaymentState
from functions.payments import methods, repository, service
from functions.payments.domain import Payment, Step, Todo
from functions.payments.steps import perform, work_of
from shared.adapters.payments import Asked, CheckoutPage, or_unavailable
from shared.errors import NotFound, PaymentDeclined, WrongState
from shared.platform import Platform
from shared.tx import Actor, Tx


@dataclass(frozen=True)
class Paying:
    """How far a driver's payment is."""

    state: PaymentState
    amount_minor: int
    currency: str
    pay_url: str | None
    """Where they pay; None: nothing is left to do."""
    mend_until: datetime | None


def pay(*, platform: Platform, actor: Actor, booking_id: uuid.UUID, method_id: uuid.UUID | None, return_url: str) -> Paying:
    """Pays for a booking of the caller's by one of their saved cards, or opens the provider's page. A card whose bank wants its
    holder leads to that page too. Raises NotFound, WrongState, PaymentDeclined, Unavailable."""
    payment = platform.transact(partial(_payable, booking_id=booking_id, method_id=method_id), actor=actor)
    methods.customer(platform=platform, actor=actor)
    if method_id is not None:
        payment = _by_card(platform, payment)
        if not payment.waits:
            return _paying(payment)
        if payment.failure != "authentication_required":
            raise PaymentDeclined(decline=payment.failure or "card_declined", may_retry=False)
    return _paying(_by_page(platform, payment, return_url))


def _payable(tx: Tx, *, booking_id: uuid.UUID, method_id: uuid.UUID | None) -> Payment:
    booked = booking.get_owned(tx=tx, booking_id=booking_id)
    if booked.user_id != tx.actor.id:
        raise NotFound(f"There is no booking {booking_id}.")
    waiting = [payment for payment in repository.of_booking(tx, booking_id) if payment.waits]
    if not waiting:
        raise WrongState("Nothing of this booking waits to be paid.", reservation_status=booked.status.value)
    _, payment = service.locked(tx, waiting[-1].id)
    tx.audit("payments.pay", object_type="booking", object_id=booking_id)
    if payment.mend_until is not None and payment.mend_until <= tx.now:
        raise WrongState("The time to pay for it is over.", mend_until=payment.mend_until.isoformat())
    if method_id is not None:
        card = methods.get_owned(tx=tx, method_id=method_id)
        payment = service.change(tx, payment, method_id=card.id, failure=None)
    return payment


def _by_card(platform: Platform, payment: Payment) -> Payment:
    """Charges the card at once, or plans it where the start is far away."""

    def begin(tx: Tx) -> uuid.UUID | None:
        booked, locked = service.locked(tx, payment.id)
        assert locked.method_id is not None
        service.plan(tx, booked, locked, locked.method_id)
        attempts = repository.attempts_of(tx, locked.id)
        return next((attempt.id for attempt in attempts if attempt.answered_at is None), None)

    attempt_id = platform.transact(begin)
    if attempt_id is not None:
        work = platform.read(partial(work_of, attempt_id=attempt_id))
        if work is not None:
            outcome = perform(platform.payments, work)
            platform.transact(partial(service.settle, attempt_id=attempt_id, outcome=outcome))
    return platform.read(partial(_again, payment_id=payment.id))


def _again(tx: Tx, *, payment_id: uuid.UUID) -> Payment:
    payment = repository.get(tx, payment_id)
    assert payment is not None
    return payment


def _by_page(platform: Platform, payment: Payment, return_url: str) -> Payment:
    """The page that is open, or a new one: it holds the amount, or saves a card alone where the start is far away."""
    until = payment.checkout_until
    if payment.checkout_url is not None and until is not None and until > platform.clock.now():
        return payment
    begun = platform.transact(partial(_begin_page, payment_id=payment.id))
    attempt_id, key, customer, amount = begun
    asked = Asked(payment.reference, customer, amount, payment.currency, "Charging")
    back = methods.back_to(platform.settings, return_url)
    with or_unavailable():
        page = platform.payments.open_checkout(asked, saves_card=True, return_url=back, cancel_url=back, key=key)
    return platform.transact(partial(_opened, payment_id=payment.id, attempt_id=attempt_id, page=page))


def _begin_page(tx: Tx, *, payment_id: uuid.UUID) -> tuple[uuid.UUID, str, str, int]:
    _, payment = service.locked(tx, payment_id)
    customer = repository.customer_of(tx, payment.user_id)
    assert customer is not None
    later = payment.due_minor is None and payment.authorise_at is not None and payment.authorise_at > tx.now
    asked = payment.asked_minor if payment.due_minor is None else payment.due_minor
    for lost in repository.attempts_of(tx, payment_id):
        if lost.step is Step.CHECKOUT and lost.answered_at is None:  # nobody knows that page's address
            repository.answer_attempt(tx, lost.id, "LOST")
    attempt = service.begin(tx, payment, Todo(Step.CHECKOUT, 0 if later else asked), tell=False)
    if attempt.step is not Step.CHECKOUT:
        raise WrongState("The card is being charged; look again in a moment.")
    return attempt.id, attempt.key, customer, attempt.amount_minor


def _opened(tx: Tx, *, payment_id: uuid.UUID, attempt_id: uuid.UUID, page: CheckoutPage) -> Payment:
    _, payment = service.locked(tx, payment_id)
    repository.answer_attempt(tx, attempt_id, "DONE")
    return service.change(tx, payment, checkout_id=page.provider_id, checkout_url=page.url, checkout_until=page.expires_at)


def _paying(payment: Payment) -> Paying:
    url = payment.checkout_url if payment.waits else None
    until = payment.mend_until if payment.waits else None
    return Paying(payment.state, payment.amount_minor, payment.currency, url, until)
