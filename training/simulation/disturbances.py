"""What goes otherwise than booked, switchable one by one: no-shows, early and late stops, faults, walk-ins, refusals.

Each day has a queue of events in order of time; they take effect before the next request is decided, and what is left of
them after the last one. All that chance decides is drawn beforehand, from the day itself and the seed, a stream a kind: it
is the same whatever the policy does, whoever else is in the batch, and whichever other kinds are switched on. Figures are
assumptions of a simulation, not measurements, and are called so wherever they are shown.
"""

import heapq
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from functions.optimizer.core.candidates import SLOT_MIN, candidates
from functions.optimizer.core.objective import REJECTION_COST, cost_terms, total
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_AN_HOUR
from training.problem.scenario import DAY_SLOTS
from training.simulation.day_state import DayState

GRACE_MIN = 15.0
"""A driver who has not come this long after the start is a no-show, and the rest of the claim is let go."""
FAULT_SLOTS = 4 * SLOTS_AN_HOUR
"""Mean length of a fault: four hours."""
WALK_IN_SLOTS = SLOTS_AN_HOUR
"""Mean length of a walk-in's charge: an hour."""
OVERSTAY_SLOTS = SLOTS_AN_HOUR
"""The longest a vehicle stays on: an hour."""
SPENT = ("wait_min", "price", "km", "duration_min")
"""What a request spends, as Served has it."""
KINDS = ("no_show", "early_stop", "late_stop", "fault", "moved", "failed", "walk_in", "refusal")


@dataclass(frozen=True)
class Disturbances:
    """What goes otherwise than booked, and how often. Raises ValueError for a share or rate that cannot be."""

    no_shows: float = 0.0
    """share of sessions, 0 to 1"""
    early_stops: float = 0.0
    """share of sessions, 0 to 1"""
    late_stops: float = 0.0
    """share of sessions, 0 to 1"""
    faults: float = 0.0
    """an EVSE and day"""
    walk_ins: float = 0.0
    """an EVSE and day"""
    refusals: float = 0.0
    """share of drivers who do not take what they are given and leave, 0 to 1"""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 <= value < np.inf:
                raise ValueError(f"{name}: must be a number of at least 0, not {value}")
        if self.refusals > 1.0:
            raise ValueError(f"refusals: must be at most 1, not {self.refusals}")
        if self.no_shows + self.early_stops + self.late_stops > 1.0 + 1e-9:
            raise ValueError("no_shows, early_stops, late_stops: a session has one fate, so together at most 1")


NO_DISTURBANCES = Disturbances()
ALL_DISTURBANCES = Disturbances(no_shows=0.05, early_stops=0.15, late_stops=0.08, faults=0.03, walk_ins=0.3, refusals=0.02)
"""All of them at once, at assumed figures."""


@dataclass(frozen=True)
class _DayFates:
    """What chance has in store for a day's N requests."""

    refuses: np.ndarray
    """whether the driver refuses what is given, [N]"""
    fate: np.ndarray
    """number from 0 to 1 that decides what becomes of the session, [N]"""
    part: np.ndarray
    """share of a session after which it stops early, [N]"""
    stay: np.ndarray
    """slots that the vehicle would stay on, [N]"""
    faults: list[tuple[float, int, int]]
    """(minute, pool, slots) of each EVSE that fails"""
    walk_ins: list[tuple[float, int, int]]
    """(minute, pool, slots) of each driver without a booking"""

    @classmethod
    def of(cls, requests: Requests, wanted: Disturbances, capacity: np.ndarray, slots: int, seed: int) -> "_DayFates":
        # Whole seconds: the last bits of a drawn minute need not be the same on every machine.
        key = zlib.crc32(np.rint(requests.book_min * 60.0).astype("<i8").tobytes())

        def stream(number: int) -> np.random.Generator:
            return np.random.default_rng([seed, key, number])

        def arrivals(rng: np.random.Generator, rate: float, mean_slots: int) -> list[tuple[float, int, int]]:
            pool = np.repeat(np.arange(len(capacity)), rng.poisson(rate * capacity))
            minute = rng.uniform(0.0, min(DAY_SLOTS, slots) * SLOT_MIN, len(pool))
            length = rng.geometric(1.0 / mean_slots, len(pool))
            return list(zip(minute.tolist(), pool.tolist(), length.tolist(), strict=True))

        size = len(requests)
        return cls(
            refuses=stream(0).random(size) < wanted.refusals,
            fate=stream(1).random(size),
            part=stream(2).random(size),
            stay=stream(3).integers(1, OVERSTAY_SLOTS + 1, size),
            faults=arrivals(stream(4), wanted.faults, FAULT_SLOTS),
            walk_ins=arrivals(stream(5), wanted.walk_ins, WALK_IN_SLOTS),
        )


