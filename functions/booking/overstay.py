"""What the clock does for charging sessions: who arrived is charging or not, who is gone has ended, who stays is told.

A session whose booked time is over takes the next half hour as long as nobody has them; whose they are is moved to another
EVSE of the pool where that can be, before they are told theirs.
"""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from functions.booking import attendance, displacements, repository, repository_claims, repository_sessions
from functions.booking.assurance import Assurance
from functions.booking.charging import LONGEST_SESSION, UNSEEN_STAYS, ChargingSession, freed_at
from functions.booking.displacements import DisplacementOutcome, DisplacementPlan
from functions.booking.domain import Booking, ReservationStatus
from functions.booking.events import BookingAtRisk, SessionEnding, SessionOverstayed
from functions.booking.repository_sessions import RunningSession
from functions.booking.service import change
from functions.stations import service as stations
from functions.stations.domain import ENGAGED_SLOTS, BlockedTime, Location
from functions.stations.enums import EvseStatus
from functions.stations.feed import service as feed
from shared.db import new_id
from shared.errors import SlotTaken
from shared.platform import Platform
from shared.slots import slot_after, slot_of
from shared.tx import Tx

log = logging.getLogger(__name__)
BATCH = 500
TELL_BEFORE = timedelta(minutes=10)
"""So long before the booked end its driver is told that their time is nearly over."""
LOOK_AHEAD = timedelta(minutes=31)
"""An EVSE that somebody does not leave is not given to who would be told it in the next minute."""


def watch_sessions(platform: Platform) -> int:
    """Looks after drivers who arrived and after every session that should have ended, one transaction each. Returns how many
    it changed."""
    now = platform.clock.now()
    waiting = platform.read(
        lambda tx: repository_sessions.arrived(tx, since=now - LONGEST_SESSION, until=now + LONGEST_SESSION, limit=BATCH)
    )
    changed = sum(platform.transact(partial(_confirm, booking_id=booking_id)) for booking_id in waiting)
    for session_id, location_id in _due(platform):
        try:
            changed += platform.transact(partial(_watch, session_id=session_id, location_id=location_id))
        except SlotTaken:
            log.warning("session %s: claims changed under the move; the next run tries again", session_id)
    since, until = now - 2 * LONGEST_SESSION, now - LONGEST_SESSION + timedelta(hours=1)
    old = platform.read(lambda tx: repository_sessions.unended(tx, since=since, until=until, limit=BATCH))
    return changed + sum(platform.transact(partial(_end_old, booking_id=booking_id)) for booking_id in old)


def _locked(tx: Tx, booking_id: uuid.UUID) -> tuple[Location, Booking] | None:
    unlocked = repository.get(tx, booking_id)
    if unlocked is None:
        return None
    location = stations.lock_location(tx=tx, location_id=unlocked.location_id)
    booking = repository.get(tx, booking_id, lock=True)
    return None if booking is None else (location, booking)


def _confirm(tx: Tx, *, booking_id: uuid.UUID) -> bool:
    locked = _locked(tx, booking_id)
    if locked is None or locked[1].status is not ReservationStatus.RESERVED or locked[1].arrived_at is None:
        return False
    return attendance.confirm(tx=tx, booking=locked[1])


def _end_old(tx: Tx, *, booking_id: uuid.UUID) -> bool:
    """Ends a session of code that knew of no sessions, a day after it began."""
    locked = _locked(tx, booking_id)
    if locked is None or not locked[1].charging():
        return False
    location, booking = locked
    if booking.started_at is None or tx.now - booking.started_at < LONGEST_SESSION:
        return False
    attendance.close(tx=tx, location=location, booking=booking, session=None, ended_at=booking.end)
    return True


def _due(platform: Platform) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """(session, location) of the sessions that something may have to be done about now."""
    now = platform.clock.now()
    after: uuid.UUID | None = None
    while True:
        running = platform.read(partial(repository_sessions.active, after=after, limit=BATCH))
        locations = sorted({session.location_id for session in running})
        free = platform.read(partial(_available, location_ids=locations))
        for session in running:
            if session.evse_id in free or _is_near_its_end(session, now):
                yield session.session_id, session.location_id
        if len(running) < BATCH:
            return
        after = running[-1].session_id


def _available(tx: Tx, *, location_ids: list[uuid.UUID]) -> set[uuid.UUID]:
    states = feed.states_of(tx=tx, location_ids=location_ids, since=tx.now)
    return {
        state.evse_id for listed in states.values() for state in listed if state.live and state.status == EvseStatus.AVAILABLE
    }


