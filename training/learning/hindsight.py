"""What perfect foresight teaches: climatology tables of training days, and the opportunity cost of rows on days that a
policy runs into. The jobs here are plain functions of plain values, for worker processes.

The label of a row is what its slots are worth to the later requests of that very day, by the dual prices of their
assignment to what is left (LEARNING.md: opportunity cost is the signal). A session takes a whole EVSE of a small pool, so its
worth is a difference and not a slope: `at_half` finds the prices with half of the session already booked, the midpoint rule for
that difference. One day's label is noisy; the regression over many days is the expectation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.features import FEATURE_NAMES, Climatology
from functions.optimizer.core.occupancy import running_sum
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.climatology import by_quarters
from shared.slots import SLOTS_A_QUARTER, SLOTS_AN_HOUR
from training.learning.network import REGRET, Weights, scores
from training.optimum import duals
from training.optimum.bound import assignment_columns, open_capacity
from training.optimum.duals import Programme
from training.problem.scenario import Scenario, Split, day, drivers_own_weights
from training.scenarios.registry import named
from training.simulation.simulator import Simulator

WORTH_LEARNING = 1.2
"""Rows of more regret are hardly ever chosen, and are learnt from only where nothing better is free."""
EVERY, SOLVINGS = 16, 48
"""A day's programme is solved anew after so many requests, or so many times a day where that is rarer."""
LEAST_DEVIATION = 0.02
HALF_STEPS, HALF_RATE, HALF_MARGIN = 15, 0.05 / SLOTS_A_QUARTER, 0.2
AROUND = 2 * SLOTS_AN_HOUR
"""Slots around a session within which its booking moves prices."""
LONG = 600
"""Requests of a day."""
UNUSUAL, UNUSUAL_MIN, DAY_MIN = (0.5, 1.3), 60.0, 1440.0
"""An unusual day has so much of a day's requests, and may be early or late by so many minutes."""
TABLE_DAYS = 5000
"""The training days from this number on make climatology tables and are not labelled."""


def programme(scenario: Scenario, requests: Requests) -> Programme:
    """The assignment of a day's requests, none of which the policy may turn down, ready for dual ascent."""
    return Programme.of(assignment_columns(scenario, requests), scenario.shape, requests.standards)


@dataclass(frozen=True)
class Hindsight:
    """What foresight makes of a day, per pool and slot [P, T]: the dual price, EVSEs busy, and EVSEs wanted were every one
    free."""

    price: np.ndarray
    busy: np.ndarray
    wanted: np.ndarray


def hindsight(scenario: Scenario, requests: Requests) -> Hindsight:
    """Solves a day by ascent; `busy` is what is wanted at those prices, at most what there is."""
    whole, free = programme(scenario, requests), open_capacity(scenario)
    price = duals.prices(whole, free)
    return Hindsight(price, np.minimum(whole.wanted(price), free), whole.wanted(np.zeros(scenario.shape)))


def hindsight_job(name: str, seed: int) -> Hindsight:
    """`hindsight` of a named scenario's day."""
    scenario = named(name)
    return hindsight(scenario, day(scenario, seed))


def tables(scenario: Scenario, solved: list[Hindsight]) -> Climatology:
    """The climatology of solved days: means of share busy, EVSEs wanted, and price; all slots of a quarter hour alike, as in
    the tables that serve."""
    capacity = np.maximum(1, scenario.city.capacity[:, None])

    def mean(of_days: list[np.ndarray]) -> np.ndarray:
        quarters: np.ndarray = np.repeat(by_quarters(np.mean(of_days, axis=0)), SLOTS_A_QUARTER, axis=1)
        return quarters

    return Climatology(
        mean([item.busy for item in solved]) / capacity,
        mean([item.wanted for item in solved]),
        mean([item.price for item in solved]),
    )


@dataclass(frozen=True)
class WeekClimatology:
    """What training days teach of a weekday and of a day of a weekend; the same where demand has one kind of day. The two
    differ more than two days of a kind do: at a workplace the morning's scarcity is not there on a Sunday."""

    weekday: Climatology
    weekend: Climatology

    def of(self, weekend: bool) -> Climatology:
        """That of a kind of day."""
        return self.weekend if weekend else self.weekday


def by_kind(scenario: Scenario, seeds: Sequence[int]) -> list[int]:
    """Seeds in order, weekdays first."""
    return sorted(seeds, key=scenario.demand.weekend)


def side_by_side(scenario: Scenario, seeds: Iterable[int], most: int) -> Iterator[tuple[bool, tuple[int, ...]]]:
    """Days, weekdays first, in parts for one job each: whether they are of weekends, and their seeds, at most `most`."""
    for weekend, group in groupby(seeds, key=scenario.demand.weekend):
        own = tuple(group)
        yield from ((weekend, own[begin : begin + most]) for begin in range(0, len(own), most))


