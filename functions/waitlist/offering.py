"""Places that became free are offered: one round a location, the decision core saying what the place is worth to whom."""

import logging
import uuid
from datetime import datetime, timedelta
from functools import partial

import h3.api.basic_int as cells

from functions.accounts import service as accounts
from functions.booking import service as booking
from functions.booking.domain import ReservationRequest
from functions.booking.events import BookingSnapshot, PlaceFreed
from functions.optimizer.core.candidates import candidates
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.surroundings import Surroundings, reach_km, requests_of, surroundings_of, within_limits
from functions.stations import service as stations
from functions.stations.domain import APPROVED, Location
from functions.stations.feed.events import EvseBackInUse
from functions.waitlist import repository, service
from functions.waitlist.domain import (
    RESOLUTION,
    SHORTEST_HOLD,
    Entry,
    EntryState,
    OfferState,
    Place,
    WaitlistOffer,
    in_order,
    passed_over,
)
from functions.waitlist.events import WaitlistOffered, WaitlistOfferExpired
from shared.db import new_id
from shared.errors import Invalid, LimitReached, NotFound, PriceNotKnown, SlotTaken, TermsRefuse
from shared.geo import great_circle_km
from shared.platform import Platform
from shared.slots import slot_start
from shared.tx import Tx

log = logging.getLogger(__name__)
LOOKED_AT = 200
"""Entries that a round weighs, in order of their coming."""
MINUTE = timedelta(minutes=1)
NOT_TO_BE_HAD = (SlotTaken, PriceNotKnown, LimitReached, TermsRefuse, Invalid, NotFound)


def handle(platform: Platform, *, consumer: str, message_id: str, event: PlaceFreed | EvseBackInUse) -> None:
    """Takes back what was held and is gone, offers what became free at a location, then notes the message as consumed: a repeat
    finds less to do."""
    service.take_back(platform)
    offer_at(platform, event.location_id)
    platform.consume(lambda _tx: None, consumer=consumer, message_id=message_id)


def offer_at(platform: Platform, location_id: uuid.UUID) -> int:
    """Offers what is free at a location to who waits, one after the other, until nobody is left whom it suits. Returns how many
    offers were made. Whoever books meanwhile wins: what they took is not offered."""
    offered, refused = 0, set[uuid.UUID]()
    while True:
        waiting = [item for item in platform.read(partial(_waiting, location_id=location_id)) if item[0].id not in refused]
        if not waiting:
            return offered
        entry, place = in_order(waiting)[0]
        refused.add(entry.id)
        try:
            offered += platform.transact(partial(_offer, entry=entry, place=place, passed=passed_over(waiting, entry)))
        except NOT_TO_BE_HAD as error:
            log.info("entry %s is not offered %s: %s", entry.id, location_id, error.detail)


def offer_places(platform: Platform) -> int:
    """The net: looks for each who waits whether anything is free, as after a snooze, a blocked time or longer hours. Returns
    how many offers were made."""
    now = platform.clock.now()
    entries = platform.read(lambda tx: repository.waiting(tx, now=now, limit=LOOKED_AT))
    places = {location_id for entry in entries for location_id in platform.read(partial(_free_for, entry=entry))}
    return sum(offer_at(platform, location_id) for location_id in sorted(places))


def _free_for(tx: Tx, *, entry: Entry) -> list[uuid.UUID]:
    """The location of the best place for an entry; none where nothing is free."""
    around = surroundings_of(tx, _needs_now(entry, tx.now))
    place = _best(tx, entry, around)
    return [] if place is None else [place.location_id]


def _waiting(tx: Tx, *, location_id: uuid.UUID) -> list[tuple[Entry, Place]]:
    """Who waits for what a location has free now, each with the best place there for them."""
    location = stations.get_location(tx=tx, location_id=location_id)
    if location.status != APPROVED:
        return []
    cell = cells.latlng_to_cell(location.latitude, location.longitude, RESOLUTION)
    waiting = []
    for entry in repository.waiting_in(tx, cells.grid_disk(cell, 1), now=tx.now, limit=LOOKED_AT):
        if not entry.awake(tx.now, location.time_zone) or not _in_reach(entry, location):
            continue
        place = _best(tx, entry, surroundings_of(tx, _needs_now(entry, tx.now), among=[location]))
        if place is not None:
            waiting.append((entry, place))
    return waiting


