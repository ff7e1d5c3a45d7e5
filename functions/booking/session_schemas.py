"""Answers on charging sessions and their charge detail records."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from functions.booking.charging import Cdr, ChargingSession, MeterValue
from shared.web.fields import Output


class MeterReading(Output):
    """What a meter had counted at an instant."""

    at: datetime
    kwh: float
    charging: bool = Field(description="false: the vehicle took no more power")


class BookingSession(Output):
    """A charging session of a booking, as its station told it."""

    id: uuid.UUID
    booking_id: uuid.UUID
    status: str = Field(description="OCPI SessionStatus: ACTIVE or COMPLETED")
    source: str = Field(description="STATION: the station says so. SELF_DECLARED: the driver alone, nobody meters it")
    auth: str | None = Field(description="How the driver said that they are there: APP, ACCESS_CODE or LICENSE_PLATE")
    start_date_time: datetime
    end_date_time: datetime | None
    kwh: float | None = Field(description="null: no reading (so far)")
    charging_until: datetime | None = Field(description="Since when the vehicle takes no more power")
    soc: float | None = Field(description="State of charge in per cent at the newest report, where the station says it")
    last_updated: datetime | None = Field(description="Of the newest report of the station")
    meter_values: list[MeterReading]

    @classmethod
    def of(cls, session: ChargingSession, values: list[MeterValue]) -> "BookingSession":
        """The answer for a stored session of a booking."""
        assert session.booking_id is not None
        return cls(
            id=session.id,
            booking_id=session.booking_id,
            status=session.status,
            source=session.source,
            auth=session.auth,
            start_date_time=session.started_at,
            end_date_time=session.ended_at,
            kwh=session.kwh,
            charging_until=session.charging_until,
            soc=session.soc_percent,
            last_updated=session.last_updated,
            meter_values=[MeterReading(at=value.at, kwh=value.kwh, charging=value.charging) for value in values],
        )


class BookingSessions(Output):
    """The sessions of a booking, in order."""

    items: list[BookingSession]


class ChargeDetailRecord(Output):
    """A charge detail record: what a session cost, frozen. A corrected bill has the credit of the one before and a new one."""

    id: uuid.UUID
    seq: int = Field(description="Counts the booking's records from 1")
    kind: str = Field(description="CDR, or CREDIT: it takes back the record of `credit_of`")
    credit_of: uuid.UUID | None
    document: dict[str, Any] = Field(description="The CDR in the words of OCPI 2.3.0, without party and token")
    created_at: datetime

    @classmethod
    def of(cls, record: Cdr) -> "ChargeDetailRecord":
        """The answer for a stored record."""
        names = ("id", "seq", "kind", "credit_of", "document", "created_at")
        return cls(**{name: getattr(record, name) for name in names})


class ChargeDetailRecords(Output):
    """The charge detail records of a booking, in order."""

    items: list[ChargeDetailRecord]
