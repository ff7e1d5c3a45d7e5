"""Edits of locations by their owners and by administrators. Each holds If-Match, finds the bookings it displaces, and leaves
a version, a revision and an audit entry, all in the one transaction that has the location's row lock."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from functions.booking import displacements
from functions.booking.displacements import DisplacementPlan
from functions.booking.domain import CancellationCause
from functions.operators import proposals, repository, revisions
from functions.operators.revisions import FieldChange, LocationDocument
from functions.operators.schemas import BlockedTimeCreate, EvseUpdate, LocationUpdate
from functions.stations import service as stations
from functions.stations.domain import (
    APPROVED,
    OUT_OF_USE,
    BlockedTime,
    BookingTerms,
    Connector,
    Evse,
    Location,
    StaffRight,
    repaired,
)
from functions.stations.enums import EvseStatus, LocationStatus
from functions.stations.schemas import ConnectorCreate, EvseCreate
from shared.db import new_id
from shared.errors import ConfirmationNeeded, Conflict, Invalid, NotFound, PreconditionFailed, WrongState
from shared.geo import great_circle_km
from shared.tx import Tx
from shared.web.conditions import etag_of, matches, version_in

MOVE_KM = 0.25
"""How far an owner may move an approved location: a correction on the map, not another place."""
NOT_SUBMITTED = ("status", "status_reason", "blocked_times", "proposed")
"""Members of the document that are no part of what is submitted."""
FAULTS = OUT_OF_USE - {EvseStatus.REMOVED}
MAX_EVSES = 200
MAX_BLOCKED_TIMES = 200
FURTHEST_BLOCK = timedelta(days=366)


def document_of(tx: Tx, location: Location) -> LocationDocument:
    """The location as it is compared and submitted."""
    tariffs = stations.tariffs_of(tx=tx, locations=[location])
    return revisions.location_document(location, tariffs, repository.photos(tx, location.id))


def submitted_of(document: LocationDocument) -> LocationDocument:
    """Those members of a location's document that are submitted."""
    return {name: value for name, value in document.items() if name not in NOT_SUBMITTED}


def check_version(tx: Tx, location: Location, if_match: str | None) -> None:
    """Raises PreconditionRequired without If-Match, PreconditionFailed with what changed since where it does not match."""
    if matches(if_match, location.version):
        return
    assert if_match is not None
    seen = version_in(if_match)
    since: list[FieldChange] = []
    if seen is not None:
        since = revisions.merge_changes(repository.changes_since(tx, location.id, seen))
    names = ", ".join(item["field"] for item in since[:5]) + (", ..." if len(since) > 5 else "")
    raise PreconditionFailed(
        f"{location.name} has changed since you read it: {names}." if since else f"{location.name} is not what you read.",
        changes=since,
        etag=etag_of(location.version),
    )


def edit(
    *,
    tx: Tx,
    location_id: uuid.UUID,
    if_match: str | None,
    action: str,
    change: Callable[[Location], None],
    confirmation: str | None = None,
    displaces: bool = False,
    right: StaffRight = StaffRight.EDIT,
) -> Location:
    """Runs `change` on the caller's location. Raises NotFound, Forbidden, PreconditionRequired, PreconditionFailed, WrongState,
    and ConfirmationNeeded where `displaces` and bookings cannot stay (nothing is changed then)."""
    location = stations.get_owned(tx=tx, location_id=location_id, right=right)
    check_version(tx, location, if_match)
    if location.status == LocationStatus.SUBMITTED and tx.actor.role == "owner":
        raise WrongState("The location is being looked at; withdraw it to change it.", location_status=location.status)
    return apply(tx=tx, before=location, action=action, change=change, confirmation=confirmation, displaces=displaces)


