"""HTTP of what was charged: a booking's sessions and its charge detail records."""

import uuid

from fastapi import APIRouter

from functions.booking import sessions
from functions.booking.session_schemas import BookingSession, BookingSessions, ChargeDetailRecord, ChargeDetailRecords
from shared.errors import NotFound
from shared.web.call import SignedIn
from shared.web.failures import errors

router = APIRouter(prefix="/booking", tags=["booking"])


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
