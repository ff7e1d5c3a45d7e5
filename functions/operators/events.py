"""What becomes of a location's submission, for its owner."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Self

from functions.stations.domain import Location
from shared.events import Event


@dataclass(frozen=True)
class LocationName:
    """Which location, and where."""

    id: uuid.UUID
    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class LocationDecided(Event):
    """An administrator decided about a location; `user_id` is its owner."""

    at: datetime
    user_id: uuid.UUID
    location: LocationName
    reason: str | None

    @classmethod
    def of(cls, location: Location, *, now: datetime, reason: str | None = None) -> Self:
        """The event of a location as it is after the decision; the reason is its state's where none is given."""
        name = LocationName(location.id, location.name, location.latitude, location.longitude)
        return cls(at=now, user_id=location.owner_id, location=name, reason=reason or location.status_reason)


@dataclass(frozen=True)
class LocationApproved(LocationDecided):
    """Drivers find and book the location from now on."""

    TYPE: ClassVar[str] = "location_approved"


@dataclass(frozen=True)
class LocationRejected(LocationDecided):
    """The location was not approved."""

    TYPE: ClassVar[str] = "location_rejected"


@dataclass(frozen=True)
class LocationSuspended(LocationDecided):
    """The location cannot be found or booked; its bookings are ended."""

    TYPE: ClassVar[str] = "location_suspended"


@dataclass(frozen=True)
class LocationLifted(LocationDecided):
    """The suspension has ended."""

    TYPE: ClassVar[str] = "location_lifted"


@dataclass(frozen=True)
class StaffInvited(LocationDecided):
    """Somebody (`user_id`) was asked to help run a location."""

    TYPE: ClassVar[str] = "location_staff_invited"

    @classmethod
    def invite(cls, location: Location, user_id: uuid.UUID, *, now: datetime) -> Self:
        """The event for the account of the address that was named."""
        return replace(cls.of(location, now=now), user_id=user_id, reason=None)


@dataclass(frozen=True)
class LocationChangeApproved(LocationDecided):
    """What its owner wanted changed of an approved place (name, address) is changed."""

    TYPE: ClassVar[str] = "location_change_approved"


@dataclass(frozen=True)
class LocationChangeRejected(LocationDecided):
    """What its owner wanted changed of an approved place is not changed."""

    TYPE: ClassVar[str] = "location_change_rejected"
