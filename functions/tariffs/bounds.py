"""What a session costs at most: the dearest of all that can happen in a period, so that a quote is a promise.

A session may begin at any instant of the period, charge or stand at any of them, at any power up to the EVSE's, and draw any
energy up to a bound. For each stretch and dimension the dearest component counts that some such session has there; energy is
drawn where it is dearest, and step_size is added where it may be. So a longer period, more power or more energy never costs
less, and no session of the period costs more.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from functions.tariffs.bills import Item
from functions.tariffs.domain import PriceComponent, Tariff, TariffRestrictions
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceSteps
from functions.tariffs.pricing import STEP_UNITS, item_of
from functions.tariffs.restrictions import DAY, Dimension, in_time, keeps_offset, priced_by, remembered, seconds, stretches

NONE, UNKNOWN = Fraction(0), None


@dataclass(frozen=True)
class _Reach:
    """How far what restrictions look at can get: kWh, kW, and seconds since the session's start, which are less than that."""

    kwh: Fraction
    kw: Fraction
    elapsed: Fraction


@dataclass(frozen=True)
class _Stretch:
    start: datetime
    end: datetime
    hours: Fraction
    components: dict[Dimension, PriceComponent]


def dearest_items(
    tariff: Tariff,
    *,
    time_zone: str,
    start: datetime,
    end: datetime,
    power_kw: float,
    energy_kwh: float,
    steps: PriceSteps = AS_THE_TARIFF,
) -> list[Item]:
    """The dearest session within [start, end) that draws at most `energy_kwh` at no more than `power_kw`, before bounds.
    `steps`: by what energy and time cost more or less."""
    energy = Fraction(energy_kwh).limit_denominator(1_000_000)
    power = Fraction(power_kw).limit_denominator(1_000_000)
    stretches = list(_stretches(tariff, ZoneInfo(time_zone), start, end, energy, power, steps=steps))
    items = [*_timed(tariff, stretches), *_drawn(tariff, stretches, energy, power)]
    flats = [stretch.components[Dimension.FLAT] for stretch in stretches if Dimension.FLAT in stretch.components]
    if flats:
        items.insert(0, item_of(tariff, Dimension.FLAT, max(flats, key=tariff.gross), Fraction(1), start, end))
    return items


def highest_rates(
    tariff: Tariff, *, time_zone: str, start: datetime, end: datetime, after: datetime, power_kw: float, energy_kwh: float
) -> tuple[Fraction, Fraction]:
    """The dearest kWh and the dearest hour that some session within [start, end) can have `after` an instant of it: major units
    with VAT."""
    zone, memory = ZoneInfo(time_zone), remembered(tariff)
    # Every hour of the day is in it, and nothing but the hour matters: the same for all.
    is_any_day = memory.only_hours and end - after >= DAY and keeps_offset(zone, after, end)
    known = memory.highest.get(tariff.tax_included) if is_any_day else None
    if known is None:
        known = _highest(
            tariff, list(_stretches(tariff, zone, start, end, Fraction(energy_kwh), Fraction(power_kw), after=after))
        )
        if is_any_day:
            memory.highest[tariff.tax_included] = known
    return known


def _highest(tariff: Tariff, stretches: Sequence[_Stretch]) -> tuple[Fraction, Fraction]:

    def highest(dimension: Dimension) -> Fraction:
        priced = (item.components[dimension] for item in stretches if dimension in item.components)
        return max((tariff.gross(component) for component in priced), default=NONE)

    return highest(Dimension.ENERGY), max(highest(Dimension.TIME), highest(Dimension.PARKING_TIME))


def _stretches(
    tariff: Tariff,
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
    kwh: Fraction,
    kw: Fraction,
    *,
    after: datetime | None = None,
    steps: PriceSteps = AS_THE_TARIFF,
) -> Iterable[_Stretch]:
    """The stretches of [start, end) that end after an instant."""
    cuts = {*stretches(tariff, zone, start, end), *steps.between(start, end)}
    kinds = [dimension for dimension in Dimension if priced_by(tariff, dimension)]
    for element in tariff.elements:
        least = None if element.restrictions is None else element.restrictions.min_duration
        if least is not None and least < seconds(end - start):
            cuts.add(start + timedelta(seconds=least))
    for since, until in itertools.pairwise(sorted(cuts)):
        if after is not None and until <= after:
            continue
        reach = _Reach(kwh, kw, seconds(until - start))
        components = {}
        for dimension in kinds:
            component = _dearest(tariff, dimension, since.astimezone(zone), reach)
            if component is not None:
                components[dimension] = steps.applied(component, since)
        yield _Stretch(since, until, seconds(until - since) / 3600, components)


