"""Metrics of policies on days run before (LEARNING.md), with 95 % bootstrap intervals over seeds and days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_AN_HOUR
from training.evaluation.rollout import Rollout
from training.optimum.bound import open_capacity
from training.problem.scenario import DAY_SLOTS, Scenario

FAIL_AFTER_MIN = 45.0
"""A charge that begins later than this after arrival counts as failed (MASTER, WWW'21)."""
DRAWS, QUANTILE_DRAWS = 4000, 400
NOTHING = 1e-9
CARED_FOR = ("wait_min", "price", "km", "duration_min")
"""What the four weights of a request weigh."""
SHARE_OF_DRIVERS = 0.25


def resamples(seeds: int, days: int, draws: int, seed: int) -> np.ndarray:
    """How often each of seeds x days comes in each resample, seeds and days drawn anew: [draws, S * D], mean 1."""
    rng = np.random.default_rng([seed, 51])
    day_counts = rng.multinomial(days, np.full(days, 1 / days), draws)
    seed_counts = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws) if seeds > 1 else np.ones((draws, 1), dtype=np.int64)
    counts: np.ndarray = (seed_counts[:, :, None] * day_counts[:, None, :]).reshape(draws, -1)
    return counts


def _middle(values: np.ndarray) -> list[float] | None:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return [float(low), float(high)]


