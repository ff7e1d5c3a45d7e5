"""Policies that are compared (PROBLEM.md, Who is compared), in one shape: given what a simulator sees, a row a request.

The fast rules score rows by `functions.optimizer.models.policy`'s functions, which serving uses too. The slow ones solve
programmes again and again and are for evaluation alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from functions.optimizer.core.candidates import Candidates, candidates
from functions.optimizer.core.features import Climatology
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.policy import RULES, Rule, bid_price
from training.learning.network import REGRET, Weights, scores
from training.optimum.bound import AssignmentColumns, assignment_columns, open_capacity, solve
from training.optimum.duals import Programme
from training.optimum.duals import prices as ascend
from training.problem.scenario import Split, day
from training.simulation.simulator import NOT_SERVED, Simulator


@dataclass(frozen=True)
class View:
    """What a policy sees: the simulator (its occupancy and clock), the requests that are up [B], their rows [B, K], and
    features [B, K, F] where it asked for them."""

    simulator: Simulator
    requests: Requests
    rows: Candidates
    features: np.ndarray | None


class Policy(Protocol):
    """Chooses rows. `wants_features` says what to prepare; `declines` whether it may turn a request down though a row
    exists."""

    @property
    def wants_features(self) -> bool:
        """Whether to prepare features."""
        ...

    @property
    def declines(self) -> bool:
        """Whether it may decline."""
        ...

    def choose(self, view: View) -> np.ndarray:
        """The row of each request, NOT_SERVED where it gets none: [B]."""
        ...


def best(view: View, score: np.ndarray, *, declines: bool) -> np.ndarray:
    """The best-scored row; with `declines`, none where even that scores below a rejection. Scores are minus costs above
    each request's floor, or minus costs, `score` [B, K]."""
    rows = view.rows
    score = np.where(rows.mask, score, -np.inf)
    choice = np.where(rows.mask.any(axis=1), score.argmax(axis=1), NOT_SERVED)
    if declines:
        floor = np.where(np.isfinite(rows.floor), rows.floor, 0.0)
        choice = np.where(score.max(axis=1) < floor - REJECTION_COST, NOT_SERVED, choice)
    return choice


@dataclass(frozen=True)
class RulePolicy:
    """A rule that looks at one row at a time."""

    rule: Rule
    declines: bool = False
    wants_features: bool = False

    def choose(self, view: View) -> np.ndarray:
        """The best row by the rule."""
        score = self.rule(view.rows)
        if not self.declines:
            return best(view, score, declines=False)
        floor = np.where(np.isfinite(view.rows.floor), view.rows.floor, 0.0)
        return best(view, score + floor[:, None], declines=True)


class RandomPolicy:
    """Any feasible row, by seed."""

    wants_features = False
    declines = False

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 41])

    def choose(self, view: View) -> np.ndarray:
        """One row, all alike."""
        return best(view, self._rng.random(view.rows.mask.shape), declines=False)


class NearestFirstCome:
    """The nearest station that fits and no other: its earliest free start, or nothing."""

    wants_features = False
    declines = True

    def choose(self, view: View) -> np.ndarray:
        """The row at the nearest location that has its connector, whether it has room or not."""
        sim, rows = view.simulator, view.rows
        alone = candidates(sim.city, view.requests, sim.state.occupancy, sim.scenario.rates, nearest=1)
        picked = np.where(alone.mask, -(alone.start.astype(np.float64)), -np.inf).argmax(axis=1)
        here = np.arange(len(picked))
        same = rows.mask & (rows.pool == alone.pool[here, picked][:, None]) & (rows.start == alone.start[here, picked][:, None])
        return np.where(alone.mask.any(axis=1) & same.any(axis=1), same.argmax(axis=1), NOT_SERVED)


@dataclass(frozen=True)
class NetworkPolicy:
    """The residual Q-network."""

    weights: Weights
    declines: bool = False
    wants_features: bool = True

    def choose(self, view: View) -> np.ndarray:
        """The best row by Q."""
        assert view.features is not None
        return best(view, scores(self.weights, view.features, view.rows.mask), declines=self.declines)


