"""What perfect foresight teaches: climatology tables of training days, and the opportunity cost of rows on days that a
policy runs into. The jobs here are plain functions of plain values, for worker processes.

The label of a row is the sum, over its quarter hours, of the dual prices of the linear programme over all later requests of
that very day with the book as it stands (LEARNING.md: opportunity cost is the signal). One day's label is noisy; the
regression over many days is the expectation.
"""

from dataclasses import dataclass, replace

import numpy as np

from functions.optimizer.book import running_sum
from functions.optimizer.candidates import Candidates, Requests
from functions.optimizer.features import FEATURE_NAMES, Climatology
from training.bound import columns, occupancy, offline, open_capacity, solve
from training.network import REGRET, Weights, scores
from training.scenarios import Scenario, day, named
from training.simulator import Simulator

NEAR_FLOOR = 0.8
"""Rows costlier than this above a request's minimum stay out of the programme that makes labels: a third of its time, and
prices hardly change."""
WORTH_LEARNING = 1.2
"""Rows of more regret are hardly ever chosen, and are not learnt from."""


@dataclass(frozen=True)
class Hindsight:
    """The offline optimum of a day: its cost, and per pool and slot [P, T] the dual price, EVSEs busy, and EVSEs wanted
    were every one free."""

    cost: float
    price: np.ndarray
    busy: np.ndarray
    wanted: np.ndarray


def hindsight(scenario: Scenario, requests: Requests) -> Hindsight:
    """Solves a day."""
    solution, found = offline(scenario, requests)
    order = np.lexsort((found.cost, found.request))
    _, first = np.unique(found.request[order], return_index=True)
    best = np.zeros(len(found.cost))
    best[order[first]] = 1.0
    return Hindsight(
        solution.cost,
        solution.price,
        occupancy(found, solution.share, scenario.shape),
        occupancy(found, best, scenario.shape),
    )


def hindsight_job(name: str, seed: int) -> Hindsight:
    """`hindsight` of a named scenario's day."""
    scenario = named(name)
    return hindsight(scenario, day(scenario, seed))


def tables(scenario: Scenario, solved: list[Hindsight]) -> Climatology:
    """The climatology of solved days: means of share busy, EVSEs wanted, and price."""
    capacity = np.maximum(1, scenario.city.capacity[:, None])
    return Climatology(
        np.mean([item.busy for item in solved], axis=0) / capacity,
        np.mean([item.wanted for item in solved], axis=0),
        np.mean([item.price for item in solved], axis=0),
    )


def drivers_own_weights(requests: Requests, seed: int) -> Requests:
    """The requests with weights of their own, drawn around the default (log-normal, sigma 0.7) and scaled to sum 1."""
    rng = np.random.default_rng([seed, 31])
    drawn = requests.weights * np.exp(rng.normal(0.0, 0.7, requests.weights.shape))
    return replace(requests, weights=drawn / drawn.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class LabelJob:
    """Run days of a scenario by a policy and label what it meets. `weights` None: the bid-price rule. `windows`: how often
    a day's programme is solved anew, each time for the `stretch` share of the day's requests that follow."""

    scenario: str
    climatology: Climatology
    weights: Weights | None
    seeds: tuple[int, ...]
    windows: int
    stretch: float
    rows: int
    known: bool
    """Whether the policy sees the climatology; without, its features are zeros."""
    own_weights: bool


@dataclass(frozen=True)
class Labels:
    """Rows met [M, F] and what they would have cost others [M], float32."""

    features: np.ndarray
    opportunity: np.ndarray


def session_worth(sums: np.ndarray, rows: Candidates) -> np.ndarray:
    """Prices added over each row's session: running sums [P, T + 1] or one a request [B, P, T + 1], to [B, K]."""
    stop = rows.start + rows.length
    if sums.ndim == 2:
        worth: np.ndarray = sums[rows.pool, stop] - sums[rows.pool, rows.start]
        return worth
    here = np.arange(len(sums))[:, None]
    worth = sums[here, rows.pool, stop] - sums[here, rows.pool, rows.start]
    return worth


def prices_ahead(scenario: Scenario, later: Requests, busy: np.ndarray) -> np.ndarray:
    """Dual prices of the programme over `later` requests in what is left beside `busy` [P, T]."""
    found = columns(scenario, later)
    floor = np.full(found.requests, np.inf)
    np.minimum.at(floor, found.request, found.cost)
    found = found.keep(found.cost - floor[found.request] <= NEAR_FLOOR)
    return solve(found, np.maximum(0, open_capacity(scenario) - busy)).price


def label_job(job: LabelJob) -> Labels:
    """Runs the days side by side and labels the rows of the requests in each window."""
    scenario = named(job.scenario)
    days = [day(scenario, seed) for seed in job.seeds]
    if job.own_weights:
        days = [drivers_own_weights(item, seed) for item, seed in zip(days, job.seeds, strict=True)]
    simulator = Simulator(scenario, days, climatology=job.climatology if job.known else None)
    rng = np.random.default_rng([job.seeds[0], 32])
    size = len(days[0])
    stretch = max(1, round(size * job.stretch))
    # Each day has its windows at places of its own, spread evenly.
    begins = (rng.random(len(days))[:, None] + np.arange(job.windows)) / job.windows * (size - stretch)
    begins = begins.astype(np.int64)
    sums = np.zeros((len(days), scenario.shape[0], scenario.shape[1] + 1))
    until = np.full(len(days), -1)
    seen, worth = [], []
    for turn in range(size):
        _, rows, features = simulator.observe()
        for env in np.flatnonzero((begins == turn).any(axis=1)).tolist():
            later = days[env].take(np.arange(turn, size))
            sums[env] = running_sum(prices_ahead(scenario, later, simulator.book.busy[env]))
            until[env] = turn + stretch
        looked = turn < until
        if looked.any():
            found = session_worth(sums, rows)
            mask = rows.mask & looked[:, None] & (features[:, :, REGRET] < WORTH_LEARNING)
            draw = np.where(mask, rng.random(mask.shape), 2.0)
            mask &= (
                draw
                <= np.partition(draw, min(job.rows, draw.shape[1]) - 1, axis=1)[:, min(job.rows, draw.shape[1]) - 1][:, None]
            )
            seen.append(features[mask])
            worth.append(found[mask].astype(np.float32))
        simulator.step(rows, chosen(rows, features, job.weights, job.climatology))
    return Labels(np.concatenate(seen).reshape(-1, len(FEATURE_NAMES)), np.concatenate(worth))


def chosen(rows: Candidates, features: np.ndarray, weights: Weights | None, climatology: Climatology) -> np.ndarray:
    """The row of each request by a network's weights, or by the bid price where there are none: [B]."""
    if weights is None:
        score = -rows.cost - session_worth(climatology.price_sum, rows)
    else:
        score = scores(weights, features, rows.mask)
    score = np.where(rows.mask, score, -np.inf)
    return np.where(rows.mask.any(axis=1), score.argmax(axis=1), -1)
