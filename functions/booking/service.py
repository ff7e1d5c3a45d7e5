"""Use cases of bookings: reserve, confirm, and how one ends. Each runs inside one transaction.

Moving is in moves.py, cancelling in cancellations.py, charging in sessions.py.

Locks are taken in one order: the driver (where their limits are asked for), the location row, then bookings by id, then the
difference of claims.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from functions.accounts import service as accounts
from functions.accounts.domain import normal_plate
from functions.accounts.drivers import check_terms
from functions.booking import claims, repository, repository_claims
from functions.booking.alternatives import alternatives
from functions.booking.domain import (
    REMIND_BEFORE,
    REVEAL_BEFORE,
    TRANSITIONS,
    Booking,
    BookingFilter,
    BookingPosition,
    CanceledReason,
    Cancellation,
    CancellationCause,
    ReservationRequest,
    ReservationStatus,
    WhoCanceled,
    check_period,
    check_transition,
    end_of,
    minutes_for,
    missed_at,
)
from functions.booking.events import (
    BookingCanceled,
    BookingEvent,
    BookingHeld,
    BookingReserved,
    BookingSnapshot,
    ReservationEnded,
    ReservationPaid,
    audited,
    reminder_of,
)
from functions.booking.limits import Car, Limits, OpenBooking
from functions.booking.paying import BACKSTOP, BookingPayment, needed, pay_until, to_hold
from functions.booking.placement import OccupiedInterval, Placement, place
from functions.booking.quotes import EnergyWish, priced
from functions.booking.standing import open_bookings_allowed
from functions.stations import service as stations
from functions.stations.domain import APPROVED, BookingTerms, Location, Pool
from functions.tariffs.quotes import Quote
from shared import telemetry
from shared.audit import AUDITED_ROLES, plain
from shared.db import new_id
from shared.errors import Invalid, NotFound, PaymentNeeded, PriceNotKnown, SlotTaken, WrongState
from shared.slots import SLOTS_A_QUARTER, slot_after, slot_of, slot_start, slots_of
from shared.tx import Tx

MINUTE = timedelta(minutes=1)
Snapshot = TypeVar("Snapshot", bound=BookingSnapshot)


def get_owned(*, tx: Tx, booking_id: uuid.UUID, lock: bool = False) -> Booking:
    """The booking, if the caller may see it: its driver, an administrator, the platform. Raises NotFound."""
    booking = repository.get(tx, booking_id, lock=lock)
    if booking is None or not (tx.actor.role in ("admin", "system") or tx.actor.id == booking.user_id):
        raise NotFound(f"There is no booking {booking_id}.")
    return booking


def list_bookings(*, tx: Tx, wanted: BookingFilter, before: uuid.UUID | None, limit: int) -> list[Booking]:
    """The caller's bookings that `wanted` lets through, newest first."""
    assert tx.actor.id is not None
    return repository.of_user(tx, tx.actor.id, wanted=wanted, before=before, limit=limit)


def bookings_of(*, tx: Tx, user_id: uuid.UUID, wanted: BookingFilter, before: uuid.UUID | None, limit: int) -> list[Booking]:
    """A user's bookings that `wanted` lets through, newest first, for administrators and the platform's own use."""
    return repository.of_user(tx, user_id, wanted=wanted, before=before, limit=limit)


def occupancy(*, tx: Tx, evse_ids: Sequence[uuid.UUID], start: datetime, end: datetime) -> dict[uuid.UUID, list[datetime]]:
    """The starts of claimed slots by EVSE, over every slot that [start, end) touches; EVSEs without claims are absent."""
    claimed: dict[uuid.UUID, list[datetime]] = {}
    for evse_id, slot, _ in repository_claims.claims(tx, evse_ids, slot_of(start), slot_after(end)):
        claimed.setdefault(evse_id, []).append(slot_start(slot))
    return claimed


def bookings_at(
    *, tx: Tx, location_ids: Sequence[uuid.UUID], wanted: BookingFilter, after: BookingPosition | None, limit: int
) -> list[Booking]:
    """The bookings at locations that `wanted` lets through, in order of their start, after the cursor."""
    return repository.at_locations(tx, location_ids, wanted=wanted, after=after, limit=limit)


