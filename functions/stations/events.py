"""A location as events carry it."""

import uuid
from dataclasses import dataclass
from typing import Self

from functions.stations.domain import Location


@dataclass(frozen=True)
class LocationSnapshot:
    """Where something happened, as it was called then.

    `address` has the city too, and may be empty.
    """

    id: uuid.UUID
    name: str
    address: str
    time_zone: str
    """IANA name."""
    latitude: float
    longitude: float

    @classmethod
    def of(cls, location: Location) -> Self:
        """The snapshot of a location."""
        address = ", ".join(part for part in (location.address, location.city) if part)
        return cls(location.id, location.name, address, location.time_zone, location.latitude, location.longitude)
