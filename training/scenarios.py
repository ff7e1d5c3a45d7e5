"""Reference scenarios (PROBLEM.md): a city, its tariff and days of requests, by name and seed.

Where the research data is absent a generated stand-in takes its place, and says so in `Scenario.source`. Scenarios of city
folders are made in `training.city_scenarios`.
"""

import csv
import hashlib
import json
import os
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from cities.elaad import ARRIVAL_SHARES, NEED_DECILES_KWH
from functions.optimizer.candidates import CONSUMPTION_KWH_PER_KM, Rates, Requests
from functions.optimizer.city import STANDARD_BIT, City

CCS = "IEC_62196_T2_COMBO"
DAY_SLOTS = 96
HORIZON = 160
"""Slots of a day's book: the day, two hours of starts and the longest session of the slowest EVSE."""
SIZES = {"slack": (50, 8, 500), "busy": (12, 2, 500), "overload": (12, 2, 800)}
"""Stations, points a station, requests a day."""


SPLIT_SEEDS = 10_000
"""Seeds of a split; the splits' days never meet."""


class Split(IntEnum):
    """Which days a seed draws: training's, those a policy is chosen on, or those it is judged on."""

    TRAINING = 0
    VALIDATION = 1
    TEST = 2

    def seed(self, number: int) -> int:
        """The seed of the split's day `number`. Raises ValueError where the split has no such day."""
        if not 0 <= number < SPLIT_SEEDS:
            raise ValueError(f"number: must be from 0 to {SPLIT_SEEDS - 1}, not {number}")
        return self.value * SPLIT_SEEDS + number

    @classmethod
    def of(cls, seed: int) -> "Split":
        """The split a seed belongs to; those beyond the last belong to it."""
        return cls(min(seed // SPLIT_SEEDS, cls.TEST.value))


class Demand(Protocol):
    """Where a day's requests come from."""

    def day(self, city: City, seed: int, count: int) -> Requests:
        """`count` requests of one day, in order of booking; the same for the same seed."""
        ...

    def weekend(self, seed: int) -> bool:
        """Whether a seed's day is of a weekend; never where the demand has one kind of day."""
        ...

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that defines it, for fingerprints."""
        ...


@dataclass(frozen=True)
class Drawn:
    """The reference demand: arrival weights of the 96 quarter hours, quantiles of need in kWh, hotspot locations. Half of
    the origins lie around a hotspot, half anywhere."""

    arrival: np.ndarray
    need_quantiles: np.ndarray
    hotspots: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Its distributions."""
        return self.arrival, self.need_quantiles, self.hotspots

    def weekend(self, seed: int) -> bool:
        """Its days are of one kind."""
        return False

    def day(self, city: City, seed: int, count: int) -> Requests:
        """Origins and lead times are synthetic, arrival and need as ElaadNL measured them."""
        rng = np.random.default_rng([seed, 20_251])
        arrive = rng.choice(DAY_SLOTS, size=count, p=self.arrival) * 15.0 + rng.uniform(0, 15, count)
        lead = rng.exponential(90.0, count)
        hot = rng.random(count) < 0.5
        spot = rng.choice(self.hotspots, size=count)
        latitude = np.where(hot, city.latitude[spot] + rng.normal(0, 0.012, count), rng.uniform(22.50, 22.62, count))
        longitude = np.where(hot, city.longitude[spot] + rng.normal(0, 0.012, count), rng.uniform(113.95, 114.15, count))
        battery = rng.choice([40.0, 60.0, 77.0], size=count)
        quantile = rng.uniform(0, len(self.need_quantiles) - 1, count)
        need = np.interp(quantile, np.arange(len(self.need_quantiles)), self.need_quantiles)
        need = np.clip(need, 4.0, 0.7 * battery)
        vehicle = rng.choice([11.0, 50.0, 100.0, 150.0], size=count, p=[0.1, 0.3, 0.4, 0.2])
        soc = np.minimum(rng.uniform(0.15, 0.5, count) * battery, battery - need)
        order = np.argsort(arrive - lead, kind="stable")
        return Requests.build(
            size=count,
            book_min=np.maximum(0.0, arrive - lead),
            depart_min=arrive,
            latitude=latitude,
            longitude=longitude,
            soc_kwh=np.maximum(soc, 3.0),
            battery_kwh=battery,
            need_kwh=need,
            vehicle_kw=vehicle,
            standards=1 << STANDARD_BIT[CCS],
            consumption=CONSUMPTION_KWH_PER_KM,
        ).take(order)


@dataclass(frozen=True)
class Scenario:
    """A city with rates [P, T] and opening [P, T], its demand, and how many requests a day brings. The horizon begins at
    `minute_of_day` of local time."""

    name: str
    source: str
    city: City
    rates: Rates
    demand: Demand
    requests_a_day: int
    open: np.ndarray
    minute_of_day: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Pools and slots of its book."""
        pools, slots = self.rates.energy.shape
        return pools, slots


def data_folder() -> Path:
    """Where the research data lies (EVCHARGING_DATA)."""
    return Path(os.environ.get("EVCHARGING_DATA", "../shared/data"))


def places(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, str]:
    """`count` stations of ST-EVCDP by seed: latitudes, longitudes, and where they are from."""
    path = data_folder() / "shenzhen_stations" / "stevcdp_stations.csv"
    rng = np.random.default_rng(seed)
    if not path.exists():
        return rng.uniform(22.50, 22.62, count), rng.uniform(113.95, 114.15, count), "generated stations"
    with path.open(encoding="utf-8-sig") as file:
        rows = [(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]
    inside = [(lat, lon) for lat, lon in rows if 22.50 <= lat <= 22.62 and 113.95 <= lon <= 114.15]
    chosen = rng.choice(len(inside), size=count, replace=False)
    points = np.array([inside[number] for number in chosen])
    return points[:, 0], points[:, 1], "ST-EVCDP stations (MIT)"


def time_of_use() -> tuple[np.ndarray, str]:
    """SCE TOU-EV-4 of March 2019, winter weekday, per kWh by quarter hour over the horizon."""
    path = data_folder() / "tariffs" / "sce_tou_ev_4_march_2019.json"
    times, prices = [0, 8, 12, 18, 23], [0.06087, 0.07492, 0.0869, 0.07492, 0.06087]
    source = "SCE TOU-EV-4 (figures in the code)"
    if path.exists():
        schedule = json.loads(path.read_text())["schedule"]
        winter = next(item for item in schedule if item["id"] == "Winter-Weekday")
        times, prices, source = winter["times"], winter["tariffs"], "SCE TOU-EV-4 (acnportal, BSD-3)"
    hours = (np.arange(HORIZON) % DAY_SLOTS) // 4
    return np.array([prices[np.searchsorted(times, hour, side="right") - 1] for hour in hours]), source


def elaad() -> tuple[np.ndarray, np.ndarray, str]:
    """ElaadNL's public charging: shares of arrivals [96], quantiles of need in kWh, and where the figures are from."""
    folder = data_folder() / "elaad_dists"
    if not folder.exists():
        arrival = np.repeat(ARRIVAL_SHARES, 4)
        need = np.interp(np.arange(101), np.arange(0, 101, 10), NEED_DECILES_KWH)
        return arrival / arrival.sum(), need, "ElaadNL public (hourly shares and deciles in the code)"
    with (folder / "distribution-of-arrival.csv").open(encoding="utf-8-sig") as file:
        arrival = np.array([float(row["public"]) for row in csv.DictReader(file)])
    with (folder / "distribution-of-energy-demand.csv").open(encoding="utf-8-sig") as file:
        need = np.array([float(row["public"]) for row in csv.DictReader(file)])
    return arrival / arrival.sum(), np.sort(need), "ElaadNL public (EV2Gym, MIT)"


def fingerprint(scenario: Scenario) -> str:
    """sha256 of all that defines a scenario: city, rates, opening, demand, requests a day."""
    city = scenario.city
    arrays = (
        city.latitude, city.longitude, city.pool_location, city.pool_standard, city.pool_power_kw, city.capacity,
        scenario.rates.energy, scenario.rates.time, scenario.rates.flat, scenario.open, *scenario.demand.arrays(),
        np.array([scenario.requests_a_day, city.price_unit, scenario.minute_of_day]),
    )  # fmt: skip
    found = hashlib.sha256(f"{scenario.name}:{scenario.source}".encode())
    for array in arrays:
        found.update(str((array.dtype.str, array.shape)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def reference(name: str) -> Scenario:
    """The reference scenario `slack`, `busy` or `overload`; power and price are a station's. Seed 0 throughout."""
    stations, points, requests = SIZES[name]
    latitude, longitude, where = places(stations)
    rng = np.random.default_rng(0)
    power = rng.choice([22.0, 50.0, 120.0], size=stations, p=[0.4, 0.4, 0.2])
    factor = rng.uniform(0.85, 1.2, stations)
    tou, tariff = time_of_use()
    arrival, need, drawn = elaad()
    surcharge = np.where(power >= 50, 0.15, 0.0) + np.where(power >= 120, 0.15, 0.0)
    energy = (0.25 + 1.5 * tou)[None, :] * factor[:, None] + surcharge[:, None]
    city = City.build(
        name=f"reference {name}",
        time_zone="UTC",
        currency="USD",
        location_ids=[f"station-{number}" for number in range(stations)],
        latitude=latitude,
        longitude=longitude,
        pool_location=np.arange(stations),
        pool_standard=np.full(stations, STANDARD_BIT[CCS]),
        pool_power_kw=power,
        capacity=np.full(stations, points),
    )
    hotspots = rng.choice(stations, size=min(6, stations), replace=False)
    source = f"{where}; {tariff}; {drawn}"
    opened = np.ones((stations, HORIZON), dtype=bool)
    return Scenario(name, source, city, Rates.build(energy), Drawn(arrival, need, hotspots), requests, opened)


@lru_cache(maxsize=64)
def named(name: str) -> Scenario:
    """`slack`, `busy`, `overload`, `varied-N`, or `city:FOLDER:NAME` of a city folder. Raises ValueError for another name,
    Invalid for a folder that is none."""
    if name.startswith("city:"):
        from training.city_scenarios import city_scenario  # it builds on this module

        folder, _, own = name.removeprefix("city:").rpartition(":")
        return city_scenario(Path(folder), own)
    if name in SIZES:
        return reference(name)
    kind, _, number = name.partition("-")
    if kind == "varied" and number.isdigit():
        from training.varied import varied  # it builds on this module

        return varied(int(number))
    raise ValueError(f"scenario: must be one of {', '.join(SIZES)} or varied-N, not {name!r}")


def day(scenario: Scenario, seed: int, *, requests: int | None = None) -> Requests:
    """One day's requests in order of booking; `Split.seed` says which days are whose."""
    return scenario.demand.day(scenario.city, seed, requests or scenario.requests_a_day)


def drivers_own_weights(requests: Requests, seed: int) -> Requests:
    """The requests with weights of their own, drawn around the default (log-normal, sigma 0.7) and scaled to sum 1."""
    rng = np.random.default_rng([seed, 31])
    drawn = requests.weights * np.exp(rng.normal(0.0, 0.7, requests.weights.shape))
    return replace(requests, weights=drawn / drawn.sum(axis=1, keepdims=True))