@dataclass
class _WalkIn:
    """Somebody who charges without a booking, slots [begin, until)."""

    pool: int
    begin: int
    until: int


@dataclass(frozen=True)
class _MovedBooking:
    """A request whose booking was moved: how often, what it asks for since, and the minutes waited, price, kilometres and
    minutes charged that it had before its present booking."""

    times: int
    wish: Requests
    had: np.ndarray


class DisturbanceQueue:
    """The events of each day of a simulator. `count` says how often each of KINDS happened; `added` [E] is the cost they
    added to requests decided before.

    A no-show and an early stop let go of what is left; the request keeps the cost of what it was given, for that is what a
    policy decides. A booking on an EVSE that fails goes elsewhere: its cost grows by the delay, and what it had already
    charged stays charged and paid.
    """

    def __init__(self, state: DayState, disturbances: Disturbances, seed: int) -> None:
        self._state, self._wanted, self._seed = state, disturbances, seed
        size = len(state.days)
        self._number = 0
        self._queues: list[list[tuple[float, int, Callable[[], None]]]] = [[] for _ in range(size)]
        self._due = np.full(size, np.inf)
        self._drawn: list[_DayFates] = []
        self._walk_ins: list[list[_WalkIn]] = [[] for _ in range(size)]
        self._moved: list[dict[int, _MovedBooking]] = [{} for _ in range(size)]
        self.count = dict.fromkeys(KINDS, 0)
        self.added = np.zeros(size)
        # All days' end to end, as the simulator's requests are: most steps ask no more than these.
        self._refuses = np.zeros(len(state.days.requests), dtype=bool)
        self._fate = np.zeros(len(state.days.requests))
        for env in range(size):
            self._drawn.append(self._draw(env))
            self._begin(env)

    def restart(self, env: int) -> None:
        """Begins a day anew, after its requests were replaced."""
        self._drawn[env] = self._draw(env)
        self._begin(env)

    def _draw(self, env: int) -> _DayFates:
        state = self._state
        own = state.days.window(env)
        requests = state.days.requests.take(np.arange(own.start, own.stop))
        return _DayFates.of(requests, self._wanted, state.city.capacity, state.occupancy.slots, self._seed)

    def _begin(self, env: int) -> None:
        self._queues[env], self._walk_ins[env], self._moved[env], self.added[env] = [], [], {}, 0.0
        self._due[env] = np.inf
        own = self._state.days.window(env)
        self._refuses[own], self._fate[own] = self._drawn[env].refuses, self._drawn[env].fate
        for minute, pool, length in self._drawn[env].faults:
            self._at(env, minute, partial(self._fault, env, pool, int(minute // SLOT_MIN), length))
        for minute, pool, length in self._drawn[env].walk_ins:
            self._at(env, minute, partial(self._walk_in, env, pool, int(minute // SLOT_MIN), length))

    def _at(self, env: int, minute: float, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queues[env], (minute, self._number, what))
        self._due[env] = self._queues[env][0][0]

    def until(self, envs: np.ndarray, minutes: np.ndarray) -> None:
        """Lets everything happen that falls before each day's minute, [B]."""
        late = self._due[envs] <= minutes
        for env, minute in zip(envs[late].tolist(), minutes[late].tolist(), strict=True):
            queue = self._queues[env]
            while queue and queue[0][0] <= minute:
                heapq.heappop(queue)[2]()
            self._due[env] = queue[0][0] if queue else np.inf

    def refused(self, envs: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Which drivers, the `numbers` [B] of their days, do not take what they are given: [B]."""
        refused: np.ndarray = self._refuses[self._state.days.offsets[envs] + numbers]
        self.count["refusal"] += int(refused.sum())
        return refused

    def booked(self, envs: np.ndarray, numbers: np.ndarray) -> None:
        """Puts the fate of sessions just booked in the queue."""
        wanted = self._wanted
        fated = self._fate[self._state.days.offsets[envs] + numbers] < wanted.no_shows + wanted.early_stops + wanted.late_stops
        for env, number in zip(envs[fated].tolist(), numbers[fated].tolist(), strict=True):
            self._befall(env, number)

    def _befall(self, env: int, number: int) -> None:
        served, wanted, drawn = self._state.served, self._wanted, self._drawn[env]
        request = int(self._state.days.offsets[env]) + number
        start, length = int(served.start[request]), int(served.length[request])
        draw, moves = float(drawn.fate[number]), self._moves(env, number)
        if draw < wanted.no_shows:
            given_up = float(served.begin_min[request]) + GRACE_MIN
            happen = partial(self._release, env, number, moves, int(np.ceil(given_up / SLOT_MIN)), "no_show")
            self._at(env, given_up, happen)
        elif draw < wanted.no_shows + wanted.early_stops:
            stop = start + 1 + int(drawn.part[number] * (length - 1))
            self._at(env, stop * SLOT_MIN, partial(self._release, env, number, moves, stop, "early_stop"))
        elif draw < wanted.no_shows + wanted.early_stops + wanted.late_stops:
            self._at(env, (start + length) * SLOT_MIN, partial(self._overstay, env, number, moves))

    def _moves(self, env: int, number: int) -> int:
        moved = self._moved[env].get(number)
        return 0 if moved is None else moved.times

    def _stands(self, env: int, number: int, moves: int) -> bool:
        """Whether a booking is still the one that an event was meant for: not moved since, and not failed."""
        request = self._state.days.offsets[env] + number
        return bool(self._state.served.served[request]) and self._moves(env, number) == moves

    def _release(self, env: int, number: int, moves: int, slot: int, what: str) -> None:
        """The session's claims from `slot` on are let go."""
        served = self._state.served
        request = int(self._state.days.offsets[env]) + number
        end = int(served.start[request] + served.length[request])
        if not self._stands(env, number, moves) or slot >= end:
            return
        self._change(env, int(served.pool[request]), slot, end, -1)
        served.length[request] = slot - served.start[request]
        self.count[what] += 1

    def _overstay(self, env: int, number: int, moves: int) -> None:
        """The vehicle stays up to an hour longer, as far as an EVSE is free; whoever booked it next has a claim on it."""
        if not self._stands(env, number, moves):
            return
        served = self._state.served
        request = int(self._state.days.offsets[env]) + number
        pool, slot = int(served.pool[request]), int(served.start[request] + served.length[request])
        stay = self._free_run(env, pool, slot, int(self._drawn[env].stay[number]))
        if stay:
            self._change(env, pool, slot, slot + stay, 1)
            served.length[request] += stay
            self.count["late_stop"] += 1

    def _walk_in(self, env: int, pool: int, slot: int, length: int) -> None:
        """Somebody without a booking charges until they are done or the next claim begins."""
        stay = self._free_run(env, pool, slot, length)
        if stay:
            self._change(env, pool, slot, slot + stay, 1)
            self._walk_ins[env].append(_WalkIn(pool, slot, slot + stay))
            self.count["walk_in"] += 1

    def _free_run(self, env: int, pool: int, slot: int, wanted: int) -> int:
        """How many slots from `slot` on an EVSE is free, at most `wanted`."""
        occupancy = self._state.occupancy
        window = slice(slot, min(slot + wanted, occupancy.slots))
        taken = occupancy.busy[env, pool, window] + (0 if occupancy.out is None else occupancy.out[env, pool, window])
        shut = taken >= self._state.city.capacity[pool]
        shut |= ~occupancy.open[0, pool, window]
        return int(shut.argmax()) if shut.any() else len(shut)

    def _change(self, env: int, pool: int, begin: int, until: int, change: int) -> None:
        self._state.occupancy.busy[env, pool, begin:until] += change

    def _fault(self, env: int, pool: int, slot: int, length: int) -> None:
        """An EVSE fails for a while. Where too few are left, walk-ins go first, then the bookings that were asked for
        last: they are moved, or fail."""
        occupancy, capacity = self._state.occupancy, self._state.city.capacity[pool]
        assert occupancy.out is not None
        out = occupancy.out[env, pool]
        out[slot : slot + length] = np.minimum(out[slot : slot + length] + 1, capacity)
        self.count["fault"] += 1
        while True:
            over = occupancy.busy[env, pool] + out > capacity
            over[:slot] = False
            if not over.any():
                return
            if not self._send_away(env, pool, int(over.argmax())):
                self._move(env, self._last_asked(env, pool, over), slot)

    def _send_away(self, env: int, pool: int, slot: int) -> bool:
        """Ends a walk-in's charge that covers `slot`; whether there was one."""
        for guest in self._walk_ins[env]:
            if guest.pool == pool and guest.begin <= slot < guest.until:
                self._change(env, pool, slot, guest.until, -1)
                guest.until = slot
                return True
        return False

    def _last_asked(self, env: int, pool: int, over: np.ndarray) -> int:
        """The number of the last request with a session in a slot that is over."""
        served, first = self._state.served, int(self._state.days.offsets[env])
        own = slice(first, first + int(self._state.position[env]))
        before = np.concatenate([[0], np.cumsum(over)])
        start, length = served.start[own], served.length[own]
        hit = served.served[own] & (served.pool[own] == pool) & (before[start + length] > before[start])
        return int(np.flatnonzero(hit)[-1])

    def _move(self, env: int, number: int, slot: int) -> None:
        """Books the cheapest row there is from `slot` on for a request whose EVSE failed, or leaves it unserved.

        A driver who has not begun sets out again from where they were, and waits for longer; one who was charging goes on
        from that station with what they still need.
        """
        state, served = self._state, self._state.served
        request = int(state.days.offsets[env]) + number
        start, pool = int(served.start[request]), int(served.pool[request])
        self._change(env, pool, max(start, slot), start + int(served.length[request]), -1)
        before = float(served.cost[request])
        floor = before - float(served.regret[request])
        moved = self._moved[env].get(number)
        if moved is None:
            moved = _MovedBooking(0, replace(state.days.requests.take(np.array([request])), env=np.array([0])), np.zeros(4))
        now = slot * SLOT_MIN
        wish, charged = moved.wish, now - float(served.begin_min[request])
        wait, price, km, duration = np.array([getattr(served, name)[request] for name in SPENT]) - moved.had
        if charged >= duration:
            # They had all they came for and only stayed on.
            served.length[request] = slot - start
            return
        if charged > 0:
            had = moved.had + np.array([wait, price * charged / duration, km, charged])
            later = self._stranded(wish, pool, now, charged / duration, km)
        else:
            had = moved.had + np.array([max(0.0, now - float(wish.depart_min[0])), 0.0, 0.0, 0.0])
            later = replace(wish, book_min=np.array([now]), depart_min=np.maximum(wish.depart_min, now))
        self._moved[env][number] = _MovedBooking(moved.times + 1, later, had)
        occupancy = state.occupancy
        assert occupancy.out is not None
        own = Occupancy(occupancy.busy[env : env + 1], occupancy.open, occupancy.minute_of_day, occupancy.out[env : env + 1])
        rows = candidates(state.city, later, own, state.scenario.rates)
        if rows.mask.any():
            state.book_row(np.array([env]), rows, np.array([0]), np.array([0]), np.array([request]))
            for name, value in zip(SPENT, had.tolist(), strict=True):
                getattr(served, name)[request] += value
            served.cost[request] += self._cost(wish, had)
            self.count["moved"] += 1
            self._befall(env, number)
        else:
            served.served[request] = False
            for name in (*SPENT, "pool", "start", "length", "begin_min"):
                getattr(served, name)[request] = 0
            served.cost[request] = REJECTION_COST
            self.count["failed"] += 1
        served.regret[request] = served.cost[request] - floor
        self.added[env] += float(served.cost[request]) - before

    def _stranded(self, wish: Requests, pool: int, now: float, done: float, km: float) -> Requests:
        """The request of a driver whose EVSE fails when a share `done` of their need is in the battery."""
        city, location = self._state.city, self._state.city.pool_location[pool]
        return replace(
            wish,
            book_min=np.array([now]),
            depart_min=np.array([now]),
            latitude=city.latitude[[location]],
            longitude=city.longitude[[location]],
            soc_kwh=wish.soc_kwh - km * wish.consumption + done * wish.need_kwh,
            need_kwh=(1.0 - done) * wish.need_kwh,
        )

    def _cost(self, wish: Requests, had: np.ndarray) -> float:
        """What minutes waited, price, kilometres and minutes charged before the present booking cost."""
        wait, price, km, duration = had[:, None]
        terms = cost_terms(
            wish.weights,
            wait_h=wait / 60.0,
            price=price,
            km=km,
            duration_h=duration / 60.0,
            price_unit=self._state.city.price_unit,
        )
        return float(total(terms)[0])
