"""Scenarios of a city folder: its stations, hours and tariffs, and days made of its real sessions.

Real are the place, the start and the kWh of a request; origins, lead times, batteries and vehicles are synthetic, drawn by
PROBLEM.md's rules. A scenario's day lays several recorded days of one split over each other until it has as many requests as
the scenario asks for; a city without sessions is asked for what ElaadNL measured, and its `source` says so. Hours and prices
are those of one Wednesday for every day, and a session stands at its local wall-clock time, also where clocks change.
"""

import math
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cities.demand import CONSUMPTION, LEAD_MEAN_MIN, MAX_SHARE, MIN_KWH, ORIGIN_SD_DEGREES, real_sessions
from functions.optimizer.core.candidates import SLOT_MIN, PoolRates, charge_hours, session_price
from functions.optimizer.core.city import (
    REFERENCE_PRICE_UNIT,
    City,
    CityFolder,
    city_of,
    load_city,
    load_sessions,
    standard_bits,
)
from functions.optimizer.core.requests import Requests
from functions.stations.enums import PowerType
from functions.stations.opening import Hours, open_slots
from functions.tariffs.rates import SlotRates, compile_rates
from shared.slots import SLOTS_A_DAY, SLOTS_A_QUARTER
from training.optimum.bound import assignment_columns, open_capacity
from training.optimum.duals import Programme, prices
from training.problem.scenario import DAY_QUARTERS, DAY_SLOTS, Demand, Scenario, Split, day
from training.scenarios.sources import elaad

SLOTS = 2 * SLOTS_A_DAY
"""Two days: the slowest AC session of a large battery takes most of one."""
USED = {"slack": 0.03, "busy": 0.42, "overload": 0.60}
"""Share of point-hours the offline optimum uses in each scenario (PROBLEM.md)."""
RECORDED, LEAST_USED = "recorded", 0.1
"""The scenario of the recorded days as they were, and what share of point-hours a real city's days use at least, about."""
SHARES = (0.6, 0.8)
"""Training days end, and validation days end, at these shares of the recorded days, in order of date."""
MOST_REQUESTS = 2500
"""Requests a day, as guessed before scaling, above which a city is too large to compare policies on in minutes: the part of
it around its centre is judged."""
SLOTS_A_SESSION = 6 * SLOTS_A_QUARTER
ROUNDS, SCALED_BY = 8, 4
"""How often demand is scaled anew, and by how many training days."""
TYPICAL = date(2026, 3, 4)
"""A Wednesday: whose tariff and hours stand for every day where a city has no sessions."""


