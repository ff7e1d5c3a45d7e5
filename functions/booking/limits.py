"""Limits of bookings: which there are, how much each allows, and when it lifts. Pure; docs/limits.md is for drivers and owners.

The owner's limits are their location's BookingTerms, the platform's are settings. One rule decides what may be reserved and, as
closed slots, what the optimizer may propose: `Limits.refusal` and `Limits.closed` say the same, a property test holds it.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.stations.domain import BookingTerms
from shared.errors import LimitReached
from shared.slots import SLOT_MINUTES, slot_after, slot_of, slot_start

FOR_EVER = 1 << 40
"""A slot number that no horizon reaches."""


@dataclass(frozen=True)
class Car:
    """Which car a booking is for, as far as is known: one of the driver's vehicles, with its plate, or the one unnamed car
    that a driver who names none is taken to have."""

    vehicle_id: uuid.UUID | None = None
    plate: str | None = None
    """Normalised (`normal_plate`)."""

    def is_the_same(self, other: "Car") -> bool:
        """Whether both are one car: the same vehicle, two vehicles with one plate, or two that were not named."""
        return self.vehicle_id == other.vehicle_id or (self.plate is not None and self.plate == other.plate)


@dataclass(frozen=True)
class OpenBooking:
    """A booking that counts against its driver's limits: reserved and not over, charging, or held by an offer."""

    booking_id: uuid.UUID
    location_id: uuid.UUID
    car: Car
    start: datetime
    end: datetime
    until: datetime
    """Until when it counts at the latest: its end, or when its hold lapses."""
    held: bool = False
    """Whether it is an offer that is only held."""


