"""Features of candidates: the one code that training and serving share. Batch-first numpy, pure.

Every feature is of the order of one. `f` describes a row, `g` the state of the city; the network sees both side by side.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from functions.optimizer.candidates import Book, Candidates, Requests, running_sum
from functions.optimizer.city import City
from functions.optimizer.objective import REJECTION_COST

FEATURE_VERSION = 1
ROW_FEATURES = (
    "regret",  # cost above the request's own minimum
    "wait",  # hours
    "price",  # price units
    "distance",  # 10 km
    "duration",  # hours
    "length",  # sixteenths of a slot
    "booked_at_start",  # share of the pool
    "booked_over_session",
    "booked_hour_around",
    "last_point",  # the session takes the last EVSE of some slot
    "forecast_occupancy",  # expected share busy over the session
    "demand_ahead",  # expected bookings still to come over the session, EVSEs a slot, times its length
    "overflow",  # bookings and demand above capacity, share
    "lead",  # hours from booking to departure, by 4
    "power_class",  # 0 to 1
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
FEATURE_HASH = hashlib.sha256(f"{FEATURE_VERSION}:{','.join(FEATURE_NAMES)}".encode()).hexdigest()


@dataclass(frozen=True)
class Climatology:
    """What training days teach of each pool and slot, [P, T]: expected share busy, and expected bookings (EVSEs) still
    to come. Zeros where nothing is known."""

    occupancy: np.ndarray
    demand: np.ndarray

    @classmethod
    def unknown(cls, pools: int, slots: int) -> "Climatology":
        """Nothing is known."""
        return cls(np.zeros((pools, slots)), np.zeros((pools, slots)))


def features(city: City, requests: Requests, book: Book, rows: Candidates, climatology: Climatology) -> np.ndarray:
    """The features of every row: [B, K, len(FEATURE_NAMES)], float32; zeros in the padding."""
    if not len(city.capacity):  # nothing around: no rows to describe
        return np.zeros((*rows.cost.shape, len(FEATURE_NAMES)), dtype=np.float32)
    f = row_features(city, requests, book, rows, climatology)
    g = state_features(city, requests, book, climatology)
    made = np.empty((*rows.cost.shape, len(FEATURE_NAMES)), dtype=np.float32)
    made[..., : len(ROW_FEATURES)] = f
    made[..., len(ROW_FEATURES) :] = g[:, None, :]
    made[~rows.mask] = 0.0
    return made


def row_features(city: City, requests: Requests, book: Book, rows: Candidates, climatology: Climatology) -> np.ndarray:
    """f: [B, K, 15], float64."""
    horizon = book.slots
    taken = book.taken()
    pools, width = taken.shape[1], horizon + 1
    which = requests.env if taken.shape[0] > 1 else np.zeros_like(requests.env)
    capacity = city.capacity.astype(np.float64)
    here = capacity[rows.pool]
    start, stop = np.clip(rows.start, 0, horizon), np.clip(rows.start + rows.length, 0, horizon)
    length = rows.length.astype(np.float64)
    base = which[:, None] * pools + rows.pool

    busy = running_sum(taken).ravel()
    over = (busy[base * width + stop] - busy[base * width + start]) / (length * here)
    early, late = np.maximum(start - 4, 0), np.minimum(stop + 4, horizon)
    around = (busy[base * width + late] - busy[base * width + early]) / (np.maximum(late - early, 1) * here)
    at_start = taken.ravel()[base * horizon + np.minimum(start, horizon - 1)] / here
    last = running_sum(taken >= city.capacity[:, None] - 1).ravel()
    is_last = (last[base * width + stop] - last[base * width + start]) > 0

    cells = rows.pool * width
    occupancy = running_sum(climatology.occupancy).ravel()
    demand = running_sum(climatology.demand).ravel()
    forecast = (occupancy[cells + stop] - occupancy[cells + start]) / length
    ahead = demand[cells + stop] - demand[cells + start]
    crowd = running_sum(np.maximum(0.0, taken + climatology.demand - capacity[:, None])).ravel()
    overflow = (crowd[base * width + stop] - crowd[base * width + start]) / (length * here)

    with np.errstate(invalid="ignore"):
        regret = np.where(rows.mask, rows.cost - rows.floor[:, None], 0.0)
    lead = np.maximum(0.0, requests.depart_min - requests.book_min)[:, None] / 240.0
    columns = (
        regret,
        rows.wait_min / 60.0,
        rows.price / city.price_unit,
        rows.km / 10.0,
        rows.duration_min / 60.0,
        length / 16.0,
        at_start,
        over,
        around,
        is_last,
        forecast,
        ahead / 16.0,
        overflow,
        np.broadcast_to(lead, rows.cost.shape),
        city.pool_class[rows.pool] / 4.0,
    )
    return np.stack(columns, axis=-1)


def state_features(city: City, requests: Requests, book: Book, climatology: Climatology) -> np.ndarray:
    """g: [B, 8], float64; the state at the instant of booking."""
    horizon = book.slots
    now = np.clip((requests.book_min // 15.0).astype(np.int64), 0, horizon - 1)
    day = (book.minute_of_day + requests.book_min) / 1440.0 * 2.0 * np.pi
    taken = book.taken()
    which = requests.env if taken.shape[0] > 1 else np.zeros_like(requests.env)
    evses = float(city.capacity.sum())
    city_busy = running_sum(taken.sum(axis=1))
    ahead = [np.minimum(now + slots, horizon) for slots in (4, 8, 16)]
    booked = [(city_busy[which, until] - city_busy[which, now]) / (np.maximum(until - now, 1) * evses) for until in ahead]
    full = (taken >= city.capacity[:, None]).mean(axis=1)[which, now]
    spread = np.maximum(ahead[1] - now, 1)
    expected = running_sum(climatology.occupancy.mean(axis=0))
    demand = running_sum(climatology.demand.sum(axis=0) / evses)
    columns = (
        np.sin(day),
        np.cos(day),
        *booked,
        full,
        (expected[ahead[1]] - expected[now]) / spread,
        (demand[ahead[1]] - demand[now]) / spread,
    )
    return np.stack(columns, axis=-1)


def guard_limit(regret_of_greedy: float) -> float:
    """The regret above which a choice is refused when serving: more than half a rejection worse than greedy's."""
    return regret_of_greedy + REJECTION_COST / 2
