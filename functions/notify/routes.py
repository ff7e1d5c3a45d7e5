"""HTTP of notify: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.notify import service
from functions.notify.schemas import Notification
from shared.web.call import SignedIn
from shared.web.pagination import Page, PageSize, cursor_id, page

router = APIRouter(prefix="/notify", tags=["notify"])


@router.get("/inbox", response_model=Page[Notification])
def list_inbox(
    call: SignedIn,
    unread: bool = False,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: PageSize = 20,
) -> Page[Notification]:
    """Your messages, newest first."""
    notifications = call.read(lambda tx: service.list_inbox(tx=tx, unread=unread, before=cursor_id(cursor), limit=limit + 1))
    return page(notifications, limit, Notification.model_validate)


@router.post("/inbox/{notification_id}/read", response_model=Notification)
def mark_read(notification_id: uuid.UUID, call: SignedIn) -> Notification:
    """Marks a message as read."""
    return Notification.model_validate(call.write(lambda tx: service.mark_read(tx=tx, notification_id=notification_id)))
