"""HTTP of notify: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.notify import service
from functions.notify.schemas import Notification
from shared.web.call import SignedIn
from shared.web.pagination import Page, PageSize, decode_cursor, encode_cursor

router = APIRouter(prefix="/notify", tags=["notify"])


@router.get("/inbox", response_model=Page[Notification])
def list_inbox(
    call: SignedIn,
    unread: bool = False,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: PageSize = 20,
) -> Page[Notification]:
    """Your messages, newest first."""
    before = decode_cursor(cursor, uuid.UUID)[0] if cursor else None
    rows = call.read(lambda tx: service.list_inbox(tx=tx, unread=unread, before=before, limit=limit + 1))
    next_cursor = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    return Page(items=[Notification.model_validate(row) for row in rows[:limit]], next_cursor=next_cursor)


@router.post("/inbox/{notification_id}/read", response_model=Notification)
def mark_read(notification_id: uuid.UUID, call: SignedIn) -> Notification:
    """Marks a message as read."""
    return Notification.model_validate(call.write(lambda tx: service.mark_read(tx=tx, notification_id=notification_id)))
