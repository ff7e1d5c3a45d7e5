"""Use cases of notify: an event becomes an in-app message and deliveries in one transaction; then those are sent."""

import base64
import logging
import uuid
from functools import partial
from typing import Any

from functions.accounts import service as accounts
from functions.accounts.account_emails import LETTERS
from functions.booking import service as booking
from functions.booking.events import BookingReminder
from functions.notify import account_emails, rendering, repository
from functions.notify.domain import TOLD, Delivery, Notification, Told
from shared import telemetry
from shared.adapters.email import Attachment, Email
from shared.adapters.sms import Sms
from shared.db import new_id
from shared.errors import NotFound, Unavailable, Undeliverable
from shared.events import Event
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
CONSUMER = "send_notifications"


def handle(platform: Platform, *, message_id: str, event: Event) -> None:
    """Tells a user of an event. Once per message: the first delivery records what is to be sent, every one sends what is
    still open. Raises Unavailable while a service is away, so that the bus delivers again."""
    platform.consume(lambda tx: _record(tx, message_id=message_id, notified=event), consumer=CONSUMER, message_id=message_id)
    _send_pending(platform, message_id)


def _record(tx: Tx, *, message_id: str, notified: Event) -> None:
    type, event = notified.TYPE, notified.to_payload()
    if isinstance(notified, BookingReminder) and not booking.stands(
        tx=tx, booking_id=notified.booking_id, start=notified.start
    ):
        return
    if type in LETTERS:
        _record_letter(tx, message_id=message_id, type=type, event=event)
        return
    told = TOLD[type](event)
    user_id = uuid.UUID(event["user_id"])
    contact = accounts.find_contact(tx=tx, user_id=user_id)
    if contact is None:
        log.info("%s is not told: the account has been deleted", type)
        return
    repository.add_notification(
        tx,
        Notification(
            id=new_id(),
            user_id=user_id,
            type=type,
            title=told.subject[:200],
            body=" ".join(told.lines),
            data=event,
            created_at=tx.now,
            read_at=None,
        ),
    )
    if told.email:
        content = _email_content(tx, told, event=event, name=contact.name, to=contact.email)
        repository.add_delivery(tx, _delivery(tx, message_id, user_id, "EMAIL", contact.email, content))
    if told.sms is not None and contact.phone is not None:
        content = {"text": told.sms}
        repository.add_delivery(tx, _delivery(tx, message_id, user_id, "SMS", contact.phone, content))


def _record_letter(tx: Tx, *, message_id: str, type: str, event: dict[str, Any]) -> None:
    letter = account_emails.letter_of(tx, type=type, event=event)
    if letter is None:
        return
    told, link = account_emails.worded(letter, settings=tx.settings)
    if letter.in_app:
        made = Notification(new_id(), letter.user_id, type, told.subject, " ".join(told.lines), {}, tx.now, None)
        repository.add_notification(tx, made)
    content: dict[str, Any] = {
        "subject": told.subject,
        "text": rendering.text(told, name=letter.name, event={}, link=link),
        "html": rendering.html(told, name=letter.name, event={}, public_url=tx.settings.public_url, link=link),
        "keep": letter.keep,
    }
    if letter.token_id is not None:
        content["token_id"] = str(letter.token_id)
    repository.add_delivery(tx, _delivery(tx, message_id, letter.user_id, "EMAIL", letter.to, content))


def _delivery(tx: Tx, message_id: str, user_id: uuid.UUID, channel: str, address: str, content: dict[str, Any]) -> Delivery:
    return Delivery(new_id(), message_id, user_id, channel, address, content, "PENDING", 0, None, tx.now, None)


def _email_content(tx: Tx, told: Told, *, event: dict[str, Any], name: str, to: str) -> dict[str, Any]:
    content: dict[str, Any] = {
        "subject": told.subject,
        "text": rendering.text(told, name=name, event=event),
        "html": rendering.html(told, name=name, event=event, public_url=tx.settings.public_url),
    }
    if told.calendar is not None:
        entry = rendering.calendar(told, event=event, to=to, sender=tx.settings.email_sender, now=tx.now)
        content["calendar"] = base64.b64encode(entry).decode()
        content["method"] = told.calendar
    return content


def _send_pending(platform: Platform, message_id: str) -> None:
    waiting = platform.read(lambda tx: repository.pending(tx, message_id))
    failed: Unavailable | None = None
    for item in waiting:
        try:
            _send(platform, item)
            status, error = "SENT", None
        except Undeliverable as refused:
            log.warning("delivery %s refused: %s", item.id, refused.detail)
            status, error = "FAILED", refused.detail
        except Unavailable as away:
            failed, status, error = away, "PENDING", away.detail
        telemetry.messages_sent.add(1, {"channel": item.channel, "outcome": status})
        forget = status != "PENDING" and not item.content.get("keep", True)
        platform.transact(partial(repository.settle, id=item.id, status=status, error=error, forget=forget))
    if failed is not None:
        raise failed


def _send(platform: Platform, item: Delivery) -> None:
    content = item.content
    if item.channel == "SMS":
        platform.sms.send(Sms(item.address, content["text"]), operation_id=item.id)
        return
    attachments: tuple[Attachment, ...] = ()
    if "calendar" in content:
        kind = f"text/calendar; charset=utf-8; method={content['method']}"
        attachments = (Attachment("booking.ics", kind, base64.b64decode(content["calendar"])),)
    content = account_emails.with_token(platform, content)
    email = Email(item.address, content["subject"], content["text"], content["html"], attachments)
    platform.email.send(email, operation_id=item.id)


def list_inbox(*, tx: Tx, unread: bool, before: uuid.UUID | None, limit: int) -> list[Notification]:
    """The caller's in-app messages, newest first."""
    assert tx.actor.id is not None
    return repository.inbox(tx, tx.actor.id, unread=unread, before=before, limit=limit)


def get_owned(*, tx: Tx, notification_id: uuid.UUID) -> Notification:
    """One of the caller's in-app messages. Raises NotFound."""
    found = repository.get(tx, notification_id)
    if found is None or found.user_id != tx.actor.id:
        raise NotFound(f"There is no message {notification_id}.")
    return found


def mark_read(*, tx: Tx, notification_id: uuid.UUID) -> Notification:
    """Marks one of the caller's messages as read."""
    get_owned(tx=tx, notification_id=notification_id)
    repository.mark_read(tx, notification_id)
    return get_owned(tx=tx, notification_id=notification_id)
