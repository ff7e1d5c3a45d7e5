"""HTTP of who charges: walk-ins, a booking's sessions and its charge detail records."""

import uuid

from fastapi import APIRouter, Response

from functions.booking import sessions, walk_ins
from functions.booking.domain import Booking
from functions.booking.schemas import WalkInBooking, WalkInCreate
from functions.booking.session_schemas import BookingSession, BookingSessions, ChargeDetailRecord, ChargeDetailRecords
from functions.booking.walk_ins import WalkInRequest
from functions.stations import service as stations
from shared.errors import (
    Conflict,
    IdempotencyKeyReused,
    LimitReached,
    NotFound,
    PaymentNeeded,
    PriceNotKnown,
    SlotTaken,
    TermsChanged,
)
from shared.tx import Tx
from shared.web.call import SignedIn, limited_caller
from shared.web.failures import errors

router = APIRouter(prefix="/booking", tags=["booking"])


@router.post(
    "/walk-ins",
    status_code=201,
    response_model=WalkInBooking,
    dependencies=[limited_caller("book")],
    responses=errors(
        NotFound, PaymentNeeded, Conflict, TermsChanged, SlotTaken, PriceNotKnown, LimitReached, IdempotencyKeyReused
    ),
)
def create_walk_in(walk_in: WalkInCreate, call: SignedIn) -> Response:
    """Charges from now on, at a charger that is free: yours until `guaranteed_until`. Where its feed lives plug in within five
    minutes, or it ends at no cost."""
    request = WalkInRequest(
        location_id=walk_in.location_id,
        standard=walk_in.connector,
        evse_uid=walk_in.evse_uid,
        vehicle_id=walk_in.vehicle_id,
        energy_kwh=walk_in.energy_kwh,
    )
    return call.create(
        lambda tx: _begun(tx, walk_ins.walk_in(tx=tx, request=request)),
        location="booking/bookings/{id}",
    )


@router.get("/bookings/{booking_id}/sessions", response_model=BookingSessions, responses=errors(NotFound))
def list_sessions(booking_id: uuid.UUID, call: SignedIn) -> BookingSessions:
    """The charging sessions of one of your bookings, each with what its meter said."""
    listed = call.read(lambda tx: sessions.sessions_of(tx=tx, booking_id=booking_id))
    return BookingSessions(items=[BookingSession.of(session, values) for session, values in listed])


@router.get("/bookings/{booking_id}/cdrs", response_model=ChargeDetailRecords, responses=errors(NotFound))
def list_cdrs(booking_id: uuid.UUID, call: SignedIn) -> ChargeDetailRecords:
    """The charge detail records of one of your bookings, in OCPI's words."""
    records = call.read(lambda tx: sessions.cdrs_of(tx=tx, booking_id=booking_id))
    return ChargeDetailRecords(items=[ChargeDetailRecord.of(record) for record in records])


def _begun(tx: Tx, booking: Booking) -> WalkInBooking:
    return WalkInBooking.of(booking, stations.summaries(tx=tx, location_ids=[booking.location_id]))
