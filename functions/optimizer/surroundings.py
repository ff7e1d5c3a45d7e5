"""The surroundings of a driver: the city around them as arrays for the decision core, from the database and in time."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from functions.booking import service as booking
from functions.booking.domain import minutes_for
from functions.booking.limits import Limits
from functions.optimizer.core import candidates as core
from functions.optimizer.core.candidates import PoolRates
from functions.optimizer.core.city import REFERENCE_PRICE_UNIT, STANDARD_BIT, City, standard_bits
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.places import DETOUR, MAX_LOCATIONS, RESERVE_KWH, SPEED_KMH
from functions.optimizer.core.requests import Requests
from functions.optimizer.corridor import locations_on_the_way
from functions.optimizer.needs import ChargingNeeds
from functions.stations import prices as dynamic
from functions.stations import service as stations
from functions.stations.domain import ENGAGED_SLOTS, BookingTerms, Location, Pool
from functions.tariffs.domain import chosen_over
from functions.tariffs.rates import RateTables
from shared.energy import session_minutes
from shared.slots import SLOTS_A_DAY, SLOTS_AN_HOUR, slot_after, slot_of, slot_start
from shared.tx import Tx

MEDIAN_SESSION_KWH = 7.2
"""The session whose price makes the price unit: the median of ElaadNL's public charging (cities/elaad.py)."""
MAX_REACH_KM = 300.0
_tables = RateTables()


@dataclass(frozen=True)
class RequestingDriver:
    """Whose limits count, and for which of their vehicles (None: they gave figures)."""

    id: uuid.UUID
    vehicle_id: uuid.UUID | None


@dataclass(frozen=True)
class Surroundings:
    """The city around a driver: arrays for the core, and the records behind them by index."""

    city: City
    occupancy: Occupancy
    rates: PoolRates
    locations: tuple[Location, ...]
    """The records behind the city's locations."""
    pools: tuple[Pool, ...]
    """The records behind the city's pools."""
    slot0: int
    """The slot that is now: the first of the horizon."""


def requests_of(needs: ChargingNeeds, now: datetime) -> Requests:
    """The needs as the core takes them: a batch of one, in a horizon that begins with the present slot."""
    origin = slot_start(slot_of(now))

    def minutes(at: datetime) -> float:
        return (at - origin) / timedelta(minutes=1)

    return Requests.build(
        size=1,
        book_min=minutes(now),
        depart_min=max(minutes(now), minutes(needs.earliest_departure)),
        latitude=needs.latitude,
        longitude=needs.longitude,
        soc_kwh=needs.soc * needs.battery_kwh,
        battery_kwh=needs.battery_kwh,
        need_kwh=needs.energy_kwh,
        vehicle_kw=needs.max_power_kw,
        standards=standard_bits(needs.standards),
        consumption=needs.consumption_kwh_per_km,
        weights=list(needs.weights),
        latest_min=np.inf if needs.latest_finish is None else minutes(needs.latest_finish),
        radius_km=np.inf if needs.radius_km is None else needs.radius_km,
        to_latitude=needs.destination_latitude,
        to_longitude=needs.destination_longitude,
    )


def reach_km(needs: ChargingNeeds) -> float:
    """Great-circle kilometres the battery allows, or the radius the driver set if that is less."""
    road = (needs.soc * needs.battery_kwh - RESERVE_KWH) / needs.consumption_kwh_per_km
    return max(0.0, min(road / DETOUR, needs.radius_km or MAX_REACH_KM, MAX_REACH_KM))


def anything_in_reach(tx: Tx, needs: ChargingNeeds) -> bool:
    """Whether any location is within reach, whatever its connectors."""
    reach = reach_km(needs)
    return reach > 0 and bool(
        stations.locations_near(tx=tx, latitude=needs.latitude, longitude=needs.longitude, radius_km=reach, limit=1)
    )


def _locations(tx: Tx, needs: ChargingNeeds) -> list[Location]:
    """The nearest locations within reach that have a matching connector; with a destination those on the way."""
    reach, standards = reach_km(needs), frozenset(needs.standards)
    if reach <= 0:
        return []
    if needs.destination_latitude is not None:
        return locations_on_the_way(tx, requests_of(needs, tx.now), standards=standards, reach_km=reach)
    near = stations.locations_near(
        tx=tx,
        latitude=needs.latitude,
        longitude=needs.longitude,
        radius_km=reach,
        standards=standards,
        limit=MAX_LOCATIONS,
    )
    return [location for _, location in near]


