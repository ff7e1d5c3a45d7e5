"""Use cases of bookings: reserve, reschedule, cancel, confirm, start, stop. Each runs inside one transaction.

Locks are taken in one order: the driver (where his limits are asked for), the location row, then bookings by id, then the
difference of claims.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from functions.accounts import service as accounts
from functions.booking import claims, repository, repository_claims
from functions.booking.domain import (
    DRIVER_REASONS,
    REMIND_BEFORE,
    REVEAL_BEFORE,
    Booking,
    CanceledReason,
    Filter,
    Position,
    ReservationStatus,
    WhoCanceled,
    check_period,
    check_transition,
)
from functions.booking.events import described, event
from functions.booking.limits import Limits
from functions.booking.placement import place
from functions.booking.quotes import quote_document
from functions.stations import service as stations
from functions.stations.domain import BookingTerms, Location, Pool
from functions.tariffs import quotes as payments
from shared import telemetry
from shared.audit import AUDITED_ROLES, plain
from shared.db import new_id
from shared.energy import session_energy, session_minutes
from shared.errors import Invalid, NotFound, SlotTaken, TermsRefuse, WrongState
from shared.outbox import NOTIFY
from shared.slots import SLOT, slot_after, slot_of, slot_start, whole_slots
from shared.tx import Tx


def get_owned(*, tx: Tx, booking_id: uuid.UUID, lock: bool = False) -> Booking:
    """The booking, if the caller may see it: its driver, an administrator, the platform. Raises NotFound."""
    found = repository.get(tx, booking_id, lock=lock)
    if found is None or not (tx.actor.role in ("admin", "system") or tx.actor.id == found.user_id):
        raise NotFound(f"There is no booking {booking_id}.")
    return found


def list_bookings(*, tx: Tx, wanted: Filter, before: uuid.UUID | None, limit: int) -> list[Booking]:
    """The caller's bookings that `wanted` lets through, newest first."""
    assert tx.actor.id is not None
    return repository.of_user(tx, tx.actor.id, wanted=wanted, before=before, limit=limit)


def occupancy(*, tx: Tx, evse_ids: Sequence[uuid.UUID], start: datetime, end: datetime) -> dict[uuid.UUID, list[datetime]]:
    """The starts of claimed slots by EVSE, over every slot that [start, end) touches; EVSEs without claims are absent."""
    found: dict[uuid.UUID, list[datetime]] = {}
    for evse, slot, _ in repository_claims.claims(tx, evse_ids, slot_of(start), slot_after(end)):
        found.setdefault(evse, []).append(slot_start(slot))
    return found


def bookings_at(
    *, tx: Tx, location_ids: Sequence[uuid.UUID], wanted: Filter, after: Position | None, limit: int
) -> list[Booking]:
    """The bookings at locations that `wanted` lets through, in order of their start, after the cursor."""
    return repository.hosted(tx, location_ids, wanted=wanted, after=after, limit=limit)


def bookings_by_id(*, tx: Tx, booking_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Booking]:
    """Bookings by their ids, for the rooms above; whose they are is not asked."""
    return repository.read_by_ids(tx, booking_ids)


def claims_on(*, tx: Tx, evse_ids: Sequence[uuid.UUID], start: int, stop: int) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """(EVSE, slot, booking) of every claim on the EVSEs in slots [start, stop)."""
    return repository_claims.claims(tx, evse_ids, start, stop)


def stands(*, tx: Tx, booking_id: uuid.UUID, start: datetime) -> bool:
    """Whether the booking is still RESERVED for `start`: reminders of moved or cancelled ones are not sent."""
    found = repository.get(tx, booking_id)
    return found is not None and found.status is ReservationStatus.RESERVED and found.start == start