def apply(
    *,
    tx: Tx,
    before: Location,
    action: str,
    change: Callable[[Location], None],
    confirmation: str | None = None,
    displaces: bool = False,
) -> Location:
    """An edit of a location that is locked and may be changed. What changes nothing makes no version."""
    was = document_of(tx, before)
    change(before)
    after = stations.get_location(tx=tx, location_id=before.id)
    if displaces:
        _displace(tx, before, after, action=action, confirmation=confirmation)
    changes = revisions.differences(was, document_of(tx, after))
    if not changes:
        return after
    version = before.version + 1
    stations.set_version(tx=tx, location_id=before.id, version=version)
    repository.add_revision(tx, before.id, version=version, changes=changes)
    tx.audit(
        action,
        object_type="location",
        object_id=before.id,
        before={item["field"]: item["before"] for item in changes if item["before"] is not None},
        after={item["field"]: item["after"] for item in changes if item["after"] is not None},
    )
    return replace(after, version=version)


def displaced_by(*, tx: Tx, before: Location, after: Location) -> DisplacementPlan:
    """What becomes of the bookings at a locked location that an edit displaces.

    A fault is no part of an edit: who waits at a broken EVSE is concerned by its removal, and by nobody else's.
    """
    return displacements.plan(tx=tx, before=repaired(before, FAULTS), after=after, judged=repaired(after, FAULTS))


def confirmation_of(plan: DisplacementPlan, before: Location, action: str) -> str:
    """What confirms that `action` displaces as `plan` says."""
    return plan.token(str(before.id), str(before.version), action)


def _displace(tx: Tx, before: Location, after: Location, *, action: str, confirmation: str | None) -> None:
    plan = displaced_by(tx=tx, before=before, after=after)
    if not plan.displaced:
        return
    token = confirmation_of(plan, before, action)
    if confirmation != token:
        counts = {outcome.value: 0 for outcome in displacements.DisplacementOutcome}
        for item in plan.displaced:
            counts[item.outcome.value] += 1
        new = "" if confirmation is None else "The list is another one than you confirmed. "
        raise ConfirmationNeeded(
            f"{new}{len(plan.displaced)} bookings are concerned: {counts['MOVED']} move to another EVSE, "
            f"{counts['CANCELED']} are cancelled at no cost to the driver, {counts['GOES_ON']} are charging and go on.",
            bookings=plan.listed(),
            confirmation=token,
        )
    cause = None if after.status == APPROVED else CancellationCause.PLACE_WITHDRAWN
    said = next((block.reason for block in after.blocked if block.reason and block not in before.blocked), None)
    displacements.carry_out(tx=tx, location=after, plan=plan, cause=cause, said=said)


def update_location(
    *, tx: Tx, location_id: uuid.UUID, update: LocationUpdate, if_match: str | None, confirmation: str | None = None
) -> Location:
    """Changes what is given. Hours that shrink, or another time zone, displace bookings. Name and address of a place that
    was approved wait for an administrator (`proposals`)."""
    values: dict[str, Any] = update.model_dump(exclude_unset=True, mode="json")

    def change(location: Location) -> None:
        _check_place(tx, location, values)
        now = proposals.hold_back(tx, location, values, document=submitted_of(document_of(tx, location)))
        if now:
            point = {name: now.get(name, getattr(location, name)) for name in ("latitude", "longitude")}
            stations.update_location(tx=tx, location_id=location.id, **now | point)

    return edit(
        tx=tx,
        location_id=location_id,
        if_match=if_match,
        action="location.update",
        change=change,
        confirmation=confirmation,
        displaces=bool(values.keys() & {"opening_times", "time_zone"}),
    )


def _check_place(tx: Tx, location: Location, values: dict[str, Any]) -> None:
    """What drivers have booked does not wander off: an approved place is corrected on the map, and that is all."""
    latitude, longitude = (values.get(name, getattr(location, name)) for name in ("latitude", "longitude"))
    if latitude == longitude == 0:
        raise Invalid.one("latitude", "0, 0 is no place: give the real coordinates")
    if values.get("currency", location.currency) != location.currency and location.tariff_ids:
        raise Invalid.one("currency", f"the tariffs are in {location.currency}: remove them first (PUT tariffs, an empty list)")
    if tx.actor.role != "owner" or location.status not in (APPROVED, LocationStatus.SUSPENDED):
        return
    for name in ("country", "time_zone", "currency"):
        if values.get(name, getattr(location, name)) != getattr(location, name):
            raise Invalid.one(name, "cannot change once the location was approved; an administrator can")
    moves = (latitude, longitude) != (location.latitude, location.longitude)
    if moves and great_circle_km(*_approved_point(tx, location), latitude, longitude) > MOVE_KM:
        field = "latitude" if "latitude" in values else "longitude"
        raise Invalid.one(field, f"an approved location moves {MOVE_KM * 1000:.0f} m at most; an administrator can do more")


