"""From a driver's wish to ranked options: the city around him from the database, the core's candidates, the policy."""

import functools
import math
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from functions.booking import service as booking
from functions.booking.limits import Limits
from functions.optimizer.core import candidates as core
from functions.optimizer.core.candidates import Candidates, PoolRates, Reason, Requests, candidates
from functions.optimizer.core.city import REFERENCE_PRICE_UNIT, STANDARD_BIT, City, standard_bits
from functions.optimizer.core.features import Climatology, features, observe
from functions.optimizer.core.objective import TERMS, cost_terms
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.domain import Wish
from functions.optimizer.explanations import kept_free, peak_hour, reason_in_words, spares_the_last
from functions.optimizer.models.climatology import pool_key
from functions.optimizer.models.policy import LoadedModel, Ranking, rank
from functions.optimizer.models.registry import ModelRegistry
from functions.optimizer.models.shadow import ShadowChoice, watch
from functions.stations import service as stations
from functions.stations.domain import ENGAGED_SLOTS, Location, Pool
from functions.tariffs.rates import RateTables
from shared.energy import CHARGE_EFFICIENCY, session_minutes
from shared.errors import LimitReached
from shared.platform import Platform
from shared.slots import slot_after, slot_of, slot_start
from shared.tx import Tx

MEDIAN_SESSION_KWH = 7.2
"""The session whose price makes the price unit: the median of ElaadNL's public charging (cities/elaad.py)."""
MAX_REACH_KM = 300.0
_tables = RateTables()


@dataclass(frozen=True)
class RequestingDriver:
    """Whose limits count, and for which of his vehicles (None: he gave figures)."""

    id: uuid.UUID
    vehicle_id: uuid.UUID | None


@dataclass(frozen=True)
class Surroundings:
    """The city around a driver: arrays for the core, and the records behind them by index."""

    city: City
    occupancy: Occupancy
    rates: PoolRates
    locations: tuple[Location, ...]
    pools: tuple[Pool, ...]
    slot0: int


@dataclass(frozen=True)
class Decision:
    """What was weighed for one wish, best first by the ranking; `features` [1, K, F] as the policy saw the rows, `known`
    the climatology around the driver, `shadow` what a challenger would have chosen. Where nothing is left, `reason` says
    why; LIMIT_REACHED with the `refusal` that reserving would meet."""

    around: Surroundings
    rows: Candidates
    ranking: Ranking
    requests: Requests
    reason: str | None
    features: np.ndarray
    known: Climatology
    shadow: ShadowChoice | None = None
    refusal: LimitReached | None = None

    def option(self, place: int) -> dict[str, Any]:
        """The row at a place of the ranking as JSON: every term in units a person reads."""
        row = int(self.ranking.order[place])
        rows, around = self.rows, self.around
        location = around.locations[int(rows.location[0, row])]
        pool = around.pools[int(rows.pool[0, row])]
        start = slot_start(around.slot0 + int(rows.start[0, row]))
        terms = self.terms()
        digits = _minor_scale(location.currency)
        return {
            "location_id": str(location.id),
            "location_name": location.name,
            "address": ", ".join(part for part in (location.address, location.city) if part),
            "connector": pool.standard,
            "power_class": pool.power_class,
            "power_kw": pool.power_kw,
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=15 * int(rows.length[0, row]))).isoformat(),
            "distance_km": round(float(rows.km[0, row]), 3),
            "travel_minutes": round(float(rows.travel_min[0, row]), 1),
            "arrival": (start - timedelta(minutes=float(rows.wait_min[0, row]))).isoformat(),
            "wait_minutes": round(float(rows.wait_min[0, row]), 1),
            "duration_minutes": round(float(rows.duration_min[0, row]), 1),
            "price_minor": round(float(rows.price[0, row]) * digits),
            "currency": location.currency,
            "cost": round(float(rows.cost[0, row]), 6),
            "cost_terms": {name: round(float(term[0, row]), 6) for name, term in zip(TERMS, terms, strict=True)},
            "score": round(float(self.ranking.scores[row]), 6),
            "why": self.why(row),
        }

    def terms(self) -> tuple[np.ndarray, ...]:
        """The weighted terms of every row."""
        rows = self.rows
        return cost_terms(
            self.requests.weights,
            wait_h=rows.wait_min / 60.0,
            price=rows.price,
            km=rows.km,
            duration_h=rows.duration_min / 60.0,
            price_unit=self.around.city.price_unit,
        )

    def why(self, row: int) -> str:
        """A row against the nearest way to charge, in words; and whom it leaves the last EVSE, where the policy put it
        before the cheapest row for that."""
        rows = self.rows
        count = int(rows.mask[0].sum())
        other = int(np.lexsort((rows.start[0, :count], rows.km[0, :count]))[0])
        currency = self.around.locations[int(rows.location[0, row])].currency
        said = reason_in_words(rows, row, other, currency)
        cheapest = int(rows.cost[0, :count].argmin())
        preferred = self.ranking.fallback is None and self.ranking.scores[row] > self.ranking.scores[cheapest]
        if not preferred or not spares_the_last(rows, self.features, row, cheapest):
            return said
        return f"{said}, {self._spared(cheapest)}"

    def _spared(self, row: int) -> str:
        """The EVSE that `row` would have taken, in words."""
        rows, around = self.rows, self.around
        number, start = int(rows.pool[0, row]), int(rows.start[0, row])
        pool, place = around.pools[number], around.locations[int(rows.location[0, row])]
        alike = [item for item in around.pools if (item.location_id, item.power_class) == (place.id, pool.power_class)]
        hour = peak_hour(self.known, number, start, start + int(rows.length[0, row]), around.occupancy.minute_of_day / 60.0)
        return kept_free(pool.power_class, place.name, hour, plug=len(alike) > 1)

    def __len__(self) -> int:
        return len(self.ranking.order)


