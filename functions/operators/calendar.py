"""Use cases of owners: the bookings at their locations, and the calendar of each location."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from functions.booking import service as booking
from functions.booking.domain import Booking, BookingFilter, BookingPosition
from functions.booking.schemas import Period
from functions.operators.calendar_schemas import Closed, EvseCalendar, LocationCalendar, Occupied, OperatorBooking
from functions.search import service as availability
from functions.stations import service as stations
from functions.stations.domain import UNUSABLE, Evse, Location
from functions.stations.enums import EvseStatus
from shared.errors import Invalid
from shared.slots import SLOT, SLOTS_A_DAY, slot_after, slot_of, slot_start
from shared.tx import Tx

MAX_RANGE = timedelta(days=7)
Span = tuple[int, int]
"""Slots [from, until)."""


def list_operator_bookings(*, tx: Tx, wanted: BookingFilter, after: BookingPosition | None, limit: int) -> list[Booking]:
    """Bookings at the caller's locations in order of their start; an administrator may name any location. Raises NotFound
    for a location that is not the caller's."""
    if wanted.location_id is None:
        ids = stations.managed_ids(tx=tx)
    else:
        ids = [stations.get_managed(tx=tx, location_id=wanted.location_id).id]
    return booking.bookings_at(tx=tx, location_ids=ids, wanted=wanted, after=after, limit=limit) if ids else []


def calendar(*, tx: Tx, location_id: uuid.UUID, start: datetime | None, end: datetime | None) -> LocationCalendar:
    """What holds each EVSE of the caller's location when, and what is free; by default the next 24 hours, at most 7 days.

    Raises NotFound, Invalid.
    """
    location = stations.get_managed(tx=tx, location_id=location_id)
    begin = slot_of(start or tx.now)
    stop = slot_after(end) if end is not None else begin + SLOTS_A_DAY
    if stop <= begin:
        raise Invalid.one("to", "must be after from")
    if stop - begin > MAX_RANGE / SLOT:
        raise Invalid.one("to", "may be at most 7 days after from")
    held = _held(tx, location, begin, stop)
    shut = _shut(location, begin, stop)
    evses = [_evse(tx, location, evse, held.get(evse.id, {}), shut, begin, stop) for evse in location.evses]
    pools = availability.calendars(
        tx=tx, location_id=location_id, start=slot_start(begin), end=slot_start(stop), connector=None
    )
    return LocationCalendar(
        location_id=location.id,
        time_zone=location.time_zone,
        begin_from=slot_start(begin),
        end_before=slot_start(stop),
        evses=evses,
        pools=pools.calendars,
        frozen_minutes=sum(item.frozen_minutes for evse in evses for item in evse.bookings),
        generated_at=tx.now,
    )


_Held = dict[uuid.UUID, dict[uuid.UUID, tuple[Booking, Span]]]
"""By EVSE and booking: the booking and what it holds there."""


def _held(tx: Tx, location: Location, begin: int, stop: int) -> _Held:
    slots: dict[tuple[uuid.UUID, uuid.UUID], list[int]] = {}
    evse_ids = [evse.id for evse in location.evses]
    for evse_id, slot, booking_id in booking.claims_on(tx=tx, evse_ids=evse_ids, start=begin, stop=stop):
        slots.setdefault((evse_id, booking_id), []).append(slot)
    bookings = booking.bookings_by_id(tx=tx, booking_ids={booking_id for _, booking_id in slots})
    held: _Held = {}
    for (evse_id, booking_id), taken in slots.items():
        holder = bookings[booking_id]
        if holder.holds(tx.now):
            held.setdefault(evse_id, {})[booking_id] = (holder, (min(taken), max(taken) + 1))
    return held


def _shut(location: Location, begin: int, stop: int) -> list[Closed]:
    """When the whole location is closed or blocked."""
    opened = location.opened(slot_start(begin), stop - begin)
    blocked = [
        _blocked(item.period_begin, item.period_end, item.reason, begin, stop)
        for item in location.blocked
        if item.evse_id is None
    ]
    covered = _slots_of(blocked)
    closed = [number for number in range(begin, stop) if not opened[number - begin] and number not in covered]
    return [Closed(start=slot_start(a), end=slot_start(b), why="CLOSED") for a, b in _runs(closed)] + [
        item for item in blocked if item.start < item.end
    ]


def _blocked(since: datetime, until: datetime, reason: str, begin: int, stop: int) -> Closed:
    first, last = max(slot_of(since), begin), min(slot_after(until), stop)
    return Closed(start=slot_start(first), end=slot_start(max(first, last)), why="BLOCKED", reason=reason)


def _evse(
    tx: Tx,
    location: Location,
    evse: Evse,
    held: dict[uuid.UUID, tuple[Booking, Span]],
    shut: list[Closed],
    begin: int,
    stop: int,
) -> EvseCalendar:
    closed = list(shut)
    if EvseStatus(evse.status) in UNUSABLE:
        closed = [Closed(start=slot_start(begin), end=slot_start(stop), why="OUT_OF_SERVICE")]
    for evse_id, blocked_time in location.blocked_evses():
        blocked = _blocked(blocked_time.period_begin, blocked_time.period_end, blocked_time.reason, begin, stop)
        if evse_id == evse.id and blocked.start < blocked.end:
            closed.append(blocked)
    taken = _slots_of(closed) | {slot for _, (since, until) in held.values() for slot in range(since, until)}
    bookings = [
        Occupied(**OperatorBooking.of(holder, tx.now).model_dump(), holds=_period(span)) for holder, span in held.values()
    ]
    return EvseCalendar(
        evse_id=evse.id,
        evse_uid=evse.uid,
        status=evse.status,
        bookings=sorted(bookings, key=lambda item: item.holds.start),
        free=[_period(span) for span in _runs(slot for slot in range(begin, stop) if slot not in taken)],
        closed=sorted(closed, key=lambda item: item.start),
    )


def _slots_of(periods: Iterable[Closed]) -> set[int]:
    return {slot for item in periods for slot in range(slot_of(item.start), slot_of(item.end))}


def _period(span: Span) -> Period:
    return Period(start=slot_start(span[0]), end=slot_start(span[1]))


def _runs(slots: Iterable[int]) -> list[Span]:
    """Rising slots as stretches without a gap."""
    runs: list[Span] = []
    for slot in slots:
        if runs and runs[-1][1] == slot:
            runs[-1] = (runs[-1][0], slot + 1)
        else:
            runs.append((slot, slot + 1))
    return runs
