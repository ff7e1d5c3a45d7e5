"""Candidates: what a request may be given. Batch-first numpy, pure; the rules are PROBLEM.md's, version 2.

Axes: B requests, L locations, P pools, T slots of the horizon, S start offsets, K rows. Times are minutes since the
horizon's first slot begins; `env` says which occupancy of the batch a request meets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from functions.optimizer.core.city import City, unit_vectors
from functions.optimizer.core.objective import DEFAULT_WEIGHTS, cost_terms, total
from functions.optimizer.core.occupancy import CLOSED, FULL, Occupancy, OccupancyWindow, count, running_sum
from shared.energy import CHARGE_EFFICIENCY, CONSUMPTION_KWH_PER_KM
from shared.geo import EARTH_RADIUS_KM
from shared.slots import SLOT_S

MAX_ROWS = 256
MAX_LOCATIONS = 20
MAX_WAIT_MIN = 120.0
START_OFFSETS = (0, 1, 2, 3, 4, 5, 6, 9, 12, 15, 18, 21, 24)
"""Where sessions may begin, in slots after that of the arrival: at once, every 5 minutes to 30, every 15 to 120 (ADR 15)."""
EVERY_OFFSET = tuple(range(25))
"""The finest grid, which the offline bound has."""
RESERVE_KWH = 0.5
DETOUR = 1.3
SPEED_KMH = 25.0
SLOT_MIN = SLOT_S / 60
TAPER_STEPS = 32
NOTHING = 1e-9
"""What sums of minutes may be off by."""
FEW_LOCATIONS = 64
"""Up to so many, every distance is worked out; above, a shortlist first."""


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
        """A batch from arrays or single values; what is left out has its default. Raises ValueError (field named)."""
        defaults: dict[str, object] = {
            "consumption": CONSUMPTION_KWH_PER_KM,
            "weights": DEFAULT_WEIGHTS,
            "latest_min": np.inf,
            "radius_km": np.inf,
            "env": 0,
        }
        for name in ("need_kwh", "vehicle_kw", "battery_kwh", "consumption"):
            given = np.asarray(values.get(name, defaults.get(name)), dtype=np.float64)
            if not (np.isfinite(given) & (given > 0)).all():
                raise ValueError(f"{name}: must be a number above 0")
        made: dict[str, Any] = {}
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
        taken: dict[str, Any] = {name: None if value is None else value[rows] for name, value in vars(self).items()}
        return Requests(**taken)


@dataclass(frozen=True)
class PoolRates:
    """What energy and time cost in each pool and slot, VAT included, major units: per kWh [P, T], per hour [P, T], and
    once a session [P]; with their running sums over T for sessions of any length."""

    energy: np.ndarray
    time: np.ndarray
    flat: np.ndarray
    energy_sum: np.ndarray
    time_sum: np.ndarray

    @cached_property
    def by_time(self) -> bool:
        """Whether time costs anything anywhere."""
        return bool(self.time.any())

    @classmethod
    def build(cls, energy: np.ndarray, time: np.ndarray | None = None, flat: np.ndarray | None = None) -> "PoolRates":
        """Rates from arrays [P, T]; no time price and no flat fee where they are left out."""
        time = np.zeros_like(energy) if time is None else time
        flat = np.zeros(len(energy)) if flat is None else flat
        return cls(energy, time, flat, running_sum(energy), running_sum(time))


@dataclass(frozen=True)
class Candidates:
    """Rows a request may be given, cheapest first, shapes [B, K]; `mask` is False in the padding (cost infinite and all
    else zero there).

    `location`, `pool` index the city; `begin_min` is the minute a session begins, `start` the slot that holds it and `length`
    how many slots it touches; `cost` is the objective;
    `floor` [B] is the request's own minimum were every EVSE free, `conceivable` [B] the rows it would then have in what is
    open (at most MAX_ROWS); `reason` [B] indexes REASONS, -1 where rows exist.
    """

    mask: np.ndarray
    location: np.ndarray
    pool: np.ndarray
    start: np.ndarray
    length: np.ndarray
    begin_min: np.ndarray
    wait_min: np.ndarray
    km: np.ndarray
    travel_min: np.ndarray
    duration_min: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    floor: np.ndarray
    conceivable: np.ndarray
    reason: np.ndarray


def great_circle_km(latitude: np.ndarray, longitude: np.ndarray, city: City, index: np.ndarray) -> np.ndarray:
    """Kilometres from each origin to the locations at `index`, [B, len(index)], rounded to the metre: below that the
    machines' sines differ, and golden vectors would not be the same everywhere."""
    a, b = np.radians(latitude)[:, None], np.radians(city.latitude[index])[None, :]
    turn = np.radians(city.longitude[index])[None, :] - np.radians(longitude)[:, None]
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    air: np.ndarray = np.round(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(1.0, half))), 3)
    return air


