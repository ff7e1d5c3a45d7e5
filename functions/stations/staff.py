"""Who runs a location beside its owner, for the rooms above: they know accounts, and say who may."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from functions.stations import repository_staff
from functions.stations.domain import Staff, StaffRight
from shared.tx import Tx


def of_location(*, tx: Tx, location_id: uuid.UUID) -> list[Staff]:
    """Who was invited to run a location, in order of their address."""
    return repository_staff.of_location(tx, location_id)


def of_person(*, tx: Tx, user_id: uuid.UUID, email: str | None) -> list[Staff]:
    """Where somebody helps, or was invited by their proven address (None: they have none)."""
    return repository_staff.of_person(tx, user_id, email)


def replace_staff(*, tx: Tx, location_id: uuid.UUID, wanted: Mapping[str, StaffRight]) -> list[Staff]:
    """Makes `wanted` (rights by address) the staff of a location that the caller has locked. Who has accepted stays so, with
    the new right. Returns those who are new."""
    known = {item.email: item for item in repository_staff.of_location(tx, location_id)}
    repository_staff.delete(tx, location_id, sorted(known.keys() - wanted.keys()))
    for email in sorted(known.keys() & wanted.keys()):
        if known[email].rights != wanted[email]:
            repository_staff.update(tx, location_id, email, rights=wanted[email].name)
    added = [Staff(location_id, email, None, wanted[email], tx.now, None) for email in sorted(wanted.keys() - known.keys())]
    repository_staff.insert(tx, added)
    return added


def accept(*, tx: Tx, invited: Staff, user_id: uuid.UUID) -> Staff:
    """Notes that an account has accepted an invitation to its address."""
    repository_staff.update(tx, invited.location_id, invited.email, user_id=user_id, accepted_at=tx.now)
    return replace(invited, user_id=user_id, accepted_at=tx.now)


def leave(*, tx: Tx, staff: Sequence[Staff]) -> None:
    """Takes invitations back, accepted or not."""
    for item in staff:
        repository_staff.delete(tx, item.location_id, [item.email])
