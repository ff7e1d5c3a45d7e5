"""The state of days side by side: their requests, what is booked, and what became of each request so far.

The simulator writes it when it books, disturbances write it when something happens. Axes: E days, P pools, T slots, N requests
of all days end to end, M sessions, B requests decided together, K rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.city import City
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from training.problem.scenario import Scenario


@dataclass(frozen=True)
class Served:
    """What became of every request of a day, shapes [N]; zeros where it was not served."""

    served: np.ndarray
    """whether it was given a session"""
    feasible: np.ndarray
    """whether it had a row when it was up"""
    cost: np.ndarray
    """by the objective; a rejection's where it was not served"""
    regret: np.ndarray
    """cost above the request's own minimum were every EVSE free; above 0 where it has no conceivable row"""
    wait_min: np.ndarray
    """minutes from arrival to the start of the charge"""
    price: np.ndarray
    """of the session, in the city's currency"""
    km: np.ndarray
    """driven to the station"""
    duration_min: np.ndarray
    """minutes of charging"""
    pool: np.ndarray
    """where it charges"""
    start: np.ndarray
    """the slot in which it begins"""
    length: np.ndarray
    """slots that it touches"""
    begin_min: np.ndarray
    """minute at which it begins"""

    @classmethod
    def empty(cls, size: int) -> "Served":
        """Nobody served yet, every cost a rejection's."""
        kinds = {"served": bool, "feasible": bool, "pool": np.int64, "start": np.int64, "length": np.int64}
        arrays: dict[str, Any] = {item.name: np.zeros(size, dtype=kinds.get(item.name, np.float64)) for item in fields(cls)}
        arrays["cost"][:] = REJECTION_COST
        arrays["regret"][:] = REJECTION_COST
        return cls(**arrays)


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


@dataclass(frozen=True)
class DayState:
    """Days side by side, changed in place."""

    scenario: Scenario
    """what all days are days of"""
    days: Days
    """the requests of all days"""
    occupancy: Occupancy
    """EVSEs busy and out of order, [E, P, T]"""
    served: Served
    """what became of each request, [N]"""
    position: np.ndarray
    """requests decided so far, [E]"""

    @classmethod
    def of(cls, scenario: Scenario, days: Sequence[Requests], *, with_faults: bool) -> "DayState":
        """Nothing decided or booked yet; EVSEs may go out of order `with_faults`. Raises ValueError as Days does."""
        requests = Days(days)
        cells = (len(requests), *scenario.shape)
        occupancy = Occupancy(
            np.zeros(cells, dtype=np.int64),
            scenario.open[None],
            scenario.minute_of_day,
            np.zeros(cells, dtype=np.int64) if with_faults else None,
        )
        served = Served.empty(int(requests.sizes.sum()))
        return cls(scenario, requests, occupancy, served, np.zeros(len(requests), dtype=np.int64))

    @property
    def city(self) -> City:
        """The scenario's city."""
        return self.scenario.city

    def restart(self, env: int, day: Requests) -> None:
        """Begins another day in the place of one. Raises ValueError where it has another number of requests."""
        self.days.replace(env, day)
        own, fresh = self.days.window(env), Served.empty(len(day))
        for item in fields(Served):
            getattr(self.served, item.name)[own] = getattr(fresh, item.name)
        self.position[env] = 0
        self.occupancy.busy[env] = 0
        if self.occupancy.out is not None:
            self.occupancy.out[env] = 0

    def note_rows(self, rows: Candidates, requests: np.ndarray) -> None:
        """Notes that the `requests` [B] of all are being decided on `rows` [B, K]; they are not served unless booked."""
        floor = np.where(np.isfinite(rows.floor), rows.floor, 0.0)
        self.served.feasible[requests] = rows.mask.any(axis=1)
        self.served.regret[requests] = REJECTION_COST - floor

    def book_row(
        self, env: np.ndarray, rows: Candidates, batch_index: np.ndarray, row: np.ndarray, requests: np.ndarray
    ) -> None:
        """Books row `row` of request `batch_index` in the batch for request `requests` of all: [M] each, one a day."""
        pool, start, length = rows.pool[batch_index, row], rows.start[batch_index, row], rows.length[batch_index, row]
        self.occupy(env, pool, start, length, 1)
        served = self.served
        served.served[requests] = True
        served.cost[requests] = rows.cost[batch_index, row]
        served.regret[requests] = rows.cost[batch_index, row] - rows.floor[batch_index]
        served.wait_min[requests] = rows.wait_min[batch_index, row]
        served.price[requests] = rows.price[batch_index, row]
        served.km[requests] = rows.km[batch_index, row]
        served.duration_min[requests] = rows.duration_min[batch_index, row]
        served.pool[requests], served.start[requests], served.length[requests] = pool, start, length
        served.begin_min[requests] = rows.begin_min[batch_index, row]

    def occupy(self, env: np.ndarray, pool: np.ndarray, start: np.ndarray, length: np.ndarray, change: int) -> None:
        """Adds `change` EVSEs to slots [start, start + length) of pools, one session an environment and element: [M]."""
        _, pools, slots = self.occupancy.busy.shape
        begin = (env * pools + pool) * slots + start
        total = int(length.sum())
        if not total:
            return
        first = np.cumsum(length) - length
        cells = np.arange(total) - np.repeat(first, length) + np.repeat(begin, length)
        np.add.at(self.occupancy.busy.reshape(-1), cells, change)

    def of_day(self, env: int) -> Served:
        """What became of the requests of one day."""
        window = self.days.window(env)
        return Served(**{item.name: getattr(self.served, item.name)[window] for item in fields(Served)})
