"""When a tariff's elements count: what they are for, local time, consumption, power, duration. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from functions.tariffs.domain import (
    BookingRestriction,
    DayOfWeek,
    PriceComponent,
    ReservationRestriction,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)

DAYS = tuple(DayOfWeek)
HALF_HOUR, DAY, WEEK = timedelta(minutes=30), timedelta(days=1), timedelta(days=7)
Dimension = TariffDimensionType


class Use(StrEnum):
    """What an element prices. A RESERVATION of OCPI 2.2.1 is a booking to us."""

    SESSION = "SESSION"
    BOOKING = "BOOKING"
    EXPIRES = "EXPIRES"
    CANCELLATION = "CANCELLATION"
    OVERTIME = "OVERTIME"


_USES = {
    BookingRestriction.BOOKING: Use.BOOKING,
    BookingRestriction.BOOKING_EXPIRES: Use.EXPIRES,
    BookingRestriction.BOOKING_CANCELLATION_FEES: Use.CANCELLATION,
    BookingRestriction.BOOKING_OVERTIME: Use.OVERTIME,
    ReservationRestriction.RESERVATION: Use.BOOKING,
    ReservationRestriction.RESERVATION_EXPIRES: Use.EXPIRES,
}


def use_of(element: TariffElement) -> Use:
    """What an element prices."""
    limits = element.restrictions
    kind = None if limits is None else limits.booking or limits.reservation
    return Use.SESSION if kind is None else _USES[kind]


@dataclass(frozen=True)
class Moment:
    """What restrictions look at: local time, seconds and kWh since the start, kW, amperes (summed over the phases) where
    known."""

    local: datetime
    elapsed: Fraction = Fraction(0)
    kwh: Fraction = Fraction(0)
    kw: Fraction = Fraction(0)
    current: Fraction | None = None


@lru_cache(maxsize=2048)
def minutes_of(text: str) -> int:
    """`13:45` as minutes of the day."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def in_time(restrictions: TariffRestrictions | None, local: datetime) -> bool:
    """Whether hours, dates and weekdays let an element count at a local time."""
    if restrictions is None:
        return True
    now = local.hour * 60 + local.minute
    start = None if restrictions.start_time is None else minutes_of(restrictions.start_time)
    end = None if restrictions.end_time is None else minutes_of(restrictions.end_time)
    if start is not None and end is not None:
        within = start <= now < end if start < end else now >= start or now < end
    else:
        within = (start is None or now >= start) and (end is None or now < end or end == 0)
    if not within:
        return False
    if restrictions.start_date is not None and local.date() < restrictions.start_date:
        return False
    if restrictions.end_date is not None and local.date() >= restrictions.end_date:
        return False
    return not restrictions.day_of_week or DAYS[local.weekday()] in restrictions.day_of_week


def _counts(restrictions: TariffRestrictions | None, at: Moment) -> bool:
    """Whether an element counts at a moment. Bounds of a current that is not known are taken as met."""
    if restrictions is None:
        return True
    if not in_time(restrictions, at.local):
        return False
    bounds: list[tuple[Any, Any, Fraction]] = [
        (restrictions.min_kwh, restrictions.max_kwh, at.kwh),
        (restrictions.min_power, restrictions.max_power, at.kw),
        (restrictions.min_duration, restrictions.max_duration, at.elapsed),
    ]
    if at.current is not None:
        bounds.append((restrictions.min_current, restrictions.max_current, at.current))
    return all(
        (low is None or value >= Fraction(low)) and (high is None or value < Fraction(high)) for low, high, value in bounds
    )


_UNRESTRICTED = TariffRestrictions()
_HOURS_AND_USES = {"start_time": None, "end_time": None, "reservation": None, "booking": None}


