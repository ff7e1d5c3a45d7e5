"""Which handlers take which message. A handler has a name of its own, by which its inbox row is kept."""

from typing import Any

from functions.notify import service as notify
from functions.optimizer import service as optimizer
from shared import outbox
from shared.platform import Platform

HANDLERS = {outbox.CHARGE_REQUESTS: optimizer.handle, outbox.NOTIFY: notify.handle}


def dispatch(platform: Platform, *, queue: str, message_id: str, type: str, payload: dict[str, Any]) -> None:
    """Hands a message to its handler."""
    HANDLERS[queue](platform, message_id=message_id, type=type, payload=payload)
