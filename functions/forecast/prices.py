"""Dynamic prices: the sweep that turns forecasts into factors, by each location's rule, for the coming week.

The coming hour by the availability forecast; later hours by how busy the class usually is in that hour of that kind of day, as
the forecast's own memory has it. What nobody knows costs what the tariff says.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from functions.forecast import repository
from functions.forecast.features import STEP_MINUTES, Memory
from functions.forecast.memory import GroupKey, unpack
from functions.forecast.repository import Forecast
from functions.forecast.sweep import groups_of
from functions.stations import prices
from functions.stations.domain import Location
from functions.tariffs.price_steps import PriceSteps
from shared.platform import Platform
from shared.slots import SLOT, SLOTS_A_QUARTER, slot_of, slot_start
from shared.tx import Tx

PAGE = 100
QUARTER = SLOTS_A_QUARTER * SLOT
KNOWN_STEPS = 60 // STEP_MINUTES
"""Steps of an hour of the day that must have been seen before its usual occupancy counts: an hour of them."""
NEAR = timedelta(minutes=15)
"""How far a forecast's instant may be from the middle of a quarter hour that it speaks for."""


def write_price_steps(platform: Platform) -> int:
    """Works the factors of every approved location with a price rule out anew, one transaction a location. Returns how many."""
    written, after = 0, None
    while True:
        read = partial(prices.ruled_locations, after=after, limit=PAGE)
        page = platform.read(lambda tx, read=read: read(tx=tx))  # type: ignore[misc]
        for location in page:
            platform.transact(partial(_write, location=location))
        written += len(page)
        if len(page) < PAGE:
            return written
        after = page[-1].id


def _write(tx: Tx, *, location: Location) -> None:
    rule = location.price_rule
    assert rule is not None
    quarters = _quarters(tx.now)
    by_class: dict[str, Sequence[tuple[datetime, Decimal]]] = {}
    for power_class, occupancy in expected(tx=tx, location=location, quarters=quarters).items():
        factors = ((quarter, rule.factor_at(share)) for quarter, share in zip(quarters, occupancy, strict=True))
        by_class[power_class] = PriceSteps.of(factors).until(quarters[-1] + QUARTER).changes
    prices.put_steps(tx=tx, location_id=location.id, by_class=by_class)


def _quarters(now: datetime) -> list[datetime]:
    """The quarter hours from the present one on as far as whole hours of a week reach."""
    first = slot_of(now) // SLOTS_A_QUARTER * SLOTS_A_QUARTER
    end = slot_of((now + prices.AHEAD).replace(minute=0, second=0, microsecond=0))
    return [slot_start(slot) for slot in range(first, end, SLOTS_A_QUARTER)]


def expected(*, tx: Tx, location: Location, quarters: Sequence[datetime]) -> dict[str, list[float | None]]:
    """The expected share of busy points in each quarter hour, by power class; None where nobody knows."""
    groups = groups_of([location])
    memory = unpack(groups, repository.memories(tx, [location.id], lock=False))
    forecasts = _newest(repository.of_locations(tx, [location.id], after=tx.now - NEAR), since=tx.now - prices.FRESH)
    zone = ZoneInfo(location.time_zone)
    shares: dict[str, list[float | None]] = {}
    for number, group in enumerate(groups):
        usual = _usual(memory, number)
        near = forecasts.get(group.key, [])
        shares[group.power_class] = [_share(quarter, near, usual, zone) for quarter in quarters]
    return shares


def _newest(forecasts: Iterable[Forecast], *, since: datetime) -> dict[GroupKey, list[Forecast]]:
    """Of each group the newest forecast for each instant, of those made at `since` or later."""
    newest: dict[tuple[uuid.UUID, str, datetime], Forecast] = {}
    for forecast in forecasts:
        key = (forecast.location_id, forecast.power_class, forecast.target_time)
        if forecast.generated_at >= since and (key not in newest or newest[key].generated_at < forecast.generated_at):
            newest[key] = forecast
    by_group: dict[GroupKey, list[Forecast]] = {}
    for forecast in newest.values():
        by_group.setdefault((forecast.location_id, forecast.power_class), []).append(forecast)
    return by_group


def _usual(memory: Memory, number: int) -> np.ndarray:
    """A group's usual busy share by kind of day (workday, weekend) and hour, [2, 24]; NaN where too little was seen."""
    usual: np.ndarray = np.where(memory.seen[number] >= KNOWN_STEPS, memory.occupancy[number], np.nan)
    return usual


def _share(quarter: datetime, forecasts: Sequence[Forecast], usual: np.ndarray, zone: ZoneInfo) -> float | None:
    middle = quarter + QUARTER / 2
    nearest = min(forecasts, key=lambda item: (abs(item.target_time - middle), item.target_time), default=None)
    if nearest is not None and abs(nearest.target_time - middle) <= NEAR:
        return nearest.occupancy
    local = quarter.astimezone(zone)
    share = float(usual[int(local.weekday() >= 5), local.hour])
    return None if np.isnan(share) else share
