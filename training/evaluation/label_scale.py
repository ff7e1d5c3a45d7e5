"""Calibration on a city's own training days: the scale of its labels in training, the blend of policies that serves it.

A says what a row costs those who come later, by prices of an optimum. Where nearly everything is taken whatever is done, a
policy that may turn nobody down gets less for what it leaves free; and a city that a network has never seen may be unlike all
it has. In training each scenario's labels are multiplied by a scale that its days bear out; for a city that is served or
judged, days are run by blends of the network and the city's own bid prices (PolicyBlend).
"""

from collections.abc import Callable, Sequence

import numpy as np

from functions.optimizer.models.climatology import AS_LEARNT, GREEDY, PolicyBlend
from training.evaluation.baselines import NetworkPolicy, Policy
from training.evaluation.rollout import run_days
from training.learning.hindsight import WeekClimatology, side_by_side
from training.learning.network import Weights, scaled
from training.problem.scenario import Scenario, Split, day
from training.scenarios.registry import named

CALIBRATION_DAYS = 6000
"""The training days from this number on tell scales and blends; they are neither labelled nor in the tables."""
BLENDS = (
    GREEDY,
    *(PolicyBlend(network, prices) for network, prices in ((0.0, 0.5), (0.0, 1.0), (0.25, 0.0), (0.25, 0.25), (0.5, 0.0))),
    *(PolicyBlend(network, prices) for network, prices in ((0.5, 0.25), (0.75, 0.0), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25))),
    AS_LEARNT,
)
"""The blends that are compared, in pairs of shares of the network and of bid prices."""
BLEND_DAYS, LEAST_BLEND_DAYS, BLEND_REQUESTS = 12, 8, 12_000
"""Days that tell a blend: of a large city fewer, about so many requests in all."""
LEAST_DAYS, LEANING = 3, 2.0
SIDE_BY_SIDE = 12
NEGLIGIBLE = 1e-3
"""Where days cost the same but for so much, nothing is at stake, and the network may as well decide."""


def costs_of(
    scenario: Scenario, known: WeekClimatology, seeds: Sequence[int], policy_of: Callable[[bool], Policy]
) -> np.ndarray:
    """What days cost [D], weekdays first, by the policy that `policy_of` builds for a kind of day, a weekend's or not."""
    costs = []
    for weekend, seeds_of_job in side_by_side(scenario, seeds, SIDE_BY_SIDE):
        days = [day(scenario, seed) for seed in seeds_of_job]
        costs.append(run_days(scenario, days, policy_of(weekend), climatology=known.of(weekend)).costs)
    return np.concatenate(costs)


def scale_job(name: str, known: WeekClimatology, weights: Weights, scale: float, seeds: tuple[int, ...]) -> np.ndarray:
    """What days of a named scenario cost [D] by a network whose A is multiplied by `scale`; seeds weekdays first."""
    return costs_of(named(name), known, seeds, lambda _: NetworkPolicy(scaled(weights, scale)))


def calibration_seeds(scenario: Scenario, days: int, first: int = 0) -> tuple[int, ...]:
    """Training days that tell scales and blends, weekdays first."""
    seeds = [Split.TRAINING.seed(CALIBRATION_DAYS + first + number) for number in range(days)]
    return tuple(sorted(seeds, key=scenario.demand.weekend))


def blend_seeds(scenario: Scenario) -> tuple[int, ...]:
    """The training days of a scenario that tell its blend, weekdays first."""
    days = min(BLEND_DAYS, max(LEAST_BLEND_DAYS, BLEND_REQUESTS // scenario.requests_a_day))
    return calibration_seeds(scenario, days)


def surely_less(costs: np.ndarray, than: np.ndarray, errors: float = 1.0) -> bool:
    """Whether days [D] cost less than the same days otherwise, by more than so many standard errors of the mean difference."""
    less = 1.0 - costs / than
    return len(less) >= LEAST_DAYS and bool(less.mean() > errors * less.std(ddof=1) / np.sqrt(len(less)))


def better_scale(scales: Sequence[float], costs: Sequence[np.ndarray]) -> float:
    """The scale of least cost [D each] where it is surely better than 1, else that."""
    least = min(range(len(scales)), key=lambda number: float(costs[number].mean()))
    return scales[least] if surely_less(costs[least], costs[list(scales).index(1.0)]) else 1.0


def proven_blend(costs: Sequence[np.ndarray]) -> PolicyBlend:
    """Which of BLENDS days [D each] prove right: the best of those that surely cost less than the network as it was learnt, by
    LEANING errors where a pair leans on the table's prices instead of shrinking towards greedy; else the network; and greedy,
    unless that surely costs less than greedy, or about the same."""
    learnt, greedy = costs[BLENDS.index(AS_LEARNT)], costs[BLENDS.index(GREEDY)]
    errors = [LEANING if blend.network + blend.prices >= 1.0 else 1.0 for blend in BLENDS]
    sure = [number for number, own in enumerate(costs) if surely_less(own, learnt, errors[number])]
    best = min(sure, key=lambda number: float(costs[number].mean()), default=BLENDS.index(AS_LEARNT))
    if surely_less(costs[best], greedy) or abs(float((costs[best] / greedy).mean()) - 1.0) < NEGLIGIBLE:
        return BLENDS[best]
    return GREEDY
