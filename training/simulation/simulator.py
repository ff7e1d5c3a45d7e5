"""The simulator: days of charge requests decided one after the other, many days side by side, on the decision core.

Axes: E days (environments), B the requests that are up (one a day that is not over), K rows, F features. A step gives each
of them its row (or none) and moves every day to its next request. What is uncertain in reality is in
`training.simulation.disturbances`.
"""

from collections.abc import Sequence

import numpy as np

from functions.optimizer.core.candidates import Candidates, candidates
from functions.optimizer.core.features import Climatology, observe
from functions.optimizer.core.requests import Requests
from training.problem.scenario import Scenario
from training.simulation.day_state import DayState, Served
from training.simulation.disturbances import NO_DISTURBANCES, DisturbanceQueue, Disturbances

NOT_SERVED = -1
"""The row of a request that gets nothing."""


class Simulator:
    """Days decided in lockstep. `observe`, choose rows, `step`, until `done`.

    Everything is deterministic by the days and, with disturbances, by `seed`; what becomes of a day does not depend on the
    others. What bounds its speed is the core: with 64 days half of a step's time goes to candidates and two fifths to
    features, in some two hundred numpy calls on arrays of a few thousand cells (`python -m bench.subjects.simulator`). A day
    alone pays for the same calls.
    """

    def __init__(
        self,
        scenario: Scenario,
        days: Sequence[Requests],
        *,
        climatology: Climatology | None = None,
        disturbances: Disturbances = NO_DISTURBANCES,
        seed: int = 0,
    ) -> None:
        self.scenario, self.city = scenario, scenario.city
        self.state = DayState.of(scenario, days, with_faults=bool(disturbances.faults))
        self.climatology = climatology or Climatology.unknown(*scenario.shape)
        self._events = None if disturbances == NO_DISTURBANCES else DisturbanceQueue(self.state, disturbances, seed)

    @property
    def up(self) -> np.ndarray:
        """The days whose next request is up: [B]."""
        return np.flatnonzero(self.state.position < self.state.days.sizes)

    @property
    def done(self) -> bool:
        """Whether every day is over."""
        return not (self.state.position < self.state.days.sizes).any()

    def requests(self) -> Requests:
        """The requests that are up, one a day that is not over."""
        state, up = self.state, self.up
        return state.days.requests.take(state.days.offsets[up] + state.position[up])

    @property
    def counts(self) -> dict[str, int]:
        """How often each of disturbances.KINDS happened, over all days; empty where all is calm."""
        return {} if self._events is None else dict(self._events.count)

    def added_cost(self) -> np.ndarray:
        """Cost that events have added to requests after they were decided, [E]."""
        return np.zeros(len(self.state.days)) if self._events is None else self._events.added.copy()

    def restart(self, env: int, day: Requests) -> None:
        """Begins another day in the place of one. Raises ValueError where it has another number of requests."""
        self.state.restart(env, day)
        if self._events is not None:
            self._events.restart(env)

    def rows(self) -> tuple[Requests, Candidates]:
        """The requests that are up and their rows, without features."""
        wishes = self._caught_up()
        return wishes, candidates(self.city, wishes, self.state.occupancy, self.scenario.rates)

    def observe(self) -> tuple[Requests, Candidates, np.ndarray]:
        """The requests that are up, their rows [B, K] and features [B, K, F]."""
        wishes = self._caught_up()
        rows, seen = observe(self.city, wishes, self.state.occupancy, self.scenario.rates, self.climatology)
        return wishes, rows, seen

    def _caught_up(self) -> Requests:
        wishes = self.requests()
        if self._events is not None:
            self._events.until(self.up, wishes.book_min)
        return wishes

    def step(self, rows: Candidates, choice: np.ndarray) -> np.ndarray:
        """Gives each request its row, [B] (NOT_SERVED: none), and moves on. Returns the costs, [B]. Raises ValueError
        for a row that does not exist, before anything is booked."""
        state, up = self.state, self.up
        if choice.shape != up.shape:
            raise ValueError(f"choice: must be one row a request that is up, {up.shape}, not {choice.shape}")
        here = np.arange(len(up))
        taken = choice >= 0
        inside = choice < rows.mask.shape[1]
        if not (inside.all() and rows.mask[here[taken], choice[taken]].all()):
            raise ValueError("choice: a row in the padding was chosen")
        numbers = state.position[up]
        requests = state.days.offsets[up] + numbers
        if self._events is not None:
            taken[taken] = ~self._events.refused(up[taken], numbers[taken])
        state.note_rows(rows, requests)
        state.book_row(up[taken], rows, here[taken], choice[taken], requests[taken])
        state.position[up] += 1
        cost: np.ndarray = state.served.cost[requests]
        if self._events is not None:
            self._events.booked(up[taken], numbers[taken])
            over = up[state.position[up] == state.days.sizes[up]]
            self._events.until(over, np.full(len(over), np.inf))
        return cost

    def of_day(self, env: int) -> Served:
        """What became of the requests of one day."""
        return self.state.of_day(env)
