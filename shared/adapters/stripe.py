"""Stripe by its real SDK: cards held, captured, given free and refunded, pages on which cards are entered, and its webhooks.

The SDK is imported with the first call: it takes a quarter of a second. Cards are entered on the provider's pages; no number
ever comes here.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.payments import (
    Asked,
    BadSignature,
    Card,
    CardDeclined,
    CheckoutPage,
    Intent,
    IntentState,
    OutcomeUnknown,
    PaymentProvider,
    ProviderEvent,
    StateChanged,
)
from shared.adapters.stripe_amounts import to_minor, to_provider
from shared.clock import Clock
from shared.errors import Unavailable
from shared.settings import Settings

TIMEOUT_S = 20
RETRIES = 2
WEBHOOK_TOLERANCE = timedelta(seconds=300)
CHECKOUT_LEAST = timedelta(minutes=31)
"""How long a Checkout page is open at least, with a minute to spare for the provider's own clock."""
_STATES = {
    "requires_payment_method": IntentState.OPEN,
    "requires_confirmation": IntentState.OPEN,
    "requires_action": IntentState.NEEDS_PERSON,
    "requires_capture": IntentState.HELD,
    "succeeded": IntentState.CAPTURED,
    "canceled": IntentState.CANCELED,
    "processing": IntentState.PROCESSING,
}
_WHOLE = ["latest_charge.balance_transaction", "payment_method"]


