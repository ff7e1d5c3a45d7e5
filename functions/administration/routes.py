"""HTTP of administration: accounts' status and role, the audit log, which is only read, and dead letters.

The paths lie under `accounts/` and `notify/`: no route may begin with `admin`, which the Functions host keeps for itself.
"""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.accounts.schemas import Account, AccountUpdate
from functions.administration import service, suspensions
from functions.administration.schemas import AuditEntry, DeadLetter
from functions.operators.answers import Confirmation
from shared import audit
from shared.errors import Conflict, Invalid
from shared.web.call import Admin
from shared.web.failures import errors
from shared.web.fields import Instant, by_either_name
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

audit_router = APIRouter(prefix="/accounts", tags=["accounts"])
dead_letter_router = APIRouter(prefix="/notify", tags=["notify"])

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
    entries = call.read(lambda tx: audit.search(tx.conn, filters, before=cursor_id(cursor), limit=limit + 1))
    return page(entries, limit, AuditEntry.model_validate)


@audit_router.patch("/users/{user_id}", response_model=Account, responses=errors(Conflict))
def update_user(user_id: uuid.UUID, update: AccountUpdate, call: Admin, confirmation: Confirmation = None) -> Account:
    """Suspends an account, lets it in again, or changes its role; at once. The last administrator stays one.

    A suspension takes the person's places off sale and cancels what stands there and what they booked, at no cost to anybody:
    409 CONFIRMATION_NEEDED lists `locations` and `bookings` first. They are told the reason.
    """
    account = call.write(lambda tx: suspensions.update_user(tx=tx, user_id=user_id, update=update, confirmation=confirmation))
    return Account.model_validate(account)


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
