"""HTTP of the waitlist: parse, one service call, answer."""

import uuid

from fastapi import APIRouter, Response

from functions.booking.answers import answer
from functions.booking.schemas import Booking
from functions.waitlist import service
from functions.waitlist.domain import Entry
from functions.waitlist.payloads import WaitlistJoin
from functions.waitlist.schemas import WaitlistEntry
from shared.errors import IdempotencyKeyReused, LimitReached, NotFound, PaymentNeeded, TermsChanged, WrongState
from shared.tx import Tx
from shared.web.call import SignedIn, limited_caller
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/waitlist", tags=["waitlist"])


def _answer(tx: Tx, entry: Entry) -> WaitlistEntry:
    offer, position = service.offer_of(tx=tx, entry=entry), service.position(tx=tx, entry=entry)
    return WaitlistEntry.of(entry, offer, position)


@router.post(
    "",
    status_code=201,
    response_model=WaitlistEntry,
    dependencies=[limited_caller("ask")],
    responses=errors(NotFound, TermsChanged, LimitReached, IdempotencyKeyReused),
)
def join_waitlist(join_in: WaitlistJoin, call: SignedIn) -> Response:
    """Waits for a place: what becomes free is held for whom it suits best, and they are told. Nothing is booked without your
    accepting it."""
    return call.create(lambda tx: _answer(tx, service.join(tx=tx, join_in=join_in)), location="waitlist/{id}")


@router.get("", response_model=Page[WaitlistEntry])
def list_waitlist(call: SignedIn, cursor: Cursor = None, limit: PageSize = 20) -> Page[WaitlistEntry]:
    """Your entries, newest first."""

    def read(tx: Tx) -> Page[WaitlistEntry]:
        entries = service.list_entries(tx=tx, before=cursor_id(cursor), limit=limit + 1)
        return page(entries, limit, lambda entry: _answer(tx, entry))

    return call.read(read)


@router.get("/{entry_id}", response_model=WaitlistEntry)
def get_entry(entry_id: uuid.UUID, call: SignedIn) -> WaitlistEntry:
    """One of your entries."""
    return call.read(lambda tx: _answer(tx, service.get_owned(tx=tx, entry_id=entry_id)))


@router.post("/{entry_id}/accept", response_model=Booking, responses=errors(PaymentNeeded, WrongState, IdempotencyKeyReused))
def accept_offer(entry_id: uuid.UUID, call: SignedIn) -> Response:
    """Takes the place that is held for you: the answer is the booking, RESERVED."""
    return call.create(lambda tx: answer(tx, service.accept(tx=tx, entry_id=entry_id)[1]), status=200)


@router.post("/{entry_id}/snooze", response_model=WaitlistEntry, responses=errors(WrongState, IdempotencyKeyReused))
def snooze_entry(entry_id: uuid.UUID, call: SignedIn) -> Response:
    """Lets what is held go to the next and is offered nothing for half an hour; you keep your place."""
    return call.create(lambda tx: _answer(tx, service.snooze(tx=tx, entry_id=entry_id)), status=200)


@router.post("/{entry_id}/leave", response_model=WaitlistEntry, responses=errors(WrongState, IdempotencyKeyReused))
def leave_waitlist(entry_id: uuid.UUID, call: SignedIn) -> Response:
    """Leaves the waitlist; what is held goes to the next."""
    return call.create(lambda tx: _answer(tx, service.leave(tx=tx, entry_id=entry_id)), status=200)
