"""Features of candidates: the one code that training and serving share. Batch-first numpy, pure.

Every feature is of the order of one. `f` describes a row, `g` the state of the city; the network sees both at once.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from functions.optimizer.core.candidates import SLOT_MIN, Candidates, PoolRates, candidates_in_window
from functions.optimizer.core.city import City
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.occupancy import AROUND, BUSY, LAST, Occupancy, OccupancyWindow, count, running_sum, windows
from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_A_QUARTER, SLOTS_AN_HOUR

FEATURE_VERSION = 3
FIXED_POINT = 1 << 20
"""Expected bookings are added up in millionths of an EVSE: whole numbers have the same sum in every window."""
_AHEAD = np.array([[1], [2], [4]]) * SLOTS_AN_HOUR
"""Slots that the state looks ahead: one, two and four hours."""
_SIXTEENTHS = 16.0 * SLOTS_A_QUARTER
"""Slots of sixteen quarter hours."""
ROW_FEATURES = (
    "regret",  # cost above the request's own minimum
    "wait",  # hours
    "price",  # price units
    "distance",  # 10 km
    "duration",  # hours
    "length",  # sixteenths of a quarter hour
    "booked_at_start",  # share of the pool
    "booked_over_session",
    "booked_hour_around",
    "last_point",  # the session takes the last EVSE of some slot
    "forecast_occupancy",  # expected share busy over the session
    "demand_ahead",  # expected bookings still to come over the session, EVSEs, times its quarter hours
    "overflow",  # bookings and demand above capacity, share
    "lead",  # hours from booking to departure, by 4
    "power_class",  # 0 to 1
    "bid_price",  # what the session's slots were worth to others on training days, cost
    "rows_left",  # share of the rows the request would have, were every EVSE free, that are left
)
STATE_FEATURES = (
    "time_sin",
    "time_cos",
    "booked_1h",  # share of all EVSEs over the next hour
    "booked_2h",
    "booked_4h",
    "full_share",  # share of pools that are full now
    "city_forecast_2h",
    "city_demand_2h",
)
FEATURE_NAMES = ROW_FEATURES + STATE_FEATURES


def feature_hash(version: int) -> str:
    """The hash of these features' names and order as a version has it."""
    return hashlib.sha256(f"{version}:{','.join(FEATURE_NAMES)}".encode()).hexdigest()


FEATURE_HASH = feature_hash(FEATURE_VERSION)
QUARTERS_VERSION = 2
"""The features of sessions on quarter hours: the same names, and values that mean the same."""


@dataclass(frozen=True)
class Climatology:
    """What training days teach of each pool and slot, [P, T]: expected share busy, expected bookings (EVSEs) were every
    EVSE free, and the bid price of a slot (cost; the mean dual price of the days' offline optimum). Zeros where
    nothing is known. Not to be changed once made: its sums are kept."""

    occupancy: np.ndarray
    demand: np.ndarray
    price: np.ndarray

    @classmethod
    def unknown(cls, pools: int, slots: int) -> "Climatology":
        """Nothing is known."""
        return cls(np.zeros((pools, slots)), np.zeros((pools, slots)), np.zeros((pools, slots)))

    @cached_property
    def price_sum(self) -> np.ndarray:
        """Sums of the bid price before each slot: [P, T + 1]."""
        return running_sum(self.price)

    @cached_property
    def occupancy_sum(self) -> np.ndarray:
        """Sums of the expected share busy before each slot: [P, T + 1]."""
        return running_sum(self.occupancy)

    @cached_property
    def demand_sum(self) -> np.ndarray:
        """Sums of the expected bookings before each slot: [P, T + 1]."""
        return running_sum(self.demand)

    @cached_property
    def fixed_demand(self) -> np.ndarray:
        """Expected bookings in fixed point, whole numbers: [1, P, T]."""
        fixed: np.ndarray = np.rint(self.demand * FIXED_POINT).astype(np.int64)[None]
        return fixed

    @cached_property
    def city_occupancy_sum(self) -> np.ndarray:
        """The same over all pools, mean share busy: [T + 1]."""
        return running_sum(self.occupancy.mean(axis=0))

    @cached_property
    def city_demand_sum(self) -> np.ndarray:
        """The same over all pools, EVSEs: [T + 1]."""
        return running_sum(self.demand.sum(axis=0))