def interval(values: np.ndarray, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over days [D], or over seeds and days [S, D], both drawn anew: percentile
    method, `draws` resamples. One day alone has no width."""
    matrix = np.atleast_2d(values)
    often = resamples(matrix.shape[0], matrix.shape[1], draws, seed)
    low, high = np.quantile(often @ matrix.ravel() / matrix.size, [0.025, 0.975])
    return float(low), float(high)


def _quantile(values: np.ndarray, cell: np.ndarray, often: np.ndarray, share: float) -> np.ndarray:
    """The quantile of values [N], each in a cell, in each resample [draws, cells]: [draws], NaN where it has none."""
    if not len(values):
        return np.full(len(often), np.nan)
    order = np.argsort(values)
    values, cell = values[order], cell[order]
    quantiles = np.full(len(often), np.nan)
    for draw, counts in enumerate(often):
        mass = np.cumsum(counts[cell])
        if mass[-1]:
            quantiles[draw] = values[np.searchsorted(mass, share * mass[-1])]
    return quantiles


@dataclass(frozen=True)
class _Cells:
    """Values of all requests [N] with the seed and day (cell) of each, and the resamples of cells."""

    cell: np.ndarray
    served: np.ndarray
    often: np.ndarray

    def mean(self, values: np.ndarray, *, served: bool = False) -> tuple[float | None, list[float] | None]:
        """The mean with its interval, over the served alone or over all."""
        which = self.served if served else np.ones_like(self.served)
        if not which.any():
            return None, None
        size = self.often.shape[1]
        sums = np.bincount(self.cell[which], values[which], size)
        counts = np.bincount(self.cell[which], minlength=size)
        with np.errstate(invalid="ignore"):
            drawn = (self.often @ sums) / (self.often @ counts)
        return float(sums.sum() / counts.sum()), _middle(drawn)

    def quantile(self, values: np.ndarray, share: float) -> tuple[float | None, list[float] | None]:
        """A quantile over the served, with its interval."""
        if not self.served.any():
            return None, None
        drawn = _quantile(values[self.served], self.cell[self.served], self.often[:QUANTILE_DRAWS], share)
        return float(np.quantile(values[self.served], share)), _middle(drawn)

    def fairness(self, regret: np.ndarray) -> tuple[float | None, list[float] | None]:
        """p95 / p50 over all, with its interval; none where the median driver regrets nothing."""
        median = float(np.median(regret))
        if median <= NOTHING:
            return None, None
        few = self.often[:QUANTILE_DRAWS]
        below = _quantile(regret, self.cell, few, 0.5)
        drawn = _quantile(regret, self.cell, few, 0.95) / np.where(below > NOTHING, below, np.nan)
        return float(np.quantile(regret, 0.95) / median), _middle(drawn)

    def per_cell(self, values: np.ndarray, over: np.ndarray | None = None) -> tuple[float | None, list[float] | None]:
        """The mean of values a seed and day, over a count where there is one, with its interval."""
        total = np.ones_like(values) if over is None else over
        if not total.sum():
            return None, None
        with np.errstate(invalid="ignore"):
            drawn = (self.often @ values) / (self.often @ total)
        return float(values.sum() / total.sum()), _middle(drawn)


def policy_metrics(
    scenario: Scenario, runs: Sequence[Rollout], bounds: np.ndarray, nearest: Sequence[Rollout] | None
) -> dict[str, Any]:
    """All of LEARNING.md's metrics of a policy's days, with intervals: a rollout a seed, each of the days of `bounds` [D].

    `nearest`: the same days by the nearest-station rule, one rollout or one a seed, for TSF. `intervals` has those of all but
    the ratio.

    ratio: mean over days of cost / bound; ratios: of each day, over seeds; mcwt_min, p95_wait_min, mcp, km, duration_min:
    of the served; cfr: share not served or not begun 45 minutes after arrival; tsf: money saved against the nearest
    station a day, over requests both served (MASTER, WWW'21); utilisation: charging time over open point-hours; fairness:
    p95 / p50 of regret; fallback_share: of the requests that had a row. Null where a metric has no meaning.
    """
    ratios = np.stack([rollout.costs / bounds for rollout in runs])
    days = [day for rollout in runs for day in rollout.days]
    cell = np.repeat(np.arange(len(days)), [len(day.served) for day in days])

    def over(name: str) -> np.ndarray:
        return np.concatenate([getattr(day, name) for day in days])

    cells = _Cells(cell, over("served"), resamples(ratios.shape[0], ratios.shape[1], DRAWS, 0))
    served, wait = over("served"), over("wait_min")
    hours = np.bincount(cell[served], over("duration_min")[served], len(days)) / 60.0
    point_hours = np.full(len(days), float(open_capacity(scenario)[:, :DAY_SLOTS].sum()) / SLOTS_AN_HOUR)
    fallbacks = np.concatenate([rollout.fallbacks for rollout in runs]).astype(np.float64)
    decided = np.concatenate([rollout.decisions for rollout in runs]).astype(np.float64)
    low, high = interval(ratios)
    figures = {
        "mean_cost": cells.mean(over("cost")),
        "mcwt_min": cells.mean(wait, served=True),
        "p95_wait_min": cells.quantile(wait, 0.95),
        "mcp": cells.mean(over("price"), served=True),
        "km": cells.mean(over("km"), served=True),
        "duration_min": cells.mean(over("duration_min"), served=True),
        "cfr": cells.mean((~served | (wait > FAIL_AFTER_MIN)).astype(np.float64)),
        "not_served": cells.mean((~served).astype(np.float64)),
        "tsf": (None, None) if nearest is None else cells.per_cell(_saved(runs, nearest)),
        "utilisation": cells.per_cell(hours, point_hours),
        "fairness": cells.fairness(over("regret")),
        "fallback_share": cells.per_cell(fallbacks, decided) if len(fallbacks) == len(days) else (None, None),
    }
    return {
        "ratio": float(ratios.mean()),
        "ci95": [low, high],
        **{name: value for name, (value, _) in figures.items()},
        "intervals": {name: between for name, (_, between) in figures.items()},
        "ratios": [float(value) for value in ratios.mean(axis=0)],
    }


def latencies(seconds: np.ndarray) -> dict[str, Any]:
    """p50 and p99 of decision times, milliseconds, and their bootstrap intervals over decisions."""
    often = resamples(1, len(seconds), QUANTILE_DRAWS, 0)
    figures: dict[str, Any] = {"intervals": {}}
    for name, share in (("latency_p50_ms", 0.5), ("latency_p99_ms", 0.99)):
        figures[name] = float(np.quantile(seconds, share) * 1000)
        figures["intervals"][name] = _middle(_quantile(seconds * 1000, np.arange(len(seconds)), often, share))
    return figures


def _saved(runs: Sequence[Rollout], nearest: Sequence[Rollout]) -> np.ndarray:
    """Money that each seed and day's drivers saved against `nearest`: [S * D]."""
    saved = []
    for number, rollout in enumerate(runs):
        for own, other in zip(rollout.days, nearest[number % len(nearest)].days, strict=True):
            saved.append((other.price - own.price)[own.served & other.served].sum())
    return np.array(saved, dtype=np.float64)


def by_driver_weights(days: Sequence[Requests], runs: Sequence[Rollout]) -> dict[str, dict[str, float | None]]:
    """How drivers with weights of their own are served: for each thing that is weighed, its mean for the quarter of all
    drivers who care most for it and for the quarter who care least, the served alone."""
    weights = np.concatenate([requests.weights for requests in days])
    drivers: dict[str, dict[str, float | None]] = {}
    for number, name in enumerate(CARED_FOR):
        low, high = np.quantile(weights[:, number], [SHARE_OF_DRIVERS, 1 - SHARE_OF_DRIVERS])
        groups = {"care_most": weights[:, number] >= high, "care_least": weights[:, number] <= low}
        means: dict[str, float | None] = {}
        for group, which in groups.items():
            values = [
                np.concatenate([getattr(day, name) for day in rollout.days])[
                    which & np.concatenate([day.served for day in rollout.days])
                ]
                for rollout in runs
            ]
            every = np.concatenate(values)
            means[group] = float(every.mean()) if len(every) else None
        drivers[name] = means
    return drivers


def paired(one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """The mean difference of two policies' ratios on the same days [D], or seeds and days [S, D], with its 95 % interval;
    below 0: `one` is better."""
    low, high = interval(one - other)
    return {"difference": float((one - other).mean()), "ci95": [low, high]}