def _minor_scale(currency: str) -> int:
    from shared.money import minor_digits

    return int(10 ** minor_digits(currency))


def decide(
    *, platform: Platform, tx: Tx, source: ModelRegistry, wish: Wish, driver: RequestingDriver, watched: bool = False
) -> Decision:
    """Ranks what `wish` may get, on the bookings as they are now and within the driver's limits: nothing is proposed that
    reserving would refuse by them. Nothing is held. `watched`: a challenger scores too, in what is left of the deadline."""
    full = _surroundings(tx, wish)
    requests = _requests(full, wish, tx.now)
    limits = booking.limits_of(tx=tx, user_id=driver.id)
    around = _within(full, limits, driver, wish)
    champion, deadline = source.current(), platform.settings.decision_deadline_ms
    known = _known(champion, around)
    rows, seen = observe(around.city, requests, around.occupancy, around.rates, known)
    ranking = rank(champion, rows, seen, clock=platform.clock, deadline_ms=deadline, refusal=source.refusal, known=known)
    shadow, challenger = None, source.challenger if watched else None
    if challenger is not None and len(ranking.order):
        score = functools.partial(_scores, challenger, around, requests, rows)
        left = (deadline - ranking.latency_ms) / 1000
        shadow = watch(challenger.manifest.version, score, rows, chosen=int(ranking.order[0]), budget_s=left)
    number = int(rows.reason[0])
    reason = None if number < 0 else core.REASONS[number]
    if reason is Reason.OUT_OF_REACH and _anything_in_reach(tx, wish):
        reason = Reason.NO_CONNECTOR
    refusal = None if reason is None else _refusal(full, requests, limits, driver)
    why = reason if refusal is None else "LIMIT_REACHED"
    return Decision(around, rows, ranking, requests, why, seen, known, shadow, refusal)


def _within(around: Surroundings, limits: Limits, driver: RequestingDriver, wish: Wish) -> Surroundings:
    """The surroundings with the slots closed that the limits keep from this driver."""
    places = {location.id: location for location in around.locations}
    opened = around.occupancy.open.copy()
    for number, pool in enumerate(around.pools):
        terms = places[pool.location_id].booking_terms
        for begin, until in limits.closed(terms, pool.location_id, driver.vehicle_id, _length(wish, pool)):
            opened[0, number, max(0, begin - around.slot0) : max(0, until - around.slot0)] = False
    return replace(around, occupancy=replace(around.occupancy, open=opened))


def _length(wish: Wish, pool: Pool) -> int:
    """Slots a session takes at a pool, as the candidates count them."""
    quarters = session_minutes(wish.energy_kwh, pool.power_kw, wish.max_power_kw) / core.SLOT_MIN
    return max(1, math.ceil(quarters - 1e-9))


