"""Candidates: what a request may be given. Batch-first numpy, pure; the rules are PROBLEM.md's.

Axes: B requests, L locations, P pools, T slots of the horizon, S start offsets, K rows. Times are minutes since the
horizon's first slot begins; `env` says which book of the batch a request looks at.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from functions.optimizer.city import City
from functions.optimizer.objective import DEFAULT_WEIGHTS, cost_terms, total

MAX_ROWS = 256
MAX_LOCATIONS = 20
MAX_WAIT_MIN = 120.0
START_OFFSETS = 9
RESERVE_KWH = 0.5
DETOUR = 1.3
SPEED_KMH = 25.0
CONSUMPTION_KWH_PER_KM = 0.18
EFFICIENCY = 0.9
SLOT_MIN = 15.0
EARTH_RADIUS_KM = 6371.0088
TAPER_STEPS = 32


class Reason(StrEnum):
    """Why there is no candidate: the first of these that binds."""

    OUT_OF_REACH = "OUT_OF_REACH"
    NO_CONNECTOR = "NO_CONNECTOR"
    WINDOW_TOO_SHORT = "WINDOW_TOO_SHORT"
    CLOSED = "CLOSED"
    ALL_FULL = "ALL_FULL"


REASONS = tuple(Reason)


@dataclass(frozen=True)
class Requests:
    """A batch of charge requests, one value a request: shapes [B], weights [B, 4].

    `soc_kwh` is what the battery holds at departure; `standards` a bit mask (city.standard_bits); `latest_min` and
    `radius_km` are infinite where the driver gave none; the charging curve, where the vehicles give one, is
    `curve_soc` and `curve_kw` [B, C] with rising states of charge (shares of 1).
    """

    book_min: np.ndarray
    depart_min: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    soc_kwh: np.ndarray
    battery_kwh: np.ndarray
    need_kwh: np.ndarray
    vehicle_kw: np.ndarray
    standards: np.ndarray
    consumption: np.ndarray
    weights: np.ndarray
    latest_min: np.ndarray
    radius_km: np.ndarray
    env: np.ndarray
    curve_soc: np.ndarray | None = None
    curve_kw: np.ndarray | None = None

    @classmethod
    def build(cls, *, size: int, **values: object) -> "Requests":
        """A batch from arrays or single values; what is left out has its default."""
        defaults: dict[str, object] = {
            "consumption": CONSUMPTION_KWH_PER_KM,
            "weights": DEFAULT_WEIGHTS,
            "latest_min": np.inf,
            "radius_km": np.inf,
            "env": 0,
        }
        made: dict[str, np.ndarray] = {}
        for name, value in (defaults | values).items():
            if value is None:
                continue
            kind = np.int64 if name in ("env", "standards") else np.float64
            array = np.asarray(value, dtype=kind)
            if name == "weights" or name.startswith("curve_"):
                made[name] = np.broadcast_to(array, (size, array.shape[-1]))
            else:
                made[name] = np.broadcast_to(array, (size,))
        return cls(**made)

    def __len__(self) -> int:
        return len(self.depart_min)

    def take(self, rows: np.ndarray) -> "Requests":
        """The requests at `rows`."""
        return Requests(**{name: value[rows] for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class Rates:
    """What energy and time cost in each pool and slot, VAT included, major units: per kWh [P, T], per hour [P, T], and
    once a session [P]; with their running sums over T for sessions of any length."""

    energy: np.ndarray
    time: np.ndarray
    flat: np.ndarray
    energy_sum: np.ndarray
    time_sum: np.ndarray

    @classmethod
    def build(cls, energy: np.ndarray, time: np.ndarray | None = None, flat: np.ndarray | None = None) -> "Rates":
        """Rates from arrays [P, T]; no time price and no flat fee where they are left out."""
        time = np.zeros_like(energy) if time is None else time
        flat = np.zeros(len(energy)) if flat is None else flat
        return cls(energy, time, flat, running_sum(energy), running_sum(time))


@dataclass(frozen=True)
class Book:
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
class Candidates:
    """Rows a request may be given, cheapest first, shapes [B, K]; `mask` is False in the padding (cost infinite there).

    `location`, `pool` index the city; `start` and `length` are slots of the horizon; `cost` is the objective;
    `floor` [B] is the request's own minimum were every EVSE free; `reason` [B] indexes REASONS, -1 where rows exist.
    """

    mask: np.ndarray
    location: np.ndarray
    pool: np.ndarray
    start: np.ndarray
    length: np.ndarray
    wait_min: np.ndarray
    km: np.ndarray
    travel_min: np.ndarray
    duration_min: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    floor: np.ndarray
    reason: np.ndarray


def running_sum(values: np.ndarray) -> np.ndarray:
    """Sums before each slot: [..., T] to [..., T + 1], so that a session's sum is one subtraction."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1), dtype=np.result_type(values.dtype, np.int32))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def great_circle_km(latitude: np.ndarray, longitude: np.ndarray, city: City) -> np.ndarray:
    """Kilometres from each origin to each location, [B, L], rounded to the metre: below that the machines' sines
    differ, and golden vectors would not be the same everywhere."""
    a, b = np.radians(latitude)[:, None], np.radians(city.latitude)[None, :]
    turn = np.radians(city.longitude)[None, :] - np.radians(longitude)[:, None]
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    return np.round(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(1.0, half))), 3)


