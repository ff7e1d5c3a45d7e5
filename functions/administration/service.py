"""Use cases of administrators: messages that could not be delivered."""

import uuid

from shared import outbox
from shared.errors import NotFound
from shared.tx import Tx


def list_dead_letters(*, tx: Tx, before: uuid.UUID | None, limit: int) -> list[outbox.Message]:
    """Messages that could not be delivered, newest first. For administrators."""
    return outbox.dead_letters(tx.conn, before=before, limit=limit)


def send_again(*, tx: Tx, message_id: uuid.UUID) -> outbox.Message:
    """Puts a dead letter on its way once more. Raises NotFound."""
    message = outbox.dead_letter_of(tx.conn, message_id)
    if message is None or not outbox.revive(tx.conn, message_id, now=tx.now):
        raise NotFound(f"There is no dead letter {message_id}.")
    tx.audit(
        "send_again",
        object_type="outbox_message",
        object_id=message_id,
        before={"state": outbox.DEAD, "last_error": message.last_error},
        after={"state": outbox.PENDING},
    )
    tx.wake = True  # its row is there already
    return message
