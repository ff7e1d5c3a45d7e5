"""What the rooms above have to do with a charge request: it goes along with a booking that moves to another place, and waits
where all is full."""

import uuid

from functions.optimizer import repository
from functions.optimizer.domain import ChargeRequest, ChargeRequestStatus
from functions.optimizer.needs import ChargingNeeds
from shared.tx import Tx


def needs_of(*, tx: Tx, request_id: uuid.UUID) -> ChargingNeeds | None:
    """What a charge request was for; None where it is not there."""
    request = repository.get(tx, request_id)
    return None if request is None else request.needs


def request_of(*, tx: Tx, request_id: uuid.UUID) -> ChargeRequest | None:
    """A charge request, for the rooms above; whose it is is not asked."""
    return repository.get(tx, request_id)


def lock_booked(*, tx: Tx, request_id: uuid.UUID, booking_id: uuid.UUID) -> bool:
    """Locks a charge request; whether it stands by this booking. After the driver, before locations."""
    request = repository.get(tx, request_id, lock=True)
    return request is not None and request.booking_id == booking_id and request.status is ChargeRequestStatus.RESERVED


def rebook(*, tx: Tx, request_id: uuid.UUID, booking_id: uuid.UUID) -> None:
    """The charge request stands by another booking from now on; it must be locked."""
    repository.update(tx, request_id, booking_id=booking_id)
