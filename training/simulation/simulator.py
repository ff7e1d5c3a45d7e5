"""The simulator: days of charge requests decided one after the other, many days side by side, on the decision core.

Axes: E days (environments), B the requests that are up (one a day that is not over), K rows, F features. A step gives each
of them its row (or none) and moves every day to its next request. What is uncertain in reality is in `training.simulation.disturbances`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from functions.optimizer.core.candidates import Candidates, Requests, candidates
from functions.optimizer.core.features import Climatology, observe
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.occupancy import Occupancy
from training.problem.scenario import Scenario
from training.simulation.disturbances import CALM, Disturbances, Events

NOT_SERVED = -1
"""The row of a request that gets nothing."""


@dataclass(frozen=True)
class Served:
    """What became of every request of a day, shapes [N]; zeros where it was not served.

    `cost` and `regret` (above the request's own minimum were every EVSE free; above 0 where it has no conceivable row) are
    the objective's. `feasible` says whether it had a row when it was up.
    """

    served: np.ndarray
    feasible: np.ndarray
    cost: np.ndarray
    regret: np.ndarray
    wait_min: np.ndarray
    price: np.ndarray
    km: np.ndarray
    duration_min: np.ndarray
    pool: np.ndarray
    start: np.ndarray
    length: np.ndarray

    @classmethod
    def empty(cls, size: int) -> "Served":
        """Nobody served yet, every cost a rejection's."""
        kinds = {"served": bool, "feasible": bool, "pool": np.int64, "start": np.int64, "length": np.int64}
        made: dict[str, Any] = {item.name: np.zeros(size, dtype=kinds.get(item.name, np.float64)) for item in fields(cls)}
        made["cost"][:] = REJECTION_COST
        made["regret"][:] = REJECTION_COST
        return cls(**made)


class Days:
    """The requests of E days end to end, so that the next of each day is one `take`. Raises ValueError for no day at all,
    one that is not in order of booking, or charging curves in some days only."""

    def __init__(self, days: Sequence[Requests]) -> None:
        if not days:
            raise ValueError("days: must be at least one")
        for day in days:
            _ordered(day)
        self.sizes = np.array([len(day) for day in days], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        joined: dict[str, Any] = {}
        for item in fields(Requests):
            values = [getattr(day, item.name) for day in days]
            if len({value is None for value in values}) > 1:
                raise ValueError(f"{item.name}: must be given in every day, or in none")
            joined[item.name] = None if values[0] is None else np.concatenate(values)
        joined["env"] = np.repeat(np.arange(len(days)), self.sizes)
        self.requests = Requests(**joined)

    def __len__(self) -> int:
        return len(self.sizes)

    def window(self, env: int) -> slice:
        """Where the requests of one day lie."""
        return slice(int(self.offsets[env]), int(self.offsets[env] + self.sizes[env]))

    def replace(self, env: int, day: Requests) -> None:
        """Puts another day in the place of one. Raises ValueError where it has another number of requests."""
        if len(day) != self.sizes[env]:
            raise ValueError(f"day: must have {self.sizes[env]} requests, not {len(day)}")
        _ordered(day)
        for item in fields(Requests):
            into, value = getattr(self.requests, item.name), getattr(day, item.name)
            if (into is None) != (value is None):
                raise ValueError(f"{item.name}: must be given in every day, or in none")
            if item.name != "env" and into is not None:
                into[self.window(env)] = value


def _ordered(day: Requests) -> None:
    if (np.diff(day.book_min) < 0).any():
        raise ValueError("days: must be in order of booking")


class Simulator:
    """Days decided in lockstep. `observe`, choose rows, `step`, until `done`.

    Everything is deterministic by the days and, with disturbances, by `seed`; what becomes of a day does not depend on the
    others. What bounds its speed is the core: with 64 days half of a step's time goes to candidates and two fifths to
    features, in some two hundred numpy calls on arrays of a few thousand cells (`python -m bench.subjects.simulator`). A day alone
    pays for the same calls.
    """

    def __init__(
        self,
        scenario: Scenario,
        days: Sequence[Requests],
        *,
        climatology: Climatology | None = None,
        disturbances: Disturbances = CALM,
        seed: int = 0,
    ) -> None:
        self.scenario, self.city = scenario, scenario.city
        self.days = Days(days)
        pools, slots = scenario.shape
        self.climatology = climatology or Climatology.unknown(pools, slots)
        size = len(self.days)
        self.book = Occupancy(
            np.zeros((size, pools, slots), dtype=np.int64),
            scenario.open[None],
            scenario.minute_of_day,
            np.zeros((size, pools, slots), dtype=np.int64) if disturbances.faults else None,
        )
        self.served = Served.empty(int(self.days.sizes.sum()))
        self.position = np.zeros(size, dtype=np.int64)
        self._events = None if disturbances == CALM else Events(self, disturbances, seed)

    @property
    def up(self) -> np.ndarray:
        """The days whose next request is up: [B]."""
        return np.flatnonzero(self.position < self.days.sizes)

    @property
    def done(self) -> bool:
        """Whether every day is over."""
        return not (self.position < self.days.sizes).any()

    def requests(self) -> Requests:
        """The requests that are up, one a day that is not over."""
        up = self.up
        return self.days.requests.take(self.days.offsets[up] + self.position[up])

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of event happened (training.simulation.disturbances.KINDS), over all days; empty where all is calm."""
        return {} if self._events is None else dict(self._events.count)

    def added_cost(self) -> np.ndarray:
        """Cost that events have added to requests after they were decided, [E]."""
        return np.zeros(len(self.days)) if self._events is None else self._events.added.copy()

    def restart(self, env: int, day: Requests) -> None:
        """Begins another day in the place of one. Raises ValueError where it has another number of requests."""
        self.days.replace(env, day)
        own, fresh = self.days.window(env), Served.empty(len(day))
        for item in fields(Served):
            getattr(self.served, item.name)[own] = getattr(fresh, item.name)
        self.position[env] = 0
        self.book.busy[env] = 0
        if self.book.out is not None:
            self.book.out[env] = 0
        if self._events is not None:
            self._events.restart(env)

    def rows(self) -> tuple[Requests, Candidates]:
        """The requests that are up and their rows, without features."""
        wishes = self._caught_up()
        return wishes, candidates(self.city, wishes, self.book, self.scenario.rates)

    def observe(self) -> tuple[Requests, Candidates, np.ndarray]:
        """The requests that are up, their rows [B, K] and features [B, K, F]."""
        wishes = self._caught_up()
        rows, seen = observe(self.city, wishes, self.book, self.scenario.rates, self.climatology)
        return wishes, rows, seen

    def _caught_up(self) -> Requests:
        wishes = self.requests()
        if self._events is not None:
            self._events.until(self.up, wishes.book_min)
        return wishes

    def step(self, rows: Candidates, choice: np.ndarray) -> np.ndarray:
        """Gives each request its row, [B] (NOT_SERVED: none), and moves on. Returns the costs, [B]. Raises ValueError
        for a row that does not exist, before anything is booked."""
        up = self.up
        if choice.shape != up.shape:
            raise ValueError(f"choice: must be one row a request that is up, {up.shape}, not {choice.shape}")
        here = np.arange(len(up))
        taken = choice >= 0
        inside = choice < rows.mask.shape[1]
        if not (inside.all() and rows.mask[here[taken], choice[taken]].all()):
            raise ValueError("choice: a row in the padding was chosen")
        numbers = self.position[up]
        at = self.days.offsets[up] + numbers
        if self._events is not None:
            taken[taken] = ~self._events.refused(up[taken], numbers[taken])
        self.meet(rows, at)
        self.book_row(up[taken], rows, here[taken], choice[taken], at[taken])
        self.position[up] += 1
        cost: np.ndarray = self.served.cost[at]
        if self._events is not None:
            self._events.booked(up[taken], numbers[taken])
            over = up[self.position[up] == self.days.sizes[up]]
            self._events.until(over, np.full(len(over), np.inf))
        return cost

    def meet(self, rows: Candidates, at: np.ndarray) -> None:
        """Notes that requests `at` [B] of all are being decided on `rows` [B, K]; they are not served unless booked."""
        floor = np.where(np.isfinite(rows.floor), rows.floor, 0.0)
        self.served.feasible[at] = rows.mask.any(axis=1)
        self.served.regret[at] = REJECTION_COST - floor

    def book_row(self, env: np.ndarray, rows: Candidates, here: np.ndarray, row: np.ndarray, at: np.ndarray) -> None:
        """Books row `row` of request `here` in the batch for request `at` of all: [M] each, one an environment."""
        pool, start, length = rows.pool[here, row], rows.start[here, row], rows.length[here, row]
        self.occupy(env, pool, start, length, 1)
        out = self.served
        out.served[at] = True
        out.cost[at] = rows.cost[here, row]
        out.regret[at] = rows.cost[here, row] - rows.floor[here]
        out.wait_min[at], out.price[at], out.km[at] = rows.wait_min[here, row], rows.price[here, row], rows.km[here, row]
        out.duration_min[at] = rows.duration_min[here, row]
        out.pool[at], out.start[at], out.length[at] = pool, start, length

    def occupy(self, env: np.ndarray, pool: np.ndarray, start: np.ndarray, length: np.ndarray, change: int) -> None:
        """Adds `change` EVSEs to slots [start, start + length) of pools, one session an environment and element: [M]."""
        _, pools, slots = self.book.busy.shape
        begin = (env * pools + pool) * slots + start
        total = int(length.sum())
        if not total:
            return
        first = np.cumsum(length) - length
        cells = np.arange(total) - np.repeat(first, length) + np.repeat(begin, length)
        np.add.at(self.book.busy.reshape(-1), cells, change)

    def of_day(self, env: int) -> Served:
        """What became of the requests of one day."""
        window = self.days.window(env)
        return Served(**{item.name: getattr(self.served, item.name)[window] for item in fields(Served)})