def charge_hours(requests: Requests, evse_kw: np.ndarray) -> np.ndarray:
    """Hours a session takes at `evse_kw` [B, N]: need / (0.9 x min(EVSE power, vehicle power)); where the vehicles give
    a charging curve, that integrated from the state of charge on, with the same 0.9; infinite where it falls to 0."""
    flat: np.ndarray = np.minimum(evse_kw, requests.vehicle_kw[:, None])
    if requests.curve_soc is None or requests.curve_kw is None:
        hours: np.ndarray = requests.need_kwh[:, None] / (CHARGE_EFFICIENCY * flat)
        return hours
    share = (np.arange(TAPER_STEPS) + 0.5) / TAPER_STEPS
    soc = (requests.soc_kwh[:, None] + requests.need_kwh[:, None] * share) / requests.battery_kwh[:, None]
    hours = np.zeros_like(flat)
    for row in range(len(requests)):
        kw = np.interp(soc[row], requests.curve_soc[row], requests.curve_kw[row])
        power = np.minimum(flat[row][:, None], kw[None, :])
        with np.errstate(divide="ignore"):
            hours[row] = requests.need_kwh[row] / CHARGE_EFFICIENCY * np.mean(1.0 / power, axis=1)
    return hours


def session_price(
    rates: PoolRates, pool: np.ndarray, begin_min: np.ndarray, duration_h: np.ndarray, need_kwh: np.ndarray
) -> np.ndarray:
    """The price of sessions that begin at minute `begin_min` and draw `need_kwh` evenly over `duration_h`, broadcast. What lies
    beyond the horizon costs as its last slot does."""
    last = rates.energy.shape[1]
    until_min = begin_min + duration_h * 60.0
    # Flat indices: several times quicker than pairs of index arrays.
    sums, cells, ends = pool * (last + 1), pool * last, []
    for at in (begin_min / SLOT_MIN, until_min / SLOT_MIN):
        slot = np.minimum(at.astype(np.int64), last - 1)
        ends.append((sums + slot, cells + slot, at - slot))

    def spent(table: np.ndarray, running: np.ndarray) -> np.ndarray:
        rate, before = table.ravel(), running.ravel()
        first, stop = (before[cell] + part * rate[own] for cell, own, part in ends)
        total: np.ndarray = stop - first
        return total

    price: np.ndarray = rates.flat[pool] + need_kwh * (SLOT_MIN / 60.0) * spent(rates.energy, rates.energy_sum) / duration_h
    return price + spent(rates.time, rates.time_sum) * (SLOT_MIN / 60.0) if rates.by_time else price


def candidates(
    city: City,
    requests: Requests,
    occupancy: Occupancy,
    rates: PoolRates,
    *,
    nearest: int = MAX_LOCATIONS,
    whole_minutes: bool = False,
) -> Candidates:
    """All rows of all requests, at most MAX_ROWS each, cheapest first; see the module for axes.

    A row is: one of the `nearest` reachable locations with a matching connector, one of its pools, and a start: the minute of
    arrival or one of the slots of START_OFFSETS after it; open and with an EVSE free in every slot that the session touches
    (the platform repacks equal EVSEs). `whole_minutes`: arrivals count from the next whole minute on, as bookings do.
    """
    return candidates_in_window(city, requests, occupancy, rates, nearest=nearest, whole_minutes=whole_minutes)[0]


