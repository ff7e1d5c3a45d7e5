"""What a session costs in the end, within what was quoted: up to the booked end and the grace never above it, after that by the
tariff's ordinary elements and its BOOKING_OVERTIME."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from functions.tariffs.bills import Item, Price, bill, brought_to, gross_of, rounded, scale_of, within_limits
from functions.tariffs.domain import Tariff
from functions.tariffs.fees import kept_items, overtime_items
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceSteps
from functions.tariffs.pricing import SessionPeriod, session_items
from functions.tariffs.quotes import expected_items

QUOTED = "QUOTED_TOTAL"
"""The line that holds a bill to what was quoted."""


@dataclass(frozen=True)
class Delivered:
    """A session that was. `parked_from`: from when standing costs, None where it never did."""

    started_at: datetime
    charged_until: datetime
    parked_from: datetime | None
    ended_at: datetime
    energy_kwh: float

    def periods(self, until: datetime | None = None) -> list[SessionPeriod]:
        """The session as the engine prices it, as far as `until`; energy flows evenly while it charges."""
        end = self.ended_at if until is None else min(until, self.ended_at)
        charged = min(self.charged_until, end)
        pieces = []
        if charged > self.started_at:
            share = (charged - self.started_at) / (self.charged_until - self.started_at)
            pieces.append(SessionPeriod(self.started_at, charged, self.energy_kwh * share))
        if self.parked_from is not None and self.parked_from < end:
            pieces.append(SessionPeriod(self.parked_from, end, charging=False))
        return pieces


@dataclass(frozen=True)
class Settled:
    """The bill of a session."""

    price: Price
    uncapped_minor: int
    """What it would have been without the quote's total."""
    overtime_minor: int
    """What of it is for the time after the end and the grace."""


def unmetered_price(
    tariff: Tariff,
    *,
    time_zone: str,
    start: datetime,
    end: datetime,
    energy_kwh: float,
    expected_minor: int,
    steps: PriceSteps = AS_THE_TARIFF,
) -> Price:
    """The bill of a session that nobody measured: what its quote expected, `expected_minor`, and of what."""
    expected = expected_items(tariff, time_zone=time_zone, start=start, end=end, energy_kwh=energy_kwh, steps=steps)
    items = within_limits(tariff, expected)
    if rounded(gross_of(items)) != expected_minor:
        items = brought_to(items, Fraction(expected_minor), why=QUOTED, scale=scale_of(tariff.currency))
    minutes = (end - start) / timedelta(minutes=1)
    return bill(items, currency=tariff.currency, tariff_id=tariff.id, energy_kwh=energy_kwh, minutes=minutes)


def settle_session(
    tariff: Tariff,
    *,
    time_zone: str,
    session: Delivered,
    start: datetime,
    limit: datetime,
    at_most_minor: int,
    steps: PriceSteps = AS_THE_TARIFF,
) -> Settled:
    """The bill of a session booked from `start` on; until `limit`, the booked end and its grace, it costs no more than
    `at_most_minor`, with the `steps` that its quote froze. What follows costs what the tariff says."""
    scale, steps = scale_of(tariff.currency), steps.until(limit)
    kept = kept_items(tariff, time_zone=time_zone, since=start, until=max(start, session.started_at))

    def priced(periods: Sequence[SessionPeriod]) -> list[Item]:
        items = session_items(tariff, time_zone=time_zone, periods=periods, steps=steps) if periods else []
        return within_limits(tariff, [*kept, *items])

    whole = priced(session.periods())
    overtime = overtime_items(tariff, time_zone=time_zone, since=limit, until=session.ended_at)
    within = rounded(min(gross_of(priced(session.periods(limit))), gross_of(whole)))
    over = max(0, within - at_most_minor)
    held = brought_to(whole, gross_of(whole) - over, why=QUOTED, scale=scale)
    minutes = (session.ended_at - session.started_at) / timedelta(minutes=1)
    price = bill(
        [*held, *overtime],
        currency=tariff.currency,
        tariff_id=tariff.id,
        energy_kwh=session.energy_kwh,
        minutes=minutes,
    )
    return Settled(
        price,
        uncapped_minor=rounded(gross_of(whole) + gross_of(overtime)),
        overtime_minor=max(0, price.total_minor - min(within, at_most_minor)),
    )
