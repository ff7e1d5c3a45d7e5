"""Scenarios of a city folder: its stations, hours and tariffs, and days made of its real sessions.

Real are the place, the start and the kWh of a request; origins, lead times, batteries and vehicles are synthetic, drawn by
PROBLEM.md's rules. A scenario's day lays several recorded days of one split over each other until it has as many requests as
the scenario asks for; a city without sessions is asked for what ElaadNL measured, and its `source` says so.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cities.demand import CONSUMPTION, LEAD_MEAN_MIN, MAX_SHARE, MIN_KWH, ORIGIN_SD_DEGREES, real_sessions
from functions.optimizer.candidates import SLOT_MIN, Rates, Requests, charge_hours, session_price
from functions.optimizer.city import REFERENCE_PRICE_UNIT, City, CityFolder, city_of, load_city, load_sessions, standard_bits
from functions.stations.opening import open_slots
from functions.stations.pricing import compile_rates
from functions.stations.words import PowerType
from training.bound import occupancy, offline
from training.scenarios import DAY_SLOTS, Demand, Scenario, Split, day, elaad

SLOTS = 192
"""Two days: the slowest AC session of a large battery takes most of one."""
USED = {"slack": 0.03, "busy": 0.42, "overload": 0.60}
"""Share of point-hours the offline optimum uses in each scenario (PROBLEM.md)."""
SHARES = (0.6, 0.8)
"""Training days end, and validation days end, at these shares of the recorded days, in order of date."""
TYPICAL = date(2026, 3, 4)
"""A Wednesday: whose tariff and hours stand for every day where a city has no sessions."""


@dataclass(frozen=True)
class Recorded:
    """Real sessions in arrays [N]: local day number, whether it is a weekend, start minute of the local day, location, kWh,
    connector standards as bits, and whether it charged by direct current. `days` are each split's day numbers."""

    day_number: np.ndarray
    weekend: np.ndarray
    minute: np.ndarray
    location: np.ndarray
    kwh: np.ndarray
    standards: np.ndarray
    dc: np.ndarray
    days: tuple[np.ndarray, ...]

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All sessions and the split."""
        return self.day_number, self.minute, self.location, self.kwh, self.standards, self.dc, *self.days

    def day(self, city: City, seed: int, count: int) -> Requests:
        """`count` requests of whole recorded days of the seed's split laid over each other, the last one thinned."""
        rng = np.random.default_rng([seed, 20_252])
        own = self.days[Split.of(seed)]
        first = int(rng.choice(own))
        like = own[np.isin(own, self.day_number[self.weekend == self.weekend[self.day_number == first][0]])]
        chosen: list[np.ndarray] = []
        missing = count
        order = [first, *rng.permutation(like[like != first]).tolist()]
        for turn in range(1 + count):
            if missing <= 0:
                break
            rows = np.flatnonzero(self.day_number == order[turn % len(order)])
            if len(rows) > missing:
                rows = np.sort(rng.choice(rows, size=missing, replace=False))
            chosen.append(rows)
            missing -= len(rows)
        return self._requests(city, rng, np.concatenate(chosen))

    def _requests(self, city: City, rng: np.random.Generator, rows: np.ndarray) -> Requests:
        where, dc, size = self.location[rows], self.dc[rows], len(rows)
        # A day laid twice over itself does not start twice on the same second.
        depart = self.minute[rows] + rng.uniform(0, 1, size)
        lead = rng.exponential(LEAD_MEAN_MIN, size)
        return _vehicles(
            rng,
            dc=dc,
            kwh=self.kwh[rows],
            book_min=np.maximum(0.0, depart - lead),
            depart_min=depart,
            latitude=city.latitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, size),
            longitude=city.longitude[where] + rng.normal(0, ORIGIN_SD_DEGREES, size),
            standards=self.standards[rows],
        )


@dataclass(frozen=True)
class Assumed:
    """Requests at ElaadNL's public arrival times and energies around a city's locations, by their EVSEs: where a city
    folder has no sessions. `standards` and `dc` are a location's."""

    arrival: np.ndarray
    need_quantiles: np.ndarray
    evses: np.ndarray
    standards: np.ndarray
    dc: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Its distributions."""
        return self.arrival, self.need_quantiles, self.evses, self.standards, self.dc

    def day(self, city: City, seed: int, count: int) -> Requests:
        """Everything is synthetic."""
        rng = np.random.default_rng([seed, 20_253])
        where = rng.choice(len(self.evses), size=count, p=self.evses / self.evses.sum())
        depart = rng.choice(DAY_SLOTS, size=count, p=self.arrival) * SLOT_MIN + rng.uniform(0, SLOT_MIN, count)
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


def recorded(folder: CityFolder) -> Recorded | None:
    """A folder's real sessions split by date, None where there are too few days to split."""
    zone = ZoneInfo(folder.time_zone)
    index = {evse: number for number, location in enumerate(folder.locations) for evse, _ in location.evses}
    plugs = {evse: connectors for location in folder.locations for evse, connectors in location.evses}
    rows = []
    for session in real_sessions(load_sessions(folder.path)):
        if session.evse_id not in index:
            continue
        local, found = session.start.astimezone(zone), plugs[session.evse_id]
        rows.append(
            (
                local.toordinal(), local.weekday() >= 5, local.hour * 60 + local.minute + local.second / 60.0,
                index[session.evse_id], session.energy_kwh, standard_bits([plug.standard for plug in found]),
                found[0].power_type == PowerType.DC.value,
            )
        )  # fmt: skip
    numbers = np.unique([row[0] for row in rows])
    first, second = (int(share * len(numbers)) for share in SHARES)
    if not 0 < first < second < len(numbers):
        return None
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    days = (numbers[:first], numbers[first:second], numbers[second:])
    return Recorded(*columns, days)  # type: ignore[arg-type]


