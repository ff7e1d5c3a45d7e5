"""Dual prices by ascent: what five minutes of an EVSE were worth, some thirty times sooner than by linear programming.

The Lagrangian dual of the offline assignment (training.optimum.bound) is maximised over the prices alone: at given prices
each request takes its cheapest row, a soft minimum of temperature TEMPERATURE so that the slope is smooth; prices rise where
more is wanted than is free and fall elsewhere, by steps scaled per price (Adam: Kingma and Ba 2015) that shrink geometrically.
The mean of the last steps is answered. A solution nearby is a good start, so a day is solved anew as it goes on for a few
milliseconds a time.

The linear programme turns down whom it likes, which a policy that may not decline cannot: whoever comes next takes what is
free. With `kind` given, requests of one kind that would start in the same hour are served or turned down together, by equal
shares: a slot is then worth what the average of them would gain by it and not what the best would.
"""

from dataclasses import dataclass, replace

import numpy as np

from functions.optimizer.core.objective import REJECTION_COST
from shared.slots import SLOTS_A_QUARTER, SLOTS_AN_HOUR
from training.optimum.bound import AssignmentColumns

TEMPERATURE = 0.02
RATIONING = 0.1
"""The same for the share of an hour's requests that is served."""
BLOCK = SLOTS_AN_HOUR
"""Slots whose requests share a fate."""
STEPS = 100
WARM_STEPS = 30
FIRST_RATE, WARM_RATE, LAST_RATE = 0.1 / SLOTS_A_QUARTER, 0.033 / SLOTS_A_QUARTER, 0.004 / SLOTS_A_QUARTER
REFRESH = 10
"""Steps between two looks at all columns; between them only those count that are NEAR their request's best."""
NEAR = 0.25
AVERAGED = 0.3
"""Share of the steps, the last, whose mean is the answer."""


