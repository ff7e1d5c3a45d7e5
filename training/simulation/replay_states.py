"""Recorded states: requests of a day replayed by a rule or by a policy, each with the occupancy as it stood."""

from collections.abc import Callable, Iterator

import numpy as np

from functions.optimizer.core.candidates import SLOT_MIN, Candidates, candidates
from functions.optimizer.core.features import Climatology
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.policy import RULES, choose
from shared.slots import SLOTS_A_QUARTER
from training.problem.scenario import DAY_SLOTS, Scenario, day
from training.scenarios.sources import elaad

State = tuple[Requests, Occupancy, Candidates]
Chooser = Callable[[Requests, Occupancy, Candidates], int]
"""The row a request gets; -1: none. There is at least one."""


def by_rule(name: str) -> Chooser:
    """A rule of functions.optimizer.models.policy.RULES."""
    return lambda _wish, _book, rows: int(choose(RULES[name], rows)[0])


def replay(
    scenario: Scenario, seed: int, *, rule: str = "greedy", requests: int | None = None, chooser: Chooser | None = None
) -> Iterator[State]:
    """Each request of a day, the occupancy before it, and its candidates; then the chooser (else the rule) books its choice."""
    chooser = chooser or by_rule(rule)
    wishes = day(scenario, seed, requests=requests)
    busy = np.zeros((1, *scenario.shape), dtype=np.int64)
    for number in range(len(wishes)):
        wish = wishes.take(np.array([number]))
        occupancy = Occupancy(busy.copy(), scenario.open[None], scenario.minute_of_day)
        rows = candidates(scenario.city, wish, occupancy, scenario.rates)
        yield wish, occupancy, rows
        row = chooser(wish, occupancy, rows) if rows.mask.any() else -1
        if row >= 0:
            start = int(rows.start[0, row])
            busy[0, rows.pool[0, row], start : start + int(rows.length[0, row])] += 1


def unknown(scenario: Scenario) -> Climatology:
    """No climatology: zeros of the scenario's shape."""
    return Climatology.unknown(*scenario.shape)


def assumed(scenario: Scenario, seed: int = 0) -> Climatology:
    """A climatology nobody measured, of the size of a real one, for states that are to have all features: ElaadNL's
    arrivals over the day, each pool with its own share of them, prices where demand is above capacity."""
    rng = np.random.default_rng([seed, 20_255])
    pools, slots = scenario.shape
    arrival, _, _ = elaad()
    quarter = (np.arange(slots) + round(scenario.minute_of_day / SLOT_MIN)) % DAY_SLOTS // SLOTS_A_QUARTER
    share = rng.dirichlet(np.ones(pools))
    demand = scenario.requests_a_day * 4.0 * share[:, None] * arrival[quarter][None, :]
    used = demand / scenario.city.capacity[:, None]
    return Climatology(np.minimum(1.0, used), demand, np.minimum(0.25, 0.1 * np.maximum(0.0, used - 0.8)) / SLOTS_A_QUARTER)