def _is_near_its_end(session: RunningSession, now: datetime) -> bool:
    over = session.booked_until is not None and now >= session.booked_until - TELL_BEFORE
    return over or now - session.started_at >= LONGEST_SESSION


def _watch(tx: Tx, *, session_id: uuid.UUID, location_id: uuid.UUID) -> bool:
    """Ends a session that is over, or does what an overstay needs."""
    location = stations.lock_location(tx=tx, location_id=location_id)
    session = repository_sessions.get(tx, session_id)
    if session is None or not session.running:
        return False
    booking = None if session.booking_id is None else repository.get(tx, session.booking_id, lock=True)
    state = feed.state_of(tx=tx, location_id=location_id, evse_id=session.evse_id, since=session.started_at)
    asked = booking is not None and booking.stop_asked_at is not None
    ended_at = freed_at(state, session, asked=asked)
    if ended_at is None and tx.now - session.started_at >= LONGEST_SESSION:
        # Nobody knows when: the last word of its meter, else the end of what was booked.
        booked = session.started_at + LONGEST_SESSION if booking is None else booking.end
        ended_at = session.last_updated or min(booked, session.started_at + LONGEST_SESSION)
    if ended_at is not None:
        attendance.close(tx=tx, location=location, booking=booking, session=session, ended_at=ended_at)
        return True
    if booking is None:
        return False
    if tx.now < booking.end:
        return _tell_ahead(tx, location, booking)
    seen = session.ref is not None or attendance.lives(state)
    return _overstay(tx, location, booking, session) if seen or tx.now - booking.end < UNSEEN_STAYS else False


def _tell_ahead(tx: Tx, location: Location, booking: Booking) -> bool:
    """Tells once that the time is nearly over; who began within those ten minutes knows."""
    began = booking.started_at or booking.start
    near = tx.now >= booking.end - TELL_BEFORE > began
    if not near or booking.ending_told_at is not None or booking.stop_asked_at is not None:
        return False
    booking = change(tx, booking, ending_told_at=tx.now)
    tx.publish(SessionEnding.of(location, booking, now=tx.now))
    return True


def _overstay(tx: Tx, location: Location, booking: Booking, session: ChargingSession) -> bool:
    wanted = range(slot_of(tx.now), slot_of(tx.now) + ENGAGED_SLOTS)
    moved = _move_the_next(tx, location, session)
    held = {slot: holder for _, slot, holder in repository_claims.claims(tx, [session.evse_id], wanted.start, wanted.stop)}
    gained = {(session.evse_id, slot) for slot in wanted if slot not in held}
    repository_claims.change_claims(tx, add={booking.id: gained})
    in_the_way = any(holder != booking.id for holder in held.values())
    told = booking.overstay_told_at is not None or (booking.terms.late_stop_allowed and not in_the_way and not moved)
    if not told:
        booking = change(tx, booking, overstay_told_at=tx.now)
        tx.publish(SessionOverstayed.of(location, booking, now=tx.now))
    return bool(gained or moved or not told)


def _move_the_next(tx: Tx, location: Location, session: ChargingSession) -> bool:
    """Moves who is next at the EVSE to another of the pool, where one is free; who finds none is at risk: other places are
    looked for (functions/relocation), and until one is there they hope."""
    period_end = tx.now + LOOK_AHEAD
    ahead = repository_claims.claims(tx, [session.evse_id], slot_of(tx.now), slot_after(period_end))
    if all(holder == session.booking_id for _, _, holder in ahead):
        return False
    taken = BlockedTime(new_id(), session.evse_id, tx.now, period_end, "somebody is still there")
    blocked = replace(location, blocked=(*location.blocked, taken))
    plan = displacements.plan(tx=tx, before=location, after=blocked)
    movers = tuple(item for item in plan.displaced if item.outcome is DisplacementOutcome.MOVED)
    stuck = [item.booking for item in plan.displaced if item.outcome is DisplacementOutcome.CANCELED]
    for booking in stuck:
        _tell_at_risk(tx, location, booking)
    if not movers:
        return False
    displacements.carry_out(tx=tx, location=location, plan=DisplacementPlan(movers, plan.moves))
    return True


def _tell_at_risk(tx: Tx, location: Location, booking: Booking) -> None:
    """Tells once that somebody is still at their charger."""
    if booking.status is not ReservationStatus.RESERVED or booking.at_risk:
        return
    at_risk = change(tx, booking, assurance=Assurance.AT_RISK.value, at_risk_since=tx.now)
    tx.publish(replace(BookingAtRisk.of(location, at_risk, now=tx.now), occupied=True))
