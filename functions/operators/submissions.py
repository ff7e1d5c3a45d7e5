"""From draft to approved and back: submit, withdraw, approve, reject, suspend, lift; what differs between submissions.

    DRAFT -> SUBMITTED -> APPROVED -> SUSPENDED -> APPROVED
    SUBMITTED -> DRAFT (withdrawn)
    SUBMITTED -> REJECTED -> SUBMITTED

Of a place that was approved, name and address wait for a decision too (`proposals`); it stays what it is meanwhile. What lies
with the administrators cannot be changed by its owner: they approve what they read.
"""

import uuid
from dataclasses import replace

from functions.accounts import service as accounts
from functions.booking.displacements import DisplacementPlan
from functions.operators import proposals, repository, revisions, service
from functions.operators.events import (
    LocationApproved,
    LocationChangeApproved,
    LocationChangeRejected,
    LocationDecided,
    LocationLifted,
    LocationRejected,
    LocationSuspended,
)
from functions.stations import service as stations
from functions.stations.domain import APPROVED, Location, Submission
from functions.stations.enums import LocationStatus
from shared.db import new_id
from shared.errors import WrongState
from shared.tx import Tx

_S = LocationStatus


def submit(*, tx: Tx, location_id: uuid.UUID, if_match: str | None) -> Location:
    """Hands a draft, or what was rejected, to the administrators as it is now. Raises WrongState where it is not ready."""
    location = stations.get_owned(tx=tx, location_id=location_id)
    service.check_version(tx, location, if_match)
    _must_be(location, _S.DRAFT, _S.REJECTED, what="submitted")
    _must_be_bookable(location)
    after = _become(tx, location, _S.SUBMITTED, action="location.submit")
    stored = service.submitted_of(service.document_of(tx, after))
    repository.add_submission(
        tx, Submission(new_id(), location.id, after.version, stored, tx.now, tx.actor.id, None, None, None, None)
    )
    return after


def withdraw(*, tx: Tx, location_id: uuid.UUID, if_match: str | None) -> Location:
    """Takes a submission back; the location is a draft again. Of an approved place: what waits is not wanted any more."""
    location = stations.get_owned(tx=tx, location_id=location_id)
    service.check_version(tx, location, if_match)
    if location.proposed:
        return _settle_change(tx, location, decision="WITHDRAWN")
    _must_be(location, _S.SUBMITTED, what="withdrawn")
    proposals.close(tx, location, decision="WITHDRAWN", reason=None)
    return _become(tx, location, _S.DRAFT, action="location.withdraw")


def approve(*, tx: Tx, location_id: uuid.UUID, if_match: str | None = None) -> Location:
    """An administrator lets a submitted location be searched and booked, or the change of an approved one take effect (only
    under If-Match: they approve what they read). Approving twice changes nothing."""
    location = _of_active_owner(tx, location_id, if_match)
    if location.proposed:
        service.check_version(tx, location, if_match)
        return _announced(tx, _settle_change(tx, location, decision="APPROVED"), LocationChangeApproved)
    if location.status == APPROVED:
        return location
    _must_be(location, _S.SUBMITTED, what="approved")
    _must_be_bookable(location)
    proposals.close(tx, location, decision="APPROVED", reason=None)
    return _announced(tx, _become(tx, location, _S.APPROVED, action="location.approve"), LocationApproved)


def reject(*, tx: Tx, location_id: uuid.UUID, reason: str, if_match: str | None = None) -> Location:
    """An administrator sends a submission, or the change of an approved place, back with the reason."""
    location = _looked_at(tx, location_id, if_match)
    if location.proposed:
        after = _settle_change(tx, location, decision="REJECTED", reason=reason)
        tx.publish(LocationChangeRejected.of(after, now=tx.now, reason=reason))
        return after
    _must_be(location, _S.SUBMITTED, what="rejected")
    proposals.close(tx, location, decision="REJECTED", reason=reason)
    return _announced(tx, _become(tx, location, _S.REJECTED, action="location.reject", reason=reason), LocationRejected)


