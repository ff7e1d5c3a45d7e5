"""A booking whose charger is not to be had, at another place: the new one, the end of the old one, and declining it."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.accounts import service as accounts
from functions.booking import claims, repository
from functions.booking.domain import (
    NOT_YET_THERE,
    REMIND_BEFORE,
    SAFE,
    Booking,
    BookingPosition,
    CanceledReason,
    ReservationStatus,
    WhoCanceled,
    check_period,
    check_transition,
)
from functions.booking.events import BookingRelocated, PreviousPeriod, reminder_of
from functions.booking.fees import credit_of, no_dearer_to_leave
from functions.booking.limits import Car
from functions.booking.outages import cannot_be_used, unusable
from functions.booking.placement import Placement, place
from functions.booking.quotes import EnergyWish
from functions.booking.service import end_booking, get_owned, lock_booking, placed_period
from functions.stations import service as stations
from functions.stations.domain import APPROVED, Location, Pool
from shared.db import new_id
from shared.errors import NotFound, SlotTaken, WrongState
from shared.tx import Tx

LOCATIONS_AT_ONCE = 6


@dataclass(frozen=True)
class NewPlace:
    """Where a booking may go instead."""

    location_id: uuid.UUID
    power_class: str
    """Of the pool; its connector is the booking's."""
    start: datetime
    """A whole minute."""
    km: float
    """From the place before, as the crow flies."""


def due(
    *, tx: Tx, since: datetime, until: datetime, after: BookingPosition | None = None, limit: int = 500
) -> list[BookingPosition]:
    """(start, id) of the bookings that are at risk since an instant or longer and start by another, in that order."""
    return repository.at_risk(tx, since=since, until=until, after=after, limit=limit)


def waiting(*, tx: Tx, booking_id: uuid.UUID) -> tuple[Booking, Location] | None:
    """A booking that waits at a charger out of use, or that somebody does not leave, with its place; None where it does not
    (any more)."""
    booking = repository.get(tx, booking_id)
    if booking is None or not booking.at_risk:
        return None
    location = stations.get_location(tx=tx, location_id=booking.location_id)
    return None if unusable(tx, location, booking) is None else (booking, location)


def relocate(*, tx: Tx, booking_id: uuid.UUID, to: NewPlace) -> Booking | None:
    """Books a place elsewhere for a booking whose charger has failed, and ends that one, in one transaction. The new booking
    costs no more than the old one's quote, and leaving it no more than before.

    None where the booking does not wait any more. Raises SlotTaken, PriceNotKnown, Invalid, NotFound: the booking stands.
    """
    unlocked = repository.get(tx, booking_id)
    if unlocked is None:
        return None
    accounts.lock_driver(tx=tx, user_id=unlocked.user_id)
    # The one order of locks: the driver, locations by id, then bookings.
    locked = {
        location_id: stations.lock_location(tx=tx, location_id=location_id)
        for location_id in sorted({unlocked.location_id, to.location_id})
    }
    before, there = locked[unlocked.location_id], locked[to.location_id]
    old = repository.get(tx, booking_id, lock=True)
    reason = None if old is None or not old.at_risk else unusable(tx, before, old)
    if old is None or reason is None:
        return None
    new = _placed_there(tx, there, old, to)
    end_booking(tx, before, old, reason=reason, who=WhoCanceled.CPO, rebooked_to=new.id)
    event = replace(
        BookingRelocated.of(there, new, now=tx.now),
        previous=PreviousPeriod(old.start, old.end, before.name),
        decline_until=new.decline_until,
        distance_km=round(to.km, 1),
        occupied=reason is CanceledReason.BLOCKED,
    )
    tx.publish(event)
    if new.start - REMIND_BEFORE > tx.now:
        tx.publish(reminder_of(event), available_at=new.start - REMIND_BEFORE)
    return new


