"""A person's entries on the waitlist, when they ask for a copy of their data or leave: export, erase."""

import uuid
from typing import Any

from functions.waitlist import repository
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every entry of a user with what it was offered, newest first."""
    entries = repository.of_user(tx, user_id, before=None, limit=None)
    offers = repository.offers_of(tx, [entry.id for entry in entries])
    return [vars(entry) | {"offers": [vars(offer) for offer in offers if offer.entry_id == entry.id]} for entry in entries]


def erase(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's entries; what was held for them is a booking, and ends as such."""
    repository.delete(tx, user_id)