def bookings_by_id(*, tx: Tx, booking_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by their ids, for the rooms above; whose they are is not asked."""
    return repository.read_by_ids(tx, booking_ids)


def claims_on(*, tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, stop: int) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """(EVSE, slot, booking) of every claim on the EVSEs in slots [start, stop)."""
    return repository_claims.claims(tx, evse_ids, start, stop)


def as_it_stands(*, tx: Tx, kind: type[Snapshot], booking_id: uuid.UUID) -> Snapshot | None:
    """A booking as events tell it, but as it is now, for messages that leave later than they were thought of."""
    booking = repository.get(tx, booking_id)
    if booking is None:
        return None
    return kind.of(stations.get_location(tx=tx, location_id=booking.location_id), booking, now=tx.now)


def reserve_slot(*, tx: Tx, request: ReservationRequest) -> Booking:
    """Claims a place in a pool: RESERVED, or PENDING until `hold_until`.

    Raises Invalid, TermsChanged, LimitReached, TermsRefuse, PriceNotKnown, and SlotTaken with the nearest alternatives in time
    and place.
    """
    return reserve_at(tx=tx, request=request)[0]


def reserve_at(*, tx: Tx, request: ReservationRequest) -> tuple[Booking, Location]:
    """The same, and the location that it is at."""
    driver, open_bookings = repository.lock_driver(tx, request.user_id, request.vehicle_id)
    if tx.actor.id == request.user_id:
        check_terms(tx=tx, driver=driver)
    vehicle_kw, battery_kwh, car = request.vehicle_kw, request.battery_kwh, Car(request.vehicle_id)
    if request.vehicle_id is not None:
        if driver.vehicle is None:
            raise NotFound(f"There is no vehicle {request.vehicle_id}.")
        vehicle_kw, battery_kwh = driver.vehicle.max_power_kw, driver.vehicle.battery_kwh
        car = Car(driver.vehicle.id, normal_plate(driver.vehicle.plate))
        if request.standard not in driver.vehicle.standards:
            standards = ", ".join(driver.vehicle.standards)
            raise Invalid.one("connector", f"{driver.vehicle.name} has no {request.standard}; it takes {standards}")
    location = stations.lock_location(tx=tx, location_id=request.location_id)
    if location.status != APPROVED:
        raise NotFound(f"There is no location {request.location_id}.")
    pools = claims.choose_pools(location, standard=request.standard, power_class=request.power_class)
    terms = location.booking_terms
    _check_paid(tx, request.user_id, terms)
    holds = request.hold_until is not None or terms.payment != "NONE"
    limits = _limits(tx, request.user_id, open_bookings, car, holds=holds)
    ends = [_end_in(pool, request, terms, vehicle_kw) for pool in pools]
    occupied: list[OccupiedInterval] | None = None
    first_full: tuple[Pool, datetime] | None = None
    unpriced: PriceNotKnown | None = None
    for pool, end in zip(pools, ends, strict=True):
        slots = check_period(request.start, end)
        check_allowed(tx, limits, location, terms, request.start, end)
        try:
            tariff_id = stations.tariff_at(tx=tx, pool=pool, at=request.start)
        except PriceNotKnown as error:
            unpriced = unpriced or error
            continue
        if occupied is None:
            occupied = claims.occupied_unless_lapsed(tx, location, check_period(request.start, max(ends)))
        placement = place(pool.evse_ids, occupied, slots.start, slots.stop)
        if placement is None:
            first_full = first_full or (pool, end)
            continue
        wish = EnergyWish(
            pool.power_kw, pool.power_class, vehicle_kw, request.energy_kwh, battery_kwh, request.energy_limit_kwh
        )
        placed = placed_period(tx, location, placement, tariff_id, terms, request.start, end, wish)
        booking = new_booking(tx, location, pool, placed, request, wish, car)
        if request.hold_until is None:
            booking = _to_be_paid(tx, booking)
        repository.insert(tx, booking)
        if tx.actor.role in AUDITED_ROLES:
            tx.audit("booking.create", object_type="booking", object_id=booking.id, after=plain(audited(booking)))
        claims.apply(tx, location, placement, booking.id, slots, old=set())
        if booking.status is ReservationStatus.RESERVED:
            announce(tx, location, booking, BookingReserved)
        elif booking.unpaid:
            tx.publish(BookingHeld.of(location, booking, now=tx.now))
        return booking, location
    if first_full is None:
        assert unpriced is not None
        raise unpriced
    telemetry.claims_lost.add(1, {"where": "occupied"})
    full, end = first_full
    raise SlotTaken(
        f"No {request.standard} is free at {location.name} over the whole period.",
        alternatives=[],
    ).completed_by(alternatives(location, full, request.start, end, occupied or []))


def _check_paid(tx: Tx, user_id: uuid.UUID, terms: BookingTerms) -> None:
    """Raises PaymentNeeded where the driver owes for another booking, and the terms ask for payment."""
    owed = repository.owed_by(tx, user_id) if terms.payment != "NONE" else None
    if owed is not None:
        raise PaymentNeeded("You owe for an earlier booking; pay for it first.", booking_id=str(owed))


def _to_be_paid(tx: Tx, booking: Booking) -> Booking:
    """A booking that would be RESERVED, held until it is paid for where its terms ask for that. Raises Unavailable."""
    amount = to_hold(booking.terms, booking.quote, booking.most_minor)
    if amount == 0:
        return booking
    until = pay_until(tx.settings, tx.now)
    payment = needed(amount, booking.quote.currency, until)
    return replace(
        booking, status=ReservationStatus.PENDING, hold_expires_at=until + BACKSTOP, payment=payment, revealed_at=None
    )


def _end_in(pool: Pool, request: ReservationRequest, terms: BookingTerms, vehicle_kw: float | None) -> datetime:
    """When what is asked of a pool ends there: energy takes as long as the pool's power asks for."""
    energy_kwh = request.energy_kwh or 0.0
    minutes = request.duration_minutes or minutes_for(energy_kwh, terms, power_kw=pool.power_kw, vehicle_kw=vehicle_kw)
    return end_of(request.start, minutes)


@dataclass(frozen=True)
class PlacedPeriod:
    """The fields of a Booking that follow from where and when it is: set when it is made and when it moves."""

    start: datetime
    """A whole minute."""
    end: datetime
    energy_kwh: float
    """What fits into the period, at most what was asked for."""
    energy_limit_kwh: float | None
    tariff_id: uuid.UUID | None
    evse_id: uuid.UUID
    evse_uid: str
    quote: Quote
    no_show_at: datetime
    revealed_at: datetime | None
    """Now, where the start is near enough that the EVSE is told at once."""


def placed_period(
    tx: Tx,
    location: Location,
    placement: Placement,
    tariff_id: uuid.UUID | None,
    terms: BookingTerms,
    start: datetime,
    end: datetime,
    wish: EnergyWish,
) -> PlacedPeriod:
    """The middle that reserving and rescheduling share: EVSE, quote and instants of a placement that was found."""
    quote = priced(tx, location, tariff_id, start, end, wish, terms)
    return PlacedPeriod(
        start=start,
        end=end,
        energy_kwh=round(quote.energy_kwh, 3),
        energy_limit_kwh=wish.energy_limit_kwh,
        tariff_id=tariff_id,
        evse_id=placement.evse_id,
        evse_uid=next(evse.uid for evse in location.evses if evse.id == placement.evse_id),
        quote=quote,
        no_show_at=missed_at(terms, start, end, tx.now),
        revealed_at=tx.now if start - tx.now <= REVEAL_BEFORE else None,
    )


def new_booking(
    tx: Tx,
    location: Location,
    pool: Pool,
    placed: PlacedPeriod,
    request: ReservationRequest,
    wish: EnergyWish,
    car: Car,
) -> Booking:
    """A booking as it is stored first, of a period that was placed for a request."""
    held = request.hold_until is not None
    return Booking(
        id=new_id(),
        user_id=request.user_id,
        location_id=location.id,
        standard=pool.standard,
        power_class=pool.power_class,
        power_kw=pool.power_kw,
        vehicle_id=car.vehicle_id,
        plate=car.plate,
        vehicle_kw=wish.vehicle_kw,
        need_kwh=wish.need_kwh,
        battery_kwh=wish.battery_kwh,
        charge_request_id=request.charge_request_id,
        status=ReservationStatus.PENDING if held else ReservationStatus.RESERVED,
        terms=location.booking_terms,
        hold_expires_at=request.hold_until,
        created_at=tx.now,
        updated_at=tx.now,
        asked_start=placed.start,
        asked_end=placed.end,
        **vars(placed) | ({"revealed_at": None} if held else {}),
    )


def limits_of(*, tx: Tx, user_id: uuid.UUID, car: Car, holds: bool = False, moving: uuid.UUID | None = None) -> Limits:
    """What limits a driver with a car now; `holds`: for an offer that is only to be held.

    To change bookings by it, lock the driver first (`accounts.lock_driver`): two requests at once, also at two locations,
    would each see the state without the other.
    """
    others = [booking for booking in repository.open_bookings(tx, user_id) if booking.booking_id != moving]
    return _limits(tx, user_id, others, car, holds=holds)


def _limits(tx: Tx, user_id: uuid.UUID, open_bookings: Sequence[OpenBooking], car: Car, *, holds: bool) -> Limits:
    return Limits(
        now=tx.now,
        open_bookings=tuple(open_bookings),
        horizon_days=tx.settings.booking_horizon_days,
        max_open_bookings=open_bookings_allowed(tx=tx, user_id=user_id, open_now=len(open_bookings)),
        max_held=tx.settings.pending_bookings_per_driver,
        car=car,
        holds=holds,
    )


def car_of(*, tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID | None) -> Car:
    """Which car one of a driver's vehicles is; None is the one they do not name. One that is gone has no plate."""
    vehicle = None if vehicle_id is None else accounts.find_vehicle(tx=tx, user_id=user_id, vehicle_id=vehicle_id)
    return Car(vehicle_id, None if vehicle is None else normal_plate(vehicle.plate))


def check_allowed(
    tx: Tx,
    limits: Limits,
    location: Location,
    terms: BookingTerms,
    start: datetime,
    end: datetime,
    *,
    moved: bool = False,
) -> None:
    """Raises Invalid for a start before the present quarter hour, which many a client names for now, or a closed location,
    LimitReached for the first limit in the way."""
    if slot_of(start) // SLOTS_A_QUARTER < slot_of(tx.now) // SLOTS_A_QUARTER:
        raise Invalid.one("start", f"must not be in the past: it is {tx.now.isoformat(timespec='seconds')}")
    refusal = limits.refusal(terms, location.id, start, end, moved=moved)
    if refusal is not None:
        raise refusal
    claims.check_open(location, slots_of(start, end))


def announce(
    tx: Tx,
    location: Location,
    booking: Booking,
    kind: type[BookingEvent],
    *,
    previous: Booking | None = None,
    reminder: bool = True,
) -> None:
    """Publishes what happened to a booking, and puts the reminder of one that stands on its way."""
    event = kind.of(location, booking, now=tx.now, previous=previous)
    tx.publish(event)
    remind_at = booking.start - REMIND_BEFORE
    if reminder and remind_at > tx.now:
        tx.publish(reminder_of(event), available_at=remind_at)


def lock_booking(tx: Tx, booking_id: uuid.UUID) -> tuple[Location, Booking]:
    """The booking and its location, locked in the one order."""
    unlocked = get_owned(tx=tx, booking_id=booking_id)
    location = stations.lock_location(tx=tx, location_id=unlocked.location_id)
    return location, get_owned(tx=tx, booking_id=booking_id, lock=True)


def confirm_hold(*, tx: Tx, booking_id: uuid.UUID) -> Booking:
    """PENDING to RESERVED, if the hold has not run out. Where its terms ask for payment it stays PENDING, held until it is
    paid for. Raises WrongState, PaymentNeeded."""
    location, booking = lock_booking(tx, booking_id)
    check_transition(booking.status, ReservationStatus.RESERVED)
    if not booking.holds(tx.now):
        raise WrongState("The hold has run out; ask again.", reservation_status=booking.status.value)
    if booking.unpaid:
        raise PaymentNeeded("It is held until you pay for it.", booking_id=str(booking.id))
    waiting = _to_be_paid(tx, booking)
    if waiting.unpaid:
        _check_paid(tx, booking.user_id, booking.terms)
        booking = change(tx, booking, hold_expires_at=waiting.hold_expires_at, payment=waiting.payment)
        tx.publish(BookingHeld.of(location, booking, now=tx.now))
        return booking
    return _stand(tx, location, booking)


def confirm_paid(*, tx: Tx, booking_id: uuid.UUID) -> bool:
    """A booking that was held until it is paid for stands now. False where it is no longer held, and does not stand."""
    location, booking = lock_booking(tx, booking_id)
    if booking.status is not ReservationStatus.PENDING:
        return booking.status is not ReservationStatus.CANCELED
    if booking.charge_request_id is not None:
        tx.publish(ReservationPaid(booking.charge_request_id, booking.id))
    _stand(tx, location, booking)
    return True


def note_payment(*, tx: Tx, booking_id: uuid.UUID, payment: BookingPayment) -> None:
    """Keeps what a booking's driver sees of its payment. For payments."""
    repository.note_payment(tx, booking_id, payment)


def _stand(tx: Tx, location: Location, booking: Booking) -> Booking:
    revealed_at = tx.now if booking.start - tx.now <= REVEAL_BEFORE else None
    booking = change(
        tx,
        booking,
        status=ReservationStatus.RESERVED,
        hold_expires_at=None,
        revealed_at=revealed_at,
        no_show_at=missed_at(booking.terms, booking.start, booking.end, tx.now),
    )
    announce(tx, location, booking, BookingReserved)
    return booking


def change(tx: Tx, booking: Booking, **values: Any) -> Booking:
    """Changes a locked booking: its revision rises, and one that ends tells its charge request. By an owner or an administrator
    it leaves an audit entry."""
    status = values.get("status", booking.status)
    if status in (ReservationStatus.CANCELED, ReservationStatus.NO_SHOW):
        values["ended_at"] = tx.now
    if booking.charge_request_id is not None and status != booking.status and not TRANSITIONS[status]:
        tx.publish(ReservationEnded(booking.charge_request_id, booking.id, status))
    revision = booking.revision + 1
    repository.update(tx, booking.id, revision=revision, **values)
    if tx.actor.role in AUDITED_ROLES:
        before = {name: getattr(booking, name) for name in values if getattr(booking, name) != values[name]}
        after = {name: values[name] for name in before}
        tx.audit("booking.change", object_type="booking", object_id=booking.id, before=plain(before), after=plain(after))
    return replace(booking, **values, revision=revision, updated_at=tx.now)


def end_booking(
    tx: Tx,
    location: Location,
    booking: Booking,
    *,
    reason: CanceledReason,
    who: WhoCanceled,
    late: bool = False,
    fee_minor: int = 0,
    cause: CancellationCause | None = None,
    detail: str | None = None,
    credit_minor: int | None = None,
    rebooked_to: uuid.UUID | None = None,
) -> Booking:
    """CANCELED, claims freed, and the driver told, in the operator's own words (`detail`) where there are any. Location and
    booking must be locked. `rebooked_to`: the booking that comes in its place."""
    canceled = Cancellation(
        cancellation_reason=reason,
        who_canceled=who,
        late=late,
        detail=detail,
        fee_minor=fee_minor,
        cause=cause,
        credit_minor=credit_minor,
    )
    claims.free(tx, booking)
    booking = change(tx, booking, status=ReservationStatus.CANCELED, canceled=canceled, rebooked_to=rebooked_to)
    repository.add_request(tx, booking, start=booking.start, end=booking.end, canceled=True, reason=reason.value)
    announce(tx, location, booking, BookingCanceled, reminder=False)
    return booking


def by_driver(tx: Tx, booking: Booking) -> bool:
    """Whether the booking's own driver acts: what administrators and the platform do to it never costs the driver a fee."""
    return tx.actor.id == booking.user_id


def reveal(*, tx: Tx, booking: Booking) -> Booking:
    """Settles the booking's EVSE: from now on it is shown and not moved. Told late, its driver has their time all the same."""
    return change(tx, booking, revealed_at=tx.now, no_show_at=missed_at(booking.terms, booking.start, booking.end, tx.now))