def table_seeds(scenario: Scenario, days: int) -> list[int]:
    """The first `days` training days kept for tables, weekdays first: where there are weekends, one in three of one. Raises
    ValueError below one day."""
    if days < 1:
        raise ValueError(f"days: must be at least 1, not {days}")
    seeds = [Split.TRAINING.seed(TABLE_DAYS + number) for number in range(10 * days)]
    weekend = [seed for seed in seeds if scenario.demand.weekend(seed)]
    weekday = [seed for seed in seeds if not scenario.demand.weekend(seed)]
    few = min(len(weekend), max(1, days // 3) if weekday else days)
    return [*weekday[: days - few], *weekend[:few]]


def week(scenario: Scenario, seeds: Sequence[int], solved: Sequence[Hindsight]) -> WeekClimatology:
    """The climatology of solved days, whose seeds say of what kind they are."""
    kinds = [scenario.demand.weekend(seed) for seed in seeds]
    parts = {kind: [item for item, own in zip(solved, kinds, strict=True) if own == kind] for kind in (False, True)}
    weekday, weekend = (tables(scenario, parts[kind] or parts[not kind]) for kind in (False, True))
    return WeekClimatology(weekday, weekend)


def climatology(scenario: Scenario, days: int) -> WeekClimatology:
    """The climatology of a scenario's first `days` training days kept for it. Raises ValueError below one day."""
    seeds = table_seeds(scenario, days)
    return week(scenario, seeds, [hindsight(scenario, day(scenario, seed)) for seed in seeds])


@dataclass(frozen=True)
class LabelJob:
    """Run days of a scenario, all of one kind, by a policy and label rows that it meets."""

    scenario: str
    """its name"""
    place: int
    """which scenario of the run it is"""
    climatology: Climatology
    """of this kind of day"""
    weights: Weights | None
    """the policy; None: the bid price"""
    seeds: tuple[int, ...]
    """which days"""
    share: float
    """of requests that are labelled; of a long day fewer, as many as of LONG requests"""
    best: int
    """rows labelled of a request, the best by the policy"""
    others: int
    """rows labelled beside them, about"""
    halves: bool
    """by the midpoint rule too"""
    known: bool
    """whether the policy sees the climatology; else its features are zeros"""
    own_weights: bool
    """drivers weigh waiting, price, distance and duration as they like"""
    unusual: bool
    """the days are not like those of the climatology"""


@dataclass(frozen=True)
class Labels:
    """Rows met, M in all, end to end by request, N in all. float32.

    A request counts by one over the deviation of its job's labels between rows of a request: where little is scarce, little
    decides.
    """

    features: np.ndarray
    """of each row, [M, F]"""
    count: np.ndarray
    """how many rows each request has, [N]"""
    opportunity: np.ndarray
    """what a row would have cost others by the prices as they are, [M]"""
    more: np.ndarray
    """how much more by the midpoint rule, [M]; zeros where it was not asked for"""
    weight: np.ndarray
    """what a request counts in a regression, [N]"""
    place: np.ndarray
    """which scenario of the run a request is of, [N]"""


def at_another_hour(requests: Requests, shift_min: float) -> Requests:
    """The requests so many minutes later (earlier where below 0), within their day."""
    depart = np.clip(requests.depart_min + shift_min, 0.0, DAY_MIN - 1.0)
    occupancy = np.maximum(0.0, depart - (requests.depart_min - requests.book_min))
    return replace(requests, depart_min=depart, book_min=occupancy).take(np.argsort(occupancy, kind="stable"))


def days_of(job: LabelJob, rng: np.random.Generator) -> list[Requests]:
    """The days of a job: unusual ones have more or fewer requests than their city's tables are of, earlier or later."""
    scenario, count = named(job.scenario), None
    if job.unusual:
        count = max(1, round(scenario.requests_a_day * rng.uniform(*UNUSUAL)))
    days = [day(scenario, seed, requests=count) for seed in job.seeds]
    if job.unusual:
        days = [at_another_hour(item, rng.uniform(-UNUSUAL_MIN, UNUSUAL_MIN)) for item in days]
    if job.own_weights:
        days = [drivers_own_weights(item, seed) for item, seed in zip(days, job.seeds, strict=True)]
    return days


def session_worth(sums: np.ndarray, rows: Candidates) -> np.ndarray:
    """Prices added over each row's session: running sums [P, T + 1] or one a request [B, P, T + 1], to [B, K]."""
    stop = rows.start + rows.length
    if sums.ndim == 2:
        worth: np.ndarray = sums[rows.pool, stop] - sums[rows.pool, rows.start]
        return worth
    here = np.arange(len(sums))[:, None]
    worth_by_request: np.ndarray = sums[here, rows.pool, stop] - sums[here, rows.pool, rows.start]
    return worth_by_request


@dataclass(frozen=True)
class RemainingDay:
    """What is left of a day at one instant: the programme of its later requests, near its prices [P, T]."""

    programme: Programme
    price: np.ndarray

    @classmethod
    def at(cls, later: Programme, free: np.ndarray, before: "RemainingDay | None") -> "RemainingDay":
        """Solves what is left, from the prices of an instant before where there are some."""
        price = duals.prices(later, free, start=None if before is None else before.price)
        if not len(later.first):
            return cls(later, price)
        return cls(later.near(running_sum(price), HALF_MARGIN), price)

    def at_half(self, free: np.ndarray, pool: int, start: int, length: int) -> float:
        """The worth of a session by the midpoint rule: at the prices where half an EVSE of it is gone."""
        window = slice(start, start + length)
        if not len(self.programme.first):
            return 0.0
        ours, others = self.programme.around(start - AROUND, start + length + AROUND)
        less = free - others.wanted(self.price)
        less[pool, window] -= np.minimum(0.5, free[pool, window])
        price = duals.prices(ours, less, start=self.price, steps=HALF_STEPS, rate=HALF_RATE)
        return float(price[pool, window].sum())


def label_job(job: LabelJob) -> Labels:
    """Runs the days side by side and labels rows."""
    scenario, rng = named(job.scenario), np.random.default_rng([job.seeds[0], 32])
    days = days_of(job, rng)
    simulator = Simulator(scenario, days, climatology=job.climatology if job.known else None)
    size, capacity = len(days[0]), open_capacity(scenario)
    wholes = [programme(scenario, item) for item in days]
    ahead: list[RemainingDay | None] = [None] * len(days)
    sums = np.zeros((len(days), scenario.shape[0], scenario.shape[1] + 1))
    # Each day is solved anew at requests of its own, so that no step has to solve them all.
    share = job.share * min(1.0, LONG / size)
    every = max(EVERY, size // SOLVINGS)
    offset = rng.integers(0, every, len(days))
    counts, seen, worth, more = [], [], [], []
    for turn in range(size):
        _, rows, features = simulator.observe()
        free = np.maximum(0, capacity - simulator.state.occupancy.taken())
        for env in np.flatnonzero((turn == 0) | ((turn + offset) % every == 0)).tolist():
            ahead[env] = RemainingDay.at(wholes[env].since(turn + 1), free[env], ahead[env])
            sums[env] = running_sum(ahead[env].price)  # type: ignore[union-attr]
        score = policy_scores(rows, features, job.weights, job.climatology)
        mask = _labelled(rows, features, score, job, share, rng)
        row_worth = session_worth(sums, rows)
        halves = row_worth.copy()
        if job.halves:
            for env, row in np.argwhere(mask).tolist():
                session = int(rows.pool[env, row]), int(rows.start[env, row]), int(rows.length[env, row])
                halves[env, row] = ahead[env].at_half(free[env], *session)  # type: ignore[union-attr]
        counts.append(mask.sum(axis=1)[mask.any(axis=1)])
        seen.append(features[mask])
        worth.append(row_worth[mask])
        more.append(halves[mask] - row_worth[mask])
        simulator.step(rows, np.where(rows.mask.any(axis=1), score.argmax(axis=1), -1))
    features, count = np.concatenate(seen).reshape(-1, len(FEATURE_NAMES)), np.concatenate(counts)
    opportunity = np.concatenate(worth).astype(np.float32)
    between = opportunity - np.repeat(np.add.reduceat(opportunity, np.cumsum(count) - count) / count, count)
    weight = np.full(len(count), 1.0 / max(LEAST_DEVIATION, float(between.std())), dtype=np.float32)
    scenario_of = np.full(len(count), job.place, dtype=np.int64)
    return Labels(features, count, opportunity, np.concatenate(more).astype(np.float32), weight, scenario_of)


def _labelled(
    rows: Candidates,
    features: np.ndarray,
    score: np.ndarray,
    job: LabelJob,
    share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Which rows of a step are labelled: [B, K]."""
    width = rows.mask.shape[1]
    best = min(job.best, width)
    limit = -np.partition(-score, best - 1, axis=1)[:, best - 1 : best]
    count = np.maximum(1, rows.mask.sum(axis=1, keepdims=True))
    others = (rng.random(rows.mask.shape) < job.others / count) & (features[:, :, REGRET] < WORTH_LEARNING)
    labelled: np.ndarray = rows.mask & ((score >= limit) | others) & (rng.random(len(count)) < share)[:, None]
    return labelled


def policy_scores(rows: Candidates, features: np.ndarray, weights: Weights | None, known: Climatology) -> np.ndarray:
    """Scores of rows by a network's weights, or by the bid price where there are none: [B, K], -inf in the padding."""
    if weights is None:
        return np.where(rows.mask, -rows.cost - session_worth(known.price_sum, rows), -np.inf)
    return scores(weights, features, rows.mask)
