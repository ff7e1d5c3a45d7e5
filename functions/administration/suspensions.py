"""Suspending an account: what its holder booked and offers is listed first, then ended at no cost; whom it concerns is told.

Locks: the account's row, its charge requests, then every location concerned in order of id, then bookings by id.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from functions.accounts import user_management
from functions.accounts.domain import User, UserStatus
from functions.accounts.schemas import AccountUpdate
from functions.booking import privacy as bookings
from functions.booking.displacements import Displaced, DisplacementOutcome
from functions.booking.domain import CancellationCause
from functions.operators import submissions
from functions.optimizer import privacy as charge_requests
from functions.stations import service as stations
from functions.stations.domain import APPROVED, Location
from shared.errors import ConfirmationNeeded
from shared.tx import Tx

NO_REASON = "The account of the operator is suspended."


@dataclass(frozen=True)
class _Concerned:
    """What a suspension ends."""

    places: tuple[tuple[Location, str], ...]
    """The places on sale, each with what confirms its own suspension."""
    bookings: tuple[Displaced, ...]
    """Those at the places, and the person's own elsewhere."""

    def listed_places(self) -> list[dict[str, Any]]:
        """The places as the administrator reads them."""
        return [{"id": str(place.id), "name": place.name} for place, _ in self.places]

    def listed_bookings(self) -> list[dict[str, Any]]:
        """The bookings as the administrator reads them, in order of their start."""
        return [item.to_public() | {"location_id": str(item.booking.location_id)} for item in self.bookings]

    def token(self, user_id: uuid.UUID) -> str:
        """Stands for this list, for the places as they are, and for no other."""
        versions = [place.version for place, _ in self.places]
        listed = json.dumps([str(user_id), versions, self.listed_places(), self.listed_bookings()], sort_keys=True)
        return hashlib.sha256(listed.encode()).hexdigest()[:32]


def update_user(*, tx: Tx, user_id: uuid.UUID, update: AccountUpdate, confirmation: str | None = None) -> User:
    """Changes an account's status or role as `user_management.update_user` does, and settles what a suspension concerns.

    Raises ConfirmationNeeded with the places and bookings that end, unless `confirmation` stands for just these; nothing is
    changed then. Suspending once more settles what an earlier version of the platform left.
    """
    user = user_management.update_user(tx=tx, user_id=user_id, update=update)
    if update.status == UserStatus.SUSPENDED:
        _settle(tx, user_id, reason=update.reason, confirmation=confirmation)
    return user


def _settle(tx: Tx, user_id: uuid.UUID, *, reason: str | None, confirmation: str | None) -> None:
    charge_requests.lock_open(tx=tx, user_id=user_id)
    concerned = _concerned(tx, user_id)
    if concerned.places or concerned.bookings:
        token = concerned.token(user_id)
        if confirmation != token:
            asked = _asked(concerned, again=confirmation is not None)
            raise ConfirmationNeeded(
                asked, locations=concerned.listed_places(), bookings=concerned.listed_bookings(), confirmation=token
            )
    for place, confirmed in concerned.places:
        submissions.suspend(tx=tx, location_id=place.id, reason=reason or NO_REASON, confirmation=confirmed)
    charge_requests.cancel_open(tx=tx, user_id=user_id, cause=CancellationCause.DRIVER_SUSPENDED)
    bookings.cancel_open(tx=tx, user_id=user_id, cause=CancellationCause.DRIVER_SUSPENDED)


def _concerned(tx: Tx, user_id: uuid.UUID) -> _Concerned:
    own = bookings.open_bookings(tx=tx, user_id=user_id)
    owned = {location_id for location_id, _ in stations.owned_locations(tx=tx, owner_id=user_id)}
    locked = {
        location_id: stations.lock_location(tx=tx, location_id=location_id)
        for location_id in sorted(owned | {booking.location_id for booking in own})
    }
    places: list[tuple[Location, str]] = []
    displaced: list[Displaced] = []
    for location_id in sorted(owned):
        if locked[location_id].status == APPROVED:
            plan, confirmed = submissions.suspension(tx=tx, location=locked[location_id])
            places.append((locked[location_id], confirmed))
            displaced += plan.displaced
    there = {item.booking.id for item in displaced}
    for booking in bookings.open_bookings(tx=tx, user_id=user_id):  # once more, now that nothing can come or go
        if booking.id not in there:
            outcome = DisplacementOutcome.GOES_ON if booking.charging() else DisplacementOutcome.CANCELED
            displaced.append(Displaced(booking, outcome))
    displaced.sort(key=lambda item: (item.booking.start, item.booking.id))
    return _Concerned(tuple(places), tuple(displaced))


def _asked(concerned: _Concerned, *, again: bool) -> str:
    new = "The list is another one than you confirmed. " if again else ""
    going_on = sum(item.outcome is DisplacementOutcome.GOES_ON for item in concerned.bookings)
    return (
        f"{new}{len(concerned.places)} locations go off sale and {len(concerned.bookings) - going_on} bookings are cancelled "
        f"at no cost to their drivers; {going_on} are charging and go on."
    )
