"""Walk-ins: a driver who is there charges from now on, at a charger that is theirs until a guaranteed end."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.accounts import consents
from functions.accounts import service as accounts
from functions.accounts.domain import Vehicle, normal_plate
from functions.booking import attendance, claims, repository, repository_claims, repository_sessions
from functions.booking.alternatives import alternatives
from functions.booking.assurance import BookingKind
from functions.booking.charging import Authorisation
from functions.booking.domain import Booking, ReservationRequest, end_of, minutes_for
from functions.booking.limits import Car
from functions.booking.placement import Placement
from functions.booking.quotes import EnergyWish
from functions.booking.service import limits_of, new_booking, placed_period
from functions.stations import service as stations
from functions.stations.domain import APPROVED, ENGAGED, Location, Pool
from functions.stations.feed import service as feed
from shared.errors import Invalid, NotFound, PaymentNeeded, SlotTaken
from shared.slots import slot_of, slot_start, slots_of
from shared.tx import Tx

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class WalkInRequest:
    """What a driver who is there asks for. Either the connector or the EVSE, or both."""

    location_id: uuid.UUID
    standard: str | None = None
    """OCPI ConnectorType; None: that of the EVSE."""
    evse_uid: str | None = None
    """The EVSE they stand at; None: whichever is free."""
    vehicle_id: uuid.UUID | None = None
    energy_kwh: float | None = None
    """What they need; None: as much as fits."""


@dataclass(frozen=True)
class _Free:
    """An EVSE that is free now, and until when."""

    pool: Pool
    evse_id: uuid.UUID
    until: datetime
    metered: bool
    """Whether its station can tell what is charged."""


def walk_in(*, tx: Tx, request: WalkInRequest) -> Booking:
    """A booking from now on, at an EVSE that is free: until the next booking there, closing, or the longest that is booked
    there, whichever comes first; no longer than what is needed takes. It is FULFILLED at once, or where the EVSE's feed lives
    as soon as the station says that they charge.

    Raises Invalid, NotFound, TermsChanged, LimitReached, PriceNotKnown, and SlotTaken with alternatives.
    """
    assert tx.actor.id is not None
    consents.require_terms(tx=tx)
    user_id, vehicle = tx.actor.id, None
    if request.vehicle_id is not None:
        vehicle = accounts.get_vehicle(tx=tx, user_id=user_id, vehicle_id=request.vehicle_id)
    accounts.lock_driver(tx=tx, user_id=user_id)
    location = stations.lock_location(tx=tx, location_id=request.location_id)
    if location.status != APPROVED:
        raise NotFound(f"There is no location {request.location_id}.")
    if location.booking_terms.payment != "NONE":
        raise PaymentNeeded("This place takes payment beforehand: book it, and pay.")
    claims.release_lapsed(tx, location.id)
    pools = _pools(location, request, vehicle)
    start = tx.now.replace(second=0, microsecond=0)
    least = start + timedelta(minutes=location.booking_terms.min_booking_minutes)
    free = max(_free(tx, location, pools, request, start), key=lambda item: item.until, default=None)
    if free is None or free.until < least:
        later = slot_start(slot_of(start) + 1)
        raise SlotTaken(
            f"Nothing that fits is free at {location.name} now for {location.booking_terms.min_booking_minutes} minutes.",
            alternatives=[],
        ).completed_by(
            alternatives(location, pools[0], later, least, claims.occupied(tx, location, range(slot_of(later), slot_of(least))))
        )
    if request.energy_kwh is None and not free.metered:
        raise Invalid.one("energy_kwh", "say what you need: nobody meters this charger, and it costs what was expected")
    booking = _book(tx, location, free, request, vehicle, start)
    return attendance.arrive(tx=tx, location=location, booking=booking, by=Authorisation.APP)


def _pools(location: Location, request: WalkInRequest, vehicle: Vehicle | None) -> list[Pool]:
    """The pools that may serve: of the connector that is named, or those of the EVSE that the vehicle takes."""
    named = None
    if request.evse_uid is not None:
        named = next((evse for evse in location.evses if evse.uid == request.evse_uid), None)
        if named is None:
            raise Invalid.one("evse_uid", f"{location.name} has no EVSE {request.evse_uid}")
    takes = None if vehicle is None else set(vehicle.standards)
    if request.standard is not None:
        if takes is not None and request.standard not in takes:
            raise Invalid.one("connector", f"{vehicle.name if vehicle else ''} has no {request.standard}")
        pools = claims.choose_pools(location, standard=request.standard, power_class=None)
    else:
        pools = sorted(location.pools(), key=lambda pool: -pool.power_kw)
        pools = [pool for pool in pools if takes is None or pool.standard in takes]
    if named is not None:
        pools = [pool for pool in pools if named.id in pool.evse_ids]
    if not pools:
        raise Invalid.one("evse_uid" if named is not None else "connector", "nothing that can be used there fits")
    return pools


def _free(tx: Tx, location: Location, pools: list[Pool], request: WalkInRequest, start: datetime) -> Iterator[_Free]:
    """The EVSEs of the pools that are free now. At one that is named somebody may be plugged in: they themselves."""
    states = {
        state.evse_id: state for state in feed.states_of(tx=tx, location_ids=[location.id], since=tx.now).get(location.id, [])
    }
    named = next((evse.id for evse in location.evses if evse.uid == request.evse_uid), None)
    closes = _closes(location, start)
    for pool in pools:
        for evse_id in pool.evse_ids:
            state = states.get(evse_id)
            if named is not None and evse_id != named:
                continue
            running = repository_sessions.running_on(tx, evse_id)
            theirs = running is not None and running.booking_id is None and named == evse_id
            if (running is not None and not theirs) or (state is not None and state.status in ENGAGED and named != evse_id):
                continue
            until = min(closes, _next_claim(tx, location, evse_id, start, closes))
            yield _Free(pool, evse_id, until, metered=state is not None and state.live)


def _closes(location: Location, start: datetime) -> datetime:
    """When the location closes, or the longest booking from now on ends."""
    latest = start + timedelta(minutes=location.booking_terms.max_booking_minutes)
    slots = slots_of(start, latest)
    opened = location.opened(slot_start(slots.start), len(slots))
    return latest if opened.all() else max(start, slot_start(slots.start + int(opened.argmin())))


def _next_claim(tx: Tx, location: Location, evse_id: uuid.UUID, start: datetime, closes: datetime) -> datetime:
    """When an EVSE is kept for somebody else next, or blocked."""
    first, stop = slot_of(start), slot_of(closes) + 1
    taken = [slot for _, slot, _ in repository_claims.claims(tx, [evse_id], first, stop)]
    taken += [max(block.start, first) for block in claims.blocked(location) if block.evse_id == evse_id and block.end > first]
    return max(start, slot_start(min(taken))) if taken else closes


def _book(tx: Tx, location: Location, free: _Free, request: WalkInRequest, vehicle: Vehicle | None, start: datetime) -> Booking:
    terms, pool = location.booking_terms, free.pool
    vehicle_kw = None if vehicle is None else vehicle.max_power_kw
    end = free.until
    if request.energy_kwh is not None:
        end = min(end, end_of(start, minutes_for(request.energy_kwh, terms, power_kw=pool.power_kw, vehicle_kw=vehicle_kw)))
    car = Car() if vehicle is None else Car(vehicle.id, normal_plate(vehicle.plate))
    limits = limits_of(tx=tx, user_id=_id(tx), car=car)
    # Who is there needs no notice.
    refusal = limits.refusal(terms.model_copy(update={"min_lead_minutes": 0}), location.id, start, end)
    if refusal is not None:
        raise refusal
    battery = None if vehicle is None else vehicle.battery_kwh
    wish = EnergyWish(pool.power_kw, pool.power_class, vehicle_kw, request.energy_kwh, battery)
    tariff_id = stations.tariff_at(tx=tx, pool=pool, at=start)
    placement = Placement(free.evse_id, {})
    placed = placed_period(tx, location, placement, tariff_id, terms, start, end, wish)
    asked = ReservationRequest(
        user_id=_id(tx),
        location_id=location.id,
        standard=pool.standard,
        start=start,
        duration_minutes=(end - start) / MINUTE,
        energy_kwh=request.energy_kwh,
        vehicle_id=request.vehicle_id,
    )
    booking = replace(new_booking(tx, location, pool, placed, asked, wish, car), kind=BookingKind.WALK_IN.value)
    repository.insert(tx, booking)
    claims.apply(tx, location, placement, booking.id, slots_of(start, end), old=set())
    repository.add_request(tx, booking, start=start, end=end)
    return booking


def _id(tx: Tx) -> uuid.UUID:
    assert tx.actor.id is not None
    return tx.actor.id
