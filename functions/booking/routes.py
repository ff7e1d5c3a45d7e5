"""HTTP of bookings: parse, one service call, answer."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.booking import hosting, service, sessions
from functions.booking.domain import Filter, ReservationStatus
from functions.booking.hosting_schemas import HostedBooking, LocationCalendar
from functions.booking.schemas import Booking, BookingCancel, BookingCreate, BookingReschedule, SessionStop
from shared.api import Cursor, Instant, Owner, Page, PageSize, SignedIn, decode_cursor, encode_cursor
from shared.tx import Tx

router = APIRouter(prefix="/booking", tags=["booking"])
Statuses = Annotated[Sequence[ReservationStatus], Query(max_length=7, description="One or several; none: any")]
From = Annotated[Instant | None, Query(alias="from", description="Begin of the period")]
To = Annotated[Instant | None, Query(description="End of the period")]


@router.post("/bookings", status_code=201, response_model=Booking)
def create_booking(booking_in: BookingCreate, call: SignedIn) -> Response:
    """Books a place at a location. 409 SLOT_TAKEN comes with the nearest alternatives in time and place."""
    assert call.actor.id is not None
    user_id = call.actor.id
    return call.create(
        lambda tx: Booking.of(
            service.reserve_slot(
                tx=tx,
                user_id=user_id,
                location_id=booking_in.location_id,
                standard=booking_in.connector,
                start=booking_in.start,
                duration_minutes=booking_in.duration_minutes,
                energy_kwh=booking_in.energy_kwh,
                power_class=booking_in.power_class,
                vehicle_id=booking_in.vehicle_id,
            )
        ),
        location="booking/bookings/{id}",
    )


@router.get("/bookings", response_model=Page[Booking])
def list_bookings(
    call: SignedIn,
    status: Statuses = (),
    location_id: uuid.UUID | None = None,
    vehicle_id: uuid.UUID | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Booking]:
    """Your bookings, newest first; by state, location, vehicle, or those that touch a period."""
    before = decode_cursor(cursor, uuid.UUID)[0] if cursor else None
    wanted = Filter(tuple(status), location_id, vehicle_id, from_, to)
    found = call.read(lambda tx: service.list_bookings(tx=tx, wanted=wanted, before=before, limit=limit + 1))
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Page(items=[Booking.of(item) for item in found[:limit]], next_cursor=more)


@router.get("/hosted", response_model=Page[HostedBooking])
def list_hosted_bookings(
    call: Owner,
    status: Statuses = (),
    location_id: uuid.UUID | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[HostedBooking]:
    """Bookings at your locations in order of their start; by state, location, or those that touch a period. Each with its
    frozen minutes; nothing of who booked. Administrators may name any location."""
    after = decode_cursor(cursor, datetime, uuid.UUID) if cursor else None
    wanted = Filter(tuple(status), location_id, None, from_, to)

    def read(tx: Tx) -> list[HostedBooking]:
        found = hosting.list_hosted(tx=tx, wanted=wanted, after=after, limit=limit + 1)
        return [HostedBooking.of(item, tx.now) for item in found]

    items = call.read(read)
    last = items[limit - 1] if len(items) > limit else None
    more = None if last is None else encode_cursor(last.period.start.isoformat(), str(last.id))
    return Page(items=items[:limit], next_cursor=more)


@router.get("/locations/{location_id}/calendar", response_model=LocationCalendar)
def get_calendar(location_id: uuid.UUID, call: Owner, from_: From = None, to: To = None) -> LocationCalendar:
    """The calendar of one of your locations: what holds each EVSE when, what is free, and what is closed or blocked; by
    default of the next 24 hours, at most 7 days."""
    return call.read(lambda tx: hosting.calendar(tx=tx, location_id=location_id, start=from_, end=to))


@router.get("/bookings/{booking_id}", response_model=Booking)
def get_booking(booking_id: uuid.UUID, call: SignedIn) -> Booking:
    """One of your bookings."""
    return Booking.of(call.read(lambda tx: service.get_owned(tx=tx, booking_id=booking_id)))


@router.post("/bookings/{booking_id}/reschedule", response_model=Booking)
def reschedule_booking(booking_id: uuid.UUID, change: BookingReschedule, call: SignedIn) -> Response:
    """Moves a booking in time. Where the new period is taken the booking stands as it was."""
    return call.create(
        lambda tx: Booking.of(
            service.reschedule_booking(
                tx=tx, booking_id=booking_id, start=change.start, duration_minutes=change.duration_minutes
            )
        ),
        status=200,
    )


@router.post("/bookings/{booking_id}/cancel", response_model=Booking)
def cancel_booking(booking_id: uuid.UUID, call: SignedIn, cancel: BookingCancel | None = None) -> Response:
    """Cancels a booking and frees its slot. After the terms' time it costs what they say."""
    reason = (cancel or BookingCancel()).reason
    return call.create(lambda tx: Booking.of(service.cancel_booking(tx=tx, booking_id=booking_id, reason=reason)), status=200)


@router.post("/bookings/{booking_id}/start", response_model=Booking)
def start_session(booking_id: uuid.UUID, call: SignedIn) -> Response:
    """Starts charging: the reservation is fulfilled."""
    return call.create(lambda tx: Booking.of(sessions.start_session(tx=tx, booking_id=booking_id)), status=200)


@router.post("/bookings/{booking_id}/stop", response_model=Booking)
def stop_session(booking_id: uuid.UUID, call: SignedIn, stop: SessionStop | None = None) -> Response:
    """Ends charging: the slots that are left are free again, and the price is settled under the quote."""
    energy = None if stop is None else stop.energy_kwh
    return call.create(
        lambda tx: Booking.of(sessions.stop_session(tx=tx, booking_id=booking_id, energy_kwh=energy)), status=200
    )