def suspend(
    *, tx: Tx, location_id: uuid.UUID, reason: str, if_match: str | None = None, confirmation: str | None = None
) -> Location:
    """An administrator takes an approved location out of search and booking. What is booked there is displaced as if its
    EVSEs were removed: listed first, then ended at no cost; sessions that run go on to their end."""
    location = _looked_at(tx, location_id, if_match)
    _must_be(location, _S.APPROVED, what="suspended")
    after = _become(tx, location, _S.SUSPENDED, action="location.suspend", reason=reason, confirmation=confirmation)
    return _announced(tx, after, LocationSuspended)


def suspension(*, tx: Tx, location: Location) -> tuple[DisplacementPlan, str]:
    """What becomes of the bookings at a locked location when it is suspended, and what confirms it to `suspend`."""
    after = replace(location, status=_S.SUSPENDED)
    plan = service.displaced_by(tx=tx, before=location, after=after)
    return plan, service.confirmation_of(plan, location, "location.suspend")


def lift(*, tx: Tx, location_id: uuid.UUID, if_match: str | None = None) -> Location:
    """An administrator ends a suspension."""
    location = _of_active_owner(tx, location_id, if_match)
    _must_be(location, _S.SUSPENDED, what="lifted")
    return _announced(tx, _become(tx, location, _S.APPROVED, action="location.lift"), LocationLifted)


def _looked_at(tx: Tx, location_id: uuid.UUID, if_match: str | None) -> Location:
    """A location locked for an administrator's decision; If-Match counts where it is sent."""
    location = stations.get_owned(tx=tx, location_id=location_id)
    if if_match is not None:
        service.check_version(tx, location, if_match)
    return location


def _of_active_owner(tx: Tx, location_id: uuid.UUID, if_match: str | None) -> Location:
    """A location locked for a decision that puts it on sale. Raises WrongState where its owner is suspended.

    The owner's row is locked first, as whoever suspends them does: a place goes on sale before that, and is seen, or not.
    """
    owner_id = stations.get_location(tx=tx, location_id=location_id).owner_id
    if not accounts.lock_unless_suspended(tx=tx, user_id=owner_id):
        raise WrongState("The account of the location's owner is suspended; let them in again first.")
    return _looked_at(tx, location_id, if_match)


def _must_be(location: Location, *states: LocationStatus, what: str) -> None:
    if location.status not in states:
        wanted = " or ".join(states)
        raise WrongState(
            f"A {location.status} location cannot be {what}: it must be {wanted}.", location_status=location.status
        )


def _must_be_bookable(location: Location) -> None:
    if not location.pools():
        raise WrongState("The location has no EVSE that can be used; add one first.", location_status=location.status)


def _become(
    tx: Tx,
    location: Location,
    status: LocationStatus,
    *,
    action: str,
    reason: str | None = None,
    confirmation: str | None = None,
) -> Location:
    def change(locked: Location) -> None:
        stations.update_location(tx=tx, location_id=locked.id, status=status.value, status_reason=reason)

    displaces = location.status == APPROVED
    return service.apply(tx=tx, before=location, action=action, change=change, confirmation=confirmation, displaces=displaces)


def _settle_change(tx: Tx, location: Location, *, decision: str, reason: str | None = None) -> Location:
    """Ends what waits of an approved place: made where it is approved, forgotten otherwise."""
    granted = dict(location.proposed or {}) if decision == "APPROVED" else {}
    proposals.close(tx, location, decision=decision, reason=reason)

    def change(locked: Location) -> None:
        stations.update_location(tx=tx, location_id=locked.id, proposed=None, **granted)

    return service.apply(tx=tx, before=location, action=f"location.change_{decision.lower()}", change=change)


def _announced(tx: Tx, location: Location, kind: type[LocationDecided]) -> Location:
    tx.publish(kind.of(location, now=tx.now))
    return location


def list_submissions(
    *, tx: Tx, location_id: uuid.UUID, before: uuid.UUID | None, limit: int
) -> list[tuple[Submission, list[revisions.FieldChange] | None]]:
    """A location's submissions, newest first, each with what differs from the one before it (None for the first)."""
    location = stations.get_managed(tx=tx, location_id=location_id)
    submitted = repository.submissions(tx, location.id, before=before, limit=limit + 1)
    older: list[Submission | None] = [*submitted[1:], None]
    return [
        (submission, None if previous is None else revisions.differences(dict(previous.document), dict(submission.document)))
        for submission, previous in zip(submitted, older, strict=False)
    ][:limit]
