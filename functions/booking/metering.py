"""What stations report of charging sessions: matched to bookings, metered, ended. A driver's word meters nothing."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.booking import repository, repository_claims, repository_sessions
from functions.booking.attendance import begin, claim_until_start, close, correct, opens_at
from functions.booking.charging import (
    CONFIRM_WITHIN,
    LONGEST_SESSION,
    ChargingSession,
    MeterReport,
    SessionOutcome,
    SessionSource,
    SessionStatus,
    check_energy,
    metered,
)
from functions.booking.domain import Booking, ReservationStatus
from functions.booking.events import SessionNearlyFull
from functions.booking.service import change
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.feed import service as feed
from shared.db import new_id
from shared.errors import Conflict, Invalid
from shared.slots import slot_of, slot_start
from shared.tx import Tx

NEARLY_FULL_PERCENT = 80.0


@dataclass(frozen=True)
class ReportedSession:
    """A session after a report of it."""

    session_id: uuid.UUID
    booking_id: uuid.UUID | None
    """None of a walk-in."""
    outcome: SessionOutcome
    allowed_until: datetime | None
    """Until when the EVSE may be used; None of a session that has ended."""


def report_session(*, tx: Tx, evse_id: uuid.UUID, ref: str, report: MeterReport) -> ReportedSession:
    """Takes what a station says of a session at its EVSE, by its key. Reports count by their `last_updated`; kWh never fall.

    Raises Unauthenticated, NotFound, Invalid for instants that are ahead or energy that cannot be, Conflict where another
    session runs on the EVSE.
    """
    instants = [("last_updated", report.last_updated), ("start_date_time", report.started_at)]
    if report.ended_at is not None:
        instants.append(("end_date_time", report.ended_at))
    location_id = feed.heard_from(tx=tx, evse_id=evse_id, instants=instants)
    location = stations.lock_location(tx=tx, location_id=location_id)
    check_energy(report.kwh, _power(location, evse_id), report.until - report.started_at)
    session = repository_sessions.by_ref(tx, evse_id, ref)
    opened = session is None
    if session is None:
        session = _open(tx, location, evse_id, ref, report)
    booking = None if session.booking_id is None else repository.get(tx, session.booking_id, lock=True)
    if not session.running:
        outcome = _late(tx, location, booking, session, report)
    else:
        outcome = _metered(tx, location, booking, session, report)
        if opened and outcome is SessionOutcome.UPDATED:
            outcome = SessionOutcome.OPENED
    over = outcome in (SessionOutcome.COMPLETED, SessionOutcome.CLOSED)
    until = None if over else allowed_until(tx, session.evse_id, booking, session.started_at)
    return ReportedSession(session.id, session.booking_id, outcome, until)


def _power(location: Location, evse_id: uuid.UUID) -> float:
    evse = next((item for item in location.evses if item.id == evse_id), None)
    if evse is None or not evse.connectors:
        raise Invalid.one("evse_id", "this EVSE has no connector (any more)")
    return max(connector.max_power_kw for connector in evse.connectors)


def _metered(
    tx: Tx, location: Location, booking: Booking | None, session: ChargingSession, report: MeterReport
) -> SessionOutcome:
    """What a report makes of a session that runs."""
    known = session.last_updated
    newest = known is None or report.last_updated >= known
    ends = newest and report.status is SessionStatus.COMPLETED
    if not repository_sessions.add_value(tx, session.id, report.value()) and not ends:
        return SessionOutcome.DUPLICATE
    kwh, charging_until = metered(repository_sessions.values_of(tx, session.id))
    after = replace(session, kwh=kwh, charging_until=charging_until)
    if newest:
        signed_data = report.signed_data or session.signed_data
        soc_percent = session.soc_percent if report.soc_percent is None else report.soc_percent
        after = replace(after, last_updated=report.last_updated, signed_data=signed_data, soc_percent=soc_percent)
    repository_sessions.update(
        tx,
        session.id,
        kwh=after.kwh,
        charging_until=after.charging_until,
        last_updated=after.last_updated,
        signed_data=after.signed_data,
        soc_percent=after.soc_percent,
    )
    if ends:
        close(tx=tx, location=location, booking=booking, session=after, ended_at=report.until)
        return SessionOutcome.COMPLETED
    if newest and booking is not None:
        _tell_nearly_full(tx, location, booking, after)
    return SessionOutcome.UPDATED if newest else SessionOutcome.OLDER


def _tell_nearly_full(tx: Tx, location: Location, booking: Booking, session: ChargingSession) -> None:
    """Tells once that the battery is nearly full: what is left takes longest."""
    soc = session.soc_percent
    if soc is None or soc < NEARLY_FULL_PERCENT or booking.full_told_at is not None:
        return
    told = change(tx, booking, full_told_at=tx.now)
    event = SessionNearlyFull.of(location, told, now=tx.now)
    tx.publish(replace(event, soc_percent=soc))


def _late(tx: Tx, location: Location, booking: Booking | None, session: ChargingSession, report: MeterReport) -> SessionOutcome:
    """A report of a session that has ended. The first reading of one that was settled without counts where it is lower."""
    if not repository_sessions.add_value(tx, session.id, report.value()):
        return SessionOutcome.DUPLICATE
    if session.kwh is not None:
        return SessionOutcome.CLOSED
    if booking is None:
        repository_sessions.update(tx, session.id, kwh=report.kwh)
        return SessionOutcome.CLOSED
    correct(tx=tx, location=location, booking=booking, session=session, kwh=report.kwh, only_lower=True)
    return SessionOutcome.CLOSED


def _open(tx: Tx, location: Location, evse_id: uuid.UUID, ref: str, report: MeterReport) -> ChargingSession:
    """The session of a name that is new: one that a driver's word began (and ended), or a new one."""
    over = report.status is SessionStatus.COMPLETED
    settled = repository_sessions.unnamed(tx, evse_id, since=report.started_at, until=report.until) if over else None
    if settled is not None:
        return _name(tx, settled, ref, report)
    running = repository_sessions.running_on(tx, evse_id)
    if running is not None and over and report.until <= running.started_at:
        return _add(tx, location, evse_id, ref, report, ended=True)
    theirs = None if running is None or running.booking_id is None else repository.get(tx, running.booking_id, lock=True)
    if running is not None and running.ref is None and theirs is not None and _is_of(report, theirs):
        return _name(tx, running, ref, report)
    if running is not None:
        _end_unseen(tx, location, theirs, running, report.started_at)
    booking = _expected(tx, location, evse_id, report)
    if booking is None:
        return _add(tx, location, evse_id, ref, report)
    claim_until_start(tx, location, booking)
    begin(tx=tx, booking=booking, source=SessionSource.STATION, by=booking.arrived_by)
    began = repository_sessions.running_on(tx, evse_id)
    assert began is not None
    return _name(tx, began, ref, report)