def surroundings_of(tx: Tx, needs: ChargingNeeds, *, among: Sequence[Location] | None = None) -> Surroundings:
    """The locations where the driver may charge, or those `among` which they may, with what is booked and blocked there now."""
    offered = [
        (location, [pool for pool in location.pools() if pool.tariff_ids or pool.free_of_charge])
        for location in (_locations(tx, needs) if among is None else among)
    ]
    # The core knows no location without a pool.
    locations = tuple(location for location, its in offered if its)
    pools = tuple(pool for _, its in offered for pool in its)
    location_index = {location.id: index for index, location in enumerate(locations)}
    slot0 = slot_of(tx.now)
    horizon = _horizon(needs, pools, slot0)
    rates, price_unit, priced = _pool_rates(tx, locations, pools, slot0, horizon)
    city = City.build(
        name="around the driver",
        time_zone=locations[0].time_zone if locations else "UTC",
        currency=locations[0].currency if locations else "EUR",
        location_ids=[str(location.id) for location in locations],
        latitude=[location.latitude for location in locations],
        longitude=[location.longitude for location in locations],
        pool_location=[location_index[pool.location_id] for pool in pools],
        pool_standard=[STANDARD_BIT[pool.standard] for pool in pools],
        pool_power_kw=[pool.power_kw for pool in pools],
        capacity=[len(pool.evse_ids) for pool in pools],
        price_unit=price_unit,
        shortest_min=[locations[location_index[pool.location_id]].booking_terms.min_booking_minutes for pool in pools],
    )
    occupancy = _occupancy(tx, locations, pools, slot0, horizon)
    occupancy.open[0] &= priced
    return Surroundings(city, occupancy, rates, locations, pools, slot0)


def _horizon(needs: ChargingNeeds, pools: tuple[Pool, ...], slot0: int) -> int:
    """Slots from now to the end of the longest session that could begin at the last start."""
    ahead = max(0, slot_after(needs.earliest_departure) - slot0)
    slowest = min((pool.power_kw for pool in pools), default=1.0)
    longest = int(session_minutes(needs.energy_kwh, slowest, needs.max_power_kw) / core.SLOT_MIN) + 1
    drive = int(MAX_REACH_KM * DETOUR / SPEED_KMH * SLOTS_AN_HOUR) if pools else 0
    reach = int(reach_km(needs) * DETOUR / SPEED_KMH * SLOTS_AN_HOUR) + 1
    return ahead + min(drive, reach) + core.START_OFFSETS[-1] + min(longest, SLOTS_A_DAY) + 3


