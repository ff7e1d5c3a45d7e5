"""Answers to owners: what came of days at their locations, and the calendars and feeds of several."""

import uuid
from datetime import date, datetime

from pydantic import Field

from functions.operators import summaries
from functions.operators.calendar_schemas import LocationCalendar
from functions.operators.summaries import Bucket, Summary, SummaryBy
from shared.web.fields import Output


class SummedOut(Output):
    """Figures of a time. What belongs to a booking counts in the hour of its start; sessions in the hours in which they ran,
    with a booking or without."""

    bookings: int = Field(description="That stood until their start, or that your side ended")
    sessions: int
    no_shows: int
    withdrawn: int = Field(description="Ended by your side")
    capacity_minutes: int = Field(description="Of all EVSEs while the place was open and they were not blocked")
    occupied_minutes: int = Field(description="Of sessions")
    utilisation: float | None = Field(description="The share of the capacity that was occupied; null where there was none")
    booked_minutes: int
    frozen_minutes: int = Field(description="In which an EVSE was kept for a booking and nobody charged")
    overstay_minutes: int = Field(description="Of sessions after their booked end")
    kwh: float
    revenue: dict[str, int] = Field(
        description="Sessions and fees with VAT, minor units by currency", examples=[{"EUR": 12345}]
    )

    @classmethod
    def members(cls, summed: summaries.Summed) -> dict[str, object]:
        """The values of the fields."""
        figures = summed.figures
        whole = ("bookings", "sessions", "no_shows", "withdrawn", "capacity_minutes", "occupied_minutes", "booked_minutes")
        values: dict[str, object] = {name: round(getattr(figures, name)) for name in whole}
        used = figures.occupied_minutes / figures.capacity_minutes if figures.capacity_minutes else None
        return values | {
            "frozen_minutes": round(figures.frozen_minutes),
            "overstay_minutes": round(figures.overstay_minutes),
            "utilisation": None if used is None else round(used, 4),
            "kwh": round(figures.kwh, 3),
            "revenue": dict(sorted(summed.revenue.items())),
        }


class LocationSummed(SummedOut):
    """The figures of one location."""

    location_id: uuid.UUID
    name: str


class BucketOut(SummedOut):
    """The figures of a day, of an hour of the day, or of an hour of a weekday, in each location's own time."""

    day: date | None
    weekday: int | None = Field(description="1 is Monday")
    hour: int | None = Field(description="0 to 23")

    @classmethod
    def of(cls, bucket: Bucket) -> "BucketOut":
        """The answer for a bucket."""
        values = cls.members(bucket.summed)
        return cls.model_validate(values | {"day": bucket.day, "weekday": bucket.weekday, "hour": bucket.hour})


class SummaryOut(Output):
    """The figures of your locations over days."""

    from_: date = Field(serialization_alias="from")
    to: date = Field(description="The day after the last")
    by: SummaryBy
    total: SummedOut
    locations: list[LocationSummed]
    buckets: list[BucketOut]
    days_missing: int = Field(description="Days of locations of which nothing is counted; they are in no figure")

    @classmethod
    def of(cls, summary: Summary, by: SummaryBy) -> "SummaryOut":
        """The answer for a summary."""
        return cls(
            from_=summary.first,
            to=summary.until,
            by=by,
            total=SummedOut.model_validate(SummedOut.members(summary.total)),
            locations=[
                LocationSummed.model_validate(
                    LocationSummed.members(summed) | {"location_id": location.id, "name": location.name}
                )
                for location, summed in summary.by_location
            ],
            buckets=[BucketOut.of(bucket) for bucket in summary.buckets],
            days_missing=summary.days_missing,
        )


class Calendars(Output):
    """The calendars of several of your locations over one period."""

    items: list[LocationCalendar]


class FeedHealth(Output):
    """How the feed of one of your locations does."""

    location_id: uuid.UUID
    name: str
    status: str = Field(description="Of the location", examples=["APPROVED"])
    heard_at: datetime | None = Field(description="null: it never had a feed")
    silent_since: datetime | None = Field(description="null: it is heard, or never was")
    evses: dict[str, int] = Field(description="By state", examples=[{"AVAILABLE": 3, "INOPERATIVE": 1}])
    waiting: int = Field(description="Bookings at EVSEs out of use that found no other yet")


class Feeds(Output):
    """How the feeds of your locations do, the silent ones first."""

    items: list[FeedHealth]
    silent_after_s: int
