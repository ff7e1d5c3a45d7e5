"""The tariff engine: what a session costs under an OCPI tariff, exactly.

Everything is computed in fractions and rounded once, half up, to minor units at the end. Restrictions are evaluated in the
location's local time, so days of 23 and 25 hours come out right.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator

from functions.tariffs.domain import (
    BookingRestriction,
    DayOfWeek,
    PriceComponent,
    Tariff,
    TariffDimensionType,
    TariffRestrictions,
)
from shared.money import minor_digits

HALF_HOUR, WEEK = timedelta(minutes=30), timedelta(days=7)
DAYS = tuple(DayOfWeek)
Dimension = TariffDimensionType
STEP_UNITS = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600}
"""Steps are counted in Wh and seconds, quantities in kWh and hours."""


@dataclass(frozen=True)
class SessionPeriod:
    """A stretch of a session: `energy_kwh` drawn evenly over [start, end); not `charging` means the vehicle asks for no
    power (PARKING_TIME). `current_a` amperes a phase, where they are known."""

    start: datetime
    end: datetime
    energy_kwh: float = 0.0
    charging: bool = True
    current_a: float | None = None


class QuoteElement(BaseModel):
    """One line of a price: so much of a dimension at a unit price without VAT. `amount_minor` includes VAT."""

    model_config = ConfigDict(frozen=True)

    dimension: str
    quantity: float
    unit: str
    unit_price: float
    vat_percent: float
    start: datetime | None
    end: datetime | None
    amount_minor: int


class Quote(BaseModel):
    """A price in minor units, VAT included; its elements sum to the total."""

    model_config = ConfigDict(frozen=True)

    currency: str
    expected_minor: int
    total_minor: int
    total_excl_vat_minor: int
    energy_kwh: float
    minutes: float
    tariff_id: str | None
    elements: list[QuoteElement]

    @model_validator(mode="before")
    @classmethod
    def _of_older_ones(cls, value: Any) -> Any:
        """What was frozen before there were two prices had one for both."""
        if isinstance(value, dict) and "expected_minor" not in value and "total_minor" in value:
            return value | {"expected_minor": value["total_minor"]}
        return value


@dataclass
class _Line:
    dimension: Dimension
    component: PriceComponent
    quantity: Fraction  # kWh, hours or 1
    start: datetime
    end: datetime

    @property
    def net(self) -> Fraction:
        return self.quantity * Fraction(self.component.price)

    @property
    def with_vat(self) -> Fraction:
        """What a net amount is multiplied by."""
        return 1 + Fraction(self.component.vat or 0) / 100


def _minutes_of(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _in_time(restrictions: TariffRestrictions, local: datetime) -> bool:
    now = local.hour * 60 + local.minute
    start = None if restrictions.start_time is None else _minutes_of(restrictions.start_time)
    end = None if restrictions.end_time is None else _minutes_of(restrictions.end_time)
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


@dataclass(frozen=True)
class Moment:
    """What restrictions look at: local time, seconds and kWh since the start, kW, amperes where known."""

    local: datetime
    elapsed: Fraction = Fraction(0)
    kwh: Fraction = Fraction(0)
    kw: Fraction = Fraction(0)
    current: Fraction | None = None


def _counts(restrictions: TariffRestrictions | None, at: Moment) -> bool:
    """Whether an element counts at a moment. Bounds of a current that is not known are taken as met."""
    if restrictions is None:
        return True
    if not restrictions.for_sessions() or not _in_time(restrictions, at.local):
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


def active(tariff: Tariff, dimension: Dimension, at: Moment) -> PriceComponent | None:
    """The component of the first element that counts and prices the dimension."""
    for element in tariff.elements:
        component = next((item for item in element.price_components if item.type is dimension), None)
        if component is not None and _counts(element.restrictions, at):
            return component
    return None


def _seconds(step: timedelta) -> Fraction:
    return Fraction(step // timedelta(microseconds=1), 1_000_000)


def _cuts(
    tariff: Tariff, zone: ZoneInfo, period: SessionPeriod, begun: datetime, kwh: Fraction, drawn: Fraction
) -> list[Fraction]:
    """Seconds into the period, which draws `drawn` kWh, at which some restriction may begin or end to hold, in order, with
    both ends."""
    length = _seconds(period.end - period.start)
    cuts = {Fraction(0), length}
    if not _keeps_offset(zone, period):
        at = period.start.replace(minute=0, second=0, microsecond=0)
        while at < period.end:  # offsets change on half hours; local boundaries inside are found per stretch below
            cuts.add(_seconds(at - period.start))
            at += HALF_HOUR
    times = {0}
    limits_kwh: set[Fraction] = set()
    limits_s: set[int] = set()
    for element in tariff.elements:
        limits = element.restrictions
        if limits is None:
            continue
        times |= {_minutes_of(text) for text in (limits.start_time, limits.end_time) if text is not None}
        limits_kwh |= {Fraction(limit) for limit in (limits.min_kwh, limits.max_kwh) if limit is not None}
        limits_s |= {limit for limit in (limits.min_duration, limits.max_duration) if limit is not None}
    inside = {at for at in _local_boundaries(times, zone, period) if period.start < at < period.end}
    cuts |= {_seconds(at - period.start) for at in inside}
    cuts |= {(limit - kwh) / drawn * length for limit in limits_kwh if drawn > 0}
    cuts |= {Fraction(limit) - _seconds(period.start - begun) for limit in limits_s}
    return sorted(cut for cut in cuts if 0 <= cut <= length)


def _keeps_offset(zone: ZoneInfo, period: SessionPeriod) -> bool:
    """Whether local time runs on evenly over the period: no zone changes its offset there and back within a week."""
    offsets = {at.astimezone(zone).utcoffset() for at in (period.start, period.end)}
    return len(offsets) == 1 and period.end - period.start < WEEK


def _local_boundaries(times: set[int], zone: ZoneInfo, period: SessionPeriod) -> Iterable[datetime]:
    day = period.start.astimezone(zone).date()
    last = period.end.astimezone(zone).date()
    while day <= last:
        for minutes in times:
            for fold in (0, 1):
                local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, fold=fold, tzinfo=zone)
                yield local.astimezone(UTC)
        day += timedelta(days=1)


def price_session(tariff: Tariff, *, time_zone: str, periods: Sequence[SessionPeriod]) -> Quote:
    """The price of a session made of `periods`, in order, under `tariff`.

    step_size is applied once a dimension, by the last component used; parking that fits into what the rounding of TIME
    added is not billed (OCPI 2.2.1, step_size, the examples of switching). min_price and max_price bound the total. Raises
    ValueError for periods that end before they start, overlap or draw negative energy.
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
        length = _seconds(period.end - period.start)
        per_second = drawn / length
        kw = per_second * 3600
        current = None if period.current_a is None else Fraction(period.current_a)
        timed = Dimension.TIME if period.charging else Dimension.PARKING_TIME
        cuts = _cuts(tariff, zone, period, begun, kwh, drawn)
        for since, until in itertools.pairwise(cuts):
            start = period.start + timedelta(microseconds=int(since * 1_000_000))
            end = period.start + timedelta(microseconds=int(until * 1_000_000))
            used = kwh + per_second * since
            at = Moment(start.astimezone(zone), _seconds(period.start - begun) + since, used, kw, current)
            amounts = {
                timed: (until - since) / 3600,
                Dimension.ENERGY: per_second * (until - since),
                Dimension.FLAT: Fraction(0 if any(line.dimension is Dimension.FLAT for line in lines) else 1),
            }
            for dimension, amount in amounts.items():
                component = active(tariff, dimension, at) if amount else None
                if component is not None:
                    _add(lines, _Line(dimension, component, amount, start, end))
        kwh += drawn
    _apply_steps(lines)
    minutes = float(_seconds(periods[-1].end - begun) / 60)
    return _quote(tariff, lines, float(kwh), minutes)


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


