"""Search with free counts, and calendars: what of a location's pools is free when. Reads bookings by their service."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from functions.booking import service as booking
from functions.forecast import service as forecasts
from functions.ratings import service as ratings
from functions.ratings.domain import Standing
from functions.stations import prices
from functions.stations import service as stations
from functions.stations.domain import ENGAGED_SLOTS, Evse, Location, Pool
from functions.stations.enums import EvseStatus, PriceKnowledge
from functions.stations.feed import service as feed
from functions.stations.schemas import (
    Availability,
    Calendar,
    LocationOut,
    LocationSummary,
    NearbyQuery,
    PoolForecast,
    PoolStates,
    RatingSummary,
    Timeslot,
    pools_of,
)
from functions.tariffs.domain import Tariff, chosen_over
from shared.errors import Invalid
from shared.slots import SLOT, SLOTS_A_DAY, slot_after, slot_of, slot_start
from shared.tx import Tx

MAX_RANGE = timedelta(days=7)
Busy = dict[uuid.UUID, set[int]]


def busy_slots(tx: Tx, locations: list[Location], start: int, stop: int) -> Busy:
    """The claimed and the blocked slots of every EVSE of the locations in [start, stop), and the next ones of EVSEs that
    somebody is at now without a booking."""
    evse_ids = [evse.id for location in locations for evse in location.evses]
    now = slot_of(tx.now)
    first = now if now < start < now + ENGAGED_SLOTS else start
    claimed = booking.occupancy(tx=tx, evse_ids=evse_ids, start=slot_start(first), end=slot_start(stop))
    busy = {evse: {slot_of(at) for at in starts} for evse, starts in claimed.items()}
    for location in locations:
        for evse in location.engaged_evses():
            if now not in busy.get(evse, ()):
                busy.setdefault(evse, set()).update(range(now, now + ENGAGED_SLOTS))
        for evse, slots in location.blocked_slots(start, stop).items():
            busy.setdefault(evse, set()).update(slots)
    return busy


def free_over(location: Location, pool: Pool, tariffs: Mapping[uuid.UUID, Tariff], busy: Busy, start: int, stop: int) -> int:
    """How many bookings of the whole period [start, stop) the pool still takes: EVSEs less the densest slot's claims,
    since the platform may repack; none where the location is closed in between, or no price is known of what begins then."""
    if (
        pool.price_at(tariffs, slot_start(start)) is PriceKnowledge.NOT_KNOWN
        or not location.opened(slot_start(start), stop - start).all()
    ):
        return 0
    taken = max(sum(slot in busy.get(evse, ()) for evse in pool.evse_ids) for slot in range(start, stop))
    return len(pool.evse_ids) - taken


def search(
    *, tx: Tx, query: NearbyQuery, after: tuple[float, uuid.UUID] | None, limit: int
) -> tuple[list[LocationSummary], tuple[float, uuid.UUID] | None]:
    """A page of the nearest approved locations and the position to go on from, None at the end."""
    period = None
    if (query.begin is None) != (query.end is None):
        missing = "to" if query.end is None else "from"
        raise Invalid.one(missing, "must be given with the other end of the period")
    if query.begin is not None and query.end is not None:
        period = (slot_of(query.begin), slot_after(query.end))
        if query.end <= query.begin:
            raise Invalid.one("to", "must be after from")
        if query.end - query.begin > MAX_RANGE:
            raise Invalid.one("to", "may be at most 7 days after from")
    if query.p_free_at is not None:
        forecasts.check_instant(tx=tx, at=query.p_free_at, field="p_free_at")
    items: list[LocationSummary] = []
    standards = None if query.connector is None else frozenset({query.connector.value})
    while len(items) < limit:
        nearest = stations.locations_near(
            tx=tx,
            latitude=query.latitude,
            longitude=query.longitude,
            radius_km=query.radius_km,
            standards=standards,
            min_power_kw=query.min_power_kw,
            limit=limit + 1,
            after=after,
        )
        locations = [location for _, location in nearest]
        tariffs = stations.tariffs_of(tx=tx, locations=locations)
        busy = {} if period is None else busy_slots(tx, locations, *period)
        at = tx.now if period is None else slot_start(period[0])
        factors = prices.steps_of(tx=tx, locations=locations, until=at + SLOT)
        for number, (km, location) in enumerate(nearest):
            if number == limit or len(items) == limit:
                return _completed(tx, items, query.p_free_at), after
            after = (km, location.id)
            free = None
            if period is not None:
                free = {
                    (pool.standard, pool.power_class): free_over(location, pool, tariffs, busy, *period)
                    for pool in location.pools()
                }
                fits = [count for (standard, _), count in free.items() if standards is None or standard in standards]
                if not any(fits) and not query.include_full:
                    continue
            items.append(_priced_now(_summary(km, location, tariffs, at, free), factors, at))
        if len(nearest) <= limit:
            return _completed(tx, items, query.p_free_at), None
    return _completed(tx, items, query.p_free_at), after


def _completed(tx: Tx, items: list[LocationSummary], at: datetime | None) -> list[LocationSummary]:
    """The page with how each place is rated, when its feed was heard, and each pool's forecast for an instant where there is
    a current one."""
    ids = [item.id for item in items]
    standings, contacts = ratings.standings(tx=tx, location_ids=ids), feed.contacts_of(tx=tx, location_ids=ids)
    for item in items:
        contact = contacts.get(item.id)
        item.rating, item.heard_at = _rating(standings.get(item.id)), None if contact is None else contact.heard_at
    if at is None:
        return items
    forecasts_by_pool = forecasts.chances_at(tx=tx, location_ids=[item.id for item in items], at=at)
    for item in items:
        for pool in item.pools:
            forecast = forecasts_by_pool.get((item.id, pool.power_class))
            pool.forecast = None if forecast is None else PoolForecast.model_validate(forecast)
    return items


def _summary(
    km: float,
    location: Location,
    tariffs: Mapping[uuid.UUID, Tariff],
    at: datetime,
    free: dict[tuple[str, str], int] | None,
) -> LocationSummary:
    """With `free` prices are those of sessions that start then, else of any that start then or later."""
    price_of = partial(Pool.price_from if free is None else Pool.price_at, tariffs=tariffs, at=at)
    pools = pools_of(location, price_of, free)
    for pool, answer in zip(location.pools(), pools, strict=True):
        answer.states = _states(evse for evse in location.evses if evse.id in pool.evse_ids)
    return LocationSummary(
        id=location.id,
        name=location.name,
        address=location.address,
        city=location.city,
        latitude=location.latitude,
        longitude=location.longitude,
        distance_km=round(km, 3),
        time_zone=location.time_zone,
        currency=location.currency,
        pools=pools,
        states=_states(location.evses),
    )


Priced = TypeVar("Priced", LocationSummary, LocationOut)


def _priced_now(answer: Priced, factors: prices.ByClass, at: datetime) -> Priced:
    """The answer with by what each pool costs more or less at an instant."""
    for pool in answer.pools:
        steps = factors.get((answer.id, pool.power_class))
        if steps is not None:
            pool.price_factor = float(steps.factor_at(at))
    return answer


STATE_OF = {
    EvseStatus.AVAILABLE: "available",
    EvseStatus.CHARGING: "charging",
    EvseStatus.BLOCKED: "charging",
    EvseStatus.RESERVED: "reserved",
    EvseStatus.INOPERATIVE: "out_of_order",
    EvseStatus.OUTOFORDER: "out_of_order",
    EvseStatus.UNKNOWN: "unknown",
    EvseStatus.PLANNED: "planned",
}
"""By status: the count it is in; REMOVED is in none."""


def _states(evses: Iterable[Evse]) -> PoolStates:
    counts = Counter(STATE_OF[status] for evse in evses if (status := EvseStatus(evse.status)) in STATE_OF)
    return PoolStates(**counts)


def location_in_full(*, tx: Tx, location_id: uuid.UUID) -> LocationOut:
    """A location as the caller may see it, with how it is rated. Raises NotFound."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    managed = stations.manages(tx=tx, location=location)
    tariffs = stations.tariffs_of(tx=tx, locations=[location])
    answer = LocationOut.of(location, tariffs, now=tx.now, managed=managed)
    answer.rating = _rating(ratings.standing_of(tx=tx, location_id=location_id), managed=managed)
    return _priced_now(answer, prices.steps_of(tx=tx, locations=[location], until=tx.now + SLOT), tx.now)