def _approved_point(tx: Tx, location: Location) -> tuple[float, float]:
    """Where the location was approved, or loaded: many small moves from there are one large one."""
    for submission in repository.submissions(tx, location.id, before=None, limit=50):
        if submission.decision == "APPROVED":
            return float(submission.document["latitude"]), float(submission.document["longitude"])
    changes = revisions.merge_changes(repository.changes_since(tx, location.id, 1))
    first = {change["field"]: change["before"] for change in changes}
    return float(first.get("latitude", location.latitude)), float(first.get("longitude", location.longitude))


def _plugs(connectors: list[ConnectorCreate]) -> tuple[Connector, ...]:
    return tuple(
        Connector(item.connector_id, item.standard.value, item.format.value, item.power_type.value, item.max_power_kw)
        for item in connectors
    )


def add_evse(*, tx: Tx, location_id: uuid.UUID, evse_in: EvseCreate, if_match: str | None) -> tuple[Location, Evse]:
    """A new EVSE; a removed one of that uid comes back with these connectors. Raises Conflict where the uid is there."""
    plugs = _plugs(evse_in.connectors)

    def change(location: Location) -> None:
        present = next((evse for evse in location.evses if evse.uid == evse_in.uid), None)
        if present is not None and present.status != EvseStatus.REMOVED:
            raise Conflict(f"uid: {location.name} has an EVSE {evse_in.uid} already")
        if len(location.evses) >= MAX_EVSES:
            raise Conflict(f"uid: {location.name} has {MAX_EVSES} EVSEs, which is the most; make a second location")
        if present is not None:
            stations.update_evse(tx=tx, evse_id=present.id, status=EvseStatus.AVAILABLE.value, connectors=plugs)
        elif not stations.add_evse(
            tx=tx, location_id=location.id, evse=Evse(new_id(), evse_in.uid, EvseStatus.AVAILABLE.value, plugs)
        ):
            raise Conflict(f"uid: {location.name} has an EVSE {evse_in.uid} already")

    after = edit(tx=tx, location_id=location_id, if_match=if_match, action="evse.create", change=change)
    return after, next(evse for evse in after.evses if evse.uid == evse_in.uid)


def find_evse(location: Location, evse_id: uuid.UUID) -> Evse:
    """An EVSE that is there. Raises NotFound."""
    for evse in location.evses:
        if evse.id == evse_id and evse.status != EvseStatus.REMOVED:
            return evse
    raise NotFound(f"{location.name} has no EVSE {evse_id}.")


def update_evse(
    *,
    tx: Tx,
    location_id: uuid.UUID,
    evse_id: uuid.UUID,
    update: EvseUpdate,
    if_match: str | None,
    confirmation: str | None = None,
) -> tuple[Location, Evse]:
    """Replaces an EVSE's connectors. Bookings of a connector or a power class that goes are displaced."""

    def change(location: Location) -> None:
        stations.update_evse(tx=tx, evse_id=find_evse(location, evse_id).id, connectors=_plugs(update.connectors))

    after = edit(
        tx=tx,
        location_id=location_id,
        if_match=if_match,
        action="evse.update",
        change=change,
        confirmation=confirmation,
        displaces=True,
    )
    return after, find_evse(after, evse_id)


def remove_evse(
    *, tx: Tx, location_id: uuid.UUID, evse_id: uuid.UUID, if_match: str | None, confirmation: str | None = None
) -> Location:
    """Takes an EVSE away for good. Its bookings are displaced; what was charged there stays on record."""

    def change(location: Location) -> None:
        stations.update_evse(tx=tx, evse_id=find_evse(location, evse_id).id, status=EvseStatus.REMOVED.value)

    return edit(
        tx=tx,
        location_id=location_id,
        if_match=if_match,
        action="evse.remove",
        change=change,
        confirmation=confirmation,
        displaces=True,
    )


