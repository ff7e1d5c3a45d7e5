"""Small cities of their own, for training alone: as different from each other as cities are, so that a policy learns what is
scarce anywhere and not one city. Everything about them is drawn, and synthetic."""

from dataclasses import dataclass

import numpy as np

from cities.demand import CONSUMPTION, MAX_SHARE, MIN_KWH
from functions.optimizer.core.candidates import PoolRates
from functions.optimizer.core.city import STANDARD_BIT, City
from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_A_QUARTER
from training.problem.scenario import CCS, DAY_QUARTERS, DAY_SLOTS, HORIZON, Scenario
from training.scenarios.sources import elaad, places, time_of_use

TYPE2, CHADEMO = "IEC_62196_T2", "CHADEMO"
AC_KW, DC_KW = (7.4, 11.0, 22.0), (50.0, 100.0, 150.0)
FEWEST, MOST = 150, 700
"""Requests a day."""
OVER_MIDNIGHT = 32 * SLOTS_A_QUARTER
"""Slots that AC sessions of large batteries may take beyond the reference horizon."""


@dataclass(frozen=True)
class RandomCityDemand:
    """Requests of a random city."""

    arrival: np.ndarray
    """weights of the 96 quarter hours"""
    need_quantiles: np.ndarray
    """of the energy needed, kWh"""
    wanted: np.ndarray
    """how often drivers come for each pool, weights [P]"""
    standards: np.ndarray
    """the pool's connector standard as bits, [P]"""
    dc: np.ndarray
    """whether they charge by direct current there, [P]"""
    lead_min: float
    """mean minutes from booking to arrival"""
    spread: float
    """of origins, degrees"""
    anywhere: float
    """share of drivers who come from anywhere near instead of from beside their pool's location"""

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that defines it."""
        numbers = np.array([self.lead_min, self.spread, self.anywhere])
        return self.arrival, self.need_quantiles, self.wanted, self.standards, self.dc, numbers

    def weekend(self, _seed: int, /) -> bool:
        """Its days are of one kind."""
        return False

    def day(self, city: City, seed: int, count: int) -> Requests:
        """Everything is synthetic."""
        rng = np.random.default_rng([seed, 20_256])
        pool = rng.choice(len(self.wanted), size=count, p=self.wanted)
        dc, where = self.dc[pool], city.pool_location[pool]
        where = np.where(rng.random(count) < self.anywhere, rng.integers(0, len(city.latitude), count), where)
        depart = rng.choice(DAY_QUARTERS, size=count, p=self.arrival) * 15.0 + rng.uniform(0, 15, count)
        battery = rng.choice([40.0, 60.0, 77.0], size=count)
        quantile = rng.uniform(0, len(self.need_quantiles) - 1, count)
        need = np.interp(quantile, np.arange(len(self.need_quantiles)), self.need_quantiles)
        need = np.clip(need, MIN_KWH, MAX_SHARE * battery)
        soc = np.minimum(rng.uniform(0.15, 0.5, count) * battery, battery - need)
        book = np.maximum(0.0, depart - rng.exponential(self.lead_min, count))
        return Requests.build(
            size=count,
            book_min=book,
            depart_min=depart,
            latitude=city.latitude[where] + rng.normal(0, self.spread, count),
            longitude=city.longitude[where] + rng.normal(0, self.spread, count),
            soc_kwh=np.maximum(soc, 0.08 * battery),
            battery_kwh=battery,
            need_kwh=need,
            vehicle_kw=np.where(dc, rng.choice(DC_KW, count), rng.choice(AC_KW, count, p=[0.3, 0.5, 0.2])),
            standards=self.standards[pool],
            consumption=CONSUMPTION,
        ).take(np.argsort(book, kind="stable"))


def random_city(number: int) -> Scenario:
    """The drawn city `number`: 1 to 16 locations, a few points or a campus of slow ones, one to three kinds of plugs that not
    every vehicle has, energy that has a price or none, arrivals like ElaadNL's or in a rush, needs small or large, and demand
    from easy to far too much."""
    rng = np.random.default_rng([number, 20_254])
    campus = rng.random() < 0.25
    count = int(rng.integers(1, 4) if campus else rng.integers(4, 17))
    latitude, longitude, where = places(count, seed=1000 + number)
    plugs = ((TYPE2,), (CCS,), (TYPE2, CCS), (TYPE2, CCS, CHADEMO))[1 if rng.random() < 0.35 else int(rng.integers(0, 4))]
    if campus:
        plugs = (TYPE2,)
    location, standard, power, capacity = [], [], [], []
    for index in range(count):
        has = [plug for plug in plugs if rng.random() < 0.6] or [plugs[int(rng.integers(len(plugs)))]]
        for plug in has:
            fast = plug != TYPE2
            location.append(index)
            standard.append(STANDARD_BIT[plug])
            power.append(rng.choice([22.0, 50.0, 120.0], p=[0.3, 0.5, 0.2]) if fast else rng.choice([7.4, 22.0], p=[0.5, 0.5]))
            capacity.append(int(rng.integers(10, 50)) if campus else int(rng.integers(1, 4 if fast else 7)))
    kw, points = np.array(power), np.array(capacity)
    pools = len(kw)
    slots = HORIZON + OVER_MIDNIGHT
    prices, _ = time_of_use()
    prices = np.resize(prices[:DAY_SLOTS], slots)
    surcharge = np.where(kw >= 50, 0.15, 0.0) + np.where(kw >= 120, 0.15, 0.0)
    energy = (0.25 + 1.5 * prices)[None, :] * rng.uniform(0.85, 1.2, pools)[:, None] + surcharge[:, None]
    if rng.random() < 0.3:
        energy = np.zeros_like(energy)
    arrival, need, drawn = elaad()
    hour = (np.arange(DAY_QUARTERS) + 0.5) / 4
    rush = np.zeros(DAY_QUARTERS)
    for _ in range(int(rng.integers(1, 3))):
        rush += np.exp(-0.5 * ((hour - rng.uniform(6.0, 20.0)) / rng.uniform(0.8, 3.0)) ** 2)
    share = rng.uniform(0.0, 1.0) * (rng.random() < 0.7)
    arrival = (1 - share) * arrival + share * rush / rush.sum()
    need = need * rng.uniform(0.7, 1.5)
    # What a point charges in an hour, by the mean need and what vehicles take of it.
    dc = kw >= 50.0
    taken = np.where(dc, np.minimum(kw, 90.0), np.minimum(kw, 11.0)) * 0.9
    hours = np.clip(need, MIN_KWH, 40.0).mean() / taken + 0.12
    wanted = points / hours * np.exp(rng.normal(0.0, 0.5, pools))
    city = City.build(
        name=f"varied {number}",
        time_zone="UTC",
        currency="USD",
        location_ids=[f"station-{item}" for item in range(count)],
        latitude=latitude,
        longitude=longitude,
        pool_location=np.array(location),
        pool_standard=np.array(standard),
        pool_power_kw=kw,
        capacity=points,
    )
    load = np.exp(rng.uniform(np.log(6.0), np.log(26.0)))
    requests = int(np.clip((points / hours).sum() * load, FEWEST, MOST))
    demand = RandomCityDemand(
        arrival=arrival / arrival.sum(),
        need_quantiles=need,
        wanted=wanted / wanted.sum(),
        standards=1 << np.array(standard),
        dc=dc,
        lead_min=float(rng.uniform(20.0, 150.0)),
        spread=float(rng.uniform(0.004, 0.02)),
        anywhere=float(rng.uniform(0.0, 0.5)),
    )
    source = f"varied; {where}; {drawn}"
    return Scenario(city.name, source, city, PoolRates.build(energy), demand, requests, np.ones((pools, slots), dtype=bool))