UNITS = {Dimension.ENERGY: "kWh", Dimension.TIME: "h", Dimension.PARKING_TIME: "h", Dimension.FLAT: "session"}


def _quote(tariff: Tariff, lines: list[_Line], kwh: float, minutes: float) -> Quote:
    scale = 10 ** minor_digits(tariff.currency)
    nets = [line.net * scale for line in lines]
    amounts = [net * line.with_vat for net, line in zip(nets, lines, strict=True)]
    net = sum(nets, Fraction(0))
    gross = sum(amounts, Fraction(0))
    elements = [
        QuoteElement(
            dimension=line.dimension.value,
            quantity=round(float(line.quantity), 6),
            unit=UNITS[line.dimension],
            unit_price=float(line.component.price),
            vat_percent=float(line.component.vat or 0),
            start=line.start,
            end=line.end,
            amount_minor=0,
        )
        for line in lines
    ]
    bounded_net, bounded_gross, name = _bound(tariff, net, gross, scale)
    if name is not None:
        amounts.append(bounded_gross - gross)
        elements.append(
            QuoteElement(
                dimension=name,
                quantity=1,
                unit="session",
                unit_price=float((bounded_net - net) / scale),
                vat_percent=0,
                start=None,
                end=None,
                amount_minor=0,
            )
        )
    total = _round(bounded_gross)
    shares = _share_out(amounts, total)
    return Quote(
        currency=tariff.currency,
        expected_minor=total,
        total_minor=total,
        total_excl_vat_minor=_round(bounded_net),
        energy_kwh=round(kwh, 6),
        minutes=minutes,
        tariff_id=tariff.id,
        elements=[item.model_copy(update={"amount_minor": share}) for item, share in zip(elements, shares, strict=True)],
    )


