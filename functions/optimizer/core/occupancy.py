"""The occupancy that decisions look at: what is taken in each pool and slot, and counts over any session of it.

Axes: E environments, P pools, T slots of the horizon, M windows (a pool and the slots of it that one request may use).
"""

from dataclasses import dataclass

import numpy as np

from functions.optimizer.core.city import City
from shared.slots import SLOTS_AN_HOUR

AROUND = SLOTS_AN_HOUR
"""Slots before and after a session that count as around it."""
BUSY, LAST, FULL, CLOSED = 0, 24, 37, 50
"""From which bit on a cell of OccupancyWindow.packed counts: EVSEs taken, slots with at most one free, full slots, closed
slots."""


@dataclass(frozen=True)
class Occupancy:
    """What is taken: EVSEs of each pool busy in each slot, [E, P, T]; `open` [1 or E, P, T] where they may be booked;
    `out` EVSEs out of order [E or 1, P, T]. `minute_of_day` is the local time at which the horizon begins."""

    busy: np.ndarray
    open: np.ndarray
    minute_of_day: float = 0.0
    out: np.ndarray | None = None

    @property
    def slots(self) -> int:
        """Length of the horizon, T."""
        return int(self.busy.shape[-1])

    def taken(self) -> np.ndarray:
        """EVSEs that cannot be had, busy or out of order: [E, P, T]."""
        return self.busy if self.out is None else self.busy + self.out


@dataclass(frozen=True)
class OccupancyWindow:
    """The occupancy in M windows (a pool, and the slots a request may use there), as it was at one instant: one pass over
    it serves candidates and features, and no slot is read that nobody asks about.

    `begin` [M] is the first slot of each window; `taken` [M, W] what is taken there; `packed` [M, W + 1] sums before
    each slot, four counts to an integer, so that one subtraction gives them all over any session. Whole numbers only:
    the answer does not depend on where a window begins or on who else is in the batch.
    """

    pool: np.ndarray
    begin: np.ndarray
    taken: np.ndarray
    packed: np.ndarray

    @classmethod
    def at(
        cls, city: City, occupancy: Occupancy, env: np.ndarray, pool: np.ndarray, first: np.ndarray, stop: np.ndarray
    ) -> "OccupancyWindow":
        """The occupancy from AROUND slots before `first` to as many after `stop`, all [M]. Raises ValueError where a window
        is too wide to count in (28 days, or 16 million EVSE slots)."""
        wanted = int((stop - first).max(initial=0)) + 2 * AROUND
        width = min(occupancy.slots, wanted)
        capacity = city.capacity[pool][:, None]
        if width >= 1 << (FULL - LAST) or width * int(capacity.max(initial=0)) >= 1 << LAST:
            raise ValueError(f"a window of {width} slots is too wide to count in")
        begin = np.minimum(np.maximum(first - AROUND, 0), occupancy.slots - width)
        taken = windows(occupancy.busy, env, pool, begin, width).astype(np.int64, copy=False)
        if occupancy.out is not None:
            taken = taken + windows(occupancy.out, env, pool, begin, width)
        packed = np.zeros((len(pool), width + 1), dtype=np.int64)
        cells = packed[:, 1:]
        np.multiply(~windows(occupancy.open, env, pool, begin, width), 1 << CLOSED, out=cells)
        cells += (taken >= capacity) * np.int64(1 << FULL)
        cells += (taken >= capacity - 1) * np.int64(1 << LAST)
        cells += taken
        np.cumsum(cells, axis=1, out=cells)
        return cls(pool, begin, taken, packed)

    def between(self, window_row: np.ndarray, begin: np.ndarray, until: np.ndarray) -> np.ndarray:
        """The packed counts of slots [begin, until) in windows; all of one shape. See `count`."""
        return window_sum(self.packed, window_row, begin - self.begin[window_row], until - self.begin[window_row])


def count(packed: np.ndarray, what: int) -> np.ndarray:
    """One of the packed counts: BUSY (EVSE slots taken), LAST (slots with at most one free), FULL or CLOSED (slots)."""
    bits = LAST if what == BUSY else FULL - LAST
    return (packed >> what) & ((1 << bits) - 1)


def windows(values: np.ndarray, env: np.ndarray, pool: np.ndarray, begin: np.ndarray, width: int) -> np.ndarray:
    """Slots [begin, begin + width) of pools: values [E or 1, P, T], the rest [M], to [M, width]."""
    environments, pools, slots = values.shape
    base = ((env * pools + pool if environments > 1 else pool) * slots) + begin
    if not len(base):
        return np.zeros((0, width), dtype=values.dtype)
    flat = np.ascontiguousarray(values).reshape(-1)
    step = flat.itemsize
    # As sliding_window_view, which takes longer than the copy.
    view = np.ndarray((flat.size - width + 1, width), flat.dtype, buffer=flat, strides=(step, step))
    windows: np.ndarray = view[base]
    return windows


def window_sum(sums: np.ndarray, window_row: np.ndarray, begin: np.ndarray, until: np.ndarray) -> np.ndarray:
    """What lies in cells [begin, until), clipped, of each window's running sums [M, W + 1]; the rest of one shape."""
    last = sums.shape[1] - 1
    base, flat = window_row * (last + 1), sums.ravel()
    # np.clip takes as long as the rest of this.
    upper, lower = np.minimum(np.maximum(until, 0), last), np.minimum(np.maximum(begin, 0), last)
    totals: np.ndarray = flat[base + upper] - flat[base + lower]
    return totals


def running_sum(values: np.ndarray) -> np.ndarray:
    """Sums before each slot: [..., T] to [..., T + 1], so that a session's sum is one subtraction."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1), dtype=np.result_type(values.dtype, np.int32))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums
