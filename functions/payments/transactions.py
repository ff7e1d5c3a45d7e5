"""Payments as people look at them: a driver at their own, an owner at those of their locations, an administrator at all."""

import uuid

from functions.payments import repository
from functions.payments.domain import Payment, PaymentEvent
from functions.payments.repository import PaymentFilter
from functions.stations import service as stations
from shared.errors import NotFound
from shared.tx import Tx


def list_payments(*, tx: Tx, wanted: PaymentFilter, before: uuid.UUID | None, limit: int) -> list[Payment]:
    """The payments that the caller may see and `wanted` lets through, newest first, after the cursor."""
    assert tx.actor.id is not None
    user_id = tx.actor.id if tx.actor.role == "driver" else None
    places = _places(tx) if tx.actor.role == "owner" else None
    return repository.listed(tx, wanted, user_id=user_id, location_ids=places, before=before, limit=limit)


def get_visible(*, tx: Tx, payment_id: uuid.UUID) -> tuple[Payment, list[PaymentEvent]]:
    """A payment that the caller may see, with what happened to it. Raises NotFound."""
    payment = repository.get(tx, payment_id)
    if payment is None or not _may_see(tx, payment):
        raise NotFound(f"There is no payment {payment_id}.")
    return payment, repository.events_of(tx, payment.id)


def _may_see(tx: Tx, payment: Payment) -> bool:
    if tx.actor.role == "admin" or payment.user_id == tx.actor.id:
        return True
    return tx.actor.role == "owner" and payment.location_id in _places(tx)


def _places(tx: Tx) -> set[uuid.UUID]:
    assert tx.actor.id is not None
    return {location_id for location_id, _ in stations.owned_locations(tx=tx, owner_id=tx.actor.id)}