def put_booking_terms(*, tx: Tx, location_id: uuid.UUID, terms: BookingTerms, if_match: str | None) -> Location:
    """Replaces the booking terms for bookings to come. Fees above a booking's quote are for administrators to allow."""

    def change(location: Location) -> None:
        if terms.fees_above_quote and not location.booking_terms.fees_above_quote and tx.actor.role == "owner":
            raise Invalid.one("fees_above_quote", "must be false: an administrator allows fees above what a booking costs")
        stations.update_location(tx=tx, location_id=location.id, booking_terms=terms.stored())

    return edit(tx=tx, location_id=location_id, if_match=if_match, action="location.booking_terms", change=change)


def block_time(
    *, tx: Tx, location_id: uuid.UUID, block_in: BlockedTimeCreate, if_match: str | None, confirmation: str | None = None
) -> tuple[Location, BlockedTime]:
    """Takes an EVSE, or the whole location, out of booking for a time. Bookings then are displaced."""
    blocked_time = BlockedTime(new_id(), block_in.evse_id, block_in.period.start, block_in.period.end, block_in.reason)

    def change(location: Location) -> None:
        if blocked_time.evse_id is not None:
            try:
                find_evse(location, blocked_time.evse_id)
            except NotFound as error:
                raise Invalid.one("evse_id", error.detail) from error
        if blocked_time.period_end <= tx.now:
            raise Invalid.one("period.end", f"must be in the future: it is {tx.now.isoformat(timespec='seconds')}")
        if blocked_time.period_end - max(blocked_time.period_begin, tx.now) > FURTHEST_BLOCK:
            raise Invalid.one("period.end", "may be at most 366 days after its start; remove the EVSE instead")
        if len(location.blocked) >= MAX_BLOCKED_TIMES:
            raise Conflict(f"{location.name} has {MAX_BLOCKED_TIMES} blocked times that have not ended, which is the most")
        stations.add_blocked_time(tx=tx, location_id=location.id, blocked_time=blocked_time)

    after = edit(
        tx=tx,
        location_id=location_id,
        if_match=if_match,
        action="location.block",
        change=change,
        confirmation=confirmation,
        displaces=True,
        right=StaffRight.OPERATE,
    )
    return after, blocked_time


def unblock_time(*, tx: Tx, location_id: uuid.UUID, blocked_time_id: uuid.UUID, if_match: str | None) -> Location:
    """Ends a blocked time now, or takes it back before it begins. Raises NotFound where it is over."""

    def change(location: Location) -> None:
        blocked_time = next((blocked for blocked in location.blocked if blocked.id == blocked_time_id), None)
        if blocked_time is None:
            raise NotFound(f"{location.name} has no blocked time {blocked_time_id} that has not ended.")
        stations.end_blocked_time(tx=tx, location_id=location.id, blocked_time=blocked_time)

    action, right = "location.unblock", StaffRight.OPERATE
    return edit(tx=tx, location_id=location_id, if_match=if_match, action=action, change=change, right=right)


def list_blocked_times(*, tx: Tx, location_id: uuid.UUID, past: bool, after: uuid.UUID | None, limit: int) -> list[BlockedTime]:
    """A location's blocked times, those that have ended too where `past`."""
    location = stations.get_managed(tx=tx, location_id=location_id)
    return stations.blocked_times(
        tx=tx, location_id=location.id, ended_after=None if past else tx.now, after=after, limit=limit
    )


def delete_location(
    *, tx: Tx, location_id: uuid.UUID, if_match: str | None, confirmation: str | None = None
) -> list[uuid.UUID]:
    """Takes a location away for good; its bookings are displaced, those of the past stay on record. Returns the ids of the
    photos whose bytes the caller deletes after the commit."""
    photo_ids = [photo.id for photo in repository.photos(tx, location_id)]

    def change(location: Location) -> None:
        repository.remove_photos(tx, photo_ids)
        stations.update_location(tx=tx, location_id=location.id, status=LocationStatus.REMOVED.value)

    edit(
        tx=tx,
        location_id=location_id,
        if_match=if_match,
        action="location.delete",
        change=change,
        confirmation=confirmation,
        displaces=True,
        right=StaffRight.OWN,
    )
    return photo_ids
