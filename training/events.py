"""What goes otherwise than booked, switchable one by one: no-shows, early and late stops, faults, walk-ins, refusals.

Each day has a queue of events in order of time; they take effect before the next request is decided. Figures are
assumptions of a simulation, not measurements, and are called so wherever they are shown.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from functions.optimizer.book import Book
from functions.optimizer.candidates import SLOT_MIN, Requests, candidates
from functions.optimizer.objective import REJECTION_COST

if TYPE_CHECKING:
    from training.simulator import Simulator

GRACE_MIN = 15.0
"""A driver who has not come this long after the start is a no-show, and the rest of his claim is let go."""
FAULT_SLOTS = 16
"""Mean length of a fault: four hours."""
WALK_IN_SLOTS = 4
"""Mean length of a walk-in's charge: an hour."""


@dataclass(frozen=True)
class Disturbances:
    """Shares of sessions (0 to 1), and rates a day: `faults` an EVSE, `walk_ins` an EVSE. `refusals`: share of drivers who
    do not take what they are given and leave."""

    no_shows: float = 0.0
    early_stops: float = 0.0
    late_stops: float = 0.0
    faults: float = 0.0
    walk_ins: float = 0.0
    refusals: float = 0.0


CALM = Disturbances()
ROUGH = Disturbances(no_shows=0.05, early_stops=0.15, late_stops=0.08, faults=0.03, walk_ins=0.3, refusals=0.02)
"""All of them at once, at assumed figures."""