def reserve_slot(
    *,
    tx: Tx,
    user_id: uuid.UUID,
    location_id: uuid.UUID,
    standard: str,
    start: datetime,
    duration_minutes: float | None = None,
    energy_kwh: float | None = None,
    power_class: str | None = None,
    vehicle_id: uuid.UUID | None = None,
    vehicle_kw: float | None = None,
    charge_request_id: uuid.UUID | None = None,
    hold_until: datetime | None = None,
) -> Booking:
    """Claims a place in a pool: RESERVED, or PENDING until `hold_until`.

    Either `duration_minutes` or `energy_kwh` (or both) says how long. Raises Invalid, LimitReached, TermsRefuse, and
    SlotTaken with the nearest alternatives in time and place.
    """
    if duration_minutes is None and energy_kwh is None:
        raise Invalid.one("duration_minutes", "give duration_minutes or energy_kwh")
    if vehicle_id is not None:
        vehicle = accounts.get_vehicle(tx=tx, user_id=user_id, vehicle_id=vehicle_id)
        vehicle_kw = vehicle.max_power_kw
        if standard not in vehicle.standards:
            raise Invalid.one("connector", f"{vehicle.name} has no {standard}; it takes {', '.join(vehicle.standards)}")
    accounts.lock_driver(tx=tx, user_id=user_id)
    location = stations.lock_location(tx=tx, location_id=location_id)
    if location.status != "APPROVED":
        raise NotFound(f"There is no location {location_id}.")
    claims.release_lapsed(tx, location.id)
    pools = claims.choose_pools(location, standard=standard, power_class=power_class)
    bounds = limits_of(tx=tx, user_id=user_id)
    refused: tuple[Pool, range] | None = None
    for pool in pools:
        minutes = duration_minutes or session_minutes(energy_kwh or 0.0, pool.power_kw, vehicle_kw)
        end = start + SLOT * whole_slots(minutes)
        slots = check_period(start, end)
        _check_limits(tx, bounds, location.booking_terms, location.id, vehicle_id, start, end)
        claims.check_open(location, slots)
        placement = place(pool.evse_ids, claims.occupied(tx, location, slots), slots.start, slots.stop)
        if placement is not None:
            made = _draft(
                tx, location, pool, placement.evse_id, user_id=user_id, start=start, end=end, energy_kwh=energy_kwh,
                vehicle_id=vehicle_id, vehicle_kw=vehicle_kw, charge_request_id=charge_request_id, hold_until=hold_until,
            )  # fmt: skip
            repository.insert(tx, made)
            if tx.actor.role in AUDITED_ROLES:
                tx.audit("booking.create", object_type="booking", object_id=made.id, after=plain(described(made)))
            claims.apply(tx, location, placement, made.id, slots, old=set())
            repository.add_request(tx, made, start=start, end=end)
            if made.status is ReservationStatus.RESERVED:
                announce(tx, location, made, "booking_reserved")
            return made
        refused = refused or (pool, slots)
    assert refused is not None
    telemetry.claims_lost.add(1, {"where": "occupied"})
    raise SlotTaken(
        f"No {standard} is free at {location.name} over the whole period.",
        alternatives=claims.alternatives(tx, location, *refused),
    )


def _draft(
    tx: Tx, location: Location, pool: Pool, evse_id: uuid.UUID, *, user_id: uuid.UUID, start: datetime, end: datetime,
    energy_kwh: float | None, vehicle_id: uuid.UUID | None, vehicle_kw: float | None,
    charge_request_id: uuid.UUID | None, hold_until: datetime | None,
) -> Booking:  # fmt: skip
    terms = location.booking_terms
    minutes = (end - start) / timedelta(minutes=1)
    fits = session_energy(minutes, pool.power_kw, vehicle_kw)
    energy = fits if energy_kwh is None else min(energy_kwh, fits)
    return Booking(
        id=new_id(),
        user_id=user_id,
        location_id=location.id,
        evse_id=evse_id,
        evse_uid=next(evse.uid for evse in location.evses if evse.id == evse_id),
        standard=pool.standard,
        power_class=pool.power_class,
        power_kw=pool.power_kw,
        vehicle_id=vehicle_id,
        vehicle_kw=vehicle_kw,
        charge_request_id=charge_request_id,
        tariff_id=pool.tariff_id,
        start=start,
        end=end,
        energy_kwh=round(energy, 3),
        status=ReservationStatus.RESERVED if hold_until is None else ReservationStatus.PENDING,
        quote=quote_document(tx, location, pool.tariff_id, start, end, energy),
        terms=terms.model_dump(mode="json"),
        canceled=None,
        hold_expires_at=hold_until,
        no_show_at=start + timedelta(minutes=terms.noshow_timeout_minutes),
        revealed_at=tx.now if hold_until is None and start - tx.now <= REVEAL_BEFORE else None,
        started_at=None,
        stopped_at=None,
        ended_at=None,
        session_energy_kwh=None,
        settlement=None,
        created_at=tx.now,
        updated_at=tx.now,
    )


