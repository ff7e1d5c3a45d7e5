"""HTTP of submissions and what becomes of them: submit, withdraw, approve, reject, suspend, lift."""

import uuid

from fastapi import APIRouter, Response

from functions.operators import submissions
from functions.operators.answers import Confirmation, edited
from functions.operators.schemas import ReasonIn, SubmissionOut
from functions.stations.schemas import LocationOut
from shared.errors import WrongState
from shared.tx import Tx
from shared.web.call import Admin, Owner
from shared.web.conditions import IfMatch
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page_by

router = APIRouter(prefix="/stations", tags=["stations"])


@router.post("/locations/{location_id}/submit", response_model=LocationOut, responses=errors(WrongState))
def submit_location(location_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Hands a draft, or what was rejected, to the administrators. Until they decide it cannot be changed."""
    return edited(call, response, lambda tx: submissions.submit(tx=tx, location_id=location_id, if_match=if_match))


@router.post("/locations/{location_id}/withdraw", response_model=LocationOut, responses=errors(WrongState))
def withdraw_location(location_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Takes a submission back; the location is a draft again. Of an approved place: takes back what waits for approval."""
    return edited(call, response, lambda tx: submissions.withdraw(tx=tx, location_id=location_id, if_match=if_match))


@router.get("/locations/{location_id}/submissions", response_model=Page[SubmissionOut])
def list_submissions(location_id: uuid.UUID, call: Owner, cursor: Cursor = None, limit: PageSize = 20) -> Page[SubmissionOut]:
    """What was submitted, newest first, each with what differs from the submission before it, field by field."""

    def read(tx: Tx) -> Page[SubmissionOut]:
        before = cursor_id(cursor)
        submitted = submissions.list_submissions(tx=tx, location_id=location_id, before=before, limit=limit + 1)
        return page_by(submitted, limit, lambda row: SubmissionOut.of(*row), position=lambda row: (str(row[0].id),))

    return call.read(read)


@router.post("/locations/{location_id}/approve", response_model=LocationOut, responses=errors(WrongState))
def approve_location(location_id: uuid.UUID, call: Admin, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Lets a submitted location be searched and booked, or a change of an approved one take effect. If-Match is held where it
    is sent, and needed for a change."""
    return edited(call, response, lambda tx: submissions.approve(tx=tx, location_id=location_id, if_match=if_match))


@router.post("/locations/{location_id}/reject", response_model=LocationOut, responses=errors(WrongState))
def reject_location(
    location_id: uuid.UUID, why: ReasonIn, call: Admin, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Sends a submission, or a change of an approved place, back; the owner reads the reason."""
    return edited(
        call,
        response,
        lambda tx: submissions.reject(tx=tx, location_id=location_id, reason=why.reason, if_match=if_match),
    )


@router.post("/locations/{location_id}/suspend", response_model=LocationOut, responses=errors(WrongState))
def suspend_location(
    location_id: uuid.UUID,
    why: ReasonIn,
    call: Admin,
    response: Response,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> LocationOut:
    """Takes an approved location out of search and booking. Bookings there are listed first (409), then cancelled at no
    cost to the driver; sessions that run go on."""
    return edited(
        call,
        response,
        lambda tx: submissions.suspend(
            tx=tx, location_id=location_id, reason=why.reason, if_match=if_match, confirmation=confirmation
        ),
    )


@router.post("/locations/{location_id}/lift", response_model=LocationOut, responses=errors(WrongState))
def lift_suspension(location_id: uuid.UUID, call: Admin, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Ends a suspension."""
    return edited(call, response, lambda tx: submissions.lift(tx=tx, location_id=location_id, if_match=if_match))
