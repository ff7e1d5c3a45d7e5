"""A person's payments, when they ask for a copy of their data or leave: export, open_payments, pseudonymise, erase."""

import uuid
from typing import Any

from functions.payments import repository
from functions.payments.domain import Payment
from functions.payments.repository import PaymentFilter
from shared.tx import Tx

_OURS = {"intent_id", "checkout_id", "checkout_url"}
"""Of the provider's, and of no use to anybody else."""


def export(*, tx: Tx, user_id: uuid.UUID) -> dict[str, Any]:
    """Every payment of a user with what happened to it, newest first, and their saved cards."""
    payments = repository.listed(tx, PaymentFilter(), user_id=user_id, location_ids=None, before=None, limit=None)
    return {
        "payments": [
            {name: value for name, value in vars(payment).items() if name not in _OURS}
            | {"events": [vars(event) for event in repository.events_of(tx, payment.id)]}
            for payment in payments
        ],
        "methods": [vars(card) for card in repository.cards_of(tx, user_id, removed=True)],
        "customer": repository.customer_of(tx, user_id),
    }


def open_payments(*, tx: Tx, user_id: uuid.UUID) -> list[Payment]:
    """A user's payments that are held, planned, to be made or owed: who leaves must have none."""
    return list(repository.open_of_user(tx, user_id))


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's payments to a random id that stands for nobody. Returns how many."""
    return repository.pseudonymise(tx, user_id, pseudonym)


def erase(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's saved cards and their id at the provider."""
    repository.erase(tx, user_id)