@dataclass(frozen=True)
class RecordedDemand:
    """Real sessions, N in all, of which days are made."""

    day_number: np.ndarray
    """local day, [N]"""
    is_weekend: np.ndarray
    """whether that is a Saturday or Sunday, [N]"""
    minute: np.ndarray
    """of the local day at which it starts, [N]"""
    location: np.ndarray
    """where it was, [N]"""
    kwh: np.ndarray
    """energy, [N]"""
    standards: np.ndarray
    """connector standards as bits, [N]"""
    dc: np.ndarray
    """whether it charged by direct current, [N]"""
    stay_min: np.ndarray
    """minutes that the vehicle stayed, [N]"""
    days: tuple[np.ndarray, ...]
    """day numbers of each split"""

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All sessions and the split."""
        return self.day_number, self.minute, self.location, self.kwh, self.standards, self.dc, self.stay_min, *self.days

    def day(self, city: City, seed: int, count: int) -> Requests:
        """`count` requests of whole recorded days of the seed's split laid over each other, the last one thinned. They are
        all weekdays or all days of a weekend, and consecutive seeds begin with different days."""
        return self.day_with_stays(city, seed, count)[0]

    def day_with_stays(self, city: City, seed: int, count: int) -> tuple[Requests, np.ndarray]:
        """The day, and how many minutes each request's vehicle stayed when it was recorded."""
        rng = np.random.default_rng([seed, 20_252])
        return self._requests(city, rng, self._sessions(rng, seed, count))

    def _sessions(self, rng: np.random.Generator, seed: int, count: int) -> np.ndarray:
        own, first = self.days[Split.of(seed)], self._first(seed)
        ends = np.isin(own, self.weekends)
        like = own[ends == ends[own == first]]
        order = [first, *rng.permutation(like[like != first]).tolist()]
        chosen: list[np.ndarray] = []
        missing, turn = count, 0
        while missing > 0:
            rows = np.flatnonzero(self.day_number == order[turn % len(order)])
            if len(rows) > missing:
                rows = np.sort(rng.choice(rows, size=missing, replace=False))
            chosen.append(rows)
            missing -= len(rows)
            turn += 1
        return np.concatenate(chosen)

    def weekend(self, seed: int, /) -> bool:
        """Whether a seed's day is made of days of weekends."""
        return bool(np.isin(self._first(seed), self.weekends))

    @cached_property
    def weekends(self) -> np.ndarray:
        """The day numbers that are of a weekend."""
        return np.unique(self.day_number[self.is_weekend])

    def _first(self, seed: int) -> int:
        """The day a seed's begins with; shuffled once a split, so that no two seeds do with one before all have been used."""
        own = self.days[Split.of(seed)]
        return int(np.random.default_rng([Split.of(seed), 20_255]).permutation(own)[seed % len(own)])

    def _requests(self, city: City, rng: np.random.Generator, rows: np.ndarray) -> tuple[Requests, np.ndarray]:
        where, dc, size = self.location[rows], self.dc[rows], len(rows)
        # A day laid twice over itself does not start twice on the same second.
        depart = self.minute[rows] + rng.uniform(0, 1, size)
        lead = rng.exponential(LEAD_MEAN_MIN, size)
        book = np.maximum(0.0, depart - lead)
        requests = _vehicles(
            rng,
            dc=dc,
            kwh=self.kwh[rows],
            book_min=book,
            depart_min=depart,
            latitude=city.latitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, size),
            longitude=city.longitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, size),
            standards=self.standards[rows],
        )
        return requests, self.stay_min[rows][np.argsort(book, kind="stable")]


class DaysAsRecorded(RecordedDemand):
    """The recorded days as they were: each has its own sessions, however many are asked for."""

    def _sessions(self, rng: np.random.Generator, seed: int, count: int) -> np.ndarray:  # noqa: ARG002
        return np.flatnonzero(self.day_number == self._first(seed))