def _refusal(full: Surroundings, requests: Requests, limits: Limits, driver: RequestingDriver) -> LimitReached | None:
    """The limit in the way of the cheapest row there would be without limits; None where there would be none either."""
    rows = candidates(full.city, requests, full.occupancy, full.rates)
    if not rows.mask.any():
        return None
    location = full.locations[int(rows.location[0, 0])]
    start = slot_start(full.slot0 + int(rows.start[0, 0]))
    end = start + timedelta(minutes=15 * int(rows.length[0, 0]))
    return limits.refusal(location.booking_terms, location.id, driver.vehicle_id, start, end)


def _known(model: LoadedModel | None, around: Surroundings) -> Climatology:
    """What a version's tables know of the pools around the driver."""
    if model is None or model.tables is None or not around.pools:
        return Climatology.unknown(len(around.pools), around.occupancy.slots)
    places = {location.id: location for location in around.locations}
    keys = [
        pool_key(place.latitude, place.longitude, pool.standard, pool.power_class)
        for pool, place in ((pool, places[pool.location_id]) for pool in around.pools)
    ]
    zones = [places[pool.location_id].time_zone for pool in around.pools]
    return model.tables.around(keys, zones, around.slot0, around.occupancy.slots)


def _scores(model: LoadedModel, around: Surroundings, requests: Requests, rows: Candidates) -> np.ndarray:
    """A challenger's scores, by features of its own climatology: [rows]."""
    known = _known(model, around)
    return model.score(rows, features(around.city, requests, around.occupancy, rows, known), known)


def _reach_km(wish: Wish) -> float:
    """Great-circle kilometres the battery allows, or the radius the driver set if that is less."""
    road = (wish.soc * wish.battery_kwh - core.RESERVE_KWH) / wish.consumption_kwh_per_km
    return max(0.0, min(road / core.DETOUR, wish.radius_km or MAX_REACH_KM, MAX_REACH_KM))


def _anything_in_reach(tx: Tx, wish: Wish) -> bool:
    reach = _reach_km(wish)
    return reach > 0 and bool(
        stations.locations_near(tx=tx, latitude=wish.latitude, longitude=wish.longitude, radius_km=reach, limit=1)
    )


def _surroundings(tx: Tx, wish: Wish) -> Surroundings:
    reach = _reach_km(wish)
    found = (
        stations.locations_near(
            tx=tx,
            latitude=wish.latitude,
            longitude=wish.longitude,
            radius_km=reach,
            standards=frozenset(wish.standards),
            limit=core.MAX_LOCATIONS,
        )
        if reach > 0
        else []
    )
    locations = tuple(location for _, location in found)
    pools = tuple(pool for location in locations for pool in location.pools())
    index = {location.id: number for number, location in enumerate(locations)}
    slot0 = slot_of(tx.now)
    horizon = _horizon(wish, pools, slot0)
    rates, prices = _compiled(tx, locations, pools, slot0, horizon)
    city = City.build(
        name="around the driver",
        time_zone=locations[0].time_zone if locations else "UTC",
        currency=locations[0].currency if locations else "EUR",
        location_ids=[str(location.id) for location in locations],
        latitude=[location.latitude for location in locations],
        longitude=[location.longitude for location in locations],
        pool_location=[index[pool.location_id] for pool in pools],
        pool_standard=[STANDARD_BIT[pool.standard] for pool in pools],
        pool_power_kw=[pool.power_kw for pool in pools],
        capacity=[len(pool.evse_ids) for pool in pools],
        price_unit=prices,
    )
    occupancy = _book(tx, locations, pools, slot0, horizon, wish)
    return Surroundings(city, occupancy, rates, locations, pools, slot0)


def _horizon(wish: Wish, pools: tuple[Pool, ...], slot0: int) -> int:
    """Slots from now to the end of the longest session that could begin at the last start."""
    ahead = max(0, slot_after(wish.earliest_departure) - slot0)
    slowest = min((pool.power_kw for pool in pools), default=1.0)
    longest = int(wish.energy_kwh / (CHARGE_EFFICIENCY * min(slowest, wish.max_power_kw)) * 4) + 1
    drive = int(MAX_REACH_KM * core.DETOUR / core.SPEED_KMH * 4) if pools else 0
    reach = int(_reach_km(wish) * core.DETOUR / core.SPEED_KMH * 4) + 1
    return ahead + min(drive, reach) + core.START_OFFSETS + min(longest, 96) + 2


