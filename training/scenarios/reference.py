"""Reference scenarios (PROBLEM.md): a city, its tariff and days of requests, by name and seed.

Where the research data is absent a generated stand-in takes its place, and says so in `Scenario.source`. Scenarios of city
folders are made in `training.scenarios.recorded_city`.
"""

from dataclasses import dataclass

import numpy as np

from functions.optimizer.core.candidates import PoolRates
from functions.optimizer.core.city import STANDARD_BIT, City
from functions.optimizer.core.requests import Requests
from shared.energy import CONSUMPTION_KWH_PER_KM
from training.problem.scenario import CCS, DAY_QUARTERS, HORIZON, Scenario
from training.scenarios.sources import elaad, places, time_of_use

SIZES = {"slack": (50, 8, 500), "busy": (12, 2, 500), "overload": (12, 2, 800)}
"""Stations, points a station, requests a day."""


@dataclass(frozen=True)
class ReferenceDemand:
    """The reference demand: arrival weights of the 96 quarter hours, quantiles of need in kWh, hotspot locations. Half of
    the origins lie around a hotspot, half anywhere."""

    arrival: np.ndarray
    need_quantiles: np.ndarray
    hotspots: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Its distributions."""
        return self.arrival, self.need_quantiles, self.hotspots

    def weekend(self, _seed: int, /) -> bool:
        """Its days are of one kind."""
        return False

    def day(self, city: City, seed: int, count: int) -> Requests:
        """Origins and lead times are synthetic, arrival and need as ElaadNL measured them."""
        rng = np.random.default_rng([seed, 20_251])
        arrive = rng.choice(DAY_QUARTERS, size=count, p=self.arrival) * 15.0 + rng.uniform(0, 15, count)
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
    return Scenario(name, source, city, PoolRates.build(energy), ReferenceDemand(arrival, need, hotspots), requests, opened)
