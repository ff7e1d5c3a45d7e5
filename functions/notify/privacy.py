"""A person's messages when he asks for a copy of his data or leaves."""

import uuid
from typing import Any

from functions.notify import repository
from functions.notify.domain import Notification
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> tuple[list[Notification], list[dict[str, Any]]]:
    """A user's in-app messages, newest first, and what was sent to him outside."""
    inbox = repository.inbox(tx, user_id, unread=False, before=None, limit=None)
    return inbox, [
        {"channel": item.channel, "address": item.address, "status": item.status, "created_at": item.created_at}
        | {name: item.content[name] for name in ("subject", "text") if name in item.content}
        for item in repository.deliveries_of(tx, user_id)
    ]


def erase(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's messages, sent ones and those on their way."""
    repository.erase(tx, user_id)
