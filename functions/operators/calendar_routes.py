"""HTTP of owners' calendars: the bookings at their locations. The paths are booking's."""

import uuid
from datetime import datetime

from fastapi import APIRouter, Response

from functions.booking import cancellations, sessions
from functions.booking.domain import BookingFilter
from functions.booking.schemas import From, Statuses, To
from functions.operators import calendar
from functions.operators.calendar_schemas import HostedCancel, LocationCalendar, OperatorBooking, Reading
from shared.errors import Conflict, IdempotencyKeyReused, NotFound, WrongState
from shared.tx import Tx
from shared.web.call import Owner
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, decode_cursor, page_by

router = APIRouter(prefix="/booking", tags=["booking"])


@router.get("/hosted", response_model=Page[OperatorBooking], responses=errors(NotFound))
def list_hosted_bookings(
    call: Owner,
    status: Statuses = (),
    location_id: uuid.UUID | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[OperatorBooking]:
    """Bookings at your locations in order of their start; by state, location, or those that touch a period. Each with its
    frozen minutes; nothing of who booked. Administrators may name any location."""
    after = decode_cursor(cursor, datetime, uuid.UUID) if cursor else None
    wanted = BookingFilter(tuple(status), location_id, None, from_, to)

    def read(tx: Tx) -> Page[OperatorBooking]:
        bookings = calendar.list_operator_bookings(tx=tx, wanted=wanted, after=after, limit=limit + 1)
        return page_by(
            bookings,
            limit,
            lambda booking: OperatorBooking.of(booking, tx.now),
            position=lambda booking: (booking.start.isoformat(), str(booking.id)),
        )

    return call.read(read)


@router.post(
    "/hosted/{booking_id}/cancel",
    response_model=OperatorBooking,
    responses=errors(NotFound, WrongState, IdempotencyKeyReused),
)
def cancel_hosted_booking(booking_id: uuid.UUID, cancel: HostedCancel, call: Owner) -> Response:
    """Ends a booking at your place, at no cost to its driver, who is told why at once, in your own words where you say some.
    What is being charged goes on."""

    def end(tx: Tx) -> OperatorBooking:
        booking = cancellations.cancel_hosted(tx=tx, booking_id=booking_id, reason=cancel.reason, said=cancel.words)
        return OperatorBooking.of(booking, tx.now)

    return call.create(end, status=200)


@router.post("/hosted/{booking_id}/reading", response_model=OperatorBooking, responses=errors(NotFound, WrongState, Conflict))
def give_reading(booking_id: uuid.UUID, reading: Reading, call: Owner) -> OperatorBooking:
    """Says what the meter counted in a session at your place, where the station could not. Once the session is settled only
    a reading that lowers the bill is taken."""

    def give(tx: Tx) -> OperatorBooking:
        booking = sessions.give_reading(tx=tx, booking_id=booking_id, kwh=reading.kwh)
        return OperatorBooking.of(booking, tx.now)

    return call.write(give)


@router.get("/locations/{location_id}/calendar", response_model=LocationCalendar)
def get_calendar(location_id: uuid.UUID, call: Owner, from_: From = None, to: To = None) -> LocationCalendar:
    """The calendar of one of your locations: what holds each EVSE when, what is free, and what is closed or blocked; by
    default of the next 24 hours, at most 7 days."""
    return call.read(lambda tx: calendar.calendar(tx=tx, location_id=location_id, start=from_, end=to))
