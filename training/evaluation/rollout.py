"""Rollouts: days run by a policy in the simulator, and what perfect foresight would have made of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from functions.optimizer.core.candidates import EVERY_OFFSET
from functions.optimizer.core.features import Climatology
from functions.optimizer.core.requests import Requests
from training.evaluation.baselines import Policy, RollingMilp, View, assign_batch
from training.optimum.bound import assignment_columns, open_capacity
from training.optimum.column_generation import solve_by_column_generation
from training.problem.scenario import Scenario
from training.simulation.day_state import Served
from training.simulation.disturbances import NO_DISTURBANCES, Disturbances
from training.simulation.simulator import Simulator


def _none() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Rollout:
    """Days run by one policy: what became of each request, and how long each step took, seconds [steps]. Of a policy that
    falls back, for each day [D]: requests the greedy rule decided for it, and requests that had a row; else empty."""

    days: tuple[Served, ...]
    seconds: np.ndarray
    fallbacks: np.ndarray = field(default_factory=_none)
    decisions: np.ndarray = field(default_factory=_none)

    @property
    def costs(self) -> np.ndarray:
        """Cost of each day, [D]."""
        return np.array([item.cost.sum() for item in self.days])


@runtime_checkable
class CountsFallbacks(Protocol):
    """A policy that counts, for each day side by side [E], what it decided and what the greedy rule decided for it."""

    fallbacks: np.ndarray
    decisions: np.ndarray


def joined_rollouts(rollouts: Sequence[Rollout]) -> Rollout:
    """Rollouts of different days as one."""
    return Rollout(
        tuple(item for rollout in rollouts for item in rollout.days),
        np.concatenate([rollout.seconds for rollout in rollouts]),
        np.concatenate([rollout.fallbacks for rollout in rollouts]),
        np.concatenate([rollout.decisions for rollout in rollouts]),
    )


def run_days(
    scenario: Scenario,
    days: list[Requests],
    policy: Policy | RollingMilp,
    *,
    climatology: Climatology | None,
    disturbances: Disturbances = NO_DISTURBANCES,
    seed: int = 0,
) -> Rollout:
    """Runs days side by side by a policy.

    `seconds` is a step's time, candidates and features included: of one decision where there is one day (see `latency`), of a
    whole batch where a policy collects requests.
    """
    simulator = Simulator(scenario, days, climatology=climatology, disturbances=disturbances, seed=seed)
    if isinstance(policy, RollingMilp):
        took = [second for env in range(len(days)) for second in _rolling(simulator, env, policy.window_min)]
    else:
        took = _stepped(simulator, policy)
    done = tuple(simulator.of_day(env) for env in range(len(days)))
    if isinstance(policy, CountsFallbacks):
        return Rollout(done, np.array(took), policy.fallbacks, policy.decisions)
    return Rollout(done, np.array(took))


def latency(
    scenario: Scenario, requests: Requests, policy: Policy, *, climatology: Climatology | None, decisions: int = 300
) -> np.ndarray:
    """Seconds of each of a day's decisions, one request at a time as in serving, candidates and features included; the
    first few, which warm up, are left out: [at most decisions]."""
    warm = 5
    simulator = Simulator(scenario, [requests], climatology=climatology)
    return np.array(_stepped(simulator, policy, most=decisions + warm)[warm if len(requests) > warm else 0 :])


def _stepped(simulator: Simulator, policy: Policy, most: int | None = None) -> list[float]:
    took: list[float] = []
    while not simulator.done and (most is None or len(took) < most):
        began = time.perf_counter()
        if policy.wants_features:
            wishes, rows, seen = simulator.observe()
        else:
            wishes, rows = simulator.rows()
            seen = None
        choice = policy.choose(View(simulator, wishes, rows, seen))
        took.append(time.perf_counter() - began)
        simulator.step(rows, choice)
    return took


def _rolling(simulator: Simulator, env: int, window_min: float) -> list[float]:
    """One day in batches; the requests of a window are assigned together at its end."""
    first, size = int(simulator.state.days.offsets[env]), int(simulator.state.days.sizes[env])
    own = np.arange(first, first + size)
    window = (simulator.state.days.requests.book_min[own] // window_min).astype(np.int64)
    took = []
    for number in np.unique(window).tolist():
        batch = own[window == number]
        wishes = simulator.state.days.requests.take(batch)
        began = time.perf_counter()
        assigned = assign_batch(simulator, env, wishes)
        took.append(time.perf_counter() - began)
        for request, rows, row in assigned:
            simulator.state.served.feasible[batch[request]] = rows.mask[request].any()
            if row >= 0:
                number_of_all = np.array([batch[request]])
                simulator.state.book_row(np.array([env]), rows, np.array([request]), np.array([row]), number_of_all)
    return took


def bound_cost(scenario: Scenario, requests: Requests) -> float:
    """The LP bound of a day on the finest grid: what is proven of it, which is the optimum but for at most a 100,000th."""
    columns = assignment_columns(scenario, requests, offsets=EVERY_OFFSET)
    return solve_by_column_generation(columns, open_capacity(scenario)).proven
