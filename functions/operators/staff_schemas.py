"""Payloads and answers of staff."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from functions.accounts.schemas import Email
from functions.stations.domain import Location, Staff, StaffRight
from shared.web.fields import Input, Output


class Right(StrEnum):
    """What somebody may at a location. READ: see bookings, calendars, figures. OPERATE: also block times, end bookings, give
    readings. EDIT: also change everything but who else runs it."""

    READ = "READ"
    OPERATE = "OPERATE"
    EDIT = "EDIT"


class StaffIn(Input):
    """Somebody who is to help run a location."""

    email: Email
    rights: Right


class StaffPut(Input):
    """All who are to help run a location."""

    staff: Annotated[list[StaffIn], Field(max_length=50)]

    @field_validator("staff")
    @classmethod
    def _once(cls, value: list[StaffIn]) -> list[StaffIn]:
        addresses = [item.email.lower() for item in value]
        if len(set(addresses)) < len(addresses):
            raise ValueError("names an address twice")
        return value

    def wanted(self) -> dict[str, StaffRight]:
        """The rights by address."""
        return {item.email.lower(): StaffRight[item.rights.value] for item in self.staff}


class StaffOut(Output):
    """Somebody who was invited to help run a location."""

    email: str
    rights: Right
    invited_at: datetime
    accepted_at: datetime | None = Field(description="From when their right counts; null: they have not accepted")

    @classmethod
    def of(cls, staff: Staff) -> "StaffOut":
        """The answer for one of them."""
        return cls(
            email=staff.email,
            rights=Right[staff.rights.name],
            invited_at=staff.invited_at,
            accepted_at=staff.accepted_at,
        )


class StaffList(Output):
    """All who were invited to help run a location."""

    items: list[StaffOut]


class StaffPlace(Output):
    """A location that you were invited to help run."""

    location_id: uuid.UUID
    name: str
    rights: Right
    invited_at: datetime
    accepted_at: datetime | None = Field(description="null: you have not accepted yet")

    @classmethod
    def of(cls, staff: Staff, location: Location) -> "StaffPlace":
        """The answer for one of them."""
        values = StaffOut.of(staff).model_dump(exclude={"email"})
        return cls(location_id=location.id, name=location.name, **values)


class StaffPlaces(Output):
    """The locations that you were invited to help run."""

    items: list[StaffPlace]