def limits_of(*, tx: Tx, user_id: uuid.UUID, moving: uuid.UUID | None = None) -> Limits:
    """What limits a driver now. To change bookings by it, lock the driver first (`accounts.lock_driver`): two requests at
    once, also at two locations, would each see the state without the other."""
    return Limits(
        now=tx.now,
        standing=tuple(item for item in repository.standing(tx, user_id) if item.id != moving),
        horizon_days=tx.settings.booking_horizon_days,
        open_bookings=tx.settings.open_bookings_per_driver,
    )


def _check_limits(
    tx: Tx, bounds: Limits, terms: BookingTerms, location_id: uuid.UUID, vehicle_id: uuid.UUID | None,
    start: datetime, end: datetime, *, moved: bool = False,
) -> None:  # fmt: skip
    """Raises Invalid for a start in the past, LimitReached for the first limit in the way."""
    if start < slot_start(slot_of(tx.now)):
        raise Invalid.one("start", f"must not be in the past: it is {tx.now.isoformat(timespec='seconds')}")
    refusal = bounds.refusal(terms, location_id, vehicle_id, start, end, moved=moved)
    if refusal is not None:
        raise refusal


def announce(
    tx: Tx, location: Location, made: Booking, type: str, *, previous: Booking | None = None, reminder: bool = True
) -> None:
    """Tells the driver, and puts the reminder on its way."""
    payload = event(location, made, now=tx.now, previous=previous)
    tx.emit(NOTIFY, type, payload)
    remind_at = made.start - REMIND_BEFORE
    if reminder and remind_at > tx.now:
        tx.emit(NOTIFY, "booking_reminder", payload, available_at=remind_at)


def locked(tx: Tx, booking_id: uuid.UUID) -> tuple[Location, Booking]:
    """The booking and its location, locked in the one order."""
    seen = get_owned(tx=tx, booking_id=booking_id)
    location = stations.lock_location(tx=tx, location_id=seen.location_id)
    return location, get_owned(tx=tx, booking_id=booking_id, lock=True)


def confirm_hold(*, tx: Tx, booking_id: uuid.UUID) -> Booking:
    """PENDING to RESERVED, if the hold has not run out."""
    location, made = locked(tx, booking_id)
    check_transition(made.status, ReservationStatus.RESERVED)
    if not made.holds(tx.now):
        raise WrongState("The hold has run out; ask again.", reservation_status=made.status.value)
    revealed = tx.now if made.start - tx.now <= REVEAL_BEFORE else None
    made = change(tx, made, status=ReservationStatus.RESERVED, hold_expires_at=None, revealed_at=revealed)
    announce(tx, location, made, "booking_reserved")
    return made


def change(tx: Tx, made: Booking, **values: Any) -> Booking:
    """Changes a booking. By an owner or an administrator it leaves an audit entry."""
    if values.get("status") in (ReservationStatus.CANCELED, ReservationStatus.NO_SHOW):
        values["ended_at"] = tx.now
    stored = {name: value.value if isinstance(value, ReservationStatus) else value for name, value in values.items()}
    repository.update(tx, made.id, **stored)
    if tx.actor.role in AUDITED_ROLES:
        before = {name: getattr(made, name) for name in values if getattr(made, name) != values[name]}
        after = {name: values[name] for name in before}
        tx.audit("booking.change", object_type="booking", object_id=made.id, before=plain(before), after=plain(after))
    return replace(made, **values, updated_at=tx.now)