class ResolvedBidPrice:
    """Bid prices found anew every 30 minutes of each day from sampled futures: `samples` training days' requests that would
    still come, priced by ascent (training.optimum.duals) from the prices before. Slow; evaluation only."""

    wants_features = False
    declines = False

    def __init__(self, samples: int = 4, every_min: float = 30.0) -> None:
        self._samples, self._every = samples, every_min
        self._sums: np.ndarray | None = None
        self._due = np.zeros(0)
        self._futures: list[tuple[np.ndarray, Programme]] = []
        self._price: dict[tuple[int, int], np.ndarray] = {}

    def choose(self, view: View) -> np.ndarray:
        """Least cost plus what the session is worth by the latest prices."""
        return best(view, -view.rows.cost - self.worth(view), declines=False)

    def worth(self, view: View) -> np.ndarray:
        """What each row's session is worth to others by the latest prices, [B, K]."""
        sim = view.simulator
        if self._sums is None:
            pools, slots = sim.scenario.shape
            size = len(sim.state.days)
            self._sums, self._due = np.zeros((size, pools, slots + 1)), np.full(size, -np.inf)
            self._futures = [_future(sim, number) for number in range(self._samples)]
        up = sim.up
        for index, env in enumerate(up.tolist()):
            now = float(view.requests.book_min[index])
            if now >= self._due[env]:
                self._sums[env, :, 1:] = np.cumsum(self._prices(sim, env, now), axis=1)
                self._due[env] = now + self._every
        here, rows = up[:, None], view.rows
        worth: np.ndarray = self._sums[here, rows.pool, rows.start + rows.length] - self._sums[here, rows.pool, rows.start]
        return worth

    def _prices(self, sim: Simulator, env: int, now: float) -> np.ndarray:
        taken = sim.state.occupancy.taken()
        free = np.maximum(0, open_capacity(sim.scenario) - taken[min(env, len(taken) - 1)])
        for number, (book_min, future) in enumerate(self._futures):
            later = future.since(int(np.searchsorted(book_min, now)))
            self._price[env, number] = ascend(later, free, start=self._price.get((env, number)))
        return np.asarray(np.mean([self._price[env, number] for number in range(self._samples)], axis=0))


class ResolvedMixture(ResolvedBidPrice):
    """Half of what a network expects a row to cost others, half of what the prices of `samples` futures say, found anew every
    15 minutes (PROBLEM-2, Looking ahead when deciding). `score` is the network's: (features [B, K, F], mask) to [B, K]."""

    wants_features = True

    def __init__(self, score: Callable[[np.ndarray, np.ndarray], np.ndarray], samples: int = 8) -> None:
        super().__init__(samples, every_min=15.0)
        self._score = score

    def choose(self, view: View) -> np.ndarray:
        """The best row by half of each; regret is whole in both halves."""
        assert view.features is not None
        network, regret = self._score(view.features, view.rows.mask), view.features[:, :, REGRET]
        return best(view, 0.5 * (network - regret - self.worth(view)), declines=False)


def _future(sim: Simulator, number: int) -> tuple[np.ndarray, Programme]:
    """When the requests of a training day are booked, and their programme."""
    future = day(sim.scenario, Split.TRAINING.seed(7000 + number), requests=int(sim.state.days.sizes.max()))
    return future.book_min, Programme.of(assignment_columns(sim.scenario, future), sim.scenario.shape, future.standards)


class RollingMilp:
    """Collects requests for `window_min` and assigns the batch by an integer programme in what is free; the driver waits
    for the answer that long. Slow; evaluation only, one day at a time, by `run_rolling`."""

    def __init__(self, window_min: float) -> None:
        self.window_min = window_min


def assign_batch(simulator: Simulator, env: int, wishes: Requests) -> list[tuple[int, Candidates, int]]:
    """The best rows of a batch of one day's requests together: (request, its rows, row), NOT_SERVED for those left."""
    occupancy = replace(simulator.state.occupancy, busy=simulator.state.occupancy.busy[env : env + 1])
    rows = candidates(
        simulator.city, replace(wishes, env=np.zeros(len(wishes), dtype=np.int64)), occupancy, simulator.scenario.rates
    )
    columns = AssignmentColumns.of(rows)
    free = np.maximum(0, open_capacity(simulator.scenario) - occupancy.taken()[0])
    share = solve(columns, free, integer=True, limit_s=20.0).share
    chosen = dict.fromkeys(range(len(wishes)), NOT_SERVED)
    _, row = np.nonzero(rows.mask)
    for column in np.flatnonzero(share > 0.5).tolist():
        chosen[int(columns.request[column])] = int(row[column])
    return [(request, rows, row) for request, row in chosen.items()]


def static_bid_price(climatology: Climatology) -> Rule:
    """LEARNING.md's static bid price: the mean duals of training days are added to each row's cost."""
    return bid_price(climatology.price_sum)


PolicyFactory = Callable[[Climatology, int, bool], Policy]
"""A policy for a scenario's climatology, a seed, and whether declining is allowed."""

FAST: dict[str, PolicyFactory] = {
    "random": lambda _known, seed, _declines: RandomPolicy(seed),
    "cheapest": lambda _known, _seed, _declines: RulePolicy(RULES["cheapest"]),
    "nearest_fcfs": lambda _known, _seed, _declines: NearestFirstCome(),
    "nearest_balking": lambda _known, _seed, _declines: RulePolicy(RULES["nearest"]),
    "soonest_finish": lambda _known, _seed, _declines: RulePolicy(RULES["soonest_finish"]),
    "greedy": lambda _known, _seed, declines: RulePolicy(RULES["greedy"], declines),
    "static_bid_price": lambda known, _seed, declines: RulePolicy(static_bid_price(known), declines),
}
SLOW: dict[str, Callable[[], ResolvedBidPrice | RollingMilp]] = {
    "rolling_milp_15": lambda: RollingMilp(15.0),
    "rolling_milp_60": lambda: RollingMilp(60.0),
    "resolved_bid_price": ResolvedBidPrice,
}
SEEDED = {"random"}
"""Policies whose answer depends on a seed."""
