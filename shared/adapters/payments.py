"""A payment provider, in our words: what it is asked, what it answers, how it fails. Amounts are ISO 4217 minor units."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.errors import Unavailable


class IntentState(StrEnum):
    """What an intent has come to."""

    OPEN = "OPEN"
    """Nothing is held: declined, or nobody has confirmed it."""
    NEEDS_PERSON = "NEEDS_PERSON"
    """The bank wants the card's holder (3-D Secure)."""
    HELD = "HELD"
    CAPTURED = "CAPTURED"
    CANCELED = "CANCELED"
    PROCESSING = "PROCESSING"


@dataclass(frozen=True)
class Card:
    """A card that is saved at the provider, as far as people may read it."""

    provider_id: str
    brand: str
    last4: str
    expires: str
    """YYYY-MM."""


@dataclass(frozen=True)
class Intent:
    """A payment at the provider, ISO minor units."""

    provider_id: str
    state: IntentState
    currency: str
    held_minor: int
    captured_minor: int
    charge_id: str | None = None
    capture_before: datetime | None = None
    failure: str | None = None
    """Why it was declined last."""
    method: Card | None = None
    fee_minor: int = 0
    """What the provider kept of it."""
    fee_ref: str | None = None
    """The balance transaction of the charge."""
    reference: str | None = None
    """Ours, by which it was asked for."""


@dataclass(frozen=True)
class CheckoutPage:
    """A page on which a person enters a card."""

    provider_id: str
    state: str
    """open, complete or expired."""
    url: str | None
    expires_at: datetime
    intent: Intent | None = None
    """Of a page that holds a payment, once it is complete."""
    method: Card | None = None
    """Of a page that saves a card, once it is complete."""
    reference: str | None = None
    """Ours, by which it was opened."""


@dataclass(frozen=True)
class ProviderEvent:
    """A webhook whose signature is good."""

    provider_id: str
    type: str
    object_id: str


@dataclass(frozen=True)
class Asked:
    """What a payment asks for at the provider."""

    reference: str
    """Ours: the transfer group, by which it is found again."""
    customer: str
    amount_minor: int
    currency: str
    description: str


class CardDeclined(Exception):
    """A card was declined; `code` is the provider's word. `needs_person`: its bank wants the holder (3-D Secure)."""

    def __init__(self, code: str, intent_id: str | None) -> None:
        super().__init__(code)
        self.code, self.intent_id = code, intent_id

    @property
    def needs_person(self) -> bool:
        """Whether the card's holder can mend it by showing who they are."""
        return self.code == "authentication_required"


class OutcomeUnknown(Exception):
    """The provider failed (5xx): the call may have had its effect. A failure is kept under the call's key, so that the object
    must be read before it is tried again under another."""


class StateChanged(Exception):
    """The object is in another state than the call is for: it must be read again."""


@contextmanager
def or_unavailable() -> Iterator[None]:
    """Of calls that are simply made again later: a failure whose effect does not matter is Unavailable."""
    try:
        yield
    except (OutcomeUnknown, StateChanged) as error:
        raise Unavailable("The payment provider failed; try again in a moment.") from error


class BadSignature(Exception):
    """A webhook that is not the provider's, or is too old or too new."""


class PaymentProvider(Protocol):
    """Holds and moves money. Every call that changes something takes the key under which it has its effect once.

    Each may raise Unavailable (nothing is known to have happened; the same call with the same key is right) and OutcomeUnknown.
    """

    def create_customer(self, *, reference: str, key: str) -> str:
        """A customer for one of our users. Returns its id."""
        ...

    def hold(self, asked: Asked, *, method: str, off_session: bool, key: str) -> Intent:
        """Holds an amount on a saved card. Raises CardDeclined."""
        ...

    def open_checkout(self, asked: Asked, *, saves_card: bool, return_url: str, cancel_url: str, key: str) -> CheckoutPage:
        """A page that holds the amount (and saves the card), or with an amount of 0 saves a card alone."""
        ...

    def checkout(self, page_id: str) -> CheckoutPage:
        """A page as it is now."""
        ...

    def expire_checkout(self, page_id: str) -> CheckoutPage:
        """Closes a page; one that is complete stays so."""
        ...

    def capture(self, intent_id: str, *, amount_minor: int, currency: str, key: str) -> Intent:
        """Takes at most what is held, once; the rest is free. Raises StateChanged."""
        ...

    def cancel(self, intent_id: str, *, key: str) -> Intent:
        """Lets a hold go. Raises StateChanged."""
        ...

    def refund(self, intent_id: str, *, amount_minor: int, currency: str, key: str) -> str:
        """Pays back of what was captured. Returns the refund's id. Raises StateChanged."""
        ...

    def refunds(self, intent_id: str) -> list[tuple[str, int]]:
        """(id, minor units) of the refunds of an intent that have not failed."""
        ...

    def intent(self, intent_id: str) -> Intent:
        """An intent as it is now."""
        ...

    def intent_of_charge(self, charge_id: str) -> Intent | None:
        """The intent that a charge is of."""
        ...

    def intents_of(self, reference: str) -> list[Intent]:
        """The intents of a payment of ours, the newest first."""
        ...

    def detach(self, method_id: str) -> None:
        """Forgets a saved card."""
        ...

    def read_webhook(self, body: bytes, signature: str) -> ProviderEvent:
        """The event of a webhook. Raises BadSignature."""
        ...
