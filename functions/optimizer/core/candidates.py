"""Candidates: what a request may be given. Batch-first numpy, pure; the rules are PROBLEM.md's, version 2.

Axes: B requests, L locations, P pools, T slots of the horizon, S start offsets, K rows. Times are minutes since the
horizon's first slot begins; `env` says which occupancy of the batch a request meets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from functions.optimizer.core.city import City
from functions.optimizer.core.objective import cost_terms, total
from functions.optimizer.core.occupancy import CLOSED, FULL, Occupancy, OccupancyWindow, count, running_sum
from functions.optimizer.core.places import MAX_LOCATIONS, SPEED_KMH, places
from functions.optimizer.core.requests import Requests
from shared.energy import CHARGE_EFFICIENCY
from shared.slots import SLOT_S

MAX_ROWS = 256
MAX_WAIT_MIN = 120.0
START_OFFSETS = (0, 1, 2, 3, 4, 5, 6, 9, 12, 15, 18, 21, 24)
"""Where sessions may begin, in slots after that of the arrival: at once, every 5 minutes to 30, every 15 to 120 (ADR 16)."""
EVERY_OFFSET = tuple(range(25))
"""The finest grid, which the offline bound has."""
SLOT_MIN = SLOT_S / 60
TAPER_STEPS = 32
NOTHING = 1e-9
"""What sums of minutes may be off by."""


class Reason(StrEnum):
    """Why there is no candidate: the first of these that binds."""

    OUT_OF_REACH = "OUT_OF_REACH"
    NO_CONNECTOR = "NO_CONNECTOR"
    NEEDS_MORE_STOPS = "NEEDS_MORE_STOPS"
    WINDOW_TOO_SHORT = "WINDOW_TOO_SHORT"
    CLOSED = "CLOSED"
    ALL_FULL = "ALL_FULL"


REASONS = tuple(Reason)


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
    open (at most MAX_ROWS); `reason` [B] indexes REASONS, -1 where rows exist. `km` is by road, to the location or, with a
    destination, the detour; `gets_km` [B] how far towards it one stop gets the driver (0 without one).
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
    gets_km: np.ndarray


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

    A row is: one of the `nearest` reachable locations (with a destination those of least detour, from which it can be reached
    with what is charged there) with a matching connector, one of its pools, and a start: the minute of
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
    where = places(city, requests, nearest)
    pool, location, usable = where.pool, where.location, where.usable
    travel = where.road_km * (60.0 / SPEED_KMH)
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
    claimed = np.maximum(hours * 60.0, city.shortest_min[pool][:, :, None])
    stop = np.maximum(start + 1, np.ceil((begin_min + claimed) / SLOT_MIN - NOTHING).astype(np.int64))
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

    checks = (where.reachable, where.fitting, usable.any(1), fits.any((1, 2)), opened.any((1, 2)), mask.any(1))
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
        gets_km=where.gets_km,
    )
    return listed, window, np.where(mask, column, 0)