def _dearest(tariff: Tariff, dimension: Dimension, local: datetime, reach: _Reach) -> PriceComponent | None:
    """The dearest component that a session may have at a local time: those of the elements that can count, up to the first that
    always does."""
    able: list[PriceComponent] = []
    for element, component in priced_by(tariff, dimension):
        if in_time(element.restrictions, local):
            can, must = _can_and_must(element.restrictions, reach)
            if can:
                able.append(component)
            if must:
                break
    return able[0] if len(able) == 1 else max(able, key=tariff.gross, default=None)


def _can_and_must(limits: TariffRestrictions | None, reach: _Reach) -> tuple[bool, bool]:
    """Whether an element counts in some state within reach, and whether in all."""
    if limits is None:
        return True, True
    can = must = True
    for low, high, most in (
        (limits.min_kwh, limits.max_kwh, reach.kwh),
        (limits.min_power, limits.max_power, reach.kw),
        (limits.min_current, limits.max_current, UNKNOWN),
    ):
        can = can and (low is None or most is None or Fraction(low) <= most) and (high is None or high > 0)
        must = must and not low and (high is None or (most is not None and Fraction(high) > most))
    low_s, high_s = limits.min_duration, limits.max_duration
    can = can and (low_s is None or low_s < reach.elapsed) and (high_s is None or high_s > 0)
    must = must and not low_s and (high_s is None or high_s >= reach.elapsed)
    return can, must


def _timed(tariff: Tariff, found: Sequence[_Stretch]) -> Iterable[Item]:
    """Each stretch charging or standing, whichever is dearer, and the steps by which both may be rounded up."""
    kinds = (Dimension.TIME, Dimension.PARKING_TIME)
    lines: list[tuple[Dimension, PriceComponent, Fraction, datetime, datetime]] = []
    for stretch in found:
        able = [(kind, stretch.components[kind]) for kind in kinds if kind in stretch.components]
        if able:
            kind, component = max(able, key=lambda item: tariff.gross(item[1]))
            lines.append((kind, component, stretch.hours, stretch.start, stretch.end))
    for kind, component, hours, start, end in _joined(lines):
        yield item_of(tariff, kind, component, hours, start, end)
    reachable = {kind: [stretch.components[kind] for stretch in found if kind in stretch.components] for kind in kinds}
    only = [kind for kind in kinds if any(tariff.gross(component) for component in reachable[kind])]
    for kind in only:
        hours = sum((stretch.hours for stretch in found if kind in stretch.components), NONE)
        yield from _step(tariff, kind, reachable[kind], hours, alone=len(only) == 1, at=found[-1].end)


def _drawn(tariff: Tariff, found: Sequence[_Stretch], energy: Fraction, power: Fraction) -> Iterable[Item]:
    """All energy where it is dearest, no faster than the power lets it flow, and the step it may be rounded up by."""
    kind = Dimension.ENERGY
    priced = [stretch for stretch in found if kind in stretch.components]
    left = energy
    lines: list[tuple[Dimension, PriceComponent, Fraction, datetime, datetime]] = []
    for stretch in sorted(priced, key=lambda item: -tariff.gross(item.components[kind])):
        part = min(left, power * stretch.hours)
        if part > 0:
            lines.append((kind, stretch.components[kind], part, stretch.start, stretch.end))
            left -= part
    for _, component, kwh, start, end in _joined(sorted(lines, key=lambda line: line[3])):
        yield item_of(tariff, kind, component, kwh, start, end)
    if energy - left > 0:
        components = [stretch.components[kind] for stretch in priced]
        yield from _step(tariff, kind, components, energy - left, alone=True, at=found[-1].end)


def _joined(
    lines: Iterable[tuple[Dimension, PriceComponent, Fraction, datetime, datetime]],
) -> Iterable[tuple[Dimension, PriceComponent, Fraction, datetime, datetime]]:
    """Lines of the same component that follow each other as one."""
    for (kind, _), group in itertools.groupby(lines, key=lambda line: (line[0], id(line[1]))):
        same = list(group)
        yield kind, same[0][1], sum((line[2] for line in same), NONE), same[0][3], same[-1][4]


def _step(
    tariff: Tariff, kind: Dimension, components: Sequence[PriceComponent], quantity: Fraction, *, alone: bool, at: datetime
) -> Iterable[Item]:
    """What rounding up to steps may add to a dimension: up to the next whole step of its quantity where one price alone can
    count, else a whole step of the dearest."""
    unit, dearest = STEP_UNITS[kind], max(components, key=tariff.gross)
    steps = {component.step_size for component in components}
    if alone and all(tariff.gross(component) == tariff.gross(dearest) for component in components):
        whole = quantity * unit
        added = max(-(-whole // step) * step - whole for step in steps)
    else:
        added = Fraction(max(steps))
    if added and tariff.gross(dearest):
        yield item_of(tariff, kind, dearest, added / unit, at, at)