def one_connector(folder: CityFolder) -> CityFolder:
    """The folder with the first connector of each EVSE alone: in the simulator an EVSE is in one pool, so that nobody
    counts it twice."""
    locations = tuple(
        replace(location, evses=tuple((evse, connectors[:1]) for evse, connectors in location.evses))
        for location in folder.locations
    )
    return replace(folder, locations=locations)


def _rates(folder: CityFolder, city: City, on: date) -> tuple[Rates, np.ndarray]:
    """Rates and opening of each pool over the horizon that begins at the day's local midnight."""
    zone = ZoneInfo(folder.time_zone)
    midnight = datetime.combine(on, time(), zone)
    slot0 = round(midnight.timestamp() / 60 / SLOT_MIN)
    plugs = {evse: connectors[0] for location in folder.locations for evse, connectors in location.evses}
    energy, hourly, flat = np.zeros((len(city.capacity), SLOTS)), np.zeros((len(city.capacity), SLOTS)), []
    opened = np.ones((len(city.capacity), SLOTS), dtype=bool)
    for pool, evses in enumerate(city.evse_ids):
        tariff = folder.tariff_of(evses[0], plugs[evses[0]].connector_id)
        if tariff is not None:
            power = float(city.pool_power_kw[pool])
            rates = compile_rates(tariff, time_zone=folder.time_zone, slot0=slot0, slots=SLOTS, power_kw=power)
            energy[pool], hourly[pool] = rates.energy, rates.time
        flat.append(0.0 if tariff is None else rates.flat)
        hours = folder.locations[int(city.pool_location[pool])].opening_times
        opened[pool] = open_slots(hours, folder.time_zone, midnight, SLOTS)
    return Rates.build(energy, hourly, np.array(flat)), opened


def _price_unit(city: City, rates: Rates, demand: Demand) -> float:
    """Three times the median price of a request's session at the first pool that fits it (PROBLEM.md)."""
    wishes = demand.day(city, Split.TRAINING.seed(0), 500)
    fits = (wishes.standards[:, None] >> city.pool_standard[None, :]) & 1
    pool = fits.argmax(axis=1)
    hours = charge_hours(wishes, city.pool_power_kw[pool][:, None])[:, 0]
    start = np.minimum((wishes.depart_min // SLOT_MIN).astype(np.int64), SLOTS - 1)
    median = float(np.median(session_price(rates, pool, start, hours, wishes.need_kwh)))
    return 3.0 * median if median > 0 else REFERENCE_PRICE_UNIT


def city_scenario(path: Path, name: str, *, requests: int | None = None) -> Scenario:
    """The scenario `name` of a city folder. Raises Invalid naming what is wrong with the folder, ValueError for the name.

    Without `requests` a day, demand is scaled until the offline optimum of a training day uses the scenario's share of
    point-hours: a few linear programmes.
    """
    if name not in USED:
        raise ValueError(f"scenario: must be one of {', '.join(USED)}, not {name!r}")
    folder = one_connector(load_city(path))
    found = recorded(folder)
    on = TYPICAL
    demand: Demand
    if found is not None:
        training = [date.fromordinal(int(number)) for number in found.days[Split.TRAINING]]
        on = next((item for item in reversed(training) if item.weekday() == TYPICAL.weekday()), training[-1])
        demand, source = found, f"{len(found.kwh):,} recorded sessions of {folder.name}"
    city = city_of(folder)
    rates, opened = _rates(folder, city, on)
    if found is None:
        arrival, need, source = elaad()
        evses = np.bincount(city.pool_location, weights=city.capacity, minlength=len(city.latitude))
        dc = np.array(
            [
                any(plug.power_type == PowerType.DC.value for _, plugs in item.evses for plug in plugs)
                for item in folder.locations
            ]
        )
        demand = Assumed(arrival, need, evses, city.location_standards, dc)
        source = f"no recorded days to split; assumed: {source}"
    city = replace(city, price_unit=_price_unit(city, rates, demand))
    generated = "generated city, " if folder.generated else ""
    made = Scenario(name, f"{generated}{source}; origins, lead times, vehicles synthetic", city, rates, demand, 1, opened)
    return replace(made, requests_a_day=requests or _scaled(made, USED[name]))


def used(scenario: Scenario, count: int) -> float:
    """Share of the day's point-hours that the offline optimum of the first training day uses with `count` requests."""
    solution, found = offline(scenario, day(scenario, Split.TRAINING.seed(0), requests=count))
    busy = occupancy(found, solution.share, scenario.shape)
    return float(busy.sum() / (scenario.city.capacity.sum() * DAY_SLOTS))


def _scaled(scenario: Scenario, share: float) -> int:
    """Requests a day at which the offline optimum uses `share` of point-hours, to 2 %: by secants, use being nearly
    proportional to demand until little is free."""
    points = int(scenario.city.capacity.sum())
    count = max(4, round(points * DAY_SLOTS * share / 6))
    for _ in range(5):
        found = used(scenario, count)
        if abs(found - share) <= 0.02 * share or found <= 0:
            break
        count = max(4, round(count * min(2.5, max(0.4, share / found))))
    return count


def split_dates(found: Recorded) -> dict[str, tuple[date, date]]:
    """First and last day of each split, for people."""
    return {
        split.name.lower(): (date.fromordinal(int(days[0])), date.fromordinal(int(days[-1])))
        for split, days in zip(Split, found.days, strict=True)
    }