def candidates_in_window(
    city: City,
    requests: Requests,
    occupancy: Occupancy,
    rates: PoolRates,
    *,
    nearest: int = MAX_LOCATIONS,
    rows: int = MAX_ROWS,
    offsets: Sequence[int] = START_OFFSETS,
    whole_minutes: bool = False,
) -> tuple[Candidates, OccupancyWindow, np.ndarray]:
    """`candidates`, the window of the occupancy that they came from, and the row of it that each came from: [B, K]; at most
    `rows`, with starts at `offsets`."""
    size, horizon = len(requests), occupancy.slots
    where = _places(city, requests, nearest)
    pool, location, usable = where.pool, where.location, where.usable
    travel = where.km * (60.0 / SPEED_KMH)
    duration_h = charge_hours(requests, city.pool_power_kw[pool])
    # A session longer than the horizon fits nowhere; the bound keeps endless ones (a curve down to 0 kW) countable.
    hours = np.minimum(duration_h, (horizon + 1.0) * (SLOT_MIN / 60.0))[:, :, None]

    arrival = requests.depart_min[:, None] + travel
    if whole_minutes:
        arrival = np.ceil(arrival - NOTHING)
    first = np.floor(arrival / SLOT_MIN + NOTHING).astype(np.int64)
    start = first[:, :, None] + np.asarray(offsets)
    begin_min = np.maximum(start * SLOT_MIN, arrival[:, :, None])
    wait = begin_min - arrival[:, :, None]
    stop = np.maximum(start + 1, np.ceil((begin_min + hours * 60.0) / SLOT_MIN - NOTHING).astype(np.int64))
    length = stop - start
    fits = usable[:, :, None] & (wait <= MAX_WAIT_MIN) & (stop <= horizon) & (start >= 0)
    fits &= begin_min + (duration_h * 60.0)[:, :, None] <= requests.latest_min[:, None, None]

    # Windows are as wide as the longest session that can be; what fits nowhere does not widen them.
    possible = np.where(fits, stop - first[:, :, None], 1).max(axis=2).ravel()
    opening = np.minimum(np.maximum(first, 0), horizon).ravel()
    env = np.repeat(requests.env, pool.shape[1])
    window = OccupancyWindow.at(city, occupancy, env, pool.ravel(), opening, opening + possible)

    begin, until = np.minimum(np.maximum(start, 0), horizon), np.minimum(np.maximum(stop, 0), horizon)
    price = session_price(rates, pool[:, :, None], np.maximum(begin_min, 0.0), hours, requests.need_kwh[:, None, None])
    terms = cost_terms(
        requests.weights,
        wait_h=wait / 60.0,
        price=price,
        km=where.km[:, :, None],
        duration_h=hours,
        price_unit=city.price_unit,
    )
    cost = np.where(fits, total(terms), np.inf)
    floor = cost.min(axis=(1, 2), initial=np.inf)

    window_row = np.arange(pool.size).reshape(*pool.shape, 1)
    seen = window.between(window_row, begin, until)
    opened = fits & (seen < 1 << CLOSED)
    free = opened & (count(seen, FULL) == 0)
    shape = (size, start.shape[1] * len(offsets))
    cost = np.where(free, cost, np.inf).reshape(shape)

    order = np.argsort(cost, axis=1, kind="stable")[:, :rows]
    row = order + np.arange(size)[:, None] * shape[1]
    column = row // len(offsets)
    ranked = cost.ravel()[row]
    mask = np.isfinite(ranked)

    padded = not mask.all()

    def picked(values: np.ndarray, index: np.ndarray) -> np.ndarray:
        taken = values.ravel()[index]
        return np.where(mask, taken, 0) if padded else taken

    checks = (where.reachable, usable.any(1), fits.any((1, 2)), opened.any((1, 2)), mask.any(1))
    reason = np.full(size, -1)
    for number in range(len(REASONS) - 1, -1, -1):
        reason = np.where(checks[number], reason, number)
    listed = Candidates(
        mask=mask,
        location=picked(location, column),
        pool=picked(pool, column),
        start=picked(start, row),
        length=picked(length, row),
        begin_min=picked(begin_min, row),
        wait_min=picked(wait, row),
        km=picked(where.km, column),
        travel_min=picked(travel, column),
        duration_min=picked(duration_h, column) * 60.0,
        price=picked(price, row),
        cost=ranked,
        floor=floor,
        conceivable=np.minimum(opened.sum(axis=(1, 2)), rows),
        reason=reason,
    )
    return listed, window, np.where(mask, column, 0)


