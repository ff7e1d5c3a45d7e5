"""How many decisions a second the simulator makes on one core without a network: candidates, features, the greedy choice
and the step, in the `overload` scenario.  `python -m bench.simulator`

Time is the processor's (one thread), so that what else runs on the machine counts less; caches and clock it still shares.
"""

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from bench.results import Figure, record
from functions.optimizer.features import FEATURE_NAMES
from functions.optimizer.policy import RULES, choose
from training.scenarios import day, named
from training.simulator import Simulator

T = TypeVar("T")
SCENARIO = "overload"
REPEATS = 3


def timed(what: Callable[[], T]) -> tuple[T, float]:
    """What a function returns, and the processor seconds it took."""
    began = time.process_time()
    found = what()
    return found, time.process_time() - began


def decide(batch: int) -> tuple[float, float]:
    """Decides `batch` days side by side: decisions a second, and a decision's time over that of gathering as many features
    once, from a table with numpy, after each step of the same run."""
    scenario = named(SCENARIO)
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
    return decisions / spent, spent / gathering


def stages(batch: int) -> dict[str, float]:
    """Shares of a step's time."""
    scenario = named(SCENARIO)
    simulator = Simulator(scenario, [day(scenario, seed) for seed in range(batch)])
    seconds = dict.fromkeys(("candidates", "features", "choice", "step", "other"), 0.0)
    while not simulator.done:
        took = timed(simulator.requests)[1]
        candidates = timed(simulator.rows)[1]
        (_, rows, _), observed = timed(simulator.observe)
        choice, chose = timed(lambda rows=rows: choose(RULES["greedy"], rows))  # type: ignore[misc]
        _, stepped = timed(lambda rows=rows, choice=choice: simulator.step(rows, choice))  # type: ignore[misc]
        # `rows` and `observe` both take the requests that are up; `observe` lists candidates as `rows` does, then features.
        for name, value in (
            ("other", took), ("candidates", candidates - took), ("features", observed - candidates),
            ("choice", chose), ("step", stepped),
        ):  # fmt: skip
            seconds[name] += value
    whole = sum(seconds.values())
    return {name: value / whole for name, value in seconds.items()}


def main() -> None:
    """Measures and records."""
    figures = {}
    for batch in (64, 1):
        runs = [decide(batch) for _ in range(REPEATS)]
        what = f"{SCENARIO}, batch {batch}: observe with features, greedy, step; median of {REPEATS} runs"
        rate, ratio = (statistics.median(values) for values in zip(*runs, strict=True))
        figures[f"simulator.decisions_per_s_{batch}"] = Figure(rate, "1/s, one core", what)
        gathered = f"batch {batch}: a decision's time over numpy's for gathering as many features once"
        figures[f"simulator.over_gather_{batch}"] = Figure(ratio, "ratio", gathered)
    for name, share in stages(64).items():
        figures[f"simulator.share_{name}"] = Figure(share, "share", f"of a step's time at batch 64: {name}")
    record(figures)


if __name__ == "__main__":
    main()
