"""Charging sessions of bookings: started, stopped and settled under the frozen quote, or never begun; and read as demand."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking import repository, repository_claims
from functions.booking.claims import blocked
from functions.booking.domain import (
    Booking,
    BookingPosition,
    NoShowSettlement,
    RecordedSession,
    ReservationStatus,
    check_transition,
)
from functions.booking.events import BookingMissed, SessionStopped
from functions.booking.fees import frozen_fee
from functions.booking.service import announce, change, lock_booking
from functions.booking.settlement import MeteredSession, settle
from functions.stations.domain import Location
from functions.tariffs.domain import BookingRestriction
from shared.energy import CHARGE_EFFICIENCY, session_energy
from shared.errors import Conflict, Invalid, TermsRefuse, WrongState
from shared.slots import slot_after, slot_of
from shared.tx import Tx

METER_TOLERANCE_KWH = 0.5


def start_session(*, tx: Tx, booking_id: uuid.UUID) -> Booking:
    """The driver plugged in: RESERVED to FULFILLED. Early within the terms where the EVSE is free until then."""
    location, booking = lock_booking(tx, booking_id)
    check_transition(booking.status, ReservationStatus.FULFILLED)
    opens_at = booking.start - timedelta(minutes=booking.terms.early_start_minutes)
    if tx.now < opens_at:
        raise TermsRefuse(f"The session may start from {opens_at.isoformat()} on.", opens_at=opens_at.isoformat())
    if tx.now >= booking.end:
        raise WrongState("The booked period is over.", reservation_status=booking.status.value)
    first = slot_of(tx.now)
    if first < slot_of(booking.start):
        earlier = {booking.id: {(booking.evse_id, slot) for slot in range(first, slot_of(booking.start))}}
        if any(
            block.evse_id == booking.evse_id and block.start < slot_of(booking.start) and block.end > first
            for block in blocked(location)
        ):
            raise Conflict(
                "The EVSE is out of use until then; your booking starts as planned.", start=booking.start.isoformat()
            )
        try:
            repository_claims.change_claims(tx, add=earlier)
        except repository_claims.ClaimTaken:
            raise Conflict(
                "The EVSE is still taken; your booking starts as planned.", start=booking.start.isoformat()
            ) from None
    return change(tx, booking, status=ReservationStatus.FULFILLED, started_at=tx.now, revealed_at=booking.revealed_at or tx.now)


def stop_session(*, tx: Tx, booking_id: uuid.UUID, energy_kwh: float | None = None) -> Booking:
    """Ends the charging session and frees the claims that are left. FULFILLED stays.

    `energy_kwh` is what the EVSE measured; without it what fits into the time, at most what was booked. The price is
    the frozen tariff's for what really happened, never above the quote's total.
    """
    location, booking = lock_booking(tx, booking_id)
    if not booking.charging():
        raise WrongState("No session of this booking is running.", reservation_status=booking.status.value)
    assert booking.started_at is not None
    minutes = (tx.now - booking.started_at) / timedelta(minutes=1)
    possible = session_energy(minutes, booking.power_kw, None) / CHARGE_EFFICIENCY
    if energy_kwh is not None and energy_kwh > possible + METER_TOLERANCE_KWH:
        raise Invalid.one(
            "energy_kwh", f"{booking.power_kw} kW cannot deliver more than {possible:.1f} kWh in {minutes:.0f} min"
        )
    energy = (
        energy_kwh
        if energy_kwh is not None
        else min(booking.energy_kwh, session_energy(minutes, booking.power_kw, booking.vehicle_kw))
    )
    session = MeteredSession(booking.started_at, tx.now, charging_until=None, kwh=energy)
    settlement = settle(tx=tx, location=location, booking=booking, session=session)
    repository_claims.release(tx, booking.id, from_slot=slot_after(tx.now))
    booking = change(tx, booking, stopped_at=tx.now, session_energy_kwh=round(energy, 3), settlement=settlement)
    announce(tx, location, booking, SessionStopped, reminder=False)
    return booking


def miss(*, tx: Tx, location: Location, booking: Booking) -> Booking:
    """Nobody came: NO_SHOW, claims freed, and the no-show fee of the frozen tariff where the terms have one."""
    fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_EXPIRES) if booking.terms.noshow_fee else 0
    repository_claims.release(tx, booking.id)
    booking = change(tx, booking, status=ReservationStatus.NO_SHOW, settlement=NoShowSettlement(no_show_fee_minor=fee))
    announce(tx, location, booking, BookingMissed, reminder=False)
    return booking


def recorded_sessions(
    *, tx: Tx, since: datetime, until: datetime, after: BookingPosition | None = None, limit: int = 1000
) -> tuple[list[RecordedSession], BookingPosition | None]:
    """A page of the sessions of fulfilled bookings whose booked start lies in [since, until), and the next page's cursor.

    In order of that start; the cursor is None after the last page. Measured start, stop and kWh where there are any, else
    the booked ones.
    """
    positioned = repository.fulfilled(tx, since=since, until=until, after=after, limit=limit)
    return [session for _, session in positioned], positioned[-1][0] if len(positioned) == limit else None


@dataclass(frozen=True)
class EvseCommitments:
    """What bookings make of EVSEs: sessions that run, and slots that are claimed."""

    running: dict[uuid.UUID, datetime]
    """The start of the session by EVSE."""
    claimed: set[tuple[uuid.UUID, datetime]]
    """(EVSE, the slot's start) of bookings whose session has not begun."""


LONGEST_SESSION = timedelta(days=1)
"""A session that nobody stopped is not taken for a running one after that."""


def committed(
    *, tx: Tx, location_ids: Sequence[uuid.UUID], evse_ids: Sequence[uuid.UUID], start: datetime, end: datetime
) -> EvseCommitments:
    """The running sessions at locations, and the claims on EVSEs in every slot that [start, end) touches: two statements."""
    if not evse_ids:
        return EvseCommitments({}, set())
    claimed = repository_claims.claims_with_begin(tx, evse_ids, slot_of(start), slot_after(end))
    return EvseCommitments(
        dict(repository.running(tx, location_ids, since=tx.now - LONGEST_SESSION)),
        {(evse_id, slot) for evse_id, slot, began_at in claimed if began_at is None},
    )
