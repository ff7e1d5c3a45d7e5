"""How many decisions a second the decision core makes on one core without a network: candidates, features, the greedy choice
and the step, in the `overload` scenario, 64 days side by side and one alone.

Time is the processor's (one thread), so that what else runs on the machine counts less; caches and clock it still shares.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from bench.harness import stats
from bench.harness.results import Figure
from bench.harness.subject import Sample
from functions.optimizer.core.features import FEATURE_NAMES
from functions.optimizer.models.policy import RULES, choose
from training.problem.scenario import Scenario, day
from training.scenarios.registry import named
from training.simulation.simulator import Simulator

T = TypeVar("T")
ROUNDS = 5
SCENARIO = "overload"
BATCHES = (64, 1)
STAGES = ("candidates", "features", "choice", "step", "other")
COSTS = {"us_64": "a decision at batch 64, microseconds", "us_1": "a decision at batch 1, microseconds"}


def timed(what: Callable[[], T]) -> tuple[T, float]:
    """What a function returns, and the processor seconds it took."""
    began = time.process_time()
    result = what()
    return result, time.process_time() - began


def decide(scenario: Scenario, batch: int) -> tuple[float, float]:
    """Decides `batch` days side by side: seconds a decision, and a decision's time over that of gathering as many features
    once, from a table with numpy, after each step of the same run."""
    simulator = Simulator(scenario, [day(scenario, seed) for seed in range(batch)])
    rng = np.random.default_rng(0)
    decisions, spent, gathering = 0, 0.0, 0.0
    table = np.zeros((1 << 14, len(FEATURE_NAMES)), dtype=np.float32)
    while not simulator.done:
        began = time.process_time()
        wishes, rows, seen = simulator.observe()
        simulator.step(rows, choose(RULES["greedy"], rows))
        spent += time.process_time() - began
        decisions += len(wishes)
        which = rng.integers(0, len(table), seen.shape[:2])
        gathering += timed(lambda which=which: table[which])[1]  # type: ignore[misc]
    return spent / decisions, spent / gathering


def stages(scenario: Scenario, batch: int) -> dict[str, float]:
    """Shares of a step's time."""
    simulator = Simulator(scenario, [day(scenario, seed) for seed in range(batch)])
    seconds = dict.fromkeys(STAGES, 0.0)
    while not simulator.done:
        took = timed(simulator.requests)[1]
        candidates = timed(simulator.rows)[1]
        (_, rows, _), observed = timed(simulator.observe)
        choice, chose = timed(lambda rows=rows: choose(RULES["greedy"], rows))  # type: ignore[misc]
        _, stepped = timed(lambda rows=rows, choice=choice: simulator.step(rows, choice))  # type: ignore[misc]
        # `rows` and `observe` both take the requests that are up; `observe` lists candidates as `rows` does, then features.
        for name, value in (
            ("other", took),
            ("candidates", candidates - took),
            ("features", observed - candidates),
            ("choice", chose),
            ("step", stepped),
        ):
            seconds[name] += value
    whole = sum(seconds.values())
    return {name: value / whole for name, value in seconds.items()}


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """The scenario, made once."""
    scenario = named(SCENARIO)

    def measure() -> Sample:
        sample: Sample = {}
        for batch in BATCHES:
            seconds, over = decide(scenario, batch)
            sample |= {f"us_{batch}": seconds * 1e6, f"over_gather_{batch}": over}
        return sample | {f"share_{name}": share for name, share in stages(scenario, BATCHES[0]).items()}

    yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Decisions a second at both batches, each beside a ratio, and the shares of a step."""
    figures = {}
    for batch, name in zip(BATCHES, ("core.decisions_per_s", "core.decisions_per_s_1"), strict=True):
        rates = [1e6 / sample[f"us_{batch}"] for sample in samples]
        what = f"{SCENARIO}, batch {batch}: observe with features, greedy, step; {stats.spread(rates)}"
        figures[name] = Figure(stats.median(rates), "1/s, one core", what)
        ratios = [sample[f"over_gather_{batch}"] for sample in samples]
        what = f"batch {batch}: a decision's time over numpy's for gathering as many features once; {stats.spread(ratios)}"
        figures[f"core.over_gather_{batch}"] = Figure(stats.median(ratios), "ratio", what)
    for name in STAGES:
        share = stats.median([sample[f"share_{name}"] for sample in samples])
        figures[f"core.share_{name}"] = Figure(share, "share", f"of a step's time at batch {BATCHES[0]}: {name}")
    return figures
