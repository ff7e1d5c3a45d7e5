"""A person's charge requests when they ask for a copy of their data or leave: read whole, withdrawn, kept without them."""

import uuid
from typing import Any

from functions.booking.domain import CancellationCause
from functions.optimizer import repository
from functions.optimizer.domain import ChargeRequestStatus
from functions.optimizer.service import cancel_charge_request
from shared.tx import Tx

ORIGIN_DIGITS = 1
"""Decimals of a degree (some 10 km) that are left of where somebody set out and went: enough for a city, not for a home."""
PLACES = ("latitude", "longitude", "destination_latitude", "destination_longitude")
OPEN = (ChargeRequestStatus.QUEUED, ChargeRequestStatus.OFFERED)


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every charge request of a user with its whole decision, newest first."""
    exported = []
    for request in repository.of_user(tx, user_id, before=None, limit=None):
        stored = repository.get_decision(tx, request.id)
        fields = {"wish" if name == "needs" else name: value for name, value in vars(request).items()}
        exported.append(fields | {"whole_decision": None if stored is None else stored[0]})
    return exported


def lock_open(*, tx: Tx, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Locks a user's charge requests that still wait or are offered, before anything else is locked: in order of id."""
    return repository.lock_in_status(tx, user_id, [status.value for status in OPEN])


def cancel_open(*, tx: Tx, user_id: uuid.UUID, cause: CancellationCause | None = None) -> None:
    """Cancels what still waits or is offered; what it holds is cancelled with it, because of `cause` where it is not the
    driver's own wish."""
    for request_id in lock_open(tx=tx, user_id=user_id):
        request = repository.get(tx, request_id)
        if request is not None and request.at(tx.now).status in OPEN:
            cancel_charge_request(tx=tx, request_id=request_id, cause=cause)


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's charge requests to a random id that stands for nobody. Returns how many.

    They lose their vehicle, keep a rounded origin and destination, and their decisions are deleted: distances would
    give both away.
    """
    requests = repository.of_user(tx, user_id, before=None, limit=None)
    for request in requests:
        places = {name: getattr(request.needs, name) for name in PLACES}
        rounded = {name: None if value is None else round(value, ORIGIN_DIGITS) for name, value in places.items()}
        needs = request.needs.model_copy(update=rounded)
        repository.update(tx, request.id, user_id=pseudonym, vehicle_id=None, decision=None, wish=needs.model_dump(mode="json"))
        repository.delete_decision(tx, request.id)
    return len(requests)
