"""Who comes to an EVSE and who leaves it: a driver arrives, a session begins, ends and is settled.

The location must be locked by whoever calls: never do two sessions run on one EVSE. `charging_session.running_evse_id` holds
that even where a lock would be forgotten.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from functions.booking import cdr, claims, repository, repository_claims, repository_sessions
from functions.booking.alternatives import alternatives
from functions.booking.assurance import BookingKind
from functions.booking.charging import (
    CONFIRM_WITHIN,
    CONNECTED,
    UNSEEN_STAYS,
    Authorisation,
    ChargingSession,
    SessionSource,
    SessionStatus,
)
from functions.booking.domain import Booking, CanceledReason, ReservationStatus, SessionSettlement, WhoCanceled, missed_at
from functions.booking.events import EvseChanged, SessionStopped
from functions.booking.service import announce, change, end_booking
from functions.booking.settlement import MeteredSession, settle
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.feed import service as feed
from functions.stations.feed.service import EvseState
from shared import telemetry
from shared.db import new_id
from shared.errors import Conflict, SlotTaken
from shared.slots import slot_after, slot_of, slot_start, slots_of
from shared.tx import Tx


def evse_state(tx: Tx, booking: Booking) -> EvseState | None:
    """What the feed knows of a booking's EVSE, with its changes since the session began."""
    since = booking.started_at or tx.now
    return feed.state_of(tx=tx, location_id=booking.location_id, evse_id=booking.evse_id, since=since)


def lives(state: EvseState | None) -> bool:
    """Whether the EVSE's own word is to be had now."""
    return state is not None and state.live


def opens_at(booking: Booking) -> datetime:
    """From when on the terms let its session start."""
    return booking.start - timedelta(minutes=booking.terms.early_start_minutes)


def arrive(
    *, tx: Tx, location: Location, booking: Booking, by: Authorisation, vacant: bool = False, occupied: bool = False
) -> Booking:
    """The driver is at their EVSE, within the time of the terms. Where its feed lives the station has to say so too: until
    then the booking stays RESERVED, with `arrived_at`. Where none lives the session begins by their word.

    Whose EVSE is not to be had is given another of its pool, and told. `vacant`: the driver sees that nobody is there any
    more; `occupied`: that somebody else is, whose session might be taken for theirs. Where no feed lives they then say once
    more that they are there, when they have seen the other one. Raises SlotTaken with alternatives where somebody is and the
    pool is full, Conflict for an early start where it is.
    """
    occupant = repository_sessions.running_on(tx, booking.evse_id)
    if occupant is not None and _has_left(tx, location, occupant, vacant=vacant):
        occupant = None
    theirs = occupant if occupant is not None and not occupied and may_be_theirs(occupant, booking) else None
    if occupied or (occupant is not None and theirs is None):
        booking = _elsewhere(tx, location, booking) or _refuse(tx, location, booking)
        if occupied and not lives(evse_state(tx, booking)):
            return booking  # nobody knows whether that one is free: they say so when they see it
    elif not claim_until_start(tx, location, booking):
        moved = _elsewhere(tx, location, booking)
        if moved is None:
            start = booking.start.isoformat()
            raise Conflict("The EVSE is still taken or out of use until then; your booking starts as planned.", start=start)
        booking, theirs = moved, None
    if theirs is not None:
        repository_sessions.update(tx, theirs.id, booking_id=booking.id, auth=by.value)
        return _fulfil(tx, booking, arrived_by=by)
    state = evse_state(tx, booking)
    if state is not None and state.live and state.status not in CONNECTED:
        revealed_at = booking.revealed_at or tx.now
        return change(tx, booking, arrived_at=tx.now, arrived_by=by.value, revealed_at=revealed_at)
    return begin(tx=tx, booking=booking, source=SessionSource.STATION if lives(state) else SessionSource.SELF_DECLARED, by=by)


def may_be_theirs(session: ChargingSession, booking: Booking) -> bool:
    """Whether a session without a booking may be this driver's: who plugs in first and says so then is no walk-in."""
    return session.booking_id is None and session.started_at >= opens_at(booking)