def reschedule_booking(*, tx: Tx, booking_id: uuid.UUID, start: datetime, duration_minutes: float | None = None) -> Booking:
    """Moves a booking in time at its pool by the difference of its claims: the old slot is never lost meanwhile.

    Raises WrongState, TermsRefuse, LimitReached, SlotTaken (the booking then stands as it was).
    """
    accounts.lock_driver(tx=tx, user_id=get_owned(tx=tx, booking_id=booking_id).user_id)
    location, old = locked(tx, booking_id)
    if old.status is not ReservationStatus.RESERVED:
        raise WrongState(f"A {old.status} booking cannot be moved.", reservation_status=old.status.value)
    terms = BookingTerms.model_validate(old.terms)
    if terms.change_not_allowed:
        raise TermsRefuse("The terms of this booking do not allow changes.")
    last = old.start - timedelta(minutes=terms.change_until_minutes)
    if tx.now > last:
        raise TermsRefuse(f"Changes were possible until {last.isoformat()}.", change_until=last.isoformat())
    minutes = duration_minutes or (old.end - old.start) / timedelta(minutes=1)
    end = start + SLOT * whole_slots(minutes)
    slots = check_period(start, end)
    claims.release_lapsed(tx, location.id)
    energy = old.energy_kwh
    if duration_minutes is not None:
        energy = round(min(energy, session_energy(minutes, old.power_kw, old.vehicle_kw)), 3)
    new = replace(
        old,
        start=start,
        end=end,
        energy_kwh=energy,
        no_show_at=start + timedelta(minutes=terms.noshow_timeout_minutes),
        revealed_at=tx.now if start - tx.now <= REVEAL_BEFORE else None,
        updated_at=tx.now,
    )
    bounds = limits_of(tx=tx, user_id=old.user_id, moving=old.id)
    _check_limits(tx, bounds, terms, location.id, old.vehicle_id, start, end, moved=True)
    claims.check_open(location, slots)
    pool = next(
        (item for item in location.pools() if (item.standard, item.power_class) == (old.standard, old.power_class)),
        None,
    )
    placement = None
    if pool is not None:
        placement = claims.claim(tx, location, pool, old.id, slots, prefer=old.evse_id)
    if pool is None or placement is None:
        telemetry.claims_lost.add(1, {"where": "reschedule"})
        options = [] if pool is None else claims.alternatives(tx, location, pool, slots, ignoring=old.id)
        raise SlotTaken(
            f"No {old.standard} is free at {location.name} over the new period; your booking stands as it was.",
            alternatives=options,
        )
    uids = {evse.id: evse.uid for evse in location.evses}
    new = change(
        tx, old, start=start, end=end, energy_kwh=energy, no_show_at=new.no_show_at, revealed_at=new.revealed_at,
        evse_id=placement.evse_id, evse_uid=uids[placement.evse_id],
        quote=quote_document(tx, location, old.tariff_id, start, end, energy),
    )  # fmt: skip
    repository.add_request(tx, new, start=start, end=end)
    announce(tx, location, new, "booking_rescheduled", previous=old)
    return new


def cancel_booking(
    *,
    tx: Tx,
    booking_id: uuid.UUID,
    reason: CanceledReason = CanceledReason.UNKNOWN,
    who: WhoCanceled = WhoCanceled.MSP,
) -> Booking:
    """Ends a booking and frees its claims in the same transaction. A late cancel by the driver costs what the terms say."""
    if who is WhoCanceled.MSP and reason not in DRIVER_REASONS:
        raise Invalid.one("reason", f"must be one of {', '.join(DRIVER_REASONS)}")
    location, made = locked(tx, booking_id)
    check_transition(made.status, ReservationStatus.CANCELED)
    last = made.start - timedelta(minutes=int(made.terms["cancel_until_minutes"]))
    late = who is WhoCanceled.MSP and made.status is ReservationStatus.RESERVED and tx.now > last
    fee = frozen_fee(tx, made, "BOOKING_CANCELLATION_FEES") if late else 0
    return end(tx, location, made, reason=reason, who=who, late=late, fee_minor=fee)


def end(
    tx: Tx, location: Location, made: Booking, *, reason: CanceledReason, who: WhoCanceled, late: bool = False,
    fee_minor: int = 0,
) -> Booking:  # fmt: skip
    """CANCELED, claims freed, and the driver told. Location and booking must be locked."""
    canceled = {
        "cancellation_reason": reason.value,
        "who_canceled": who.value,
        "late": late,
        "fee_minor": fee_minor,
    }
    repository_claims.release(tx, made.id)
    made = change(tx, made, status=ReservationStatus.CANCELED, canceled=canceled)
    repository.add_request(tx, made, start=made.start, end=made.end, canceled=True, reason=reason.value)
    announce(tx, location, made, "booking_canceled", reminder=False)
    return made


def frozen_fee(tx: Tx, made: Booking, kind: str) -> int:
    """The fee of the frozen tariff for a late cancel or a no-show, minor units."""
    if made.tariff_id is None:
        return 0
    return payments.booking_fee(tariff=stations.get_tariff(tx=tx, tariff_id=made.tariff_id), kind=kind)


def history(*, tx: Tx, booking_id: uuid.UUID) -> list[dict[str, Any]]:
    """What was asked of a booking (OCPI booking_requests), in order."""
    return repository.requests_of(tx, booking_id)


def reveal(*, tx: Tx, made: Booking) -> Booking:
    """Settles the booking's EVSE: from now on it is shown and not moved."""
    return change(tx, made, revealed_at=tx.now)
