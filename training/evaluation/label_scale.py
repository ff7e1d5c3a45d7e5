"""How far a network is to be trusted in a city, by training days of the city itself.

A says what a row costs those who come later, by prices of an optimum. Where nearly everything is taken whatever is done, a
policy that may turn nobody down gets less for what it leaves free; and a city that a network has never seen may be unlike all
it has. In training each scenario's labels are multiplied by a gain that its days bear out; for a city that is served or judged,
days are run by the network more or less trusted, beside the city's own bid prices (Trust).
"""

from collections.abc import Callable, Sequence

import numpy as np

from functions.optimizer.models.climatology import AS_LEARNT, GREEDY, Trust
from training.evaluation.baselines import ByNetwork, Policy
from training.evaluation.rollout import run
from training.learning.hindsight import Week, side_by_side
from training.learning.network import Weights, scaled
from training.problem.scenario import Scenario, Split, day
from training.scenarios.registry import named

GAIN_DAYS = 6000
"""The training days from this number on tell gains and trust; they are neither labelled nor in the tables."""
TRUSTS = (
    GREEDY, Trust(0.0, 0.5), Trust(0.0, 1.0), Trust(0.25, 0.0), Trust(0.25, 0.25), Trust(0.5, 0.0), Trust(0.5, 0.25),
    Trust(0.75, 0.0), Trust(0.25, 0.75), Trust(0.5, 0.5), Trust(0.75, 0.25), AS_LEARNT,
)  # fmt: skip
TRUST_DAYS, LEAST_TRUST_DAYS, TRUST_REQUESTS = 12, 8, 12_000
"""Days that tell trust: of a large city fewer, about so many requests in all."""
LEAST_DAYS, LEANING = 3, 2.0
SIDE_BY_SIDE = 12
NEGLIGIBLE = 1e-3
"""Where days cost the same but for so much, nothing is at stake, and the network may as well decide."""


def costs_of(scenario: Scenario, known: Week, seeds: Sequence[int], make: Callable[[bool], Policy]) -> np.ndarray:
    """What days cost [D], weekdays first, by a policy that `make` makes for a kind of day."""
    found = []
    for weekend, part in side_by_side(scenario, seeds, SIDE_BY_SIDE):
        days = [day(scenario, seed) for seed in part]
        found.append(run(scenario, days, make(weekend), climatology=known.of(weekend)).costs)
    return np.concatenate(found)


def gain_job(name: str, known: Week, weights: Weights, gain: float, seeds: tuple[int, ...]) -> np.ndarray:
    """What days of a named scenario cost [D] by a network whose A is multiplied by `gain`; seeds weekdays first."""
    return costs_of(named(name), known, seeds, lambda _: ByNetwork(scaled(weights, gain)))


def gain_seeds(scenario: Scenario, days: int, first: int = 0) -> tuple[int, ...]:
    """Training days that tell gains and trust, weekdays first."""
    seeds = [Split.TRAINING.seed(GAIN_DAYS + first + number) for number in range(days)]
    return tuple(sorted(seeds, key=scenario.demand.weekend))


def trust_seeds(scenario: Scenario) -> tuple[int, ...]:
    """The training days of a scenario that tell how far to trust, weekdays first."""
    days = min(TRUST_DAYS, max(LEAST_TRUST_DAYS, TRUST_REQUESTS // scenario.requests_a_day))
    return gain_seeds(scenario, days)


def surely_less(costs: np.ndarray, than: np.ndarray, errors: float = 1.0) -> bool:
    """Whether days [D] cost less than the same days otherwise, by more than so many standard errors of the mean difference."""
    less = 1.0 - costs / than
    return len(less) >= LEAST_DAYS and bool(less.mean() > errors * less.std(ddof=1) / np.sqrt(len(less)))


def better_gain(gains: Sequence[float], costs: Sequence[np.ndarray]) -> float:
    """The gain of least cost [D each] where it is surely better than 1, else that."""
    least = min(range(len(gains)), key=lambda number: float(costs[number].mean()))
    return gains[least] if surely_less(costs[least], costs[list(gains).index(1.0)]) else 1.0


def proven(costs: Sequence[np.ndarray]) -> Trust:
    """Which of TRUSTS days [D each] prove right: the best of those that surely cost less than the network as it was learnt, by
    LEANING errors where a pair leans on the table's prices instead of shrinking towards greedy; else the network; and greedy,
    unless that surely costs less than greedy, or about the same."""
    learnt, greedy = costs[TRUSTS.index(AS_LEARNT)], costs[TRUSTS.index(GREEDY)]
    errors = [LEANING if trust.network + trust.prices >= 1.0 else 1.0 for trust in TRUSTS]
    sure = [number for number, own in enumerate(costs) if surely_less(own, learnt, errors[number])]
    best = min(sure, key=lambda number: float(costs[number].mean()), default=TRUSTS.index(AS_LEARNT))
    if surely_less(costs[best], greedy) or abs(float((costs[best] / greedy).mean()) - 1.0) < NEGLIGIBLE:
        return TRUSTS[best]
    return GREEDY
