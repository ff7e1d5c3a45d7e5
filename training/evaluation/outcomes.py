"""What the four worlds make of one day: first come, live map, platform and bound, with the same drivers and draws.

Lateness is drawn for each driver once and is theirs in every world: how far off the planned minute they come (normal), and how
many times as long as planned charging takes (log-normal, mean 1). What is booked is booked in the calm; then each pool's
sessions happen in the order of their booked minutes, each on the EVSE that comes free first. Simulated throughout.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cities.streets import StreetDriver, StreetPlug, Streets, StreetSite, StreetVisit
from functions.optimizer.core.candidates import EVERY_OFFSET, SLOT_MIN, charge_hours, session_price
from functions.optimizer.core.city import City
from functions.optimizer.core.objective import REJECTION_COST, cost_terms, total
from functions.optimizer.core.places import RESERVE_KWH
from functions.optimizer.core.requests import Requests
from functions.stations.domain import BookingTerms
from training.evaluation.metrics import FAIL_AFTER_MIN
from training.optimum.bound import assignment_columns, open_capacity
from training.optimum.column_generation import solve_by_column_generation
from training.problem.scenario import Scenario
from training.simulation.day_state import Served

EARLY_MIN = float(BookingTerms().early_start_minutes)
"""A driver who comes early may begin so much before the booked minute where an EVSE is free."""
CHARGE_SPREAD = {0: 0.0, 5: 0.1, 10: 0.2}
"""Lateness in minutes (deviation of arrivals), and the deviation of the logarithm of charging times that goes with it."""


@dataclass(frozen=True)
class DayDraws:
    """What chance has in store for each of a day's drivers, [N]."""

    late_min: np.ndarray
    """how much later than planned they come; below 0: earlier"""
    slower: np.ndarray
    """how many times as long as planned charging takes"""

    @classmethod
    def of(cls, size: int, seed: int, number: int, lateness_min: int) -> "DayDraws":
        """The draws of a day of `size` drivers by its seed and their number. Raises KeyError for a lateness that is none."""
        spread = CHARGE_SPREAD[lateness_min]
        rng = np.random.default_rng([seed, number, 61])
        late, slower = rng.normal(0.0, 1.0, size), rng.normal(0.0, 1.0, size)
        return cls(late * lateness_min, np.exp(slower * spread - spread * spread / 2.0))


@dataclass(frozen=True)
class DayOutcome:
    """What a world made of a day's N requests; sums where it serves them by shares, as the bound does: totals of the day."""

    requests: int
    cost: float
    served: float
    waited_min: float
    """at stations, of the served"""
    later_min: float
    """later than wished, of the served: from when they would have come at once to when they begin"""
    price: float
    """of the served"""
    failed: float
    """not served, or later than FAIL_AFTER_MIN"""
    broken_5: float | None
    broken_15: float | None
    """served who waited so much beyond what they were promised; None where nothing is promised"""
    idle_min: float
    """minutes in which an EVSE was kept from others and nobody charged"""

    @classmethod
    def added(cls, days: Sequence["DayOutcome"], name: str) -> np.ndarray:
        """One figure of each day, [D]."""
        return np.array([getattr(item, name) for item in days], dtype=np.float64)


def without_platform(
    scenario: Scenario, requests: Requests, draws: DayDraws, *, live_map: bool, stays_min: np.ndarray | None
) -> DayOutcome:
    """The day of drivers who ask nobody; `stays_min` [N] how long cars keep their EVSE, None: until they are full."""
    city, size = scenario.city, len(requests)
    stays = np.zeros(size) if stays_min is None else stays_min
    departs = np.maximum(requests.book_min, requests.depart_min + draws.late_min)
    at_pools = _costs_at_pools(scenario, requests, departs)
    drivers = [
        StreetDriver(
            departs_min=float(departs[number]),
            latitude=float(requests.latitude[number]),
            longitude=float(requests.longitude[number]),
            reach_km=float((requests.soc_kwh[number] - RESERVE_KWH) / requests.consumption[number]),
            need_kwh=float(requests.need_kwh[number]),
            max_power_kw=float(requests.vehicle_kw[number]),
            standards=_standards(int(requests.standards[number])),
            stays_min=float(stays[number]),
            slower=float(draws.slower[number]),
            cost_at=partial(_cost_at, at_pools[number], float(requests.weights[number, 2])),
        )
        for number in range(size)
    ]
    visits = [visit for visit in Streets(_sites(city), live_map=live_map).run(drivers) if visit.reason is None]
    return _of_visits(scenario, requests, visits)


def _costs_at_pools(scenario: Scenario, requests: Requests, at_min: np.ndarray) -> np.ndarray:
    """What each request weighs of price and duration at each pool, were it to begin at a minute [N]: [N, P]."""
    city, pools = scenario.city, np.arange(len(scenario.city.capacity))[None, :]
    hours = charge_hours(requests, np.broadcast_to(city.pool_power_kw, (len(requests), len(city.capacity))))
    price = session_price(scenario.rates, pools, at_min[:, None], hours, requests.need_kwh[:, None])
    costs: np.ndarray = requests.weights[:, 1:2] * (price / city.price_unit) + requests.weights[:, 3:4] * hours
    return costs


def _cost_at(at_pools: np.ndarray, weight: float, km: float, plug: StreetPlug) -> float:
    return float(at_pools[_pool_of(plug.evse)]) + weight * km / 10.0


