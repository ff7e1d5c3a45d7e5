"""Worker jobs of a training run that choose its policy: bounds of validation days, and a network's cost beside them."""

import numpy as np

from training.evaluation.label_scale import scale_job
from training.evaluation.rollout import bound_cost
from training.learning.hindsight import WeekClimatology, by_kind
from training.learning.network import Weights
from training.problem.scenario import Split, day
from training.scenarios.registry import named


def bound_job(name: str, number: int) -> float:
    """The bound of a scenario's validation day."""
    scenario = named(name)
    return bound_cost(scenario, day(scenario, Split.VALIDATION.seed(number)))


def ratio_job(name: str, known: WeekClimatology, weights: Weights, bounds: np.ndarray) -> float:
    """Mean ratio to the bound of a network on a scenario's validation days, whose bounds are in order of their numbers."""
    scenario = named(name)
    seeds = by_kind(scenario, [Split.VALIDATION.seed(number) for number in range(len(bounds))])
    costs = scale_job(name, known, weights, 1.0, tuple(seeds))
    return float((costs / bounds[[seed - Split.VALIDATION.seed(0) for seed in seeds]]).mean())
