"""A scenario: a city, its rates and opening, its demand, and days of requests by seed."""

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

import numpy as np

from functions.optimizer.core.candidates import PoolRates
from functions.optimizer.core.city import City
from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_A_DAY, SLOTS_A_QUARTER

CCS = "IEC_62196_T2_COMBO"


DAY_QUARTERS = 96
"""Quarter hours of a day: what arrivals and prices are recorded by."""
DAY_SLOTS = SLOTS_A_DAY
HORIZON = 160 * SLOTS_A_QUARTER
"""Slots of a day's occupancy: the day, two hours of starts and the longest session of the slowest EVSE."""


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

    def weekend(self, seed: int, /) -> bool:
        """Whether a seed's day is of a weekend; never where the demand has one kind of day."""
        ...

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that defines it, for fingerprints."""
        ...


@dataclass(frozen=True)
class Scenario:
    """A city with its rates, opening and demand, and how many requests a day brings."""

    name: str
    """as the command line has it"""
    source: str
    """where its figures are from, for people"""
    city: City
    """pools and where they are"""
    rates: PoolRates
    """what a pool costs, [P, T]"""
    demand: Demand
    """where a day's requests come from"""
    requests_a_day: int
    """unless a day is asked for with another number"""
    open: np.ndarray
    """whether a pool may be used, bool [P, T]"""
    minute_of_day: float = 0.0
    """local time at which the horizon begins"""

    @property
    def shape(self) -> tuple[int, int]:
        """Pools and slots of its occupancy."""
        pools, slots = self.rates.energy.shape
        return pools, slots


def fingerprint(scenario: Scenario) -> str:
    """sha256 of all that defines a scenario: city, rates, opening, demand, requests a day."""
    city = scenario.city
    arrays = (
        city.latitude,
        city.longitude,
        city.pool_location,
        city.pool_standard,
        city.pool_power_kw,
        city.capacity,
        scenario.rates.energy,
        scenario.rates.time,
        scenario.rates.flat,
        scenario.open,
        *scenario.demand.arrays(),
        np.array([scenario.requests_a_day, city.price_unit, scenario.minute_of_day]),
    )
    digest = hashlib.sha256(f"{scenario.name}:{scenario.source}".encode())
    for array in arrays:
        digest.update(str((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def day(scenario: Scenario, seed: int, *, requests: int | None = None) -> Requests:
    """One day's requests in order of booking; `Split.seed` says which days are whose."""
    return scenario.demand.day(scenario.city, seed, requests or scenario.requests_a_day)


def drivers_own_weights(requests: Requests, seed: int) -> Requests:
    """The requests with weights of their own, drawn around the default (log-normal, sigma 0.7) and scaled to sum 1."""
    rng = np.random.default_rng([seed, 31])
    drawn = requests.weights * np.exp(rng.normal(0.0, 0.7, requests.weights.shape))
    return replace(requests, weights=drawn / drawn.sum(axis=1, keepdims=True))
