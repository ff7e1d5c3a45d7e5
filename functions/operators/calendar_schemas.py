"""Answers to owners: bookings at their locations, and calendars. Nothing of who booked is told."""

import uuid
from datetime import datetime

from pydantic import Field

from functions.booking.domain import Booking as Record
from functions.booking.domain import CanceledReason, Cancellation, ReservationStatus, Settlement
from functions.booking.schemas import Period, Session
from functions.stations.schemas import Calendar, Text
from shared.web.fields import Input, Output


class OperatorBooking(Output):
    """A booking as the owner of the place sees it. `evse_uid` is where it stands now; while `movable` the platform may move
    it. Money in minor units."""

    id: uuid.UUID
    location_id: uuid.UUID
    evse_uid: str
    movable: bool
    connector: str
    power_class: str
    power_kw: float
    period: Period
    energy_kwh: float
    reservation_status: ReservationStatus
    canceled: Cancellation | None
    session: Session | None
    currency: str
    quoted_minor: int
    settlement: Settlement | None
    frozen_minutes: int = Field(description="Minutes so far in which an EVSE was kept for it and nobody charged")
    created_at: datetime
    last_updated: datetime

    @classmethod
    def of(cls, record: Record, now: datetime) -> "OperatorBooking":
        """The answer for a stored booking."""
        return cls(
            id=record.id,
            location_id=record.location_id,
            evse_uid=record.evse_uid,
            movable=record.status.value in ("PENDING", "RESERVED") and record.revealed_at is None,
            connector=record.standard,
            power_class=record.power_class,
            power_kw=record.power_kw,
            period=Period(start=record.start, end=record.end),
            energy_kwh=record.energy_kwh,
            reservation_status=record.status,
            canceled=record.canceled,
            session=Session.of(record),
            currency=record.quote.currency,
            quoted_minor=record.quote.total_minor,
            settlement=record.settlement,
            frozen_minutes=record.frozen_minutes(now),
            created_at=record.created_at,
            last_updated=record.updated_at,
        )


class HostedCancel(Input):
    """Why an operator ends a booking."""

    reason: CanceledReason = Field(
        description="OCPI's, of the operator's side: POWER_OUTAGE, BROKEN_CHARGER, FULL, BLOCKED or UNKNOWN",
        examples=["BLOCKED"],
    )
    words: Text | None = Field(
        None, description="What the driver reads, in your own words", examples=["The street is closed for the market."]
    )


class Reading(Input):
    """What a meter counted in a session."""

    kwh: float = Field(ge=0, le=10_000, examples=[7.3])


class Closed(Output):
    """A period in which nothing can be booked, and why: CLOSED (opening times), BLOCKED (a blocked time, with its reason),
    or OUT_OF_SERVICE (the EVSE's state)."""

    start: datetime
    end: datetime
    why: str
    reason: str | None = None


class Occupied(OperatorBooking):
    """A booking in a calendar; `holds` is the time within the calendar that it holds the EVSE: a session may
    begin early or end before."""

    holds: Period


class EvseCalendar(Output):
    """An EVSE's time: what holds it, when it is free, and when it cannot be booked."""

    evse_id: uuid.UUID
    evse_uid: str
    status: str
    bookings: list[Occupied]
    free: list[Period]
    closed: list[Closed]


class LocationCalendar(Output):
    """A location's calendar: every EVSE's, and the free counts of its pools as drivers see them."""

    location_id: uuid.UUID
    time_zone: str
    begin_from: datetime
    end_before: datetime
    evses: list[EvseCalendar]
    pools: list[Calendar]
    frozen_minutes: int = Field(description="Of the bookings shown")
    generated_at: datetime