def _compiled(
    tx: Tx, locations: tuple[Location, ...], pools: tuple[Pool, ...], slot0: int, horizon: int
) -> tuple[PoolRates, float]:
    zones = {location.id: location.time_zone for location in locations}
    tariffs = stations.get_tariffs(tx=tx, tariff_ids=[pool.tariff_id for pool in pools if pool.tariff_id is not None])
    energy, time, flat = np.zeros((len(pools), horizon)), np.zeros((len(pools), horizon)), np.zeros(len(pools))
    length = -(-horizon // 96) * 96  # whole days from midnight UTC on: the same for many requests, so mostly from the cache
    begin = slot0 - slot0 % 96
    for number, pool in enumerate(pools):
        if pool.tariff_id is None:
            continue
        rates = _tables.rates(
            pool.tariff_id, tariffs[pool.tariff_id], time_zone=zones[pool.location_id], slot0=begin,
            slots=length + 96, power_kw=pool.power_kw,
        )  # fmt: skip
        window = slice(slot0 - begin, slot0 - begin + horizon)
        energy[number], time[number], flat[number] = rates.energy[window], rates.time[window], rates.flat
    prices = [
        flat[number] + MEDIAN_SESSION_KWH * energy[number].mean() + time[number].mean() * MEDIAN_SESSION_KWH / pool.power_kw
        for number, pool in enumerate(pools)
    ]
    unit = 3.0 * float(np.median(prices)) if prices else 0.0
    return PoolRates.build(energy, time, flat), unit if unit > 0 else REFERENCE_PRICE_UNIT


def _book(tx: Tx, locations: tuple[Location, ...], pools: tuple[Pool, ...], slot0: int, horizon: int, wish: Wish) -> Occupancy:
    evses = sorted({evse for pool in pools for evse in pool.evse_ids})
    claims = booking.occupancy(tx=tx, evse_ids=evses, start=slot_start(slot0), end=slot_start(slot0 + horizon))
    lane: dict[uuid.UUID, np.ndarray] = {}
    for evse, starts in claims.items():
        lane[evse] = np.zeros(horizon, dtype=np.int64)
        lane[evse][[slot_of(at) - slot0 for at in starts]] = 1
    busy = np.zeros((1, len(pools), horizon), dtype=np.int64)
    opened = np.ones((1, len(pools), horizon), dtype=bool)
    hours = {location.id: location.opened(slot_start(slot0), horizon) for location in locations}
    shut = _blocked(locations, slot0, horizon)
    for evse in (evse for location in locations for evse in location.engaged_evses()):
        if evse not in lane or not lane[evse][0]:  # somebody is there without a booking
            shut.setdefault(evse, np.zeros(horizon, dtype=bool))[:ENGAGED_SLOTS] = True
    out = np.zeros_like(busy) if shut else None
    for number, pool in enumerate(pools):
        for evse in pool.evse_ids:
            if evse in lane:
                busy[0, number] += lane[evse]
            if out is not None and evse in shut:
                out[0, number] += shut[evse] & (lane[evse] == 0 if evse in lane else True)
        opened[0, number] = hours[pool.location_id]
    zone = ZoneInfo(locations[0].time_zone if locations else "UTC")
    local = slot_start(slot0).astimezone(zone)
    return Occupancy(busy, opened, local.hour * 60.0 + local.minute, out)


def _blocked(locations: tuple[Location, ...], slot0: int, horizon: int) -> dict[uuid.UUID, np.ndarray]:
    """EVSEs with blocked times within the horizon: bool [horizon] each."""
    found: dict[uuid.UUID, np.ndarray] = {}
    for location in locations:
        for evse, slots in location.blocked_slots(slot0, slot0 + horizon).items():
            found[evse] = np.zeros(horizon, dtype=bool)
            found[evse][[slot - slot0 for slot in slots]] = True
    return found


def _requests(around: Surroundings, wish: Wish, now: datetime) -> Requests:
    origin = slot_start(around.slot0)

    def minutes(at: datetime) -> float:
        return (at - origin) / timedelta(minutes=1)

    return Requests.build(
        size=1,
        book_min=minutes(now),
        depart_min=max(minutes(now), minutes(wish.earliest_departure)),
        latitude=wish.latitude,
        longitude=wish.longitude,
        soc_kwh=wish.soc * wish.battery_kwh,
        battery_kwh=wish.battery_kwh,
        need_kwh=wish.energy_kwh,
        vehicle_kw=wish.max_power_kw,
        standards=standard_bits(wish.standards),
        consumption=wish.consumption_kwh_per_km,
        weights=list(wish.weights),
        latest_min=np.inf if wish.latest_finish is None else minutes(wish.latest_finish),
        radius_km=np.inf if wish.radius_km is None else wish.radius_km,
    )
