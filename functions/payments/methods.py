"""A driver's saved cards, as far as we know them: brand, last four digits, expiry. The card itself is the provider's."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from functions.payments import repository
from functions.payments.repository import SavedCard
from shared.adapters.payments import Asked, or_unavailable
from shared.db import new_id
from shared.errors import Conflict, NotFound
from shared.platform import Platform
from shared.settings import Settings
from shared.tx import Actor, Tx


@dataclass(frozen=True)
class SetupPage:
    """A page of the provider's on which a card is saved."""

    url: str
    expires_at: datetime


def back_to(settings: Settings, path: str) -> str:
    """Where a page of the provider's leads back to: a path of the web application's, nothing else."""
    return (settings.web_url or settings.public_url).rstrip("/") + path


def reference_of(user_id: uuid.UUID) -> str:
    """Ours at the provider, of a page that saves a card for no payment."""
    return f"user_{user_id}"


def user_of(reference: str | None) -> uuid.UUID | None:
    """The driver that a reference names; None where it names none."""
    try:
        return uuid.UUID((reference or "").removeprefix("user_")) if (reference or "").startswith("user_") else None
    except ValueError:
        return None


def customer(*, platform: Platform, actor: Actor) -> str:
    """The provider's id of the caller, made where there is none. Raises Unavailable."""
    user_id = actor.id
    assert user_id is not None
    known = platform.read(lambda tx: repository.customer_of(tx, user_id), actor=actor)
    if known is not None:
        return known
    with or_unavailable():
        created = platform.payments.create_customer(reference=reference_of(user_id), key=f"customer:{user_id}")
    platform.transact(lambda tx: repository.add_customer(tx, user_id, created))
    return created


def set_up(*, platform: Platform, actor: Actor, return_url: str) -> SetupPage:
    """Opens the provider's page on which the caller saves a card, for what they book later. Raises Unavailable."""
    assert actor.id is not None
    asked = Asked(reference_of(actor.id), customer(platform=platform, actor=actor), 0, "EUR", "Save a card")
    back = back_to(platform.settings, return_url)
    with or_unavailable():
        page = platform.payments.open_checkout(
            asked, saves_card=True, return_url=back, cancel_url=back, key=f"setup:{new_id()}"
        )
    return SetupPage(page.url or back, page.expires_at)


def list_cards(*, tx: Tx) -> list[SavedCard]:
    """The caller's saved cards, the default first."""
    assert tx.actor.id is not None
    return repository.cards_of(tx, tx.actor.id)


def get_owned(*, tx: Tx, method_id: uuid.UUID) -> SavedCard:
    """One of the caller's saved cards. Raises NotFound."""
    card = repository.get_card(tx, method_id)
    if card is None or card.user_id != tx.actor.id or card.removed_at is not None:
        raise NotFound(f"There is no saved card {method_id}.")
    return card


def make_default(*, tx: Tx, method_id: uuid.UUID) -> SavedCard:
    """The card that is charged first from now on. Raises NotFound."""
    card = get_owned(tx=tx, method_id=method_id)
    repository.set_default(tx, card.user_id, card.id)
    return get_owned(tx=tx, method_id=method_id)


def remove(*, platform: Platform, actor: Actor, method_id: uuid.UUID) -> None:
    """Forgets a card, here and at the provider. Raises NotFound, Conflict where a booking counts on it."""

    def take_off(tx: Tx) -> SavedCard:
        card = get_owned(tx=tx, method_id=method_id)
        if repository.uses_card(tx, card.id):
            raise Conflict("A booking counts on this card; cancel it, or pay for it with another.")
        repository.remove_card(tx, card.id)
        tx.audit("payments.remove_method", object_type="payment_method", object_id=card.id)
        return card

    platform.read(lambda tx: get_owned(tx=tx, method_id=method_id), actor=actor)
    provider = platform.payments  # without one nothing is taken off
    card = platform.transact(take_off, actor=actor)
    with or_unavailable():
        provider.detach(card.provider_id)