def charge_hours(requests: Requests, evse_kw: np.ndarray) -> np.ndarray:
    """Hours a session takes at `evse_kw` [B, N]: need / (0.9 x min(EVSE power, vehicle power)); where the vehicles give
    a charging curve, that integrated from the state of charge on, with the same 0.9."""
    flat = np.minimum(evse_kw, requests.vehicle_kw[:, None])
    if requests.curve_soc is None or requests.curve_kw is None:
        return requests.need_kwh[:, None] / (EFFICIENCY * flat)
    share = (np.arange(TAPER_STEPS) + 0.5) / TAPER_STEPS
    soc = (requests.soc_kwh[:, None] + requests.need_kwh[:, None] * share) / requests.battery_kwh[:, None]
    hours = np.zeros_like(flat)
    for row in range(len(requests)):
        kw = np.interp(soc[row], requests.curve_soc[row], requests.curve_kw[row])
        power = np.minimum(flat[row][:, None], kw[None, :])
        hours[row] = requests.need_kwh[row] / EFFICIENCY * np.mean(1.0 / power, axis=1)
    return hours


def session_price(
    rates: Rates, pool: np.ndarray, start: np.ndarray, duration_h: np.ndarray, need_kwh: np.ndarray
) -> np.ndarray:
    """The price of sessions that begin at slot `start` and draw `need_kwh` evenly over `duration_h`; all of one shape."""
    last = rates.energy.shape[1]
    quarters = duration_h * 4.0
    whole = np.minimum(quarters.astype(np.int64), last)
    part = quarters - whole
    # Flat indices: several times quicker than pairs of index arrays.
    begin = np.minimum(start, last)
    until = np.minimum(begin + whole, last)
    sums, cells = pool * (last + 1), pool * last + np.minimum(until, last - 1)
    energy_sum, time_sum = rates.energy_sum.ravel(), rates.time_sum.ravel()
    energy = energy_sum[sums + until] - energy_sum[sums + begin] + part * rates.energy.ravel()[cells]
    time = time_sum[sums + until] - time_sum[sums + begin] + part * rates.time.ravel()[cells]
    return rates.flat[pool] + need_kwh * energy / quarters + time * 0.25


