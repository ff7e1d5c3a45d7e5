"""Use cases of staff: an owner invites by address, the account of that address accepts, and its right counts from then on."""

import uuid
from collections.abc import Mapping

from functions.accounts import service as accounts
from functions.operators.events import StaffInvited
from functions.stations import service as stations
from functions.stations import staff
from functions.stations.domain import Location, Staff, StaffRight
from functions.stations.enums import LocationStatus
from shared.errors import Invalid, NotFound
from shared.tx import Tx


def list_staff(*, tx: Tx, location_id: uuid.UUID) -> list[Staff]:
    """Who was invited to run the caller's own location. Raises NotFound, Forbidden for staff."""
    location = stations.get_managed(tx=tx, location_id=location_id, right=StaffRight.OWN)
    return staff.of_location(tx=tx, location_id=location.id)


def put_staff(*, tx: Tx, location_id: uuid.UUID, wanted: Mapping[str, StaffRight]) -> list[Staff]:
    """Replaces the staff of the caller's own location; who is new and has an account is told.

    Raises NotFound, Forbidden for staff, Invalid for the owner's own address.
    """
    location = stations.get_owned(tx=tx, location_id=location_id, right=StaffRight.OWN)
    owner = accounts.find_contact(tx=tx, user_id=location.owner_id)
    if owner is not None and owner.email.lower() in wanted:
        raise Invalid.one("staff", "the owner has every right already")
    before = [item.rights.name for item in staff.of_location(tx=tx, location_id=location.id)]
    for invited in staff.replace_staff(tx=tx, location_id=location.id, wanted=wanted):
        user_id = accounts.find_verified(tx=tx, email=invited.email)
        if user_id is not None:
            tx.publish(StaffInvited.invite(location, user_id, now=tx.now))
    after = [right.name for _, right in sorted(wanted.items())]  # no addresses: the log outlives accounts
    rights = {"before": {"rights": before}, "after": {"rights": after}}
    tx.audit("location.staff", object_type="location", object_id=location.id, **rights)
    return staff.of_location(tx=tx, location_id=location.id)


def list_places(*, tx: Tx) -> list[tuple[Staff, Location]]:
    """Where the caller was invited to help, and helps."""
    me = accounts.get_me(tx=tx)
    invited = staff.of_person(tx=tx, user_id=me.id, email=me.email.lower() if me.email_verified else None)
    places = [(item, stations.get_location(tx=tx, location_id=item.location_id)) for item in invited]
    return [(item, location) for item, location in places if location.status != LocationStatus.REMOVED]


def accept(*, tx: Tx, location_id: uuid.UUID) -> tuple[Staff, Location]:
    """The caller helps to run a location from now on. Accepting twice changes nothing. Raises NotFound."""
    invited, location = _mine(tx, location_id)
    if invited.user_id == tx.actor.id:
        return invited, location
    assert tx.actor.id is not None
    accepted = staff.accept(tx=tx, invited=invited, user_id=tx.actor.id)
    tx.audit("location.staff_accepted", object_type="location", object_id=location_id, after={"rights": invited.rights.name})
    return accepted, location


def leave(*, tx: Tx, location_id: uuid.UUID) -> None:
    """The caller declines, or helps no longer. Raises NotFound."""
    invited, _ = _mine(tx, location_id)
    staff.leave(tx=tx, staff=[invited])
    tx.audit("location.staff_left", object_type="location", object_id=location_id, before={"rights": invited.rights.name})


def _mine(tx: Tx, location_id: uuid.UUID) -> tuple[Staff, Location]:
    mine = next((item for item in list_places(tx=tx) if item[0].location_id == location_id), None)
    if mine is None:
        raise NotFound(f"You were not invited to location {location_id}.")
    return mine