@dataclass(frozen=True)
class AssumedDemand:
    """Requests at ElaadNL's arrival times and energies around a city's locations, by EVSEs: where no session is recorded."""

    arrival: np.ndarray
    """weights of the 96 quarter hours"""
    need_quantiles: np.ndarray
    """of the energy needed, kWh"""
    evses: np.ndarray
    """how many each location has"""
    standards: np.ndarray
    """a location's connector standards as bits"""
    dc: np.ndarray
    """whether a location has direct current"""

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Its distributions."""
        return self.arrival, self.need_quantiles, self.evses, self.standards, self.dc

    def weekend(self, _seed: int, /) -> bool:
        """Its days are of one kind."""
        return False

    def day(self, city: City, seed: int, count: int) -> Requests:
        """Everything is synthetic."""
        rng = np.random.default_rng([seed, 20_253])
        where = rng.choice(len(self.evses), size=count, p=self.evses / self.evses.sum())
        depart = rng.choice(DAY_QUARTERS, size=count, p=self.arrival) * 15.0 + rng.uniform(0, 15, count)
        quantile = rng.uniform(0, len(self.need_quantiles) - 1, count)
        return _vehicles(
            rng,
            dc=self.dc[where],
            kwh=np.interp(quantile, np.arange(len(self.need_quantiles)), self.need_quantiles),
            book_min=np.maximum(0.0, depart - rng.exponential(LEAD_MEAN_MIN, count)),
            depart_min=depart,
            latitude=city.latitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, count),
            longitude=city.longitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, count),
            standards=self.standards[where],
        )


def _vehicles(rng: np.random.Generator, *, dc: np.ndarray, kwh: np.ndarray, **values: np.ndarray) -> Requests:
    """Requests with synthetic batteries and vehicles, in order of booking."""
    size = len(dc)
    battery = rng.choice([40.0, 60.0, 77.0], size=size)
    need = np.clip(kwh, MIN_KWH, MAX_SHARE * battery)
    fast = rng.choice([50.0, 100.0, 150.0], size=size, p=[3 / 9, 4 / 9, 2 / 9])
    slow = rng.choice([7.4, 11.0, 22.0], size=size, p=[0.3, 0.5, 0.2])
    soc = np.minimum(rng.uniform(0.15, 0.5, size) * battery, battery - need)
    return Requests.build(
        size=size,
        soc_kwh=np.maximum(soc, 0.08 * battery),
        battery_kwh=battery,
        need_kwh=need,
        vehicle_kw=np.where(dc, fast, slow),
        consumption=CONSUMPTION,
        **values,
    ).take(np.argsort(values["book_min"], kind="stable"))


def recorded_demand(folder: CityFolder) -> RecordedDemand | None:
    """A folder's real sessions split by date, None where there are too few days to split."""
    zone = ZoneInfo(folder.time_zone)
    index = {evse: number for number, location in enumerate(folder.locations) for evse, _ in location.evses}
    plugs = {evse: connectors for location in folder.locations for evse, connectors in location.evses}
    sessions = [item for item in real_sessions(load_sessions(folder.path)) if item.evse_id in index]
    starts = [item.start.astimezone(zone) for item in sessions]
    day_number = np.array([start.toordinal() for start in starts], dtype=np.int64)
    numbers = np.unique(day_number)
    first, second = (int(share * len(numbers)) for share in SHARES)
    if not 0 < first < second < len(numbers):
        return None
    own = [plugs[item.evse_id] for item in sessions]
    return RecordedDemand(
        day_number=day_number,
        is_weekend=np.array([start.weekday() >= 5 for start in starts]),
        minute=np.array([start.hour * 60 + start.minute + start.second / 60.0 for start in starts]),
        location=np.array([index[item.evse_id] for item in sessions], dtype=np.int64),
        kwh=np.array([item.energy_kwh for item in sessions]),
        standards=np.array([standard_bits([plug.standard for plug in plugs_]) for plugs_ in own], dtype=np.int64),
        dc=np.array([plugs_[0].power_type == PowerType.DC.value for plugs_ in own]),
        stay_min=np.array([(item.end - item.start) / timedelta(minutes=1) for item in sessions]),
        days=(numbers[:first], numbers[first:second], numbers[second:]),
    )


def around_centre(folder: CityFolder, count: int) -> CityFolder:
    """The folder with the `count` locations nearest its centre, in their order."""
    east = math.cos(math.radians(folder.latitude))
    far = [math.hypot(item.latitude - folder.latitude, (item.longitude - folder.longitude) * east) for item in folder.locations]
    kept = sorted(sorted(range(len(far)), key=far.__getitem__)[:count])
    return replace(folder, locations=tuple(folder.locations[number] for number in kept))


def _small_enough(folder: CityFolder, share: float) -> int:
    """How many locations around the centre ask for at most MOST_REQUESTS a day; at least one."""
    points = MOST_REQUESTS * SLOTS_A_SESSION / (DAY_SLOTS * share)
    if sum(len(item.evses) for item in folder.locations) <= points:
        return len(folder.locations)
    ordered = around_centre(folder, len(folder.locations)).locations
    mean = sum(len(item.evses) for item in ordered) / len(ordered)
    return max(1, int(points / mean))


def one_connector(folder: CityFolder) -> CityFolder:
    """The folder with the first connector of each EVSE alone: in the simulator an EVSE is in one pool, so that nobody
    counts it twice."""
    locations = tuple(
        replace(location, evses=tuple((evse, connectors[:1]) for evse, connectors in location.evses))
        for location in folder.locations
    )
    return replace(folder, locations=locations)