def candidates(city: City, requests: Requests, book: Book, rates: Rates) -> Candidates:
    """All rows of all requests, at most MAX_ROWS each, cheapest first; see the module for axes.

    A row is: one of the 20 nearest reachable locations with a matching connector, one of its pools, a start from arrival
    to two hours after; open and with an EVSE free in every slot of the session (the platform repacks equal EVSEs).
    """
    size, horizon = len(requests), book.slots
    air = great_circle_km(requests.latitude, requests.longitude, city)
    km = np.round(air * DETOUR, 3)
    reachable = (km * requests.consumption[:, None] <= (requests.soc_kwh - RESERVE_KWH)[:, None]) & (
        air <= requests.radius_km[:, None]
    )
    pool_fits = ((requests.standards[:, None] >> city.pool_standard[None, :]) & 1).astype(bool)
    near = _nearest(city, km, reachable, pool_fits)

    pool = city.pools_of[near].reshape(size, -1)
    location = np.repeat(near, city.pools_of.shape[1], axis=1)
    here = np.maximum(pool, 0)
    batch = np.arange(size)[:, None]
    usable = (pool >= 0) & reachable[batch, location] & pool_fits[batch, here]
    row_km = km[batch, location]
    travel = row_km * (60.0 / SPEED_KMH)
    duration_h = charge_hours(requests, city.pool_power_kw[here])
    length = np.maximum(1, np.ceil(duration_h * 4.0 - 1e-9)).astype(np.int64)

    arrival = requests.depart_min[:, None] + travel
    first = np.ceil(arrival / SLOT_MIN - 1e-9).astype(np.int64)
    start = first[:, :, None] + np.arange(START_OFFSETS)
    wait = np.maximum(0.0, start * SLOT_MIN - arrival[:, :, None])
    end_min = start * SLOT_MIN + (duration_h * 60.0)[:, :, None]
    stop = start + length[:, :, None]
    fits = usable[:, :, None] & (wait <= MAX_WAIT_MIN) & (stop <= horizon) & (start >= 0)
    fits &= end_min <= requests.latest_min[:, None, None]

    begin, until = np.clip(start, 0, horizon), np.clip(stop, 0, horizon)
    shape = (size, start.shape[1] * START_OFFSETS)
    pools = np.broadcast_to(here[:, :, None], start.shape)
    hours = np.broadcast_to(duration_h[:, :, None], start.shape)
    need = np.broadcast_to(requests.need_kwh[:, None, None], start.shape)
    price = session_price(rates, pools, begin, hours, need)
    terms = cost_terms(
        requests.weights,
        wait_h=wait / 60.0,
        price=price,
        km=np.broadcast_to(row_km[:, :, None], start.shape),
        duration_h=hours,
        price_unit=city.price_unit,
    )
    cost = np.where(fits, total(terms), np.inf).reshape(shape)
    floor = cost.min(axis=1, initial=np.inf)

    full = running_sum(book.taken() >= city.capacity[:, None])
    shut = running_sum(~book.open)
    closed = _between(shut, requests.env, here, begin, until) > 0
    blocked = _between(full, requests.env, here, begin, until) > 0
    opened = (fits & ~closed).reshape(shape)
    free = opened & ~blocked.reshape(shape)
    cost = np.where(free, cost, np.inf)

    rows = min(MAX_ROWS, shape[1])
    order = np.argsort(cost, axis=1, kind="stable")[:, :rows]
    column = order // START_OFFSETS
    flat_cost = np.take_along_axis(cost, order, axis=1)
    picked = {
        "pool": here[batch, column],
        "location": location[batch, column],
        "km": row_km[batch, column],
        "travel_min": travel[batch, column],
        "duration_min": duration_h[batch, column] * 60.0,
        "length": length[batch, column],
        "start": np.take_along_axis(start.reshape(shape), order, axis=1),
        "wait_min": np.take_along_axis(wait.reshape(shape), order, axis=1),
        "price": np.take_along_axis(price.reshape(shape), order, axis=1),
    }
    checks = (reachable.any(1), usable.any(1), fits.any((1, 2)), opened.any(1), free.any(1))
    reason = np.full(size, -1)
    for number in range(len(REASONS) - 1, -1, -1):
        reason = np.where(checks[number], reason, number)
    return Candidates(mask=np.isfinite(flat_cost), cost=flat_cost, floor=floor, reason=reason, **picked)


def _nearest(city: City, km: np.ndarray, reachable: np.ndarray, pool_fits: np.ndarray) -> np.ndarray:
    """The nearest reachable locations with a matching connector, in order of index where all fit: [B, at most 20]."""
    if km.shape[1] <= MAX_LOCATIONS:
        return np.broadcast_to(np.arange(km.shape[1]), km.shape)
    matches = np.zeros(km.shape, dtype=bool)
    for column in range(city.pools_of.shape[1]):
        pools = city.pools_of[:, column]
        matches |= (pools >= 0)[None, :] & pool_fits[:, np.maximum(pools, 0)]
    ranked = np.where(reachable & matches, km, np.inf)
    nearest = np.argpartition(ranked, MAX_LOCATIONS - 1, axis=1)[:, :MAX_LOCATIONS]
    nearest.sort(axis=1)
    return nearest


def _between(sums: np.ndarray, env: np.ndarray, pool: np.ndarray, begin: np.ndarray, until: np.ndarray) -> np.ndarray:
    """What lies in slots [begin, until) of each row's pool: running sums [E or 1, P, T + 1], rows [B, N, S]."""
    books, pools, width = sums.shape
    which = env if books > 1 else np.zeros_like(env)
    base = ((which[:, None] * pools + pool) * width)[:, :, None]
    flat = sums.ravel()
    return flat[base + until] - flat[base + begin]