def _pool_rates(
    tx: Tx, locations: tuple[Location, ...], pools: tuple[Pool, ...], slot0: int, horizon: int
) -> tuple[PoolRates, float, np.ndarray]:
    """What charging costs in the pools over the horizon, the price unit (three times their median session price), and in which
    slots some tariff is in force: bool [P, horizon]."""
    zones = {location.id: location.time_zone for location in locations}
    tariffs = stations.get_tariffs(tx=tx, tariff_ids=[tariff_id for pool in pools for tariff_id in pool.tariff_ids])
    energy, time, flat = np.zeros((len(pools), horizon)), np.zeros((len(pools), horizon)), np.zeros(len(pools))
    priced = np.ones((len(pools), horizon), dtype=bool)
    # Whole days from midnight UTC on: the same for many requests, so mostly from the cache.
    length = -(-horizon // SLOTS_A_DAY) * SLOTS_A_DAY
    begin = slot0 - slot0 % SLOTS_A_DAY
    for index, pool in enumerate(pools):
        if not pool.tariff_ids:
            continue
        standing = [tariffs[tariff_id] for tariff_id in pool.tariff_ids]
        for number, slots in chosen_over(standing, slot0, horizon):
            if number is None:
                priced[index, slots] = False
                continue
            rates = _tables.rates(
                pool.tariff_ids[number],
                standing[number],
                time_zone=zones[pool.location_id],
                slot0=begin,
                slots=length + SLOTS_A_DAY,
                power_kw=pool.power_kw,
            )
            window = slice(slot0 - begin + slots.start, slot0 - begin + slots.stop)
            energy[index, slots], time[index, slots] = rates.energy[window], rates.time[window]
            flat[index] = max(flat[index], rates.flat)
    _apply_factors(tx, locations, pools, slot0, horizon, (energy, time))
    prices = [
        flat[index] + MEDIAN_SESSION_KWH * energy[index].mean() + time[index].mean() * MEDIAN_SESSION_KWH / pool.power_kw
        for index, pool in enumerate(pools)
    ]
    unit = 3.0 * float(np.median(prices)) if prices else 0.0
    return PoolRates.build(energy, time, flat), unit if unit > 0 else REFERENCE_PRICE_UNIT, priced


def _apply_factors(
    tx: Tx, locations: tuple[Location, ...], pools: tuple[Pool, ...], slot0: int, horizon: int, rates: tuple[np.ndarray, ...]
) -> None:
    """Multiplies `rates` [P, horizon] by what energy and time cost more or less in each slot: what a quote would say."""
    factors = dynamic.steps_of(tx=tx, locations=locations, until=slot_start(slot0 + horizon))
    for index, pool in enumerate(pools if factors else ()):
        steps = factors.get((pool.location_id, pool.power_class))
        if steps is not None:
            by_slot = np.array([float(steps.factor_at(slot_start(slot0 + slot))) for slot in range(horizon)])
            for rate in rates:
                rate[index] *= by_slot


def _occupancy(tx: Tx, locations: tuple[Location, ...], pools: tuple[Pool, ...], slot0: int, horizon: int) -> Occupancy:
    """What is claimed, engaged, blocked and closed in the pools over the horizon. An EVSE that is claimed counts once."""
    evses = sorted({evse for pool in pools for evse in pool.evse_ids})
    claims = booking.occupancy(tx=tx, evse_ids=evses, start=slot_start(slot0), end=slot_start(slot0 + horizon))
    claimed: dict[uuid.UUID, np.ndarray] = {}
    for evse, starts in claims.items():
        claimed[evse] = np.zeros(horizon, dtype=np.int64)
        claimed[evse][[slot_of(start) - slot0 for start in starts]] = 1
    busy = np.zeros((1, len(pools), horizon), dtype=np.int64)
    opened = np.ones((1, len(pools), horizon), dtype=bool)
    hours = {location.id: location.opened(slot_start(slot0), horizon) for location in locations}
    unavailable = _blocked(locations, slot0, horizon)
    for evse in (evse for location in locations for evse in location.engaged_evses()):
        if evse not in claimed or not claimed[evse][0]:  # somebody is there without a booking
            unavailable.setdefault(evse, np.zeros(horizon, dtype=bool))[:ENGAGED_SLOTS] = True
    out = np.zeros_like(busy) if unavailable else None
    for index, pool in enumerate(pools):
        for evse in pool.evse_ids:
            if evse in claimed:
                busy[0, index] += claimed[evse]
            if out is not None and evse in unavailable:
                out[0, index] += unavailable[evse] & (claimed[evse] == 0 if evse in claimed else True)
        opened[0, index] = hours[pool.location_id]
    zone = ZoneInfo(locations[0].time_zone if locations else "UTC")
    local = slot_start(slot0).astimezone(zone)
    return Occupancy(busy, opened, local.hour * 60.0 + local.minute, out)


def _blocked(locations: tuple[Location, ...], slot0: int, horizon: int) -> dict[uuid.UUID, np.ndarray]:
    """EVSEs with blocked times within the horizon: bool [horizon] each."""
    blocked: dict[uuid.UUID, np.ndarray] = {}
    for location in locations:
        for evse, slots in location.blocked_slots(slot0, slot0 + horizon).items():
            blocked[evse] = np.zeros(horizon, dtype=bool)
            blocked[evse][[slot - slot0 for slot in slots]] = True
    return blocked


def within_limits(around: Surroundings, limits: Limits, needs: ChargingNeeds) -> Surroundings:
    """The surroundings with the slots closed that the limits keep from their driver."""
    locations = {location.id: location for location in around.locations}
    opened = around.occupancy.open.copy()
    for index, pool in enumerate(around.pools):
        terms = locations[pool.location_id].booking_terms
        for begin, until in limits.closed(terms, pool.location_id, minutes=_minutes(needs, pool, terms)):
            opened[0, index, max(0, begin - around.slot0) : max(0, until - around.slot0)] = False
    return replace(around, occupancy=replace(around.occupancy, open=opened))


def _minutes(needs: ChargingNeeds, pool: Pool, terms: BookingTerms) -> int:
    """Minutes that are booked for what is needed at a pool."""
    minutes = minutes_for(needs.energy_kwh, terms, power_kw=pool.power_kw, vehicle_kw=needs.max_power_kw)
    return math.ceil(minutes - core.NOTHING)