def _rates(folder: CityFolder, city: City, on: date) -> tuple[PoolRates, np.ndarray]:
    """PoolRates and opening of each pool over the horizon that begins at the day's local midnight."""
    zone = ZoneInfo(folder.time_zone)
    midnight = datetime.combine(on, time(), zone)
    slot0 = round(midnight.timestamp() / 60 / SLOT_MIN)
    plugs = {evse: connectors[0] for location in folder.locations for evse, connectors in location.evses}
    energy, hourly, flat = np.zeros((len(city.capacity), SLOTS)), np.zeros((len(city.capacity), SLOTS)), []
    opened = np.ones((len(city.capacity), SLOTS), dtype=bool)
    # Large cities have few tariffs and few kinds of hours.
    compiled: dict[tuple[str, float], SlotRates] = {}
    hours: dict[Hours | None, np.ndarray] = {}
    for pool, evses in enumerate(city.evse_ids):
        tariff = folder.tariff_of(evses[0], plugs[evses[0]].connector_id)
        if tariff is not None:
            key = (tariff.id, float(city.pool_power_kw[pool]))
            if key not in compiled:
                compiled[key] = compile_rates(tariff, time_zone=folder.time_zone, slot0=slot0, slots=SLOTS, power_kw=key[1])
            energy[pool], hourly[pool] = compiled[key].energy, compiled[key].time
        flat.append(0.0 if tariff is None else compiled[key].flat)
        own = folder.locations[int(city.pool_location[pool])].opening_times
        if own not in hours:
            hours[own] = open_slots(own, folder.time_zone, midnight, SLOTS)
        opened[pool] = hours[own]
    return PoolRates.build(energy, hourly, np.array(flat)), opened


def _price_unit(city: City, rates: PoolRates, demand: Demand) -> float:
    """Three times the median price of requests' sessions at the pools that fit them (PROBLEM.md); the reference's where most
    charge for nothing."""
    wishes = demand.day(city, Split.TRAINING.seed(0), 200)
    request, pool = np.nonzero((wishes.standards[:, None] >> city.pool_standard[None, :]) & 1)
    if not len(request):
        return REFERENCE_PRICE_UNIT
    hours = charge_hours(wishes, np.broadcast_to(city.pool_power_kw, (len(wishes), len(city.pool_power_kw))))[request, pool]
    start_min = np.minimum(wishes.depart_min[request], (SLOTS - 1) * SLOT_MIN)
    median = float(np.median(session_price(rates, pool, start_min, hours, wishes.need_kwh[request])))
    return 3.0 * median if median > 0 else REFERENCE_PRICE_UNIT


def city_scenario(path: Path, name: str, *, requests: int | None = None, locations: int | None = None) -> Scenario:
    """The scenario `name` of a city folder. Raises Invalid naming what is wrong with the folder, ValueError for the name,
    for `requests` or `locations` below 1, and for a city without EVSEs.

    `recorded` has the recorded days as they were, whatever `requests` says; the others, without `requests` a day, scale demand
    until the optimum of training days uses the scenario's share of point-hours.
    `locations`: only so many around the centre; without it all, unless they are too many to judge in minutes. `source` says
    what was done.
    """
    if name not in (*USED, RECORDED):
        raise ValueError(f"scenario: must be one of {', '.join((*USED, RECORDED))}, not {name!r}")
    for field, value in (("requests", requests), ("locations", locations)):
        if value is not None and value < 1:
            raise ValueError(f"{field}: must be at least 1, not {value}")
    whole = one_connector(load_city(path))
    if not any(item.evses for item in whole.locations):
        raise ValueError(f"evses.csv: {whole.name} has no EVSE at any of its locations")
    folder = around_centre(whole, locations or _small_enough(whole, USED.get(name, LEAST_USED)))
    if not any(item.evses for item in folder.locations):
        raise ValueError(f"locations: the {len(folder.locations)} nearest the centre have no EVSE")
    recorded_days, on = recorded_demand(folder), TYPICAL
    demand: Demand
    if recorded_days is not None:
        training = [date.fromordinal(int(number)) for number in recorded_days.days[Split.TRAINING]]
        on = next((item for item in reversed(training) if item.weekday() == TYPICAL.weekday()), training[-1])
        demand, source = recorded_days, f"{len(recorded_days.kwh):,} recorded sessions of {folder.name}"
    city = city_of(folder)
    rates, opened = _rates(folder, city, on)
    if recorded_days is None:
        demand, assumed = _assumed(folder, city)
        source = f"{folder.name} without enough recorded days to split; assumed: {assumed}"
    if len(folder.locations) < len(whole.locations):
        source = f"the {len(folder.locations):,} of {len(whole.locations):,} locations nearest the centre; {source}"
    if folder.generated:
        source = f"generated city, {source}"
    source += "; synthetic: origins, lead times, vehicles"
    city = replace(city, price_unit=_price_unit(city, rates, demand))
    if name == RECORDED:
        if not isinstance(demand, RecordedDemand):
            raise ValueError(f"scenario: {whole.name} has too few recorded days to be judged as they were")
        as_they_were = DaysAsRecorded(**{item.name: getattr(demand, item.name) for item in fields(RecordedDemand)})
        mean = round(len(demand.kwh) / sum(len(days) for days in demand.days))
        return Scenario(name, f"{source}; days as they were", city, rates, as_they_were, max(1, mean), opened)
    scenario = Scenario(name, source, city, rates, demand, requests or 1, opened)
    if requests is None:
        count, reached = _scaled(scenario, USED[name])
        source += f"; demand scaled until the optimum uses {USED[name]:.0%} of point-hours"
        if abs(reached - USED[name]) > 0.05 * USED[name]:
            source += f", of which it reaches {reached:.1%}"
        scenario = replace(scenario, requests_a_day=count)
    if recorded_days is not None:
        laid = round(scenario.requests_a_day * sum(len(days) for days in recorded_days.days) / len(recorded_days.kwh))
        if laid > 1:
            source += f"; a day lays about {laid} recorded days over each other"
    return replace(scenario, source=source)