@dataclass(frozen=True)
class Programme:
    """A day's columns in order of request, ready for ascent."""

    shape: tuple[int, int]
    """pools and slots"""
    first: np.ndarray
    """where each request's columns begin, [R]"""
    request: np.ndarray
    """the request's number, [R]"""
    count: np.ndarray
    """how many columns it has, [R]"""
    cost: np.ndarray
    """of each column, [X]"""
    begin: np.ndarray
    """cell of running sums [P, T + 1] before each column's session, [X]"""
    until: np.ndarray
    """cell of running sums after it, [X]"""
    group: np.ndarray | None = None
    """which requests are served or turned down by equal shares, [R]; None: each may be turned down alone"""

    @classmethod
    def of(cls, columns: AssignmentColumns, shape: tuple[int, int], kind: np.ndarray | None = None) -> "Programme":
        """The programme of a day's columns over pools and slots `shape`; with the `kind` of each request,
        without declining."""
        order = np.argsort(columns.request, kind="stable")
        request, first, count = np.unique(columns.request[order], return_index=True, return_counts=True)
        begin = columns.pool[order].astype(np.int64) * (shape[1] + 1) + columns.start[order]
        programme = cls(shape, first, request, count, columns.cost[order], begin, begin + columns.length[order])
        if kind is None or not len(first):
            return programme
        block = np.minimum.reduceat(columns.start[order], first) // BLOCK
        group = np.unique(kind[request] * (shape[1] + 1) + block, return_inverse=True)[1]
        return replace(programme, group=group.astype(np.int64))

    def since(self, request: int) -> "Programme":
        """The programme of requests from `request` on."""
        cut = int(np.searchsorted(self.request, request))
        if cut == len(self.request):
            none = np.zeros(0, dtype=np.int64)
            return Programme(self.shape, none, none, none, np.zeros(0), none, none)
        column = int(self.first[cut])
        return Programme(
            self.shape,
            self.first[cut:] - column,
            self.request[cut:],
            self.count[cut:],
            self.cost[column:],
            self.begin[column:],
            self.until[column:],
            None if self.group is None else self.group[cut:],
        )

    def near(self, sums: np.ndarray, margin: float = NEAR) -> "Programme":
        """The programme of the columns within `margin` of their request's best at running sums of prices [P, T + 1]."""
        score = self._score(sums)
        return self._keep(score <= np.repeat(np.minimum.reduceat(score, self.first), self.count) + margin)

    def around(self, begin: int, until: int) -> tuple["Programme", "Programme"]:
        """The programme of the requests that have a column in slots [begin, until), and that of the others."""
        width = self.shape[1] + 1
        touches = (self.begin % width < until) & (self.until % width > begin)
        ours = np.repeat(np.logical_or.reduceat(touches, self.first), self.count)
        return self._keep(ours), self._keep(~ours)

    def _keep(self, kept: np.ndarray) -> "Programme":
        count = np.add.reduceat(kept, self.first, dtype=np.int64)
        some = count > 0
        count = count[some]
        cost, begin, until = self.cost[kept], self.begin[kept], self.until[kept]
        group = None if self.group is None else self.group[some]
        return Programme(self.shape, np.cumsum(count) - count, self.request[some], count, cost, begin, until, group)

    def _score(self, sums: np.ndarray) -> np.ndarray:
        flat = sums.ravel()
        score: np.ndarray = flat[self.until]
        score -= flat[self.begin]
        score += self.cost
        return score

    def wanted(self, price: np.ndarray) -> np.ndarray:
        """EVSEs wanted in each pool and slot at prices, both [P, T], whatever there is."""
        if not len(self.first):
            return np.zeros(self.shape)
        sums = np.zeros((self.shape[0], self.shape[1] + 1))
        np.cumsum(price, axis=1, out=sums[:, 1:])
        return self.wanted_at(sums)

    def wanted_at(self, sums: np.ndarray) -> np.ndarray:
        """The same at running sums of prices [P, T + 1]."""
        pools, slots = self.shape
        score = self._score(sums)
        least = np.minimum.reduceat(score, self.first)
        if self.group is None:
            least = np.minimum(least, REJECTION_COST)
        share = np.exp((np.repeat(least, self.count) - score) / TEMPERATURE)
        total = np.add.reduceat(share, self.first)
        if self.group is None:
            total += np.exp((least - REJECTION_COST) / TEMPERATURE)
        else:
            mean = np.bincount(self.group, least) / np.maximum(1, np.bincount(self.group))
            total *= 1.0 + np.exp(np.minimum((mean - REJECTION_COST) / RATIONING, 30.0))[self.group]
        share /= np.repeat(total, self.count)
        cells = pools * (slots + 1)
        change = np.bincount(self.begin, share, cells) - np.bincount(self.until, share, cells)
        # Sums of differences: nothing wanted may come out as a little less than nothing.
        return np.maximum(0.0, np.cumsum(change.reshape(pools, slots + 1), axis=1)[:, :slots])


def prices(
    programme: Programme,
    free: np.ndarray,
    *,
    start: np.ndarray | None = None,
    steps: int | None = None,
    rate: float | None = None,
) -> np.ndarray:
    """Dual prices [P, T] of what is `free` [P, T]; from `start` prices [P, T] on, where there are some, in fewer and smaller
    steps. Raises ValueError where the shapes differ."""
    pools, slots = programme.shape
    if free.shape != programme.shape:
        raise ValueError(f"free: must be {programme.shape}, not {free.shape}")
    if not len(programme.first):
        return np.zeros(programme.shape)
    price = np.zeros(programme.shape) if start is None else start.copy()
    steps = steps or (STEPS if start is None else WARM_STEPS)
    rate = rate or (FIRST_RATE if start is None else WARM_RATE)
    sums = np.zeros((pools, slots + 1))
    near = programme
    momentum, size, mean = np.zeros_like(price), np.zeros_like(price), np.zeros_like(price)
    averaged = max(1, round(steps * AVERAGED))
    for step in range(steps):
        np.cumsum(price, axis=1, out=sums[:, 1:])
        if step % REFRESH == 0:
            near = programme.near(sums)
        slope = near.wanted_at(sums) - free
        momentum = 0.7 * momentum + 0.3 * slope
        size = 0.95 * size + 0.05 * slope * slope
        now = rate * (LAST_RATE / rate) ** (step / steps)
        scale = np.sqrt(size / (1.0 - 0.95 ** (step + 1))) + 1e-3
        price = np.maximum(0.0, price + now * momentum / scale)
        if step >= steps - averaged:
            mean += price
    return mean / averaged
