"""A booking as a calendar file, for its driver to keep."""

import uuid

from functions.booking import service as booking
from functions.booking.domain import ReservationStatus
from functions.booking.events import BookingCanceled, BookingEvent, BookingMissed, BookingReserved
from functions.notify import rendering
from functions.notify.domain import RENDERERS
from shared.errors import NotFound, WrongState
from shared.tx import Tx

KINDS: dict[ReservationStatus, type[BookingEvent]] = {
    ReservationStatus.RESERVED: BookingReserved,
    ReservationStatus.FULFILLED: BookingReserved,
    ReservationStatus.CANCELED: BookingCanceled,
    ReservationStatus.NO_SHOW: BookingMissed,
}
"""By a booking's state: the event in whose words its entry is written. What is only held has no entry."""


def calendar_file(*, tx: Tx, booking_id: uuid.UUID) -> bytes:
    """One of the caller's bookings as iCalendar, as it stands: one UID for its whole life, its revision as SEQUENCE.

    Raises NotFound, WrongState for one that is only held.
    """
    held = booking.get_owned(tx=tx, booking_id=booking_id)
    kind = KINDS.get(held.status)
    if kind is None:
        raise WrongState(f"A {held.status} booking has no calendar entry.", reservation_status=held.status.value)
    event = booking.as_it_stands(tx=tx, kind=kind, booking_id=booking_id)
    if event is None:
        raise NotFound(f"There is no booking {booking_id}.")
    return rendering.calendar_file(RENDERERS[kind](event), event=event, settings=tx.settings)