def _pool_of(evse: str) -> int:
    return int(evse.split(".")[0])


def _standards(mask: int) -> frozenset[str]:
    return frozenset(str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1)


def _sites(city: City) -> list[StreetSite]:
    """The city's locations; an EVSE is called by its pool and number."""
    plugs: list[list[StreetPlug]] = [[] for _ in city.location_ids]
    for pool, location in enumerate(city.pool_location.tolist()):
        standard, kw = str(int(city.pool_standard[pool])), float(city.pool_power_kw[pool])
        plugs[location] += [StreetPlug(f"{pool:06}.{number}", standard, kw) for number in range(int(city.capacity[pool]))]
    points = zip(city.latitude.tolist(), city.longitude.tolist(), plugs, strict=True)
    return [StreetSite(latitude, longitude, tuple(own)) for latitude, longitude, own in points]


def _of_visits(scenario: Scenario, requests: Requests, visits: Sequence[StreetVisit]) -> DayOutcome:
    size, who = len(requests), np.array([visit.driver for visit in visits], dtype=np.int64)
    pool = np.array([_pool_of(visit.evse) for visit in visits], dtype=np.int64)

    def over(name: str) -> np.ndarray:
        return np.array([getattr(visit, name) for visit in visits], dtype=np.float64)

    begin, wait, hours = over("begin_min"), over("wait_min"), over("charge_min") / 60.0
    price = session_price(scenario.rates, pool, begin, hours, requests.need_kwh[who])
    terms = cost_terms(
        requests.weights[who],
        wait_h=wait / 60.0,
        price=price,
        km=over("km"),
        duration_h=hours,
        price_unit=scenario.city.price_unit,
    )
    later = begin - over("first_arrival_min")
    return DayOutcome(
        requests=size,
        cost=float(total(terms).sum()) + REJECTION_COST * (size - len(visits)),
        served=len(visits),
        waited_min=float(wait.sum()),
        later_min=float(later.sum()),
        price=float(price.sum()),
        failed=size - len(visits) + int((later > FAIL_AFTER_MIN).sum()),
        broken_5=None,
        broken_15=None,
        idle_min=float((over("held_min") - over("charge_min")).sum()),
    )


def with_platform(scenario: Scenario, requests: Requests, booked: Served, draws: DayDraws) -> DayOutcome:
    """The day as it was booked, and as it then happened: whoever is still there keeps the next one waiting."""
    served = booked.served
    planned, charge = booked.begin_min, booked.duration_min * draws.slower
    came = planned + draws.late_min
    began = _begun(scenario.city, served, booked.pool, planned, came, charge)
    # Who comes late waits for nobody; who comes early is promised the booked minute.
    breach = np.where(served, np.maximum(0.0, began - np.maximum(planned, came)), 0.0)
    sooner = np.where(served, np.minimum(booked.wait_min, np.maximum(0.0, planned - began)), 0.0)
    later = booked.wait_min + breach - sooner
    added_h = np.where(served, (charge - booked.duration_min) / 60.0, 0.0)
    cost = booked.cost + requests.weights[:, 0] * (breach - sooner) / 60.0 + requests.weights[:, 3] * added_h
    claimed = booked.length * SLOT_MIN
    return DayOutcome(
        requests=len(requests),
        cost=float(cost.sum()),
        served=int(served.sum()),
        waited_min=float(np.where(served, began - came, 0.0).sum()),
        later_min=float(later[served].sum()),
        price=float(booked.price[served].sum()),
        failed=int((~served | (later > FAIL_AFTER_MIN)).sum()),
        broken_5=int((breach > 5.0).sum()),
        broken_15=int((breach > 15.0).sum()),
        idle_min=float(np.maximum(0.0, claimed - charge)[served].sum()),
    )


def _begun(
    city: City, served: np.ndarray, pool: np.ndarray, planned: np.ndarray, came: np.ndarray, charge: np.ndarray
) -> np.ndarray:
    """When each session really begins, [N]: on the EVSE of its pool that comes free first."""
    began = planned.copy()
    for number in np.unique(pool[served]).tolist():
        own = np.flatnonzero(served & (pool == number))
        free = [-np.inf] * int(city.capacity[number])
        for index in own[np.argsort(planned[own], kind="stable")].tolist():
            may = max(float(came[index]), float(planned[index]) - EARLY_MIN)
            begin = max(may, heapq.heappop(free))
            began[index] = begin
            heapq.heappush(free, begin + float(charge[index]))
    return began


def by_bound(scenario: Scenario, requests: Requests) -> DayOutcome:
    """What perfect foresight would have made of the day as planned, on the finest grid: a mixture of rows, so by shares."""
    columns = assignment_columns(scenario, requests, offsets=EVERY_OFFSET)
    solution = solve_by_column_generation(columns, open_capacity(scenario))
    share = solution.share
    served = float(share.sum())

    def mean_of(values: np.ndarray) -> float:
        return float((share * values).sum())

    return DayOutcome(
        requests=len(requests),
        cost=solution.proven,
        served=served,
        waited_min=0.0,
        later_min=mean_of(columns.wait_min),
        price=mean_of(columns.price),
        failed=len(requests) - served + mean_of(columns.wait_min > FAIL_AFTER_MIN),
        broken_5=None,
        broken_15=None,
        idle_min=mean_of(columns.length * SLOT_MIN - columns.duration_min),
    )
