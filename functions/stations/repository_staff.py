"""SQL of who runs a location beside its owner."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from functions.stations.domain import Staff, StaffRight
from functions.stations.tables import location_staff
from shared.tx import Tx

_C = location_staff.c


def _staff(row: sa.Row[Any]) -> Staff:
    return Staff(**row._asdict() | {"rights": StaffRight[row.rights]})


def right_of(tx: Tx, location_id: uuid.UUID, user_id: uuid.UUID) -> StaffRight | None:
    """The right that somebody has accepted at a location; None where they have none."""
    mine = (_C.location_id == location_id, _C.user_id == user_id, _C.accepted_at.is_not(None))
    rights = tx.execute(sa.select(_C.rights).where(*mine)).scalars().all()
    return max((StaffRight[right] for right in rights), default=None)


def of_location(tx: Tx, location_id: uuid.UUID) -> list[Staff]:
    """Who was invited to run a location, in order of their address."""
    return [
        _staff(row) for row in tx.execute(sa.select(location_staff).where(_C.location_id == location_id).order_by(_C.email))
    ]


def of_person(tx: Tx, user_id: uuid.UUID, email: str | None) -> list[Staff]:
    """Where somebody helps, or was invited by the address they have now, in order of location."""
    theirs = sa.or_(_C.user_id == user_id, sa.and_(_C.user_id.is_(None), _C.email == email))
    return [_staff(row) for row in tx.execute(sa.select(location_staff).where(theirs).order_by(_C.location_id))]


def insert(tx: Tx, staff: Sequence[Staff]) -> None:
    """Stores invitations."""
    if staff:
        tx.execute(sa.insert(location_staff), [vars(item) | {"rights": item.rights.name} for item in staff])


def update(tx: Tx, location_id: uuid.UUID, email: str, **values: Any) -> None:
    """Changes fields of one."""
    tx.execute(sa.update(location_staff).where(_C.location_id == location_id, _C.email == email).values(**values))


def delete(tx: Tx, location_id: uuid.UUID, emails: Sequence[str]) -> None:
    """Takes invitations, accepted or not, back."""
    if emails:
        tx.execute(sa.delete(location_staff).where(_C.location_id == location_id, _C.email.in_(list(emails))))


def erase(tx: Tx, user_id: uuid.UUID, email: str) -> None:
    """Forgets somebody, by their account and by the address they have."""
    tx.execute(sa.delete(location_staff).where(sa.or_(_C.user_id == user_id, _C.email == email)))


def locations_of(user_id: uuid.UUID) -> sa.Select[Any]:
    """A subquery: the ids of the locations that somebody helps to run."""
    return sa.select(_C.location_id).where(_C.user_id == user_id, _C.accepted_at.is_not(None))