@dataclass(frozen=True)
class Limits:
    """Everything that limits one driver with one car at one instant."""

    now: datetime
    open_bookings: tuple[OpenBooking, ...]
    """The driver's, without the one that is being moved."""
    horizon_days: int
    """The platform's BOOKING_HORIZON_DAYS."""
    max_open_bookings: int
    """The platform's OPEN_BOOKINGS_PER_DRIVER."""
    max_held: int
    """The platform's PENDING_BOOKINGS_PER_DRIVER."""
    car: Car = Car()
    """Which car they want to charge."""
    holds: bool = False
    """Whether what they want is only to be held, not reserved."""

    def refusal(
        self,
        terms: BookingTerms,
        location_id: uuid.UUID,
        start: datetime,
        end: datetime,
        *,
        moved: bool = False,
    ) -> LimitReached | None:
        """The first limit in the way of a booking over [start, end), as the error to raise; None where there is none.

        `moved`: a booking that counts already changes its time, so that the number of open ones is no matter.
        """
        return next(self._refusals(terms, location_id, start, end, moved=moved), None)

    def _refusals(
        self,
        terms: BookingTerms,
        location_id: uuid.UUID,
        start: datetime,
        end: datetime,
        *,
        moved: bool,
    ) -> Iterator[LimitReached]:
        yield from self._when(terms, start)
        yield from _how_long(terms, int((end - start) / timedelta(minutes=1)))
        if not moved:
            yield from self._too_many(terms, location_id)
        yield from self._elsewhere(start, end)

    def _when(self, terms: BookingTerms, start: datetime) -> Iterator[LimitReached]:
        lead = terms.min_lead_minutes
        if lead and start < self.now + timedelta(minutes=lead):
            first = slot_start(slot_after(self.now + timedelta(minutes=lead)))
            message = f"this location wants {lead} minutes of notice; the earliest start is {first.isoformat()}"
            yield _refuse("start", "min_lead_minutes", lead, first, message)
        days, scope = self._horizon(terms)
        opens = start - timedelta(days=days)
        if opens > self.now:
            message = f"bookings open {days} days ahead; this one from {opens.isoformat()} on"
            yield _refuse("start", "booking_horizon_days", days, opens, message, scope=scope)

    def _horizon(self, terms: BookingTerms) -> tuple[int, str]:
        if self.horizon_days < terms.booking_horizon_days:
            return self.horizon_days, "platform"
        return terms.booking_horizon_days, "location"

    def _too_many(self, terms: BookingTerms, location_id: uuid.UUID) -> Iterator[LimitReached]:
        here = [booking for booking in self.open_bookings if booking.location_id == location_id]
        for counted, allowed, scope, where in (
            (here, terms.open_bookings_per_driver, "location", "here"),
            (self.open_bookings, self.max_open_bookings, "platform", "in all"),
        ):
            if len(counted) >= allowed:
                lifts = sorted(booking.until for booking in counted)[len(counted) - allowed]
                message = f"of the {allowed} open bookings allowed {where} you have {len(counted)}; "
                message += f"there is room at {lifts.isoformat()} at the latest"
                yield _refuse("bookings", "open_bookings_per_driver", allowed, lifts, message, scope=scope)

        held = sorted(booking.until for booking in self.open_bookings if booking.held)
        if self.holds and len(held) >= self.max_held:
            lifts = held[len(held) - self.max_held]
            message = f"of the {self.max_held} offers that may be held for you {len(held)} are; accept one or let it go: "
            message += f"there is room at {lifts.isoformat()} at the latest"
            yield _refuse("bookings", "pending_bookings_per_driver", self.max_held, lifts, message, scope="platform")

    def _elsewhere(self, start: datetime, end: datetime) -> Iterator[LimitReached]:
        booked = self._of_car()
        car = "the car that you did not name (name it by vehicle_id)" if self.car == Car() else "this vehicle"
        for other in booked:
            if other.start < end and other.end > start:
                free_from = _first_gap(booked, start, end - start)
                period = f"from {other.start.isoformat()} to {other.end.isoformat()}"
                message = f"{car} is booked {period} (booking {other.booking_id}); "
                message += f"it is free for as long from {free_from.isoformat()} on"
                yield _refuse(
                    "vehicle_id",
                    "one_vehicle_one_place",
                    1,
                    free_from,
                    message,
                    scope="platform",
                    booking_id=str(other.booking_id),
                )

    def _of_car(self) -> list[OpenBooking]:
        return [booking for booking in self.open_bookings if booking.car.is_the_same(self.car)]

    def closed(self, terms: BookingTerms, location_id: uuid.UUID, *, minutes: int) -> list[tuple[int, int]]:
        """Ranges [from, until) of slots that no booking of so many minutes may touch.

        One that begins on a slot touches none exactly where `refusal` has nothing to say.
        """
        length = -(-minutes // SLOT_MINUTES)
        if any(_how_long(terms, minutes)) or any(self._too_many(terms, location_id)):
            return [(0, FOR_EVER)]
        last = slot_of(self.now + timedelta(days=self._horizon(terms)[0]))
        ranges = [(last + length, FOR_EVER)]  # what starts at `last` ends before; what starts later does not
        if terms.min_lead_minutes:
            ranges.append((0, slot_after(self.now + timedelta(minutes=terms.min_lead_minutes))))
        ranges += [(slot_of(booking.start), slot_after(booking.end)) for booking in self._of_car()]
        return ranges


def _how_long(terms: BookingTerms, minutes: int) -> Iterator[LimitReached]:
    least, most = terms.min_booking_minutes, terms.max_booking_minutes
    if minutes < least:
        message = f"{minutes} is below the {least} that this location books at least"
        yield _refuse("duration_minutes", "min_booking_minutes", least, None, message)
    if minutes > most:
        message = f"{minutes} is above the {most} that this location books at most"
        yield _refuse("duration_minutes", "max_booking_minutes", most, None, message)


def _refuse(
    field: str, limit: str, value: int, lifts_at: datetime | None, message: str, *, scope: str = "location", **details: str
) -> LimitReached:
    lifts = None if lifts_at is None else lifts_at.isoformat()
    return LimitReached.one(field, message, limit=limit, value=value, scope=scope, lifts_at=lifts, **details)


def _first_gap(booked: list[OpenBooking], start: datetime, length: timedelta) -> datetime:
    """The first instant from `start` on at which a period of `length` is clear of what is booked."""
    for booking in sorted(booked, key=lambda booking: booking.start):
        if booking.end > start and booking.start < start + length:
            start = slot_start(slot_after(booking.end))
    return start
