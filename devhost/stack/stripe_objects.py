"""What the loopback Stripe keeps: customers, cards, intents, charges, Checkout sessions, refunds, balance transactions, and the
rules by which they change. Amounts are the provider's."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.clock import Clock

Document = dict[str, Any]
WEEK_S = 7 * 24 * 3600
"""How long a card keeps a hold, seconds."""
CHECKOUT_LIVES, CHECKOUT_LEAST = timedelta(hours=24), timedelta(minutes=30)
FEE_PERCENT, FEE_FIXED = 1.5, 25
CARDS = {
    "4242424242424242": ("pm_card_visa", "visa", "OK"),
    "4000000000000002": ("pm_card_chargeDeclined", "visa", "DECLINES"),
    "4000000000000341": ("pm_card_chargeCustomerFail", "visa", "DECLINES_LATER"),
    "4000002760003184": ("pm_card_authenticationRequired", "visa", "ASKS_WHO"),
}
"""Stripe's test cards by number: the name under which the API takes them, the brand, and what they do."""
NAMED = {name: (number, brand, conduct) for number, (name, brand, conduct) in CARDS.items()}


class Refused(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message} | more


def invalid(message: str, **more: Any) -> Refused:
    """400 invalid_request_error."""
    return Refused(400, "invalid_request_error", message, **more)