@dataclass(frozen=True)
class _Places:
    """Where each request may go, [B, N]: a location and one of its pools; `usable` is False in padding and for pools
    that do not fit (location and pool are arbitrary there). `reachable` [B]: whether any location is."""

    location: np.ndarray
    pool: np.ndarray
    km: np.ndarray
    usable: np.ndarray
    reachable: np.ndarray


def _places(city: City, requests: Requests, nearest: int) -> _Places:
    """The pools of the nearest reachable locations that have a matching connector."""
    index = _shortlist(city, requests, nearest)
    air = great_circle_km(requests.latitude, requests.longitude, city, index)
    km = np.round(air * DETOUR, 3)
    reachable = (km * requests.consumption[:, None] <= (requests.soc_kwh - RESERVE_KWH)[:, None]) & (
        air <= requests.radius_km[:, None]
    )
    eligible = reachable & ((requests.standards[:, None] & city.location_standards[index]) != 0)
    count = min(nearest, len(index))
    if len(index) == count:
        near = np.broadcast_to(np.arange(count), (len(requests), count))
    else:
        # Whole metres with the index as tie-break: no two keys are equal, so every machine picks the same locations.
        keys = np.rint(km * 1000.0).astype(np.int64) * len(index) + np.arange(len(index))
        keys[~eligible] += 1 << 50
        near = np.sort(np.argpartition(keys, count - 1, axis=1)[:, :count], axis=1)
    width = city.pools_of.shape[1]
    location = np.repeat(index[near], width, axis=1)
    pool = city.pools_of[index[near]].reshape(len(requests), -1)
    here = np.maximum(pool, 0)
    fits = ((requests.standards[:, None] >> city.pool_standard[here]) & 1).astype(bool)
    usable = (pool >= 0) & np.repeat(np.take_along_axis(eligible, near, 1), width, axis=1) & fits
    return _Places(location, here, np.repeat(np.take_along_axis(km, near, 1), width, axis=1), usable, reachable.any(1))


def _shortlist(city: City, requests: Requests, nearest: int) -> np.ndarray:
    """Locations in order of index, at least `nearest` where the city has as many: every request's nearest fitting ones
    are among them for sure, and its nearest of any kind. By chords with 10 m to spare; exact distances decide later."""
    count = len(city.latitude)
    if count <= max(FEW_LOCATIONS, nearest):
        return np.arange(count)
    closeness = unit_vectors(requests.latitude, requests.longitude) @ city.directions.T
    fitting = np.where((requests.standards[:, None] & city.location_standards) != 0, closeness, -2.0)
    last = np.partition(fitting, count - nearest, axis=1)[:, count - nearest]
    keep = (fitting >= np.where(last < -1.0, -1.5, _a_bit_farther(last))[:, None]).any(axis=0)
    keep |= (closeness >= _a_bit_farther(closeness.max(axis=1))[:, None]).any(axis=0)
    keep[np.flatnonzero(~keep)[: max(0, nearest - int(keep.sum()))]] = True
    return np.flatnonzero(keep)


def _a_bit_farther(closeness: np.ndarray) -> np.ndarray:
    """The cosine of a point 10 m farther away than `closeness` says."""
    chord = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * closeness)) + 0.010 / EARTH_RADIUS_KM
    return 1.0 - chord * chord / 2.0
