"""The tariff engine: what a session costs under an OCPI tariff, exactly.

Everything is computed in fractions; `bills` bounds and rounds it. Restrictions are evaluated in the location's local time, so
days of 23 and 25 hours come out right.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from functions.tariffs.bills import UNITS, Item, Price, bill, scale_of, within_limits
from functions.tariffs.domain import PriceComponent, Tariff
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceSteps
from functions.tariffs.restrictions import Dimension, Moment, active, durations, kwh_limits, seconds, stretches

STEP_UNITS = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600}
"""Steps are counted in Wh and seconds, quantities in kWh and hours."""


@dataclass(frozen=True)
class SessionPeriod:
    """A stretch of a session: `energy_kwh` drawn evenly over [start, end); not `charging` means the vehicle asks for no
    power (PARKING_TIME). `current_a` amperes summed over the phases, where they are known."""

    start: datetime
    end: datetime
    energy_kwh: float = 0.0
    charging: bool = True
    current_a: float | None = None


@dataclass
class _Line:
    dimension: Dimension
    component: PriceComponent
    quantity: Fraction  # kWh, hours or 1
    start: datetime
    end: datetime


def _cuts(
    tariff: Tariff,
    zone: ZoneInfo,
    period: SessionPeriod,
    begun: datetime,
    kwh: Fraction,
    drawn: Fraction,
    steps: PriceSteps,
) -> list[Fraction]:
    """Seconds into the period, which draws `drawn` kWh, at which some restriction may begin or end to hold, in order, with
    both ends."""
    length = seconds(period.end - period.start)
    cuts = [seconds(at - period.start) for at in stretches(tariff, zone, period.start, period.end)]
    if drawn > 0:
        cuts += [(limit - kwh) / drawn * length for limit in kwh_limits(tariff)]
    cuts += [Fraction(limit) - seconds(period.start - begun) for limit in durations(tariff)]
    cuts += [seconds(at - period.start) for at in steps.between(period.start, period.end)]
    return [cut for cut, _ in itertools.groupby(sorted(cut for cut in cuts if 0 <= cut <= length))]


def price_session(tariff: Tariff, *, time_zone: str, periods: Sequence[SessionPeriod]) -> Price:
    """The price of a session made of `periods`, in order, under `tariff`; min_price and max_price bound the total. See
    `session_items`."""
    items = within_limits(tariff, session_items(tariff, time_zone=time_zone, periods=periods))
    minutes = float(seconds(periods[-1].end - periods[0].start) / 60)
    kwh = sum(period.energy_kwh for period in periods)
    return bill(items, currency=tariff.currency, tariff_id=tariff.id, energy_kwh=kwh, minutes=minutes)


def session_items(
    tariff: Tariff, *, time_zone: str, periods: Sequence[SessionPeriod], steps: PriceSteps = AS_THE_TARIFF
) -> list[Item]:
    """What a session made of `periods`, in order, comes to, before bounds. A gap between two periods costs nothing.

    step_size is applied once a dimension, by the last component used; parking that fits into what the rounding of TIME
    added is not billed (OCPI 2.2.1, step_size, the examples of switching). Raises ValueError for periods that end before they
    start, overlap or draw negative energy. `steps`: by what energy and time cost more or less.
    """
    zone = ZoneInfo(time_zone)
    begun = periods[0].start
    lines: list[_Line] = []
    kwh = Fraction(0)
    previous_end = begun
    for period in periods:
        if period.end <= period.start or period.start < previous_end or period.energy_kwh < 0:
            raise ValueError(f"periods: {period} ends before it starts, overlaps, or draws negative energy")
        previous_end = period.end
        drawn = Fraction(period.energy_kwh).limit_denominator(1_000_000)
        length = seconds(period.end - period.start)
        per_second = drawn / length
        kw = per_second * 3600
        current = None if period.current_a is None else Fraction(period.current_a)
        timed = Dimension.TIME if period.charging else Dimension.PARKING_TIME
        cuts = _cuts(tariff, zone, period, begun, kwh, drawn, steps)
        for since, until in itertools.pairwise(cuts):
            start = period.start + timedelta(microseconds=int(since * 1_000_000))
            end = period.start + timedelta(microseconds=int(until * 1_000_000))
            used = kwh + per_second * since
            at = Moment(start.astimezone(zone), seconds(period.start - begun) + since, used, kw, current)
            amounts: dict[Dimension, Fraction] = {
                timed: (until - since) / 3600,
                Dimension.ENERGY: per_second * (until - since),
                Dimension.FLAT: Fraction(0 if any(line.dimension is Dimension.FLAT for line in lines) else 1),
            }
            for dimension, amount in amounts.items():
                component = active(tariff, dimension, at) if amount else None
                if component is not None:
                    _add(lines, _Line(dimension, steps.applied(component, start), amount, start, end))
        kwh += drawn
    _apply_steps(lines)
    return [item_of(tariff, line.dimension, line.component, line.quantity, line.start, line.end) for line in lines]


def item_of(
    tariff: Tariff, dimension: Dimension, component: PriceComponent, quantity: Fraction, start: datetime, end: datetime
) -> Item:
    """A quantity of a dimension (kWh, hours, or 1) priced by a component."""
    gross = quantity * tariff.gross(component) * scale_of(tariff.currency)
    rate = tariff.vat(component)
    return Item(dimension.value, quantity, UNITS[dimension], tariff.net(component), rate, gross, start, end)


def _add(lines: list[_Line], line: _Line) -> None:
    """Adds to the line of the same component if it goes on, else begins a new one."""
    for known in reversed(lines):
        if known.dimension is line.dimension:
            if known.component is line.component and known.end == line.start:
                known.quantity += line.quantity
                known.end = line.end
                return
            break
    lines.append(line)


def _apply_steps(lines: list[_Line]) -> None:
    added = {dimension: _round_up(lines, dimension, unit) for dimension, unit in STEP_UNITS.items()}
    parking = [line for line in lines if line.dimension is Dimension.PARKING_TIME]
    stayed = sum((line.quantity for line in parking), Fraction(0)) - added[Dimension.PARKING_TIME]
    if parking and stayed <= added[Dimension.TIME]:
        lines[:] = [line for line in lines if line.dimension is not Dimension.PARKING_TIME]


def _round_up(lines: list[_Line], dimension: Dimension, unit: int) -> Fraction:
    """Rounds a dimension's total up to steps of its last component; what was added, in the dimension's own unit."""
    mine = [line for line in lines if line.dimension is dimension]
    if not mine:
        return Fraction(0)
    step = mine[-1].component.step_size
    total = sum((line.quantity for line in mine), Fraction(0)) * unit
    added = (-(-total // step) * step - total) / unit
    mine[-1].quantity += added
    return added
