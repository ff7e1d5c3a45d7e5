"""A person's charge requests when he asks for a copy of his data or leaves: read whole, withdrawn, kept without him."""

import uuid
from typing import Any

from functions.optimizer import repository
from functions.optimizer.domain import ChargeRequestStatus
from functions.optimizer.service import cancel_charge_request
from shared.tx import Tx

ORIGIN_DIGITS = 1
"""Decimals of a degree (some 10 km) that are left of where somebody set out: enough for a city's demand, not for a home."""
OPEN = (ChargeRequestStatus.QUEUED, ChargeRequestStatus.OFFERED)


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every charge request of a user with its whole decision, newest first."""
    made = []
    for item in repository.of_user(tx, user_id, before=None, limit=None):
        found = repository.get_decision(tx, item.id)
        made.append(vars(item) | {"wish": item.wish, "whole_decision": None if found is None else found[0]})
    return made


def lock_open(*, tx: Tx, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Locks a user's charge requests that still wait or are offered, before anything else is locked: in order of id."""
    return repository.lock_in_status(tx, user_id, [item.value for item in OPEN])


def withdraw_open(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Withdraws what still waits or is offered; what it holds is cancelled."""
    for id in lock_open(tx=tx, user_id=user_id):
        found = repository.get(tx, id)
        if found is not None and found.at(tx.now).status in OPEN:
            cancel_charge_request(tx=tx, request_id=id)


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's charge requests to a random id that stands for nobody, without vehicle, with a blunt origin, and
    forgets the decisions, whose distances would give the origin away. Returns how many."""
    found = repository.of_user(tx, user_id, before=None, limit=None)
    for item in found:
        wish = item.wish.model_copy(
            update={
                "latitude": round(item.wish.latitude, ORIGIN_DIGITS),
                "longitude": round(item.wish.longitude, ORIGIN_DIGITS),
            }
        )
        repository.update(tx, item.id, user_id=pseudonym, vehicle_id=None, decision=None, wish=wish.model_dump(mode="json"))
        repository.delete_decision(tx, item.id)
    return len(found)