def _placed_there(tx: Tx, there: Location, old: Booking, to: NewPlace) -> Booking:
    """The new booking, stored with its claims."""
    pool = there.pool_of(old.standard, to.power_class) if there.status == APPROVED else None
    if pool is None or there.currency != old.quote.currency:
        raise SlotTaken(f"{there.name} has no {old.standard} at the price of before.", alternatives=[])
    end = to.start + (old.end - old.start)
    slots = check_period(to.start, end)
    claims.release_lapsed(tx, there.id)
    claims.check_open(there, slots)
    _check_elsewhere(tx, old, to.start, end)
    placement = place(pool.evse_ids, claims.occupied(tx, there, slots), slots.start, slots.stop)
    if placement is None:
        raise SlotTaken(f"No {old.standard} is free at {there.name} any more.", alternatives=[])
    new = _new_booking(tx, there, pool, placement, old, to.start, end)
    repository.insert(tx, new)
    claims.apply(tx, there, placement, new.id, slots, old=set())
    repository.add_request(tx, new, start=new.start, end=new.end)
    return new


def _check_elsewhere(tx: Tx, old: Booking, start: datetime, end: datetime) -> None:
    """The one limit that holds for a relocation: a car is in one place at a time. Raises SlotTaken."""
    car = Car(old.vehicle_id, old.plate)
    for other in repository.open_bookings(tx, old.user_id):
        if other.booking_id != old.id and other.car.is_the_same(car) and other.start < end and other.end > start:
            raise SlotTaken("The car is booked elsewhere at that time.", alternatives=[])


def _new_booking(
    tx: Tx, there: Location, pool: Pool, placement: Placement, old: Booking, start: datetime, end: datetime
) -> Booking:
    wish = EnergyWish(pool.power_kw, pool.power_class, old.vehicle_kw, old.energy_kwh, old.battery_kwh, old.energy_limit_kwh)
    tariff_id = stations.tariff_at(tx=tx, pool=pool, at=start)
    placed = placed_period(tx, there, placement, tariff_id, there.booking_terms, start, end, wish)
    placed = replace(placed, quote=no_dearer_to_leave(tx, old, placed.quote))
    fresh: dict[str, Any] = {
        "late_since": None,
        "revision": 0,
        "overstay_told_at": None,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    there_now: dict[str, Any] = {
        "id": new_id(),
        "location_id": there.id,
        "power_class": pool.power_class,
        "power_kw": pool.power_kw,
        "terms": there.booking_terms,
        "rebooked_from": old.id,
        "price_cap_minor": old.most_minor,
    }
    return replace(old, **fresh, **vars(placed), **there_now, **NOT_YET_THERE, **SAFE)


def give_up(*, tx: Tx, booking_id: uuid.UUID) -> bool:
    """Ends a booking for which no other charger was found in time, by the operator's side, with the credit of its terms. False,
    and nothing done, where it does not wait any more, there is time left to look, or its charger works: who is still there may
    leave."""
    unlocked = repository.get(tx, booking_id)
    if unlocked is None:
        return False
    location, booking = lock_booking(tx, booking_id)
    time_left = booking.start - tx.now > timedelta(minutes=booking.terms.give_up_minutes)
    if time_left or not booking.at_risk or not cannot_be_used(location, booking):
        return False
    end_booking(
        tx,
        location,
        booking,
        reason=CanceledReason.BROKEN_CHARGER,
        who=WhoCanceled.CPO,
        credit_minor=credit_of(booking),
    )
    return True


def decline_move(*, tx: Tx, booking_id: uuid.UUID) -> Booking:
    """Its driver does not want the booking that came in another's place: it ends at no cost, with the credit of the terms.

    Raises NotFound, WrongState for a booking that did not come so, or once the time to decline is over.
    """
    if get_owned(tx=tx, booking_id=booking_id).user_id != tx.actor.id:
        raise NotFound(f"There is no booking {booking_id}.")
    location, booking = lock_booking(tx, booking_id)
    until, state = booking.decline_until, booking.status.value
    if until is None:
        raise WrongState("Only a booking that we moved to another place can be declined.", reservation_status=state)
    check_transition(booking.status, ReservationStatus.CANCELED)
    if tx.now > until:
        raise WrongState(f"It could be declined until {until.isoformat()}.", reservation_status=state)
    return end_booking(
        tx,
        location,
        booking,
        reason=CanceledReason.BROKEN_CHARGER,
        who=WhoCanceled.CPO,
        credit_minor=credit_of(booking),
    )