@dataclass
class Objects:
    """All objects by id, and the events of what happens to them, in order."""

    clock: Clock
    base: str
    """Address of the loopback."""
    kept: dict[str, Document] = field(default_factory=dict)
    happened: list[Document] = field(default_factory=list)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self.clock.now().timestamp())

    def get(self, object_id: str, kind: str) -> Document:
        """An object. Raises Refused (404)."""
        document = self.kept.get(object_id)
        if document is None or document["object"] != kind:
            raise Refused(404, "invalid_request_error", f"No such {kind}: '{object_id}'", code="resource_missing")
        return document

    def all_of(self, kind: str, **wanted: Any) -> list[Document]:
        """The objects of a kind that have these members, newest first."""
        listed = [document for document in self.kept.values() if document["object"] == kind]
        return [
            document
            for document in reversed(listed)
            if all(value is None or document.get(name) == value for name, value in wanted.items())
        ]

    def add(self, prefix: str, kind: str, **values: Any) -> Document:
        """A new object."""
        object_id = f"{prefix}_{secrets.token_hex(10)}"
        document = {"id": object_id, "object": kind, "created": self.now(), "livemode": False, **values}
        self.kept[object_id] = document
        return document

    def tell(self, kind: str, document: Document) -> None:
        """An event of the object as it is now."""
        self.happened.append(
            {
                "id": f"evt_{secrets.token_hex(10)}",
                "object": "event",
                "api_version": "2026-10-28",
                "created": self.now(),
                "livemode": False,
                "type": kind,
                "data": {"object": dict(document)},
            }
        )

    def customer(self, sent: Document) -> Document:
        """POST customers."""
        return self.add("cus", "customer", metadata=sent.get("metadata", {}), name=sent.get("name"))

    def card(self, name: str, customer: str | None = None) -> Document:
        """A payment method of one of the test cards, by its name or number."""
        number, brand, conduct = NAMED[name] if name in NAMED else (name, *CARDS[name][1:])
        card = {"brand": brand, "last4": number[-4:], "exp_month": 12, "exp_year": 2034}
        return self.add("pm", "payment_method", type="card", card=card, customer=customer, conduct=conduct)

    def method(self, named: str, customer: str | None) -> Document:
        """The payment method a call names: a saved one, or a test card."""
        if named in NAMED:
            return self.card(named)
        method = self.get(named, "payment_method")
        if method["customer"] is not None and method["customer"] != customer:
            raise invalid("The payment method belongs to another customer.", param="payment_method")
        return method

    def detach(self, method: Document) -> Document:
        """POST payment_methods/{id}/detach."""
        method["customer"] = None
        return method

    def intent(self, sent: Document) -> Document:
        """POST payment_intents, confirmed where asked."""
        amount = int(sent["amount"])
        if amount < 1:
            raise invalid("Amount must be at least 1.", param="amount", code="amount_too_small")
        intent = self.add(
            "pi",
            "payment_intent",
            amount=amount,
            amount_capturable=0,
            amount_received=0,
            currency=sent["currency"],
            capture_method=sent.get("capture_method", "automatic"),
            customer=sent.get("customer"),
            payment_method=sent.get("payment_method"),
            status="requires_confirmation" if sent.get("payment_method") else "requires_payment_method",
            transfer_group=sent.get("transfer_group"),
            metadata=sent.get("metadata", {}),
            latest_charge=None,
            last_payment_error=None,
            next_action=None,
            setup_future_usage=sent.get("setup_future_usage"),
        )
        if sent.get("confirm") == "true":
            self.confirm(intent, {"off_session": sent.get("off_session", "false")})
        return intent

    def confirm(self, intent: Document, sent: Document) -> Document:
        """POST payment_intents/{id}/confirm. Raises Refused (402) for a card that declines or wants the person."""
        if intent["status"] not in ("requires_confirmation", "requires_payment_method", "requires_action"):
            raise self._unexpected(intent)
        if sent.get("payment_method"):
            intent["payment_method"] = sent["payment_method"]
        method = self.method(intent["payment_method"], intent["customer"])
        intent["payment_method"] = method["id"]
        off_session, proven = sent.get("off_session") == "true", sent.get("proven") == "true"
        if method["conduct"] in ("DECLINES", "DECLINES_LATER"):
            raise self._declined(intent, "card_declined", "generic_decline", "Your card was declined.")
        if method["conduct"] == "ASKS_WHO" and not proven:
            if off_session:
                raise self._declined(
                    intent, "authentication_required", "authentication_required", "Your card was declined: who are you?"
                )
            intent["status"] = "requires_action"
            url = f"{self.base}/3ds/{intent['id']}"
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
            self.tell("payment_intent.requires_action", intent)
            return intent
        return self._authorised(intent, method)

    def _authorised(self, intent: Document, method: Document) -> Document:
        manual = intent["capture_method"] == "manual"
        before = self.now() + WEEK_S
        charge = self.add(
            "ch",
            "charge",
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            currency=intent["currency"],
            payment_intent=intent["id"],
            customer=intent["customer"],
            transfer_group=intent["transfer_group"],
            captured=False,
            status="succeeded",
            balance_transaction=None,
            payment_method=method["id"],
            payment_method_details={"type": "card", "card": {"capture_before": before} | method["card"]},
        )
        if intent["setup_future_usage"] and intent["customer"]:
            method["customer"] = intent["customer"]
        intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
        if manual:
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self.tell("payment_intent.amount_capturable_updated", intent)
            return intent
        return self._taken(intent, intent["amount"])

    def _declined(self, intent: Document, code: str, decline_code: str, message: str) -> Refused:
        intent |= {"status": "requires_payment_method", "next_action": None}
        charge = self.add(
            "ch",
            "charge",
            amount=intent["amount"],
            currency=intent["currency"],
            payment_intent=intent["id"],
            transfer_group=intent["transfer_group"],
            captured=False,
            status="failed",
        )
        intent |= {"latest_charge": charge["id"], "last_payment_error": {"code": code, "decline_code": decline_code}}
        self.tell("payment_intent.payment_failed", intent)
        return Refused(
            402, "card_error", message, code=code, decline_code=decline_code, payment_intent=dict(intent), charge=charge["id"]
        )

    def capture(self, intent: Document, sent: Document) -> Document:
        """POST payment_intents/{id}/capture: once, at most what is held; the rest is released."""
        if intent["status"] != "requires_capture":
            raise self._unexpected(intent)
        amount = int(sent.get("amount_to_capture") or intent["amount_capturable"])
        if not 0 < amount <= intent["amount_capturable"]:
            raise invalid("amount_to_capture must be at most what is capturable.", code="amount_too_large")
        return self._taken(intent, amount)

    def _taken(self, intent: Document, amount: int) -> Document:
        charge = self.kept[intent["latest_charge"]]
        fee = round(amount * FEE_PERCENT / 100) + FEE_FIXED
        moved = self.booked(amount, intent["currency"], "charge", charge["id"], fee=fee)
        charge |= {"captured": True, "amount_captured": amount, "balance_transaction": moved["id"]}
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self.tell("payment_intent.succeeded", intent)
        return intent

    def booked(self, amount: int, currency: str, kind: str, source: str, *, fee: int = 0) -> Document:
        """A balance transaction: what the balance changes by is `net`."""
        more = {"type": kind, "source": source, "fee": fee, "net": amount - fee, "status": "available"}
        return self.add("txn", "balance_transaction", amount=amount, currency=currency, **more)

    def cancel(self, intent: Document) -> Document:
        """POST payment_intents/{id}/cancel."""
        if intent["status"] in ("succeeded", "canceled"):
            raise self._unexpected(intent)
        intent |= {"status": "canceled", "amount_capturable": 0, "next_action": None}
        self.tell("payment_intent.canceled", intent)
        return intent

    def _unexpected(self, intent: Document) -> Refused:
        return invalid(
            f"This PaymentIntent has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            payment_intent=dict(intent),
        )

    def refund(self, sent: Document) -> Document:
        """POST refunds, of a captured intent."""
        intent = self.get(sent["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            raise self._unexpected(intent)
        charge = self.kept[intent["latest_charge"]]
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = int(sent.get("amount") or left)
        if not 0 < amount <= left:
            raise invalid(f"The charge has {left} left to refund.", code="charge_already_refunded")
        charge["amount_refunded"] += amount
        refund = self.add(
            "re",
            "refund",
            amount=amount,
            currency=intent["currency"],
            charge=charge["id"],
            payment_intent=intent["id"],
            status="succeeded",
            metadata=sent.get("metadata", {}),
        )
        refund["balance_transaction"] = self.booked(-amount, intent["currency"], "refund", refund["id"])["id"]
        self.tell("charge.refunded", charge)
        return refund

    def balance(self) -> Document:
        """GET balance: the sum of all balance transactions by currency."""
        sums: dict[str, int] = {}
        for moved in self.all_of("balance_transaction"):
            sums[moved["currency"]] = sums.get(moved["currency"], 0) + moved["net"]
        available = [{"amount": amount, "currency": currency} for currency, amount in sorted(sums.items())]
        return {"object": "balance", "livemode": False, "available": available, "pending": []}