def _has_left(tx: Tx, location: Location, session: ChargingSession, *, vacant: bool) -> bool:
    """Ends a session whose time is over and whose EVSE has no feed that could tell, where who stands before it says that
    nobody is there, or that time is long over."""
    if session.booking_id is None or session.ref is not None:
        return False
    booking = repository.get(tx, session.booking_id, lock=True)
    if booking is None or booking.end > tx.now or lives(evse_state(tx, booking)):
        return False
    if not vacant and tx.now - booking.end < UNSEEN_STAYS:
        return False
    close(tx=tx, location=location, booking=booking, session=session, ended_at=booking.end)
    return True


def claim_until_start(tx: Tx, location: Location, booking: Booking) -> bool:
    """Claims the booking's EVSE from now until its start. False, and nothing changed, where that cannot be."""
    first, start = slot_of(tx.now), slot_of(booking.start)
    if first >= start:
        return True
    if any(
        block.evse_id == booking.evse_id and block.start < start and block.end > first for block in claims.blocked(location)
    ):
        return False
    taken = {slot: holder for _, slot, holder in repository_claims.claims(tx, [booking.evse_id], first, start)}
    if any(holder != booking.id for holder in taken.values()):
        return False
    earlier = {(booking.evse_id, slot) for slot in range(first, start) if slot not in taken}
    repository_claims.change_claims(tx, add={booking.id: earlier})
    return True


def _elsewhere(tx: Tx, location: Location, booking: Booking) -> Booking | None:
    """The booking at another EVSE of its pool from now until its end, its driver told; None where none is free."""
    pool = location.pool_of(booking.standard, booking.power_class)
    if pool is None:
        return None
    engaged = repository_sessions.running_among(tx, pool.evse_ids) | {booking.evse_id}
    others = tuple(evse_id for evse_id in pool.evse_ids if evse_id not in engaged)
    slots = slots_of(tx.now, booking.end)
    placement = claims.claim(tx, location, replace(pool, evse_ids=others), booking.id, slots) if others else None
    if placement is None:
        return None
    uid = next(evse.uid for evse in location.evses if evse.id == placement.evse_id)
    revealed_at = booking.revealed_at or tx.now
    no_show_at = missed_at(booking.terms, booking.start, booking.end, tx.now)
    moved = change(
        tx, booking, evse_id=placement.evse_id, evse_uid=uid, revealed_at=revealed_at, no_show_at=no_show_at, access_tries=0
    )
    tx.publish(EvseChanged.of(location, moved, now=tx.now, previous=booking))
    return moved


def _refuse(tx: Tx, location: Location, booking: Booking) -> Booking:
    pool = location.pool_of(booking.standard, booking.power_class)
    start = max(booking.start, slot_start(slot_after(tx.now)))
    refusal = SlotTaken(
        "Somebody still charges at your EVSE and no other of its kind is free. They were told to leave; try again in a "
        "moment. If you do not charge it costs you nothing.",
        alternatives=[],
    )
    if pool is not None and start < booking.end:
        taken = claims.occupied(tx, location, slots_of(start, booking.end), ignoring=booking.id)
        refusal.completed_by(alternatives(location, pool, start, booking.end, taken))
    raise refusal


def begin(*, tx: Tx, booking: Booking, source: SessionSource, by: str | None) -> Booking:
    """A session begins now at the booking's EVSE: RESERVED to FULFILLED. Raises Conflict where another runs there."""
    session = ChargingSession(
        id=new_id(),
        location_id=booking.location_id,
        evse_id=booking.evse_id,
        running_evse_id=booking.evse_id,
        ref=None,
        booking_id=booking.id,
        source=source.value,
        auth=by,
        status=SessionStatus.ACTIVE.value,
        started_at=tx.now,
        created_at=tx.now,
    )
    repository_sessions.add(tx, session)
    return _fulfil(tx, booking, arrived_by=by)


def _fulfil(tx: Tx, booking: Booking, *, arrived_by: str | None) -> Booking:
    return change(
        tx,
        booking,
        status=ReservationStatus.FULFILLED,
        started_at=tx.now,
        revealed_at=booking.revealed_at or tx.now,
        arrived_at=booking.arrived_at or tx.now,
        arrived_by=booking.arrived_by or arrived_by,
    )


