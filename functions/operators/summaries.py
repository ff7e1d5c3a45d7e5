"""What came of days at locations, for those who run them: rolled up each night, the newest counted as they are asked for."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

from functions.booking import figures as bookings_figures
from functions.booking import service as booking
from functions.booking.domain import Booking, BookingFilter, BookingPosition
from functions.operators import repository_days
from functions.operators.day_figures import HOURS, Day, Figures, day_period, figures_of
from functions.stations import service as stations
from functions.stations.domain import Location
from shared.errors import Invalid
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
SETTLES_WITHIN = 3
"""Days after which nothing of a day changes but by an owner's reading: until then each night counts it anew."""
REACH_BACK = 35
"""Days that the first night counts of a location."""
MAX_DAYS = 366
MAX_LOCATIONS = 200
LOCATIONS_A_PAGE = 50
BOOKINGS_A_PAGE = 500


class SummaryBy(StrEnum):
    """What the figures of a summary are split by, in each location's own time."""

    DAY = "day"
    HOUR = "hour"
    WEEKDAY_HOUR = "weekday_hour"


@dataclass
class Summed:
    """Figures with their revenue by currency: locations may differ."""

    figures: Figures = field(default_factory=Figures)
    revenue: dict[str, int] = field(default_factory=dict)

    def add(self, other: Figures, currency: str) -> None:
        """Takes the figures of a place in."""
        self.figures.add(other)
        if other.revenue_minor:
            self.revenue[currency] = self.revenue.get(currency, 0) + round(other.revenue_minor)


@dataclass(frozen=True)
class Bucket:
    """The figures of a day, of an hour of the day, or of an hour of a weekday (1 is Monday)."""

    day: date | None
    weekday: int | None
    hour: int | None
    summed: Summed


@dataclass(frozen=True)
class Summary:
    """The figures of locations over days."""

    first: date
    until: date
    """The day after the last."""
    total: Summed
    by_location: list[tuple[Location, Summed]]
    buckets: list[Bucket]
    days_missing: int
    """Days of locations of which nothing has been counted: of before the platform did, or of last night."""


def summarise(*, tx: Tx, location_ids: Sequence[uuid.UUID], first: date, until: date, by: SummaryBy) -> Summary:
    """The figures of the caller's locations (none named: of all) over the local days [first, until).

    Raises NotFound for others' locations, Invalid for too many days.
    """
    if until <= first:
        raise Invalid.one("to", "must be after from")
    if (until - first).days > MAX_DAYS:
        raise Invalid.one("to", f"may be at most {MAX_DAYS} days after from")
    locations = _locations(tx, location_ids)
    rows = repository_days.between(tx, [location.id for location in locations], first, until)
    total, buckets, by_location, missing = Summed(), dict[tuple[int, ...], Summed](), [], 0
    for location in locations:
        mine = Summed()
        today = tx.now.astimezone(ZoneInfo(location.time_zone)).date()
        for number in range((min(until, today + timedelta(days=1)) - first).days):
            day = first + timedelta(days=number)
            figures = rows.get((location.id, day))
            if figures is None and (today - day).days <= SETTLES_WITHIN:
                figures = count_day(tx, location, day)
            if figures is None:
                missing += 1
                continue
            for hour, of_hour in enumerate(figures):
                key = _key(by, day, hour)
                for summed in (total, mine, buckets.setdefault(key, Summed())):
                    summed.add(of_hour, location.currency)
        by_location.append((location, mine))
    in_order = [_bucket(by, key, buckets[key]) for key in sorted(buckets)]
    return Summary(first, until, total, by_location, in_order, missing)


def _locations(tx: Tx, location_ids: Sequence[uuid.UUID]) -> list[Location]:
    if location_ids:
        return [stations.get_managed(tx=tx, location_id=location_id) for location_id in dict.fromkeys(location_ids)]
    return stations.managed_locations(tx=tx, limit=MAX_LOCATIONS)


def _key(by: SummaryBy, day: date, hour: int) -> tuple[int, ...]:
    if by is SummaryBy.DAY:
        return (day.toordinal(),)
    return (hour,) if by is SummaryBy.HOUR else (day.isoweekday(), hour)


def _bucket(by: SummaryBy, key: tuple[int, ...], summed: Summed) -> Bucket:
    if by is SummaryBy.DAY:
        return Bucket(date.fromordinal(key[0]), None, None, summed)
    weekday = key[0] if by is SummaryBy.WEEKDAY_HOUR else None
    return Bucket(None, weekday, key[-1], summed)


def count_day(tx: Tx, location: Location, day: date) -> Day:
    """The figures of a location's local day as far as it is over."""
    begin, end = day_period(day, location.time_zone)
    if begin >= tx.now:
        return [Figures() for _ in range(HOURS)]
    blocked = stations.blocked_times(tx=tx, location_id=location.id, ended_after=begin, after=None, limit=BOOKINGS_A_PAGE)
    then = replace(location, blocked=tuple(blocked))
    sessions = bookings_figures.session_spans(tx=tx, location_id=location.id, since=begin, until=end)
    return figures_of(then, day, _bookings(tx, location, begin, end), sessions, tx.now)


def _bookings(tx: Tx, location: Location, begin: datetime, end: datetime) -> list[Booking]:
    bookings: list[Booking] = []
    after: BookingPosition | None = None
    wanted = BookingFilter(since=begin, until=end)
    while True:
        page = booking.bookings_at(tx=tx, location_ids=[location.id], wanted=wanted, after=after, limit=BOOKINGS_A_PAGE)
        bookings += page
        if len(page) < BOOKINGS_A_PAGE:
            return bookings
        after = (page[-1].start, page[-1].id)


def roll_up_days(platform: Platform) -> int:
    """Counts the days of every location that are over and not counted, and the last few anew: one transaction a location.
    Returns how many days."""
    done = 0
    before: uuid.UUID | None = None
    while locations := platform.read(partial(_page_of_locations, before=before)):
        for location in locations:
            done += platform.transact(partial(_roll_up, location=location))
        before = locations[-1].id
    log.info("%s days of locations are counted", done)
    return done


def _page_of_locations(tx: Tx, *, before: uuid.UUID | None) -> list[Location]:
    return stations.list_managed(tx=tx, status=None, owner_id=None, before=before, limit=LOCATIONS_A_PAGE)


def _roll_up(tx: Tx, *, location: Location) -> int:
    today = tx.now.astimezone(ZoneInfo(location.time_zone)).date()
    first = today - timedelta(days=REACH_BACK)
    counted = repository_days.counted(tx, location.id, first)
    settled = timedelta(days=SETTLES_WITHIN)
    days = [first + timedelta(days=number) for number in range(REACH_BACK)]
    due = [day for day in days if day not in counted or counted[day] < day_period(day, location.time_zone)[1] + settled]
    for day in due:
        repository_days.put(tx, location.id, day, count_day(tx, location, day))
    return len(due)
