"""Use cases of drivers: what their charging came to, month by month."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from functions.booking import figures as bookings
from functions.booking.domain import ReservationStatus
from functions.booking.figures import SettledBooking
from functions.optimizer import figures as decisions
from shared.errors import Invalid
from shared.tx import Tx

MAX_MONTHS = 60


@dataclass
class DriverFigures:
    """What somebody's charging came to in a time."""

    sessions: int = 0
    kwh: float = 0.0
    minutes: float = 0.0
    """Of sessions."""
    cost: dict[str, int] = field(default_factory=dict)
    """Sessions and fees, minor units by currency."""
    places: int = 0
    """Different locations charged at."""
    canceled: int = 0
    no_shows: int = 0
    decided: int = 0
    """Charge requests that were given a slot."""
    wait_minutes: float | None = None
    """Mean from arrival to start of what those gave."""
    saved_minutes: float | None = None
    """Mean by which charging was over earlier than at the nearest place."""


@dataclass(frozen=True)
class DriverMonth:
    """A month of a driver."""

    month: date
    """Its first day."""
    figures: DriverFigures


def by_month(*, tx: Tx, first: date, until: date, time_zone: str) -> tuple[DriverFigures, list[DriverMonth]]:
    """The caller's figures over whole months, in all and of each: those that [first, until) touches, by a time zone's days.

    Raises Invalid for an end before the begin, and for too many months.
    """
    assert tx.actor.id is not None
    if until <= first:
        raise Invalid.one("to", "must be after from")
    months = list(_months(first, until))
    if len(months) - 1 > MAX_MONTHS:
        raise Invalid.one("to", f"may be at most {MAX_MONTHS} months after from")
    zone = ZoneInfo(time_zone)
    begins = [datetime.combine(month, time(), zone).astimezone(UTC) for month in months]
    settled = bookings.settled(tx=tx, user_id=tx.actor.id, since=begins[0], until=begins[-1])
    figures = []
    for month, since, end in zip(months, begins, begins[1:], strict=False):
        mine = [item for item in settled if since <= item.start < end]
        figures.append(DriverMonth(month, _figures(tx, tx.actor.id, mine, since, end)))
    return _figures(tx, tx.actor.id, settled, begins[0], begins[-1]), figures


def _months(first: date, until: date) -> Iterator[date]:
    """The first days of the months that [first, until) touches, and of the one after them."""
    month = first.replace(day=1)
    while month < until:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    yield month


def _figures(tx: Tx, user_id: uuid.UUID, settled: list[SettledBooking], since: datetime, until: datetime) -> DriverFigures:
    charged = [item for item in settled if item.status is ReservationStatus.FULFILLED]
    decided = decisions.between(tx=tx, since=since, until=until, user_id=user_id)
    figures = DriverFigures(
        sessions=len(charged),
        kwh=round(sum(item.kwh for item in charged), 3),
        minutes=round(sum(item.minutes for item in charged), 1),
        places=len({item.location_id for item in charged}),
        canceled=sum(item.status is ReservationStatus.CANCELED for item in settled),
        no_shows=sum(item.status is ReservationStatus.NO_SHOW for item in settled),
        decided=decided.decided,
        wait_minutes=decided.wait_minutes,
        saved_minutes=decided.saved_minutes,
    )
    for item in settled:
        if item.cost_minor:
            figures.cost[item.currency] = figures.cost.get(item.currency, 0) + item.cost_minor
    return figures
