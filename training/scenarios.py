"""Reference scenarios (PROBLEM.md): a city, its tariff and days of requests, by name and seed.

Where the research data is absent a generated stand-in takes its place, and says so in `Scenario.source`.
"""

import csv
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Demand:
    """Distributions requests are drawn from: arrival weights of the 96 quarter hours, and quantiles of need in kWh."""

    arrival: np.ndarray
    need_quantiles: np.ndarray


@dataclass(frozen=True)
class Scenario:
    """A city with rates [P, T], its demand, and how many requests a day brings."""

    name: str
    source: str
    city: City
    rates: Rates
    demand: Demand
    requests_a_day: int
    hotspots: np.ndarray


def data_folder() -> Path:
    """Where the research data lies (EVCHARGING_DATA)."""
    return Path(os.environ.get("EVCHARGING_DATA", "../shared/data"))


def _stations(count: int) -> tuple[np.ndarray, np.ndarray, str]:
    path = data_folder() / "shenzhen_stations" / "stevcdp_stations.csv"
    rng = np.random.default_rng(0)
    if not path.exists():
        return rng.uniform(22.50, 22.62, count), rng.uniform(113.95, 114.15, count), "generated stations"
    with path.open(encoding="utf-8-sig") as file:
        rows = [(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]
    inside = [(lat, lon) for lat, lon in rows if 22.50 <= lat <= 22.62 and 113.95 <= lon <= 114.15]
    chosen = rng.choice(len(inside), size=count, replace=False)
    points = np.array([inside[number] for number in chosen])
    return points[:, 0], points[:, 1], "ST-EVCDP stations (MIT)"


def _tou() -> tuple[np.ndarray, str]:
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


def _demand() -> tuple[Demand, str]:
    folder = data_folder() / "elaad_dists"
    if not folder.exists():
        arrival = np.repeat(ARRIVAL_SHARES, 4)
        need = np.interp(np.arange(101), np.arange(0, 101, 10), NEED_DECILES_KWH)
        return Demand(arrival / arrival.sum(), need), "ElaadNL public (hourly shares and deciles in the code)"
    with (folder / "distribution-of-arrival.csv").open(encoding="utf-8-sig") as file:
        arrival = np.array([float(row["public"]) for row in csv.DictReader(file)])
    with (folder / "distribution-of-energy-demand.csv").open(encoding="utf-8-sig") as file:
        need = np.array([float(row["public"]) for row in csv.DictReader(file)])
    return Demand(arrival / arrival.sum(), np.sort(need)), "ElaadNL public (EV2Gym, MIT)"


def fingerprint(scenario: Scenario) -> str:
    """sha256 of all that defines a scenario: city, rates, demand, requests a day, hotspots."""
    city, demand = scenario.city, scenario.demand
    arrays = (
        city.latitude, city.longitude, city.pool_location, city.pool_standard, city.pool_power_kw, city.capacity,
        scenario.rates.energy, scenario.rates.time, scenario.rates.flat, demand.arrival, demand.need_quantiles,
        scenario.hotspots, np.array([scenario.requests_a_day, city.price_unit]),
    )  # fmt: skip
    found = hashlib.sha256(f"{scenario.name}:{scenario.source}".encode())
    for array in arrays:
        found.update(str((array.dtype.str, array.shape)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def reference(name: str) -> Scenario:
    """The reference scenario `slack`, `busy` or `overload`; power and price are a station's. Seed 0 throughout."""
    stations, points, requests = SIZES[name]
    latitude, longitude, where = _stations(stations)
    rng = np.random.default_rng(0)
    power = rng.choice([22.0, 50.0, 120.0], size=stations, p=[0.4, 0.4, 0.2])
    factor = rng.uniform(0.85, 1.2, stations)
    tou, tariff = _tou()
    demand, drawn = _demand()
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
    return Scenario(name, f"{where}; {tariff}; {drawn}", city, Rates.build(energy), demand, requests, hotspots)


def day(scenario: Scenario, seed: int, *, requests: int | None = None) -> Requests:
    """One day's requests in order of booking. Origins and lead times are synthetic."""
    rng = np.random.default_rng([seed, 20_251])
    count = requests or scenario.requests_a_day
    city = scenario.city
    arrive = rng.choice(DAY_SLOTS, size=count, p=scenario.demand.arrival) * 15.0 + rng.uniform(0, 15, count)
    lead = rng.exponential(90.0, count)
    hot = rng.random(count) < 0.5
    spot = rng.choice(scenario.hotspots, size=count)
    latitude = np.where(hot, city.latitude[spot] + rng.normal(0, 0.012, count), rng.uniform(22.50, 22.62, count))
    longitude = np.where(hot, city.longitude[spot] + rng.normal(0, 0.012, count), rng.uniform(113.95, 114.15, count))
    battery = rng.choice([40.0, 60.0, 77.0], size=count)
    quantile = rng.uniform(0, len(scenario.demand.need_quantiles) - 1, count)
    need = np.interp(quantile, np.arange(len(scenario.demand.need_quantiles)), scenario.demand.need_quantiles)
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