class Stripe:
    """Stripe by its SDK: one client a process, made at first use."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        if settings.stripe_api_key is None:
            raise Unavailable("STRIPE_API_KEY: must be set before anything can be paid")
        self._key = settings.stripe_api_key
        self._secret = settings.stripe_webhook_secret
        self._base, self._clock = settings.stripe_api_base, clock
        self._lock = threading.Lock()
        self._client: Any = None

    def _api(self) -> Any:
        with self._lock:
            if self._client is None:
                import stripe

                stripe.enable_telemetry = False
                addresses: Any = {} if self._base is None else {"base_addresses": {"api": self._base}}
                client = stripe.RequestsClient(timeout=TIMEOUT_S)
                self._client = stripe.StripeClient(
                    self._key.get_secret_value(), max_network_retries=RETRIES, http_client=client, **addresses
                )
            return self._client.v1

    def create_customer(self, *, reference: str, key: str) -> str:
        """POST customers: the reference alone, nothing of the person."""
        with _understood():
            customer = self._api().customers.create({"metadata": {"reference": reference}}, {"idempotency_key": key})
            return str(customer.id)

    def hold(self, asked: Asked, *, method: str, off_session: bool, key: str) -> Intent:
        """POST payment_intents, confirmed, to be captured by hand."""
        params = self._intent_params(asked) | {
            "amount": to_provider(asked.amount_minor, asked.currency),
            "currency": asked.currency.lower(),
            "customer": asked.customer,
            "payment_method": method,
            "payment_method_types": ["card"],
            "confirm": True,
            "off_session": off_session,
            "expand": _WHOLE,
        }
        with _understood():
            return _intent(self._api().payment_intents.create(params, {"idempotency_key": key}))

    def _intent_params(self, asked: Asked) -> dict[str, Any]:
        return {
            "capture_method": "manual",
            "transfer_group": asked.reference,
            "description": asked.description,
            "metadata": {"reference": asked.reference},
        }

    def open_checkout(self, asked: Asked, *, saves_card: bool, return_url: str, cancel_url: str, key: str) -> CheckoutPage:
        """POST checkout/sessions."""
        params: dict[str, Any] = {
            "customer": asked.customer,
            "client_reference_id": asked.reference,
            "metadata": {"reference": asked.reference},
            "success_url": return_url,
            "cancel_url": cancel_url,
            "payment_method_types": ["card"],
            "expires_at": int((self._clock.now() + CHECKOUT_LEAST).timestamp()),
        }
        if asked.amount_minor == 0:
            params |= {"mode": "setup", "currency": asked.currency.lower()}
        else:
            price = {
                "currency": asked.currency.lower(),
                "unit_amount": to_provider(asked.amount_minor, asked.currency),
                "product_data": {"name": asked.description},
            }
            intent = self._intent_params(asked) | ({"setup_future_usage": "off_session"} if saves_card else {})
            params |= {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "payment_intent_data": intent,
            }
        with _understood():
            return self._page(self._api().checkout.sessions.create(params, {"idempotency_key": key}))

    def checkout(self, page_id: str) -> CheckoutPage:
        """GET checkout/sessions/{id}, with what came of it."""
        expand = ["setup_intent.payment_method", *(f"payment_intent.{path}" for path in _WHOLE)]
        with _understood():
            return self._page(self._api().checkout.sessions.retrieve(page_id, {"expand": expand}))

    def expire_checkout(self, page_id: str) -> CheckoutPage:
        """POST checkout/sessions/{id}/expire, then how it stands."""
        try:
            with _understood():
                self._api().checkout.sessions.expire(page_id)
        except StateChanged:
            pass  # complete or expired already: what it is, the answer says
        return self.checkout(page_id)

    def _page(self, session: Any) -> CheckoutPage:
        intent, setup = session.payment_intent, session.setup_intent
        whole = intent is not None and not isinstance(intent, str)
        method = None if setup is None or isinstance(setup, str) else _card(setup.payment_method)
        expires_at = datetime.fromtimestamp(session.expires_at, UTC)
        return CheckoutPage(
            provider_id=session.id,
            state=session.status,
            url=session.url,
            expires_at=expires_at,
            intent=_intent(intent) if whole else None,
            method=method,
            reference=session.client_reference_id,
        )

    def capture(self, intent_id: str, *, amount_minor: int, currency: str, key: str) -> Intent:
        """POST payment_intents/{id}/capture."""
        params = {"amount_to_capture": to_provider(amount_minor, currency), "expand": _WHOLE}
        with _understood():
            return _intent(self._api().payment_intents.capture(intent_id, params, {"idempotency_key": key}))

    def cancel(self, intent_id: str, *, key: str) -> Intent:
        """POST payment_intents/{id}/cancel."""
        with _understood():
            return _intent(self._api().payment_intents.cancel(intent_id, {"expand": _WHOLE}, {"idempotency_key": key}))

    def refund(self, intent_id: str, *, amount_minor: int, currency: str, key: str) -> str:
        """POST refunds."""
        params = {"payment_intent": intent_id, "amount": to_provider(amount_minor, currency)}
        with _understood():
            return str(self._api().refunds.create(params, {"idempotency_key": key}).id)

    def refunds(self, intent_id: str) -> list[tuple[str, int]]:
        """GET refunds."""
        with _understood():
            listed = self._api().refunds.list({"payment_intent": intent_id, "limit": 100})
            return [
                (refund.id, to_minor(refund.amount, refund.currency.upper()))
                for refund in listed.data
                if refund.status not in ("failed", "canceled")
            ]

    def intent(self, intent_id: str) -> Intent:
        """GET payment_intents/{id}."""
        with _understood():
            return _intent(self._api().payment_intents.retrieve(intent_id, {"expand": _WHOLE}))

    def intent_of_charge(self, charge_id: str) -> Intent | None:
        """GET charges/{id}, then its intent."""
        with _understood():
            intent_id = self._api().charges.retrieve(charge_id).payment_intent
        return None if intent_id is None else self.intent(str(intent_id))

    def intents_of(self, reference: str) -> list[Intent]:
        """GET charges of the transfer group, and the intent of each: intents themselves have no such list."""
        with _understood():
            charges = self._api().charges.list({"transfer_group": reference, "limit": 100})
            ids = dict.fromkeys(str(charge.payment_intent) for charge in charges.data)
        return [self.intent(intent_id) for intent_id in ids]

    def detach(self, method_id: str) -> None:
        """POST payment_methods/{id}/detach."""
        try:
            with _understood():
                self._api().payment_methods.detach(method_id)
        except StateChanged:
            pass  # it is nobody's already

    def read_webhook(self, body: bytes, signature: str) -> ProviderEvent:
        """Checks the signature by the SDK, and the time by our clock both ways: the SDK takes times of the future."""
        import stripe

        if self._secret is None:
            raise BadSignature("STRIPE_WEBHOOK_SECRET is not set")
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(text, signature, self._secret.get_secret_value(), tolerance=None)
            event = json.loads(text)
            told = ProviderEvent(str(event["id"]), str(event["type"]), str(event["data"]["object"]["id"]))
        except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            raise BadSignature("the signature or the event is not good") from error
        stamp = re.search(r"(?:^|,)t=(\d{1,12})(?:,|$)", signature)
        if stamp is None or abs(self._clock.now().timestamp() - int(stamp.group(1))) > WEBHOOK_TOLERANCE.total_seconds():
            raise BadSignature("the event is too old, or too new")
        return told


def _intent(intent: Any) -> Intent:
    currency = intent.currency.upper()
    charge = None if isinstance(intent.latest_charge, str) else intent.latest_charge
    taken = charge is not None and charge.status != "failed"
    moved = getattr(charge, "balance_transaction", None) if taken else None
    fee = None if moved is None or isinstance(moved, str) else moved
    error = intent.last_payment_error
    return Intent(
        provider_id=intent.id,
        state=_STATES[intent.status],
        currency=currency,
        held_minor=to_minor(intent.amount_capturable, currency),
        captured_minor=to_minor(intent.amount_received, currency),
        charge_id=charge.id if charge is not None and taken else None,
        capture_before=_capture_before(charge) if taken else None,
        failure=None if error is None else str(error.code),
        method=None if intent.payment_method is None else _card(intent.payment_method),
        fee_minor=0 if fee is None else to_minor(fee.fee, fee.currency.upper()),
        fee_ref=None if fee is None else str(fee.id),
        reference=intent.transfer_group,
    )


def _capture_before(charge: Any) -> datetime | None:
    card = getattr(getattr(charge, "payment_method_details", None), "card", None)
    until = getattr(card, "capture_before", None)
    return None if until is None else datetime.fromtimestamp(until, UTC)


def _card(method: Any) -> Card | None:
    if method is None or isinstance(method, str):
        return None
    card = method.card
    return Card(method.id, card.brand, card.last4, f"{card.exp_year:04d}-{card.exp_month:02d}")


@contextmanager
def _understood() -> Iterator[None]:
    """What the SDK raises, in the words above. No message of the provider's goes on: there may be a key's end in it."""
    import stripe

    try:
        yield
    except stripe.CardError as error:
        intent = getattr(error.error, "payment_intent", None)
        raise CardDeclined(str(error.code or "card_declined"), getattr(intent, "id", None)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise Unavailable("The payment provider cannot be reached right now; try again in a moment.") from error
    except stripe.InvalidRequestError as error:
        raise StateChanged(str(error.code or "invalid_request")) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Unavailable("The payment provider does not accept STRIPE_API_KEY.") from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500:
            raise OutcomeUnknown("the payment provider failed") from error
        raise Unavailable("The payment provider refused the call.") from error


def make_provider(settings: Settings, clock: Clock) -> PaymentProvider:
    """The provider of the settings. Raises Unavailable where there is none."""
    return Stripe(settings, clock)