def _rating(standing: Standing | None, *, managed: bool = False) -> RatingSummary | None:
    """What is shown of how a place is rated: to everybody an average of enough."""
    if standing is None or standing.average is None or not (managed or standing.shown):
        return None
    return RatingSummary(average=standing.average, count=standing.count)


def calendars(
    *, tx: Tx, location_id: uuid.UUID, start: datetime | None, end: datetime | None, connector: str | None
) -> Availability:
    """The free counts of a location's pools by stretches of slots; by default of the next 24 hours."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    begin = slot_of(start or tx.now)
    stop = slot_after(end) if end is not None else begin + SLOTS_A_DAY
    if stop <= begin:
        raise Invalid.one("to", "must be after from")
    if stop - begin > MAX_RANGE / SLOT:
        raise Invalid.one("to", "may be at most 7 days after from")
    busy = busy_slots(tx, [location], begin, stop)
    tariffs = stations.tariffs_of(tx=tx, locations=[location])
    opened = location.opened(slot_start(begin), stop - begin)
    pool_calendars = []
    for pool in location.pools():
        if connector is not None and pool.standard != connector:
            continue
        priced = _priced(pool, tariffs, begin, stop)
        free = [
            len(pool.evse_ids) - sum(slot in busy.get(evse, ()) for evse in pool.evse_ids)
            if priced[slot - begin] and opened[slot - begin]
            else 0
            for slot in range(begin, stop)
        ]
        pool_calendars.append(
            Calendar(
                connector=pool.standard,
                power_class=pool.power_class,
                power_kw=pool.power_kw,
                begin_from=slot_start(begin),
                end_before=slot_start(stop),
                available_timeslots=_stretches(free, begin, len(pool.evse_ids)),
            )
        )
    return Availability(location_id=location.id, calendars=pool_calendars, generated_at=tx.now)


def _priced(pool: Pool, tariffs: Mapping[uuid.UUID, Tariff], begin: int, stop: int) -> list[bool]:
    """Of each slot in [begin, stop) whether a session that starts with it has a price."""
    if not pool.tariff_ids:
        return [pool.free_of_charge] * (stop - begin)
    priced = [False] * (stop - begin)
    for number, slots in chosen_over([tariffs[tariff_id] for tariff_id in pool.tariff_ids], begin, stop - begin):
        priced[slots] = [number is not None] * (slots.stop - slots.start)
    return priced


def _stretches(free: list[int], begin: int, capacity: int) -> list[Timeslot]:
    stretches: list[Timeslot] = []
    since = 0
    for number in range(1, len(free) + 1):
        if number < len(free) and free[number] == free[since]:
            continue
        if free[since] > 0:
            stretches.append(
                Timeslot(
                    start_date_time=slot_start(begin + since),
                    end_date_time=slot_start(begin + number),
                    free=free[since],
                    capacity=capacity,
                )
            )
        since = number
    return stretches
