"""HTTP of calendar files: parse, one service call, answer. The path is booking's."""

import uuid
from typing import Any

from fastapi import APIRouter, Response

from functions.notify import calendar_files
from shared.errors import NotFound, WrongState
from shared.web.call import SignedIn
from shared.web.failures import errors

router = APIRouter(prefix="/booking", tags=["booking"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "iCalendar (RFC 5545)", "content": {"text/calendar": {"schema": {"type": "string"}}}}
}


@router.get("/bookings/{booking_id}/calendar.ics", response_class=Response, responses=FILE | errors(NotFound, WrongState))
def get_calendar_file(booking_id: uuid.UUID, call: SignedIn) -> Response:
    """One of your bookings as a calendar file: fetched again after a change it moves the same entry."""
    content = call.read(lambda tx: calendar_files.calendar_file(tx=tx, booking_id=booking_id))
    headers = {"Content-Disposition": 'attachment; filename="charging.ics"', "Cache-Control": "no-store"}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)