def _in_reach(entry: Entry, location: Location) -> bool:
    wish = entry.wish
    standards = {plug.standard for evse in location.evses for plug in evse.connectors}
    km = great_circle_km(wish.latitude, wish.longitude, location.latitude, location.longitude)
    return km <= reach_km(wish) and not standards.isdisjoint(wish.standards)


def _needs_now(entry: Entry, now: datetime) -> ChargingNeeds:
    """The wish as of now: its driver needs a moment to accept before they set out."""
    return entry.wish.model_copy(update={"earliest_departure": max(entry.window_begin, now + SHORTEST_HOLD)})


def _best(tx: Tx, entry: Entry, full: Surroundings) -> Place | None:
    """The decision core's cheapest row for an entry, within its driver's limits."""
    if not full.pools:
        return None
    needs = _needs_now(entry, tx.now)
    car = booking.car_of(tx=tx, user_id=entry.user_id, vehicle_id=entry.vehicle_id)
    limits = booking.limits_of(tx=tx, user_id=entry.user_id, car=car, holds=True)
    around = within_limits(full, limits, needs)
    rows = candidates(around.city, requests_of(needs, tx.now), around.occupancy, around.rates, whole_minutes=True)
    if not rows.mask[0, 0]:
        return None
    pool = around.pools[int(rows.pool[0, 0])]
    location = around.locations[int(rows.location[0, 0])]
    start = slot_start(around.slot0) + timedelta(minutes=round(float(rows.begin_min[0, 0])))
    minutes = max(float(around.city.shortest_min[int(rows.pool[0, 0])]), float(rows.duration_min[0, 0]))
    place = Place(
        location_id=location.id,
        connector=pool.standard,
        power_class=pool.power_class,
        start=start,
        end=start + timedelta(minutes=minutes),
        travel_minutes=float(rows.travel_min[0, 0]),
        cost=float(rows.cost[0, 0]),
    )
    return place if place.hold(tx.now) >= SHORTEST_HOLD - MINUTE else None


def _offer(tx: Tx, *, entry: Entry, place: Place, passed: list[uuid.UUID]) -> bool:
    """Holds a place for an entry. False where it does not wait any more. Locks: the driver, the entry, the location."""
    accounts.lock_driver(tx=tx, user_id=entry.user_id)
    locked = repository.get(tx, entry.id, lock=True)
    if locked is None or locked.state is not EntryState.WAITING:
        return False
    expires_at = tx.now + place.hold(tx.now)
    held = booking.reserve_slot(tx=tx, request=_request(locked, place, expires_at))
    offer = WaitlistOffer(new_id(), entry.id, held.id, OfferState.OFFERED, expires_at, tx.now)
    repository.add_offer(tx, offer)
    repository.update(tx, entry.id, state=EntryState.OFFERED.value, passed_over=0, snoozed_until=None)
    repository.pass_over(tx, passed)
    location = stations.get_location(tx=tx, location_id=held.location_id)
    snapshot = BookingSnapshot.of(location, held, now=tx.now)
    tx.publish(WaitlistOffered(entry.user_id, entry.id, snapshot, expires_at))
    tx.publish(WaitlistOfferExpired(offer.id), available_at=expires_at)
    return True


def _request(entry: Entry, place: Place, expires_at: datetime) -> ReservationRequest:
    wish = entry.wish
    return ReservationRequest(
        user_id=entry.user_id,
        location_id=place.location_id,
        standard=place.connector,
        power_class=place.power_class,
        start=place.start,
        duration_minutes=(place.end - place.start) / MINUTE,
        energy_kwh=wish.energy_kwh,
        energy_limit_kwh=wish.energy_limit_kwh,
        battery_kwh=wish.battery_kwh,
        vehicle_id=entry.vehicle_id,
        vehicle_kw=wish.max_power_kw,
        hold_until=expires_at,
    )