def confirm(*, tx: Tx, booking: Booking) -> bool:
    """Looks whether a driver who arrived charges by now: True where the session began, or they did not come after all. A
    walk-in that did not is over, at no cost."""
    assert booking.arrived_at is not None
    state = evse_state(tx, booking)
    engaged = repository_sessions.running_on(tx, booking.evse_id) is not None
    if not engaged and (not lives(state) or (state is not None and state.status in CONNECTED)):
        source = SessionSource.STATION if lives(state) else SessionSource.SELF_DECLARED
        begin(tx=tx, booking=booking, source=source, by=booking.arrived_by)
        return True
    if tx.now - booking.arrived_at < CONFIRM_WITHIN:
        return False
    if booking.kind == BookingKind.WALK_IN:
        location = stations.get_location(tx=tx, location_id=booking.location_id)
        end_booking(tx, location, booking, reason=CanceledReason.UNKNOWN, who=WhoCanceled.MSP)
        return True
    earlier = {claim for claim in repository_claims.claims_of(tx, booking.id) if claim[1] < slot_of(booking.start)}
    repository_claims.change_claims(tx, remove={booking.id: earlier}, add={})
    change(tx, booking, arrived_at=None, arrived_by=None)
    return True


def close(
    *, tx: Tx, location: Location, booking: Booking | None, session: ChargingSession | None, ended_at: datetime
) -> Booking | None:
    """Ends a session: what is left of its claims is free, a booking is settled by what was metered, and its driver told.

    Without a booking it was a walk-in, without a session nobody metered it. A booking that was billed before keeps its bill,
    unless the meter makes it lower.
    """
    if session is not None:
        ended_at = max(ended_at, session.started_at)
        completed = SessionStatus.COMPLETED.value
        repository_sessions.update(tx, session.id, status=completed, running_evse_id=None, ended_at=ended_at)
    if booking is None:
        return None
    assert booking.started_at is not None
    kwh = None if session is None else session.kwh
    if booking.stopped_at is not None:
        if kwh is None:
            return booking
        return correct(tx=tx, location=location, booking=booking, session=session, kwh=kwh, only_lower=True)
    settlement = _settled(tx, location, booking, session, kwh, ended_at)
    stopped_at = max(ended_at, booking.started_at)
    if repository_claims.release(tx, booking.id, from_slot=slot_after(stopped_at)):
        claims.tell_free(tx, location.id)
    measured = None if kwh is None else round(kwh, 3)
    booking = change(tx, booking, stopped_at=stopped_at, session_energy_kwh=measured, settlement=settlement)
    cdr.issue(tx=tx, location=location, booking=booking, session=session)
    announce(tx, location, booking, SessionStopped, reminder=False)
    labels = {"currency": settlement.currency}
    tx.when_committed(lambda: telemetry.settled.add(settlement.total_minor, labels))
    return booking


def correct(
    *,
    tx: Tx,
    location: Location,
    booking: Booking,
    session: ChargingSession | None,
    kwh: float,
    only_lower: bool = False,
) -> Booking:
    """A reading that came after the bill: it counts where it does not make the bill higher.

    Raises Conflict where it would; with `only_lower` the bill then stands as it is.
    """
    assert booking.stopped_at is not None
    settlement = _settled(tx, location, booking, session, kwh, booking.stopped_at)
    billed = booking.settlement.total_minor if isinstance(booking.settlement, SessionSettlement) else 0
    if settlement.total_minor > billed and only_lower:
        return booking
    if settlement.total_minor > billed:
        raise Conflict("The session is settled; a reading can only lower its bill.", total_minor=billed)
    if session is not None:
        repository_sessions.update(tx, session.id, kwh=kwh)
    lower = settlement.total_minor < billed
    booking = change(tx, booking, session_energy_kwh=round(kwh, 3), settlement=settlement)
    cdr.issue(tx=tx, location=location, booking=booking, session=session)
    if lower:
        announce(tx, location, booking, SessionStopped, reminder=False)
    return booking


def _settled(
    tx: Tx, location: Location, booking: Booking, session: ChargingSession | None, kwh: float | None, ended_at: datetime
) -> SessionSettlement:
    started_at = booking.started_at if session is None else session.started_at
    assert started_at is not None
    charging_until = None if session is None else session.charging_until
    metered = MeteredSession(started_at, max(ended_at, started_at), charging_until, kwh)
    settlement = settle(tx=tx, location=location, booking=booking, session=metered)
    return settlement if kwh is not None else settlement.model_copy(update={"metered": False})