@dataclass(frozen=True)
class CompiledElements:
    """What of a tariff's elements does not depend on when they are asked: looked up once for all quotes."""

    elements: tuple[TariffElement, ...]
    priced: Mapping[tuple[Dimension, Use], tuple[tuple[TariffElement, PriceComponent], ...]]
    durations: frozenset[int]
    kwh: frozenset[Fraction]
    times: frozenset[int]
    """Minutes of the day at which hours begin or end, and midnight."""
    only_hours: bool
    """Whether no element looks at anything but the time of day."""
    highest: dict[TaxIncluded | None, tuple[Fraction, Fraction]] = field(default_factory=dict)
    """The dearest kWh and hour of any whole day, where only hours matter; filled in by `bounds`."""

    @classmethod
    def of(cls, elements: tuple[TariffElement, ...]) -> "CompiledElements":
        priced: dict[tuple[Dimension, Use], list[tuple[TariffElement, PriceComponent]]] = {}
        for element in elements:
            by_type: dict[Dimension, PriceComponent] = {}
            for component in element.price_components:
                by_type.setdefault(component.type, component)
            for dimension, component in by_type.items():
                priced.setdefault((dimension, use_of(element)), []).append((element, component))
        limits = [element.restrictions for element in elements if element.restrictions is not None]
        hours = (text for item in limits for text in (item.start_time, item.end_time))
        return cls(
            elements,
            {key: tuple(pairs) for key, pairs in priced.items()},
            frozenset(limit for item in limits for limit in (item.min_duration, item.max_duration) if limit is not None),
            frozenset(Fraction(limit) for item in limits for limit in (item.min_kwh, item.max_kwh) if limit is not None),
            frozenset({0, *(minutes_of(text) for text in hours if text is not None)}),
            all(item.model_copy(update=_HOURS_AND_USES) == _UNRESTRICTED for item in limits),
        )


KEPT_TARIFFS = 5_000
_compiled: dict[int, CompiledElements] = {}
"""By the identity of the elements, which an entry keeps alive: no other tariff's have it meanwhile."""


def remembered(tariff: Tariff) -> CompiledElements:
    """What is known of a tariff's elements."""
    known = _compiled.get(id(tariff.elements))
    if known is None:
        if len(_compiled) >= KEPT_TARIFFS:
            _compiled.clear()
        known = _compiled[id(tariff.elements)] = CompiledElements.of(tariff.elements)
    return known


def priced_by(tariff: Tariff, dimension: Dimension, use: Use = Use.SESSION) -> tuple[tuple[TariffElement, PriceComponent], ...]:
    """The elements of a use that price a dimension, in order, each with its component."""
    return remembered(tariff).priced.get((dimension, use), ())


def active(tariff: Tariff, dimension: Dimension, at: Moment, use: Use = Use.SESSION) -> PriceComponent | None:
    """The component of the first element that counts and prices the dimension."""
    for element, component in priced_by(tariff, dimension, use):
        if _counts(element.restrictions, at):
            return component
    return None


@lru_cache(maxsize=8192)
def seconds(step: timedelta) -> Fraction:
    """A length of time in seconds, exactly."""
    return Fraction(step // timedelta(microseconds=1), 1_000_000)


def durations(tariff: Tariff) -> frozenset[int]:
    """Seconds since the start at which min_duration or max_duration of some element begins or ceases to hold."""
    return remembered(tariff).durations


def kwh_limits(tariff: Tariff) -> frozenset[Fraction]:
    """Energies, kWh since the start, at which min_kwh or max_kwh of some element begins or ceases to hold."""
    return remembered(tariff).kwh


def stretches(tariff: Tariff, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Instants from `start` to `end`, both among them, between which hours, dates and weekdays of no element begin or cease to
    hold."""
    inside = set(_at_local_times(remembered(tariff).times, zone, start, end))
    if not keeps_offset(zone, start, end):
        at = start.replace(minute=0, second=0, microsecond=0)
        while at < end:  # offsets change on half hours
            inside.add(at)
            at += HALF_HOUR
    return sorted({start, end} | {at for at in inside if start < at < end})


def keeps_offset(zone: ZoneInfo, start: datetime, end: datetime) -> bool:
    """Whether local time runs on evenly in between: no zone changes its offset there and back within a week."""
    return start.astimezone(zone).utcoffset() == end.astimezone(zone).utcoffset() and end - start < WEEK


def _at_local_times(times: Iterable[int], zone: ZoneInfo, start: datetime, end: datetime) -> Iterable[datetime]:
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        for minutes in times:
            yield from _instants(zone, day, minutes)
        day += timedelta(days=1)


@lru_cache(maxsize=20_000)
def _instants(zone: ZoneInfo, day: date, minutes: int) -> tuple[datetime, ...]:
    """When it is so many minutes after midnight on a local day: once, or twice where the clock is set back."""
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    return tuple({local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)})
