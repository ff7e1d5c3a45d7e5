"""What the provider tells by itself. A webhook only says that something has changed: what it names is read again, so that their
order, number and version do not matter."""

import logging
from functools import partial

from functions.payments import methods, repository, service
from functions.payments.domain import payment_of
from functions.payments.events import ProviderTold
from functions.payments.service import Outcome
from shared.adapters.payments import BadSignature, CheckoutPage, Intent, StateChanged
from shared.errors import BadRequest
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


def take(*, platform: Platform, body: bytes, signature: str) -> bool:
    """Keeps a webhook, to be handled in the queue. False where it came before.

    Raises BadRequest for what is not the provider's, Unavailable where there is none."""
    try:
        told = platform.payments.read_webhook(body, signature)
    except BadSignature as error:
        raise BadRequest(f"This is no webhook of the payment provider's: {error}.") from error

    def keep(tx: Tx) -> bool:
        if not repository.add_provider_event(tx, told.provider_id, told.type, told.object_id):
            return False
        tx.publish(ProviderTold(told.provider_id, told.type, told.object_id))
        return True

    return platform.transact(keep)


def handle(platform: Platform, *, consumer: str, message_id: str, event: ProviderTold) -> None:
    """Reads what a webhook names, and takes it in. Raises Unavailable: the message comes again."""
    provider, page, intent = platform.payments, None, None
    refunds: tuple[tuple[str, int], ...] = ()
    try:
        if event.kind.startswith("checkout.session."):
            page = provider.checkout(event.object_id)
        elif event.kind.startswith("payment_intent."):
            intent = provider.intent(event.object_id)
        elif event.kind.startswith("charge.") and event.object_id.startswith(("ch_", "py_")):
            intent = provider.intent_of_charge(event.object_id)
            refunds = () if intent is None else tuple(provider.refunds(intent.provider_id))
    except StateChanged:
        log.warning("what webhook %s names is not there: not of this account, or of long ago", event.event_id)
    effect = partial(_take_in, event_id=event.event_id, page=page, intent=intent, refunds=refunds)
    platform.consume(effect, consumer=consumer, message_id=message_id)


def _take_in(
    tx: Tx,
    *,
    event_id: str,
    page: CheckoutPage | None,
    intent: Intent | None,
    refunds: tuple[tuple[str, int], ...],
) -> None:
    repository.handled(tx, event_id)
    if page is not None:
        _page(tx, page)
    elif intent is not None:
        payment_id = payment_of(intent.reference)
        if payment_id is not None and repository.get(tx, payment_id) is not None:
            booked, payment = service.locked(tx, payment_id)
            payment = service.take_in(tx, booked, payment, Outcome("DONE", (intent,), refunds=refunds))
            service.advance(tx, payment)


def _page(tx: Tx, page: CheckoutPage) -> None:
    user_id, payment_id = methods.user_of(page.reference), payment_of(page.reference)
    if page.state != "complete":
        return
    if user_id is not None and page.method is not None and repository.customer_of(tx, user_id) is not None:
        repository.save_card(tx, user_id, page.method)
    if payment_id is None or repository.get(tx, payment_id) is None:
        return
    booked, payment = service.locked(tx, payment_id)
    service.paid_on_page(tx, booked, payment, page)