def _bound(tariff: Tariff, net: Fraction, gross: Fraction, scale: int) -> tuple[Fraction, Fraction, str | None]:
    """min_price and max_price bound the price without and with VAT each for itself (OCPI, note on min_price)."""
    bounded, name = (net, gross), None
    for limit, kind, pick in ((tariff.min_price, "MIN_PRICE", max), (tariff.max_price, "MAX_PRICE", min)):
        if limit is None:
            continue
        excl = Fraction(limit.excl_vat) * scale
        incl = excl if limit.incl_vat is None else Fraction(limit.incl_vat) * scale
        within = pick(bounded[0], excl), pick(bounded[1], incl)
        if within != bounded:
            bounded, name = within, kind
    return bounded[0], bounded[1], name


def _round(value: Fraction) -> int:
    """Half up."""
    return int((value + Fraction(1, 2)) // 1)


def _share_out(amounts: list[Fraction], total: int) -> list[int]:
    """Whole numbers near `amounts` that sum to `total` (largest remainders)."""
    shares = [int(amount // 1) for amount in amounts]
    missing = total - sum(shares)
    order = sorted(range(len(amounts)), key=lambda number: -(amounts[number] - shares[number]))
    for number in order[:missing]:
        shares[number] += 1
    return shares


def booking_fee(tariff: Tariff, kind: BookingRestriction) -> int:
    """What a missed (BOOKING_EXPIRES) or late cancelled (BOOKING_CANCELLATION_FEES) booking costs: the FLAT component
    of the first element with that restriction, minor units with VAT. 0 where the tariff has none."""
    for element in tariff.elements:
        if element.restrictions is not None and element.restrictions.booking is kind:
            for component in element.price_components:
                if component.type is Dimension.FLAT:
                    gross = Fraction(component.price) * (1 + Fraction(component.vat or 0) / 100)
                    return _round(gross * 10 ** minor_digits(tariff.currency))
    return 0