class Events:
    """The events of each day of a simulator. Counts of what happened are in `count`."""

    def __init__(self, simulator: "Simulator", disturbances: Disturbances, seed: int) -> None:
        self._sim, self._wanted = simulator, disturbances
        self._rng = np.random.default_rng([seed, 77])
        self._queues: list[list[tuple[float, int, Callable[[], None]]]] = [[] for _ in range(len(simulator.days))]
        self._number = 0
        self.count = dict.fromkeys(("no_show", "early_stop", "late_stop", "fault", "moved", "failed", "walk_in", "refusal"), 0)
        capacity, slots = simulator.city.capacity, simulator.book.slots
        for env in range(len(simulator.days)):
            for rate, happen in ((disturbances.faults, self._fault), (disturbances.walk_ins, self._walk_in)):
                for pool in np.repeat(np.arange(len(capacity)), self._rng.poisson(rate * capacity)).tolist():
                    self._at(env, float(self._rng.uniform(0, min(96, slots)) * SLOT_MIN), partial(happen, env, pool))

    def _at(self, env: int, minute: float, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queues[env], (minute, self._number, what))

    def until(self, envs: np.ndarray, minutes: np.ndarray) -> None:
        """Lets everything happen that falls before each day's minute."""
        for env, minute in zip(envs.tolist(), minutes.tolist(), strict=True):
            queue = self._queues[env]
            while queue and queue[0][0] <= minute:
                heapq.heappop(queue)[2]()

    def refused(self, size: int) -> np.ndarray:
        """Which of `size` drivers do not take what they are given."""
        found: np.ndarray = self._rng.random(size) < self._wanted.refusals
        self.count["refusal"] += int(found.sum())
        return found

    def booked(self, envs: np.ndarray, at: np.ndarray) -> None:
        """Draws what will become of sessions just booked."""
        fate = self._rng.random(len(envs))
        for env, request, draw in zip(envs.tolist(), at.tolist(), fate.tolist(), strict=True):
            self._draw(env, request, draw)

    def _draw(self, env: int, request: int, draw: float) -> None:
        out, wanted = self._sim.served, self._wanted
        start, length = int(out.start[request]), int(out.length[request])
        begins = start * SLOT_MIN
        if draw < wanted.no_shows:
            self._at(env, begins + GRACE_MIN, partial(self._release, env, request, start + 1, "no_show"))
        elif draw < wanted.no_shows + wanted.early_stops:
            stop = start + int(self._rng.integers(1, length + 1))
            self._at(env, stop * SLOT_MIN, partial(self._release, env, request, stop, "early_stop"))
        elif draw < wanted.no_shows + wanted.early_stops + wanted.late_stops:
            self._at(env, begins + length * SLOT_MIN, partial(self._overstay, env, request))

    def _release(self, env: int, request: int, slot: int, what: str) -> None:
        """The session's claims from `slot` on are let go."""
        out = self._sim.served
        end = int(out.start[request] + out.length[request])
        if not out.served[request] or slot >= end or slot <= out.start[request]:
            return
        self._change(env, int(out.pool[request]), slot, end, -1)
        out.length[request] = slot - out.start[request]
        self.count[what] += 1

    def _overstay(self, env: int, request: int) -> None:
        """The vehicle stays up to an hour longer, as far as an EVSE is free; whoever booked it next has a claim on it."""
        out, book = self._sim.served, self._sim.book
        if not out.served[request]:
            return
        pool, slot = int(out.pool[request]), int(out.start[request] + out.length[request])
        stay = self._free_run(env, pool, slot, int(self._rng.integers(1, 5)))
        if stay and slot + stay <= book.slots:
            self._change(env, pool, slot, slot + stay, 1)
            out.length[request] += stay
            self.count["late_stop"] += 1

    def _walk_in(self, env: int, pool: int) -> None:
        """Somebody without a booking charges until he is done or the next claim."""
        slot = int(self._now(env))
        wanted = 1 + int(self._rng.geometric(1.0 / WALK_IN_SLOTS))
        stay = self._free_run(env, pool, slot, wanted)
        if stay:
            self._change(env, pool, slot, slot + stay, 1)
            self.count["walk_in"] += 1

    def _now(self, env: int) -> float:
        sim = self._sim
        at = sim.days.offsets[env] + min(sim.position[env], sim.days.sizes[env] - 1)
        return max(0.0, float(sim.days.requests.book_min[at])) // SLOT_MIN

    def _free_run(self, env: int, pool: int, slot: int, wanted: int) -> int:
        """How many slots from `slot` on an EVSE is free, at most `wanted`."""
        book = self._sim.book
        window = slice(slot, min(slot + wanted, book.slots))
        taken = book.busy[env, pool, window] + (0 if book.out is None else book.out[env, pool, window])
        shut = taken >= self._sim.city.capacity[pool]
        shut |= ~book.open[0, pool, window]
        return int(shut.argmax()) if shut.any() else len(shut)

    def _change(self, env: int, pool: int, begin: int, until: int, change: int) -> None:
        self._sim.book.busy[env, pool, begin:until] += change

    def _fault(self, env: int, pool: int) -> None:
        """An EVSE fails for a while; bookings that no longer fit are moved, or fail."""
        sim = self._sim
        assert sim.book.out is not None
        slot = int(self._now(env))
        until = min(sim.book.slots, slot + int(self._rng.geometric(1.0 / FAULT_SLOTS)))
        sim.book.out[env, pool, slot:until] += 1
        sim.book.out[env, pool] = np.minimum(sim.book.out[env, pool], sim.city.capacity[pool])
        self.count["fault"] += 1
        while True:
            over = sim.book.busy[env, pool] + sim.book.out[env, pool] > sim.city.capacity[pool]
            over[:slot] = False
            victim = self._last_booked(env, pool, over) if over.any() else None
            if victim is None:
                return
            self._move(env, victim, slot)

    def _last_booked(self, env: int, pool: int, over: np.ndarray) -> int | None:
        """The session booked last of those in a slot that is over; None where walk-ins alone are too many."""
        sim, out = self._sim, self._sim.served
        first = int(sim.days.offsets[env])
        for request in range(first + int(sim.position[env]) - 1, first - 1, -1):
            if out.served[request] and out.pool[request] == pool:
                start = int(out.start[request])
                if over[start : start + int(out.length[request])].any():
                    return request
        return None

    def _move(self, env: int, request: int, slot: int) -> None:
        """Books the cheapest row there is from `slot` on for a request whose EVSE failed, or leaves it unserved."""
        sim, out = self._sim, self._sim.served
        start, length = int(out.start[request]), int(out.length[request])
        self._change(env, int(out.pool[request]), max(start, slot), start + length, -1)
        out.served[request] = False
        wish: Requests = sim.days.requests.take(np.array([request]))
        now = slot * SLOT_MIN
        later = replace(wish, book_min=np.array([now]), depart_min=np.maximum(wish.depart_min, now), env=np.array([0]))
        assert sim.book.out is not None
        book = Book(sim.book.busy[env : env + 1], sim.book.open, sim.book.minute_of_day, sim.book.out[env : env + 1])
        rows = candidates(sim.city, later, book, sim.scenario.rates)
        if not rows.mask.any():
            out.cost[request] = out.regret[request] = REJECTION_COST
            for name in ("wait_min", "price", "km", "duration_min"):
                getattr(out, name)[request] = 0.0
            self.count["failed"] += 1
            return
        sim.book_row(np.array([env]), rows, np.array([0]), np.array([0]), np.array([request]))
        self.count["moved"] += 1
