"""Judging: days run by a policy, their costs beside the offline bound, and the metrics of LEARNING.md with intervals."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from functions.optimizer.candidates import MAX_WAIT_MIN, Requests
from functions.optimizer.features import Climatology
from training.baselines import Policy, RollingMilp, View, assign_batch
from training.bound import offline
from training.events import CALM, Disturbances
from training.scenarios import DAY_SLOTS, Scenario
from training.simulator import Served, Simulator

FAIL_AFTER_MIN = 45.0
"""A charge that begins later than this after arrival counts as failed (MASTER, WWW'21)."""
DRAWS = 2000


@dataclass(frozen=True)
class Run:
    """Days run by one policy: what became of each request, and how long a decision took, seconds [steps]."""

    days: tuple[Served, ...]
    seconds: np.ndarray

    @property
    def costs(self) -> np.ndarray:
        """Cost of each day, [D]."""
        return np.array([item.cost.sum() for item in self.days])


def run(
    scenario: Scenario,
    days: list[Requests],
    policy: Policy | RollingMilp,
    *,
    climatology: Climatology | None,
    disturbances: Disturbances = CALM,
    seed: int = 0,
) -> Run:
    """Runs days side by side. `seconds` is one step's time, candidates and features included, shared by its requests."""
    simulator = Simulator(scenario, days, climatology=climatology, disturbances=disturbances, seed=seed)
    if isinstance(policy, RollingMilp):
        took = [_rolling(simulator, env, policy.window_min) for env in range(len(days))]
    else:
        took = _stepped(simulator, policy)
    return Run(tuple(simulator.of_day(env) for env in range(len(days))), np.array(took))


def _stepped(simulator: Simulator, policy: Policy) -> list[float]:
    took = []
    while not simulator.done:
        began = time.perf_counter()
        if policy.wants_features:
            wishes, rows, seen = simulator.observe()
        else:
            wishes, rows = simulator.rows()
            seen = None
        choice = policy.choose(View(simulator, wishes, rows, seen))
        took.append((time.perf_counter() - began) / len(wishes))
        simulator.step(rows, choice)
    return took


def _rolling(simulator: Simulator, env: int, window_min: float) -> float:
    """One day in batches; the requests of a window are assigned together at its end, each from then on."""
    first, size = int(simulator.days.offsets[env]), int(simulator.days.sizes[env])
    own = np.arange(first, first + size)
    window = (simulator.days.requests.book_min[own] // window_min).astype(np.int64)
    began = time.perf_counter()
    for number in np.unique(window).tolist():
        batch = own[window == number]
        wishes = simulator.days.requests.take(batch)
        for request, rows, row in assign_batch(simulator, env, wishes):
            simulator.served.feasible[batch[request]] = rows.mask[request].any()
            if row >= 0:
                at = np.array([batch[request]])
                simulator.book_row(np.array([env]), rows, np.array([request]), np.array([row]), at)
    return (time.perf_counter() - began) / max(1, size)


def bound_cost(scenario: Scenario, requests: Requests) -> float:
    """The LP bound of a day."""
    return offline(scenario, requests)[0].cost


def interval(values: np.ndarray, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over days (and seeds): percentile method, `draws` resamples."""
    rng = np.random.default_rng([seed, 51])
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def metrics(scenario: Scenario, run_: Run, bounds: np.ndarray, nearest: np.ndarray | None) -> dict[str, Any]:
    """All of LEARNING.md's metrics of a policy's days. `nearest` [D]: mean wait plus charging of the nearest-station rule
    on the same days, for TSF.

    ratio: mean over days of cost / bound; MCWT, MCP, km, duration: means over the served; CFR: share not served or not
    begun 45 minutes after arrival; TSF: share of that time saved; utilisation: charging time over point-hours;
    fairness: p95 / p50 of regret.
    """
    ratio = run_.costs / bounds
    served = np.concatenate([item.served for item in run_.days])

    def over(name: str) -> np.ndarray:
        return np.concatenate([getattr(item, name) for item in run_.days])

    wait, duration, regret = over("wait_min"), over("duration_min"), over("regret")
    failed = ~served | (wait > FAIL_AFTER_MIN)
    median = float(np.median(regret))
    low, high = interval(ratio)

    def mean(values: np.ndarray) -> float | None:
        return float(values[served].mean()) if served.any() else None

    spent = time_spent(run_)
    point_minutes = float(scenario.city.capacity.sum()) * DAY_SLOTS * 15.0 * len(run_.days)
    return {
        "ratio": float(ratio.mean()),
        "ci95": [low, high],
        "mean_cost": float(over("cost").mean()),
        "mcwt_min": mean(wait),
        "p95_wait_min": float(np.quantile(wait[served], 0.95)) if served.any() else None,
        "mcp": mean(over("price")),
        "km": mean(over("km")),
        "duration_min": mean(duration),
        "cfr": float(failed.mean()),
        "not_served": float((~served).mean()),
        "tsf": None if nearest is None else float(1.0 - (spent / nearest).mean()),
        "utilisation": float(duration[served].sum() / point_minutes),
        "fairness": float(np.quantile(regret, 0.95) / median) if median > 1e-9 else None,
        "decision_p50_ms": float(np.quantile(run_.seconds, 0.5) * 1000),
        "decision_p99_ms": float(np.quantile(run_.seconds, 0.99) * 1000),
        "ratios": [float(value) for value in ratio],
    }


def time_spent(run_: Run) -> np.ndarray:
    """Mean minutes of waiting and charging a request and day, [D]; who is not served waits the longest for nothing."""
    return np.array(
        [float(np.where(item.served, item.wait_min + item.duration_min, MAX_WAIT_MIN).mean()) for item in run_.days]
    )


def paired(one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """The mean difference of two policies' ratios on the same days with its 95 % interval; below 0: `one` is better."""
    low, high = interval(one - other)
    return {"difference": float((one - other).mean()), "ci95": [low, high]}