def _is_of(report: MeterReport, booking: Booking) -> bool:
    """Whether what a station reports may be a booking's session: it began in its time, and no other booking is named."""
    return opens_at(booking) <= report.started_at < booking.end and report.booking_id in (None, booking.id)


def _name(tx: Tx, session: ChargingSession, ref: str, report: MeterReport) -> ChargingSession:
    """A session that was known by a driver's word is the station's from now on."""
    source, started_at = SessionSource.STATION.value, report.started_at
    repository_sessions.update(tx, session.id, ref=ref, source=source, started_at=started_at)
    return replace(session, ref=ref, source=source, started_at=started_at)


def _end_unseen(tx: Tx, location: Location, booking: Booking | None, running: ChargingSession, started_at: datetime) -> None:
    """A session whose end was not reported ends where the next one begins. Raises Conflict where it goes on after that."""
    if started_at < (running.last_updated or running.started_at):
        named = "A session of which you did not speak" if running.ref is None else f"Session {running.ref}"
        raise Conflict(f"{named} still runs on this EVSE; report its end first.", session_id=str(running.id))
    close(tx=tx, location=location, booking=booking, session=running, ended_at=running.last_updated or started_at)


def _expected(tx: Tx, location: Location, evse_id: uuid.UUID, report: MeterReport) -> Booking | None:
    """The reserved booking that a session at an EVSE fulfils: the one the station names, or whose driver has just arrived."""
    until = report.started_at + timedelta(hours=1)
    for booking_id in repository_sessions.on_evse(tx, location.id, evse_id, since=report.started_at, until=until):
        booking = repository.get(tx, booking_id, lock=True)
        if booking is None or booking.status is not ReservationStatus.RESERVED:
            continue
        arrived = booking.arrived_at is not None and tx.now - booking.arrived_at < CONFIRM_WITHIN
        if report.started_at >= opens_at(booking) and (arrived or booking.id == report.booking_id):
            return booking
    return None


def _add(
    tx: Tx, location: Location, evse_id: uuid.UUID, ref: str, report: MeterReport, *, ended: bool = False
) -> ChargingSession:
    """Stores a walk-in's session."""
    session = ChargingSession(
        id=new_id(),
        location_id=location.id,
        evse_id=evse_id,
        running_evse_id=None if ended else evse_id,
        ref=ref,
        booking_id=None,
        source=SessionSource.STATION.value,
        auth=None,
        status=(SessionStatus.COMPLETED if ended else SessionStatus.ACTIVE).value,
        started_at=report.started_at,
        ended_at=report.until if ended else None,
        created_at=tx.now,
    )
    repository_sessions.add(tx, session)
    return session


def allowed_until(tx: Tx, evse_id: uuid.UUID, booking: Booking | None, started_at: datetime) -> datetime:
    """Until when an EVSE may be used by who is there: the next claim of somebody else, or the end of their booking where the
    terms do not let them stay, at most a day."""
    latest = started_at + LONGEST_SESSION
    if booking is not None and not booking.terms.late_stop_allowed:
        return min(latest, booking.end)
    held = repository_claims.claims(tx, [evse_id], slot_of(tx.now), slot_of(latest) + 1)
    own = None if booking is None else booking.id
    others = [slot_start(slot) for _, slot, holder in held if holder != own]
    return min([latest, *others])
