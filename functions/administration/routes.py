"""HTTP of administration: accounts' status and role, a user's bookings, the audit log, which is only read, dead letters, and
how the platform does.

Older paths lie under `accounts/` and `notify/`. No route of a function may begin with `admin`, which the Functions host keeps
for itself; that of `administration/` begins with a constraint (app/http.py).
"""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.accounts import service as accounts
from functions.accounts.schemas import Account, AccountUpdate
from functions.administration import evaluation, overview, service, suspensions
from functions.administration.schemas import AuditEntry, DeadLetter, Evaluation, OverviewOut, WeekOut
from functions.booking import service as booking
from functions.booking.domain import BookingFilter
from functions.booking.schemas import Booking, From, Statuses, To
from functions.operators.answers import Confirmation
from functions.stations import service as stations
from shared import audit
from shared.errors import Conflict, Invalid, NotFound
from shared.tx import Tx
from shared.web.call import Admin
from shared.web.failures import errors
from shared.web.fields import Instant, by_either_name
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

audit_router = APIRouter(prefix="/accounts", tags=["accounts"])
dead_letter_router = APIRouter(prefix="/notify", tags=["notify"])
router = APIRouter(prefix="/administration", tags=["administration"])

Word = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[\w.]+$")]


@audit_router.get("/audit", response_model=Page[AuditEntry])
def list_audit_entries(
    call: Admin,
    actor_id: uuid.UUID | None = None,
    actor_role: Word = None,
    action: Annotated[Word, Query(description="A whole action, or a prefix that ends in a dot: `location.`")] = None,
    object_type: Word = None,
    object_id: uuid.UUID | None = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    to: Instant | None = None,
    since: Annotated[Instant | None, Query(deprecated=True, description="`from` by its old name")] = None,
    until: Annotated[Instant | None, Query(deprecated=True, description="`to` by its old name")] = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[AuditEntry]:
    """What owners and administrators did, newest first. All filters given must hold; the span is [from, to)."""
    begin, end = by_either_name("from", from_, "since", since), by_either_name("to", to, "until", until)
    if begin is not None and end is not None and end <= begin:
        raise Invalid.one("to", "must be after from")
    filters = audit.Filters(actor_id, actor_role, action, object_type, object_id, begin, end)

    def read(tx: Tx) -> Page[AuditEntry]:
        entries = audit.search(tx.conn, filters, before=cursor_id(cursor), limit=limit + 1)
        names = accounts.names_of(tx=tx, user_ids=[entry.actor_id for entry in entries if entry.actor_id is not None])
        return page(entries, limit, lambda entry: AuditEntry.of(entry, names))

    return call.read(read)


@audit_router.patch("/users/{user_id}", response_model=Account, responses=errors(Conflict))
def update_user(user_id: uuid.UUID, update: AccountUpdate, call: Admin, confirmation: Confirmation = None) -> Account:
    """Suspends an account, lets it in again, or changes its role; at once. The last administrator stays one.

    A suspension takes the person's places off sale and cancels what stands there and what they booked, at no cost to anybody:
    409 CONFIRMATION_NEEDED lists `locations` and `bookings` first. They are told the reason.
    """
    account = call.write(lambda tx: suspensions.update_user(tx=tx, user_id=user_id, update=update, confirmation=confirmation))
    return Account.model_validate(account)


@audit_router.get("/users/{user_id}/bookings", response_model=Page[Booking], responses=errors(NotFound))
def list_user_bookings(
    user_id: uuid.UUID,
    call: Admin,
    status: Statuses = (),
    location_id: uuid.UUID | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Booking]:
    """Somebody's bookings as they see them, newest first. For administrators."""
    wanted, before = BookingFilter(tuple(status), location_id, None, from_, to), cursor_id(cursor)

    def read(tx: Tx) -> Page[Booking]:
        accounts.get_user(tx=tx, user_id=user_id)
        bookings = booking.bookings_of(tx=tx, user_id=user_id, wanted=wanted, before=before, limit=limit + 1)
        places = stations.summaries(tx=tx, location_ids=[item.location_id for item in bookings])
        return page(bookings, limit, lambda item: Booking.of(item, places))

    return call.read(read)


@router.get("/overview", response_model=OverviewOut)
def get_overview(call: Admin) -> OverviewOut:
    """What there is and what waits, in numbers. For administrators."""
    return OverviewOut.model_validate(call.read(lambda tx: overview.overview(tx=tx)))


@router.get("/evaluation", response_model=Evaluation)
def get_evaluation(call: Admin, weeks: Annotated[int, Query(ge=1, le=26)] = 8) -> Evaluation:
    """How well the platform did, week by week (Monday to Sunday, UTC), the present one first: promises kept, what drivers say
    of their sessions, minutes saved against the nearest place, and how right the forecasts were. For administrators."""
    by_week = call.read(lambda tx: evaluation.by_week(tx=tx, weeks=weeks))
    return Evaluation(weeks=[WeekOut.of(week) for week in by_week])


@dead_letter_router.get("/dead-letters", response_model=Page[DeadLetter])
def list_dead_letters(
    call: Admin, cursor: Annotated[str | None, Query(max_length=200)] = None, limit: PageSize = 20
) -> Page[DeadLetter]:
    """Messages of any queue that could not be delivered, newest first, with what failed. For administrators."""
    letters = call.read(lambda tx: service.list_dead_letters(tx=tx, before=cursor_id(cursor), limit=limit + 1))
    return page(letters, limit, DeadLetter.model_validate)


@dead_letter_router.post("/dead-letters/{message_id}/send-again", status_code=202, response_model=DeadLetter)
def send_again(message_id: uuid.UUID, call: Admin) -> DeadLetter:
    """Puts one of them on its way once more, after its cause was mended. For administrators; audited."""
    return DeadLetter.model_validate(call.write(lambda tx: service.send_again(tx=tx, message_id=message_id)))
