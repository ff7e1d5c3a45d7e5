"""What stations say of sessions and ask of who is let in, and what they are answered."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints, model_validator

from functions.booking.charging import MeterReport, SessionOutcome, SessionStatus
from functions.booking.metering import ReportedSession
from shared.web.fields import Input, Instant, Output

SessionRef = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9._:*~-]{1,64}$", description="The station's own id of the session", examples=["4711"])
]


class SessionReport(Input):
    """A charging session as its station knows it now (OCPI Session)."""

    status: SessionStatus = Field(description="ACTIVE while the vehicle is there; COMPLETED once the EVSE is free again")
    start_date_time: Instant = Field(examples=["2026-03-02T08:00:00Z"])
    end_date_time: Instant | None = Field(None, description="When the EVSE was free again, with COMPLETED")
    kwh: float = Field(ge=0, le=10_000, description="Delivered since the start, by the meter; it never falls", examples=[4.2])
    charging: bool = Field(True, description="false: the vehicle takes no more power; parking time begins")
    soc: float | None = Field(None, ge=0, le=100, description="The battery's state of charge in per cent, where known")
    last_updated: Instant = Field(
        description="When the station knew this, by its clock: reports count in this order", examples=["2026-03-02T08:20:00Z"]
    )
    signed_data: str | None = Field(None, max_length=65_536, description="The meter's signed words, kept as they are")
    booking_id: uuid.UUID | None = Field(None, description="As `authorize` answered it, where the station asked")

    @model_validator(mode="after")
    def _in_order(self) -> "SessionReport":
        if self.last_updated < self.start_date_time:
            raise ValueError("last_updated: must not be before start_date_time")
        if self.end_date_time is not None and self.status is SessionStatus.ACTIVE:
            raise ValueError("end_date_time: comes with COMPLETED")
        if self.end_date_time is not None and self.end_date_time < self.start_date_time:
            raise ValueError("end_date_time: must not be before start_date_time")
        return self

    def report(self) -> MeterReport:
        """As the platform takes it."""
        ended_at = None
        if self.status is SessionStatus.COMPLETED:
            ended_at = self.end_date_time or self.last_updated
        return MeterReport(
            status=self.status,
            started_at=self.start_date_time,
            ended_at=ended_at,
            kwh=self.kwh,
            charging=self.charging,
            last_updated=self.last_updated,
            signed_data=self.signed_data,
            booking_id=self.booking_id,
            soc_percent=self.soc,
        )


class SessionTaken(Output):
    """What became of a report of a session."""

    session_id: uuid.UUID
    booking_id: uuid.UUID | None = Field(description="The booking that the session fulfils; null of a walk-in")
    outcome: SessionOutcome = Field(
        description="OPENED: known from now on. UPDATED: it is the newest. COMPLETED: the session has ended by it. "
        "DUPLICATE: known already. OLDER: a newer one is known. CLOSED: the session had ended before."
    )
    allowed_until: datetime | None = Field(description="Until when the EVSE may be used; null once it has ended")

    @classmethod
    def of(cls, reported: ReportedSession) -> "SessionTaken":
        """The answer for a report."""
        return cls(**vars(reported))


class EntryMethod(StrEnum):
    """OCPI AccessMethods that the platform can tell right from wrong."""

    ACCESS_CODE = "ACCESS_CODE"
    LICENSE_PLATE = "LICENSE_PLATE"


class Entry(Input):
    """What somebody entered, or a camera read, at an EVSE."""

    method: EntryMethod
    value: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32)] = Field(examples=["042317"])


class Admitted(Output):
    """Whether the station lets them in."""

    allowed: bool
    booking_id: uuid.UUID | None
    allowed_until: datetime | None
    max_kwh: float | None = Field(None, description="The most to be delivered; null: what the vehicle takes")
