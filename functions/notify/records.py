"""What notify keeps: messages in the app, deliveries outside, and the content that both are made of. No I/O."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.db import new_id


@dataclass(frozen=True)
class Notification:
    """An in-app message."""

    id: uuid.UUID
    """UUIDv7: rises in time, so that an inbox is in order of it."""
    user_id: uuid.UUID
    """Whose inbox it is in."""
    type: str
    """The type of the event it tells of."""
    title: str
    """One line, at most 200 characters."""
    body: str
    """The paragraphs of the e-mail in one."""
    data: dict[str, Any]
    """The event's payload."""
    created_at: datetime
    """When it was put into the inbox."""
    read_at: datetime | None
    """When it was first marked as read."""


@dataclass(frozen=True)
class NotificationDelivery:
    """An e-mail or SMS on its way to an address."""

    id: uuid.UUID
    """UUIDv7; the sender's idempotency key."""
    message_id: str
    """The queue message that it tells of."""
    user_id: uuid.UUID
    """Whom it is for."""
    channel: str
    """EMAIL or SMS."""
    address: str
    """An e-mail address or an E.164 number; empty where nothing of it may stay."""
    content: dict[str, Any]
    """What is sent: `text`; of an e-mail `subject` and `html` too, and perhaps `calendar` with `method`, `token_id`, `keep`; of
    an urgent SMS `otherwise`, the e-mail (`address`, `content`) where it is refused."""
    status: str
    """PENDING, SENT, FAILED (refused for good), GIVEN_UP (its message is a dead letter; what may not be kept is forgotten
    then) or DROPPED (overtaken by a later word before it was sent)."""
    attempts: int
    """How often it was tried."""
    error: str | None
    """What failed at the last try."""
    created_at: datetime
    """When it was recorded."""
    settled_at: datetime | None
    """When it was sent, refused for good or dropped."""
    subject: str | None = None
    """What it speaks of (order.py), where later letters may overtake it."""
    revision: int | None = None
    """Its place among what is said of that."""
    held_until: datetime | None = None
    """It is not sent before."""

    def overtaken(self, told: int) -> bool:
        """Whether a later word on its subject, of revision `told`, was written."""
        return self.revision is not None and self.revision < told


def new_delivery(
    message_id: str,
    user_id: uuid.UUID,
    *,
    channel: str,
    address: str,
    content: dict[str, Any],
    now: datetime,
    subject: str | None = None,
    revision: int | None = None,
    held_until: datetime | None = None,
) -> NotificationDelivery:
    """A delivery that nobody has tried yet."""
    return NotificationDelivery(
        id=new_id(),
        message_id=message_id,
        user_id=user_id,
        channel=channel,
        address=address,
        content=content,
        status="PENDING",
        attempts=0,
        error=None,
        created_at=now,
        settled_at=None,
        subject=subject,
        revision=revision,
        held_until=held_until,
    )


@dataclass(frozen=True)
class NotificationContent:
    """What somebody is told of an event, in every channel."""

    subject: str
    """The e-mail's subject and the in-app title."""
    lines: tuple[str, ...]
    """The paragraphs of the e-mail and of the in-app message."""
    facts: tuple[tuple[str, str], ...]
    """The e-mail's table, (label, value) a row."""
    sms: str | None
    """The text message; None where none is sent."""
    calendar: str | None = None
    """The iTIP method of the calendar file (RFC 5546), REQUEST or CANCEL; None without a file."""
    email: bool = True
    """Whether an e-mail is sent in any case."""
    urgent: bool = False
    """It must reach a pocket: by SMS, else by e-mail."""
    actions: tuple[str, ...] = ()
    """What its reader may do now, as links: `see`, `move`, `cancel`, `accept`."""
