"""How charge requests end that no decision ends: their booking is over, their offer has lapsed, or the platform failed them."""

import logging
import uuid
from datetime import timedelta
from functools import partial

from functions.booking.domain import ReservationStatus
from functions.booking.events import HoldExpired, ReservationEnded, ReservationPaid
from functions.optimizer import repository
from functions.optimizer.domain import ChargeRequest, ChargeRequestStatus, check_transition
from functions.optimizer.events import (
    ChargeRequested,
    ChargeRequestExpired,
    ChargeRequestFailed,
    ChargeRequestUnsatisfiable,
)
from functions.optimizer.explanations import EXPLANATIONS
from shared.events import Event
from shared.platform import Platform
from shared.settings import Settings
from shared.tx import Tx

log = logging.getLogger(__name__)
BATCH = 200
OF_RESERVATION = {
    ReservationStatus.FULFILLED: ChargeRequestStatus.FULFILLED,
    ReservationStatus.NO_SHOW: ChargeRequestStatus.NO_SHOW,
    ReservationStatus.CANCELED: ChargeRequestStatus.CANCELED,
}
"""What becomes of a charge request with its booking."""


def handle(platform: Platform, *, consumer: str, message_id: str, event: ReservationEnded | ReservationPaid) -> None:
    """Lets a charge request follow its booking."""
    if isinstance(event, ReservationPaid):
        platform.consume(partial(stand, event=event), consumer=consumer, message_id=message_id)
        return
    platform.consume(partial(follow, event=event), consumer=consumer, message_id=message_id)


def stand(tx: Tx, *, event: ReservationPaid) -> None:
    """The offer of a charge request is paid for: it is RESERVED."""
    request = repository.get(tx, event.charge_request_id, lock=True)
    if request is None or request.booking_id != event.booking_id or request.status is not ChargeRequestStatus.OFFERED:
        return
    repository.update(tx, request.id, status=ChargeRequestStatus.RESERVED.value, offer_expires_at=None)


def follow(tx: Tx, *, event: ReservationEnded) -> None:
    """Ends the charge request whose booking is over. One that has taken another offer since is no more about this booking."""
    request = repository.get(tx, event.charge_request_id, lock=True)
    if request is None or request.booking_id != event.booking_id:
        return
    if request.status in (ChargeRequestStatus.OFFERED, ChargeRequestStatus.RESERVED):
        status = OF_RESERVATION[event.reservation_status]
        check_transition(request.status, status)
        repository.update(tx, request.id, status=status.value, offer_expires_at=None)


def expire(tx: Tx, *, event: HoldExpired) -> None:
    """Ends the charge request whose offer was not accepted in time, or whose place the operator took away."""
    request = repository.get(tx, event.charge_request_id, lock=True)
    if request is None or request.status is not ChargeRequestStatus.OFFERED:
        return
    reason = "OFFER_WITHDRAWN" if event.withdrawn else "OFFER_EXPIRED"
    repository.update(tx, request.id, status=ChargeRequestStatus.EXPIRED.value, reason=reason)
    tx.publish(ChargeRequestExpired(request.user_id, request.id, reason))


def patience(settings: Settings) -> timedelta:
    """How long a charge request waits for its decision at most."""
    return timedelta(minutes=settings.charge_request_minutes)


def is_over(request: ChargeRequest, tx: Tx) -> bool:
    """Whether the time that a charge request asked for is over: what is decided now would be of no use."""
    return request.needs.over_at(patience(tx.settings)) <= tx.now


def end_too_late(tx: Tx, *, request_id: uuid.UUID) -> None:
    """UNSATISFIABLE, TOO_LATE: its message came when its time was over. The driver is told."""
    _end(tx, request_id, ChargeRequestStatus.UNSATISFIABLE, "TOO_LATE", ChargeRequestUnsatisfiable)


def fail(tx: Tx, *, request_id: uuid.UUID) -> bool:
    """FAILED, PLATFORM, where it still waits; the driver is told. Should its message come after all, it finds it so."""
    return _end(tx, request_id, ChargeRequestStatus.FAILED, "PLATFORM", ChargeRequestFailed)


def _end(
    tx: Tx, request_id: uuid.UUID, status: ChargeRequestStatus, reason: str, kind: type[ChargeRequestUnsatisfiable]
) -> bool:
    request = repository.get(tx, request_id, lock=True)
    if request is None or request.status is not ChargeRequestStatus.QUEUED:
        return False
    check_transition(request.status, status)
    repository.update(tx, request_id, status=status.value, reason=reason, explanation=EXPLANATIONS[reason])
    tx.publish(kind(request.user_id, request_id, reason, EXPLANATIONS[reason]))
    return True


def lost(tx: Tx, *, message_id: str, event: Event) -> None:  # noqa: ARG001
    """Settles what a message that will not be delivered was to do, in the transaction that keeps it as a dead letter."""
    if isinstance(event, ChargeRequested):
        fail(tx, request_id=event.charge_request_id)
    elif isinstance(event, HoldExpired):
        expire(tx, event=event)
    elif isinstance(event, ReservationPaid):
        stand(tx, event=event)
    elif isinstance(event, ReservationEnded):
        follow(tx, event=event)


def fail_overdue_requests(platform: Platform) -> int:
    """Fails the charge requests that have waited too long for their decision. Returns how many."""
    latest = platform.clock.now() - patience(platform.settings)
    overdue = platform.read(lambda tx: repository.queued_before(tx, latest, limit=BATCH))
    return sum(platform.transact(partial(fail, request_id=request_id)) for request_id in overdue)
