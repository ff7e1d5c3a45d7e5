"""A person's messages, when they ask for a copy of their data or leave: export, erase."""

import uuid
from typing import Any

from functions.notify import repository
from functions.notify.records import NotificationDelivery
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> dict[str, Any]:
    """A user's in-app messages, newest first (`in_app`), what was sent by e-mail and SMS (`sent`), and how far they
    are told of what (`told`)."""
    return {
        "in_app": repository.inbox(tx, user_id, unread=False, before=None, limit=None),
        "sent": [_sent(delivery) for delivery in repository.deliveries_of(tx, user_id)],
        "told": repository.all_told(tx, user_id),
    }


def _sent(delivery: NotificationDelivery) -> dict[str, Any]:
    parts: dict[str, Any] = {name: delivery.content[name] for name in ("subject", "text") if name in delivery.content}
    return {
        "channel": delivery.channel,
        "address": delivery.address,
        "status": delivery.status,
        "created_at": delivery.created_at,
        **parts,
    }


def erase(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's messages, sent ones and those on their way."""
    repository.erase(tx, user_id)
