"""Charging sessions of bookings, as drivers and owners speak of them: begun, done, read; or never come to; and as demand."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from functions.booking import claims, repository, repository_cdr, repository_claims, repository_sessions
from functions.booking.attendance import arrive, close, correct, evse_state, lives, opens_at
from functions.booking.charging import (
    CONFIRM_WITHIN,
    LONGEST_SESSION,
    Authorisation,
    Cdr,
    ChargingSession,
    MeterValue,
    RecordedSession,
    check_energy,
    freed_at,
)
from functions.booking.domain import (
    Booking,
    BookingPosition,
    NoShowSettlement,
    ReservationStatus,
    check_transition,
)
from functions.booking.events import BookingMissed
from functions.booking.fees import frozen_fee
from functions.booking.service import change, get_owned, lock_booking
from functions.booking.standing import strike
from functions.stations import service as stations
from functions.stations.domain import Location, StaffRight
from functions.tariffs.domain import BookingRestriction
from shared.errors import NotFound, TermsRefuse, WrongState
from shared.slots import slot_after, slot_of
from shared.tx import Tx


def start_session(*, tx: Tx, booking_id: uuid.UUID, vacant: bool = False, occupied: bool = False) -> Booking:
    """The driver says that they are there. FULFILLED once their station says so too, or at once where it cannot be heard.

    Early within the terms, at another EVSE of the pool where theirs is not to be had. Again before the station spoke it
    changes nothing. `vacant`, `occupied`: what they see there. Raises TermsRefuse, WrongState, Conflict, SlotTaken.
    """
    location, booking = lock_booking(tx, booking_id)
    check_transition(booking.status, ReservationStatus.FULFILLED)
    if tx.now < opens_at(booking):
        opens = opens_at(booking).isoformat()
        raise TermsRefuse(f"The session may start from {opens} on.", opens_at=opens)
    if tx.now >= booking.end:
        raise WrongState("The booked period is over.", reservation_status=booking.status.value)
    if booking.arrived_at is not None and not occupied and tx.now - booking.arrived_at < CONFIRM_WITHIN:
        return booking
    return arrive(tx=tx, location=location, booking=booking, by=Authorisation.APP, vacant=vacant, occupied=occupied)


def stop_session(*, tx: Tx, booking_id: uuid.UUID, claimed_kwh: float | None = None) -> Booking:
    """The driver says that they are done. Where the station meters the session or the EVSE's feed lives they only ask: the
    station ends it. Else it ends now. FULFILLED stays.

    `claimed_kwh` is what they read at the charger: kept, never priced. Raises WrongState, also a day after the start, when
    the session is over by itself.
    """
    location, booking = lock_booking(tx, booking_id)
    if not booking.charging():
        raise WrongState("No session of this booking is running.", reservation_status=booking.status.value)
    assert booking.started_at is not None
    if tx.now - booking.started_at >= LONGEST_SESSION:
        raise WrongState("The session ended by itself a day after it began.", reservation_status=booking.status.value)
    claimed = booking.claimed_kwh if claimed_kwh is None else claimed_kwh
    booking = change(tx, booking, stop_asked_at=booking.stop_asked_at or tx.now, claimed_kwh=claimed)
    session = repository_sessions.of_booking(tx, booking.id)
    state = evse_state(tx, booking)
    by_word = session is None or (session.ref is None and not lives(state))
    ended_at = tx.now if session is None or by_word else freed_at(state, session, asked=True)
    if ended_at is None:
        return booking
    return close(tx=tx, location=location, booking=booking, session=session, ended_at=ended_at) or booking


def sessions_of(*, tx: Tx, booking_id: uuid.UUID) -> list[tuple[ChargingSession, list[MeterValue]]]:
    """The sessions of one of the caller's bookings in order, each with what its meter said. Raises NotFound."""
    booking = get_owned(tx=tx, booking_id=booking_id)
    listed = repository_sessions.sessions_of(tx, [booking.id])
    return [(session, repository_sessions.values_of(tx, session.id)) for session in listed]


def cdrs_of(*, tx: Tx, booking_id: uuid.UUID) -> list[Cdr]:
    """The charge detail records of one of the caller's bookings in order. Raises NotFound."""
    return repository_cdr.of_booking(tx, get_owned(tx=tx, booking_id=booking_id).id)


def give_reading(*, tx: Tx, booking_id: uuid.UUID, kwh: float) -> Booking:
    """The owner of the place says what the meter of a session counted; once it is settled only for a lower bill.

    Raises NotFound for others' places, WrongState where no session began or the station itself meters it while it runs, Invalid
    for more than the EVSE can deliver, Conflict for a higher bill.
    """
    unlocked = repository.get(tx, booking_id)
    try:
        right = StaffRight.OPERATE
        location = None if unlocked is None else stations.get_owned(tx=tx, location_id=unlocked.location_id, right=right)
    except NotFound:
        location = None
    booking = None if location is None else repository.get(tx, booking_id, lock=True)
    if location is None or booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    if booking.started_at is None:
        raise WrongState("No session of this booking has begun.", reservation_status=booking.status.value)
    session = repository_sessions.of_booking(tx, booking.id)
    began = booking.started_at if session is None else session.started_at
    check_energy(kwh, booking.power_kw, (booking.stopped_at or tx.now) - began)
    if booking.stopped_at is not None:
        return correct(tx=tx, location=location, booking=booking, session=session, kwh=kwh)
    if session is None:
        raise WrongState("Its session has no meter; say what it counted once it has ended.")
    if session.last_updated is not None:
        raise WrongState("Its station meters this session; a reading may correct it once it has ended.")
    repository_sessions.update(tx, session.id, kwh=kwh)
    return change(tx, booking, session_energy_kwh=round(kwh, 3))


def miss(*, tx: Tx, location: Location, booking: Booking) -> Booking:
    """Nobody came: NO_SHOW, claims freed, the no-show fee of the frozen tariff where the terms have one, and a strike."""
    fee = frozen_fee(tx, booking, BookingRestriction.BOOKING_EXPIRES) if booking.terms.noshow_fee else 0
    claims.free(tx, booking)
    booking = change(tx, booking, status=ReservationStatus.NO_SHOW, settlement=NoShowSettlement(no_show_fee_minor=fee))
    strikes = strike(tx=tx, booking=booking)
    tx.publish(replace(BookingMissed.of(location, booking, now=tx.now), strikes=strikes))
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
