"""The figures of a location's day, hour by hour in its own time. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from functions.booking.domain import Booking, ReservationStatus, WhoCanceled
from functions.booking.domain import SessionSettlement as Session
from functions.stations.domain import Location
from functions.stations.enums import EvseStatus
from shared.slots import SLOT_MINUTES, slot_after, slot_of, slot_start

HOURS = 24
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Figures:
    """What came of a time at a place. What belongs to a booking counts in the hour of its start; sessions count in the hours
    in which they ran, with a booking or without."""

    bookings: float = 0
    """That stood until their start, or that the operator's side ended."""
    sessions: float = 0
    no_shows: float = 0
    withdrawn: float = 0
    """Ended by the operator's side."""
    capacity_minutes: float = 0
    """Minutes of all EVSEs while the place was open and they were not blocked."""
    occupied_minutes: float = 0
    """Minutes of sessions."""
    booked_minutes: float = 0
    frozen_minutes: float = 0
    """In which an EVSE was kept for a booking and nobody charged."""
    overstay_minutes: float = 0
    """Of sessions after their booked end."""
    kwh: float = 0
    """Metered, or what was expected."""
    revenue_minor: float = 0
    """Sessions and fees, VAT included, minor units."""

    def add(self, other: "Figures") -> None:
        """Takes another's figures in."""
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NAMES = tuple(item.name for item in fields(Figures))
Day = list[Figures]
"""By the hour of the local day. The hour that comes twice in autumn is one; the one that is left out in spring is empty."""


def day_period(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """When a local day begins and ends, UTC."""
    zone = ZoneInfo(time_zone)
    begin, end = (datetime.combine(at, time(), zone).astimezone(UTC) for at in (day, day + timedelta(days=1)))
    return begin, end


def figures_of(
    location: Location,
    day: date,
    bookings: Iterable[Booking],
    sessions: Iterable[tuple[datetime, datetime]],
    now: datetime,
) -> Day:
    """The figures of a day as far as it is over at `now`.

    `location.blocked` are the blocked times of that day. `bookings` and `sessions` (begin, end) may reach beyond it.
    """
    zone = ZoneInfo(location.time_zone)
    begin, end = day_period(day, location.time_zone)
    until = min(end, now)
    hours = [Figures() for _ in range(HOURS)]
    for booking in bookings:
        if begin <= booking.start < until:
            hours[booking.start.astimezone(zone).hour].add(_of_booking(booking, now))
    for since, stopped in sessions:
        for hour, minutes in _by_hour(max(since, begin), min(stopped, until), zone):
            hours[hour].occupied_minutes += minutes
    for hour, minutes in _capacity(location, begin, until, zone):
        hours[hour].capacity_minutes += minutes
    return hours


def _of_booking(booking: Booking, now: datetime) -> Figures:
    canceled, status = booking.canceled, booking.status
    if canceled is not None:
        if canceled.late is None:  # an offer that was never a booking
            return Figures()
        if canceled.who_canceled is WhoCanceled.CPO:
            return Figures(bookings=1, withdrawn=1)
        return Figures(revenue_minor=canceled.fee_minor)
    if status not in (ReservationStatus.RESERVED, ReservationStatus.FULFILLED, ReservationStatus.NO_SHOW):
        return Figures()
    figures = Figures(
        bookings=1,
        booked_minutes=(booking.end - booking.start) / MINUTE,
        frozen_minutes=booking.frozen_minutes(now),
        no_shows=float(status is ReservationStatus.NO_SHOW),
        sessions=float(status is ReservationStatus.FULFILLED),
    )
    settlement = booking.settlement
    if isinstance(settlement, Session):
        figures.revenue_minor = settlement.total_minor
        figures.kwh = booking.energy_kwh if booking.session_energy_kwh is None else booking.session_energy_kwh
    elif settlement is not None:
        figures.revenue_minor = settlement.no_show_fee_minor
    if booking.started_at is not None:
        figures.overstay_minutes = max(0.0, ((booking.stopped_at or now) - booking.end) / MINUTE)
    return figures


def _by_hour(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[int, float]]:
    """(hour of the local day, minutes) of a period, piece by piece; nothing of an empty one."""
    while since < until:
        local = since.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        next_hour = min(until, since + HOUR - into)
        yield local.hour, (next_hour - since) / MINUTE
        since = next_hour


def _capacity(location: Location, begin: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[int, float]]:
    """(hour, EVSE minutes) in which the place could be used."""
    if until <= begin:
        return
    first, stop = slot_of(begin), slot_after(until)
    opened = location.opened(slot_start(first), stop - first)
    blocked = location.blocked_slots(first, stop)
    evses = [evse.id for evse in location.evses if evse.status != EvseStatus.REMOVED.value]
    for slot in range(first, stop):
        if opened[slot - first]:
            free = sum(slot not in blocked.get(evse, ()) for evse in evses)
            yield slot_start(slot).astimezone(zone).hour, float(free * SLOT_MINUTES)


def stored(day: Day) -> dict[str, list[float]]:
    """A day as it is stored: by name, a number an hour; what is 0 all day is left out."""
    columns = {name: [round(getattr(hour, name), 3) for hour in day] for name in NAMES}
    return {name: values for name, values in columns.items() if any(values)}


def of_stored(columns: dict[str, list[float]]) -> Day:
    """Reads what `stored` wrote."""
    return [Figures(**{name: values[hour] for name, values in columns.items() if name in NAMES}) for hour in range(HOURS)]