def _assumed(folder: CityFolder, city: City) -> tuple[AssumedDemand, str]:
    """Demand where nothing was recorded, and where its figures are from."""
    arrival, need, source = elaad()
    evses = np.bincount(city.pool_location, weights=city.capacity, minlength=len(city.latitude))
    dc = np.array(
        [any(plug.power_type == PowerType.DC.value for _, plugs in item.evses for plug in plugs) for item in folder.locations]
    )
    return AssumedDemand(arrival, need, evses, city.location_standards, dc), source


def used(scenario: Scenario, count: int) -> float:
    """Share of the day's point-hours that the offline optima of the first training days use with `count` requests, by dual
    prices: to a few hundredths of it."""
    capacity = open_capacity(scenario)
    busy = 0.0
    for number in range(SCALED_BY):
        columns = assignment_columns(scenario, day(scenario, Split.TRAINING.seed(number), requests=count))
        programme = Programme.of(columns, scenario.shape)
        busy += float(np.minimum(programme.wanted(prices(programme, capacity)), capacity).sum())
    return busy / (SCALED_BY * float(scenario.city.capacity.sum()) * DAY_SLOTS)


def _scaled(scenario: Scenario, share: float) -> tuple[int, float]:
    """Requests a day at which the offline optimum uses `share` of point-hours, to 2 %, and what it uses: by secants in
    logarithms. Stops where more requests hardly use more, as where they all come in the same few hours."""
    points = int(scenario.city.capacity.sum())
    count = max(1, round(points * DAY_SLOTS * share / SLOTS_A_SESSION))
    reached = used(scenario, count)
    grows = 1.0
    for _ in range(ROUNDS):
        if abs(reached - share) <= 0.02 * share or reached <= 0 or grows < 0.2:
            break
        factor = min(2.5, max(0.4, (share / reached) ** (1 / grows)))
        following = max(1, round(count * factor))
        if following == count:
            break
        then = used(scenario, following)
        if then > 0:
            grows = min(1.2, max(0.0, math.log(then / reached) / math.log(following / count)))
        count, reached = following, then
    return count, reached


def split_dates(demand: RecordedDemand) -> dict[str, tuple[date, date]]:
    """First and last day of each split, for people."""
    return {
        split.name.lower(): (date.fromordinal(int(days[0])), date.fromordinal(int(days[-1])))
        for split, days in zip(Split, demand.days, strict=True)
    }