def features(city: City, requests: Requests, occupancy: Occupancy, rows: Candidates, climatology: Climatology) -> np.ndarray:
    """The features of every row: [B, K, len(FEATURE_NAMES)], float32; zeros in the padding."""
    index = np.flatnonzero(rows.mask)
    start = rows.start.ravel()[index]
    env = requests.env[index // rows.cost.shape[1]]
    window = OccupancyWindow.at(city, occupancy, env, rows.pool.ravel()[index], start, start + rows.length.ravel()[index])
    return _features(city, requests, occupancy, rows, climatology, window, index, np.arange(len(index)))


def observe(
    city: City,
    requests: Requests,
    occupancy: Occupancy,
    rates: PoolRates,
    climatology: Climatology,
    *,
    whole_minutes: bool = False,
) -> tuple[Candidates, np.ndarray]:
    """Candidates and their features from one pass over the occupancy: the same bits as `candidates` and `features`, sooner."""
    rows, window, window_row = candidates_in_window(city, requests, occupancy, rates, whole_minutes=whole_minutes)
    index = np.flatnonzero(rows.mask)
    return rows, _features(city, requests, occupancy, rows, climatology, window, index, window_row.ravel()[index])


def _features(
    city: City,
    requests: Requests,
    occupancy: Occupancy,
    rows: Candidates,
    climatology: Climatology,
    window: OccupancyWindow,
    index: np.ndarray,
    window_row: np.ndarray,
) -> np.ndarray:
    """The features of the rows at flat indices `index`, which stand in rows `window_row` of the window; zeros elsewhere."""
    described = np.empty((len(index), len(FEATURE_NAMES)), dtype=np.float32)
    if len(index):
        request = index // rows.cost.shape[1]
        columns = np.empty(
            (len(ROW_FEATURES), len(index)), dtype=np.float32
        )  # a row's features lie far apart: one copy turns them
        for number, values in enumerate(_row_features(city, requests, occupancy, rows, climatology, window, index, window_row)):
            columns[number] = values
        described[:, : len(ROW_FEATURES)] = columns.T
        described[:, len(ROW_FEATURES) :] = state_features(city, requests, occupancy, climatology).astype(np.float32)[request]
    shape = (*rows.cost.shape, len(FEATURE_NAMES))
    if len(index) == rows.cost.size:
        return described.reshape(shape)
    by_row = np.zeros(shape, dtype=np.float32)
    by_row.reshape(-1, len(FEATURE_NAMES))[index] = described
    return by_row


def _row_features(
    city: City,
    requests: Requests,
    occupancy: Occupancy,
    rows: Candidates,
    climatology: Climatology,
    window: OccupancyWindow,
    index: np.ndarray,
    window_row: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """f of the rows at flat indices `index`, in order of ROW_FEATURES, each [len(index)]."""
    horizon = occupancy.slots
    request = index // rows.cost.shape[1]
    row = slice(None) if len(index) == rows.cost.size else index
    pool, start, length = rows.pool.ravel()[row], rows.start.ravel()[row], rows.length.ravel()[row]
    here = city.capacity[pool].astype(np.float64)
    stop = start + length
    spots = length * here

    # Rows lie within the horizon and their surroundings within the window, so nothing is clipped, and the windows' ends are
    # the same in every table of one shape.
    cell = window_row * window.packed.shape[1] - window.begin[window_row]
    first, last = cell + start, cell + stop
    early, late = np.maximum(start - AROUND, 0), np.minimum(stop + AROUND, horizon)
    packed, above = window.packed.ravel(), _overflow(city, climatology, window).ravel()
    before = packed[first]
    session, at_start = packed[last] - before, count(packed[first + 1] - before, BUSY)
    around = count(packed[cell + late] - packed[cell + early], BUSY)
    overflow = (above[last] - above[first]) / FIXED_POINT
    began = pool * climatology.occupancy_sum.shape[1] + start
    ended = began + length

    def known(sums: np.ndarray) -> np.ndarray:
        flat = sums.ravel()
        over: np.ndarray = flat[ended] - flat[began]
        return over

    lead = np.maximum(0.0, requests.depart_min - requests.book_min) / 240.0
    return (
        rows.cost.ravel()[row] - rows.floor[request],
        rows.wait_min.ravel()[row] / 60.0,
        rows.price.ravel()[row] / city.price_unit,
        rows.km.ravel()[row] / 10.0,
        rows.duration_min.ravel()[row] / 60.0,
        length / _SIXTEENTHS,
        at_start / here,
        count(session, BUSY) / spots,
        around / ((late - early) * here),
        count(session, LAST) > 0,
        known(climatology.occupancy_sum) / length,
        known(climatology.demand_sum) / _SIXTEENTHS,
        overflow / spots,
        lead[request],
        city.pool_class[pool] / 4.0,
        known(climatology.price_sum),
        (rows.mask.sum(axis=1) / np.maximum(rows.conceivable, 1))[request],
    )


def _overflow(city: City, climatology: Climatology, window: OccupancyWindow) -> np.ndarray:
    """Running sums of bookings and expected demand above capacity over a window's slots, fixed point: [M, W + 1]."""
    demand = windows(climatology.fixed_demand, window.pool, window.pool, window.begin, window.taken.shape[1])
    above = (window.taken - city.capacity[window.pool][:, None]) * FIXED_POINT
    above += demand
    return running_sum(np.maximum(above, 0, out=above))


def state_features(city: City, requests: Requests, occupancy: Occupancy, climatology: Climatology) -> np.ndarray:
    """g: [B, 8], float64; the state at the instant of booking."""
    horizon = occupancy.slots
    now = np.minimum(np.maximum((requests.book_min // SLOT_MIN).astype(np.int64), 0), horizon - 1)
    day = (occupancy.minute_of_day + requests.book_min) / 1440.0 * 2.0 * np.pi
    # Only the slots that somebody asks about: a large city is not read from end to end.
    low, high = int(now.min()), int(min(now.max() + 4 * SLOTS_AN_HOUR, horizon - 1)) + 1
    taken = (
        occupancy.busy[..., low:high] if occupancy.out is None else occupancy.busy[..., low:high] + occupancy.out[..., low:high]
    )
    which = requests.env if taken.shape[0] > 1 else np.zeros_like(requests.env)
    evses = float(city.capacity.sum())
    city_busy = running_sum(taken.sum(axis=1))
    ahead = np.minimum(now + _AHEAD, horizon)
    spread = np.maximum(ahead - now, 1) * evses
    booked = (city_busy[which, ahead - low] - city_busy[which, now - low]) / spread
    full = (taken[which, :, now - low] >= city.capacity).sum(axis=1) / len(city.capacity)
    expected, demand = climatology.city_occupancy_sum, climatology.city_demand_sum
    two_hours = ahead[1]
    return np.array(
        (
            np.sin(day),
            np.cos(day),
            *booked,
            full,
            (expected[two_hours] - expected[now]) / np.maximum(two_hours - now, 1),
            (demand[two_hours] - demand[now]) / spread[1],
        )
    ).T


def guard_limit(greedy: float) -> float:
    """The cost, or regret, above which a choice is refused when serving: half a rejection worse than greedy's."""
    return greedy + REJECTION_COST / 2
