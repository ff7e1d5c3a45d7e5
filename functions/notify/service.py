"""Use cases of notify: an event becomes an in-app message and deliveries in one transaction; then those are sent."""

import base64
import logging
import uuid
from functools import partial
from typing import Any

from functions.accounts import service as accounts
from functions.accounts.account_emails import ACCOUNT_EMAILS, AccountSms
from functions.booking import service as booking
from functions.booking.events import BookingEvent, BookingReminder
from functions.notify import account_emails, rendering, repository, sms_budget
from functions.notify.domain import RENDERERS, Notification, NotificationContent, NotificationDelivery, NotifiedEvent
from shared import telemetry
from shared.adapters.email import Attachment, Email
from shared.adapters.sms import Sms
from shared.db import new_id
from shared.errors import NotFound, Unavailable, Undeliverable
from shared.events import Event
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


def handle(platform: Platform, *, consumer: str, message_id: str, event: Event) -> None:
    """Tells a user of an event, once per message: the first run records what is to be sent, every run sends what is open.

    Raises Unavailable while a service is away, so that the bus delivers again.
    """
    platform.consume(lambda tx: _record(tx, message_id=message_id, event=event), consumer=consumer, message_id=message_id)
    _send_pending(platform, message_id)


def _record(tx: Tx, *, message_id: str, event: Event) -> None:
    if isinstance(event, BookingReminder) and not booking.stands(tx=tx, booking_id=event.booking_id, start=event.start):
        return
    if not isinstance(event, NotifiedEvent):
        _record_account_email(tx, message_id=message_id, event=event)
        return
    content = RENDERERS[type(event)](event)
    user_id = event.user_id
    contact = accounts.find_contact(tx=tx, user_id=user_id)
    if contact is None:
        log.info("%s is not told: the account has been deleted", event.TYPE)
        return
    repository.add_notification(
        tx,
        Notification(
            id=new_id(),
            user_id=user_id,
            type=event.TYPE,
            title=content.subject[:200],
            body=" ".join(content.lines),
            data=event.to_payload(),
            created_at=tx.now,
            read_at=None,
        ),
    )
    if content.email and contact.email_verified:
        email = _email_content(tx, content, event=event, name=contact.name, to=contact.email)
        _add_delivery(tx, message_id, user_id, channel="EMAIL", address=contact.email, content=email)
    if content.sms is not None and contact.sms_number is not None:
        _add_delivery(tx, message_id, user_id, channel="SMS", address=contact.sms_number, content={"text": content.sms})


def _record_account_email(tx: Tx, *, message_id: str, event: Event) -> None:
    account_email = ACCOUNT_EMAILS[type(event)](tx, event)
    if account_email is None:
        return
    if isinstance(account_email, AccountSms):
        code = {"text": account_emails.CODE_TEXT, "verification_id": str(account_email.verification_id), "keep": False}
        _add_delivery(tx, message_id, account_email.user_id, channel="SMS", address=account_email.to, content=code)
        return
    content, link = account_emails.to_content(account_email, settings=tx.settings)
    if account_email.in_app:
        repository.add_notification(
            tx,
            Notification(
                id=new_id(),
                user_id=account_email.user_id,
                type=event.TYPE,
                title=content.subject,
                body=" ".join(content.lines),
                data={},
                created_at=tx.now,
                read_at=None,
            ),
        )
    email: dict[str, Any] = {
        "subject": content.subject,
        "text": rendering.text(content, name=account_email.name, event=None, link=link),
        "html": rendering.html(content, name=account_email.name, event=None, public_url=tx.settings.public_url, link=link),
        "keep": account_email.keep,
    }
    if account_email.token_id is not None:
        email["token_id"] = str(account_email.token_id)
    _add_delivery(tx, message_id, account_email.user_id, channel="EMAIL", address=account_email.to, content=email)


def _add_delivery(tx: Tx, message_id: str, user_id: uuid.UUID, *, channel: str, address: str, content: dict[str, Any]) -> None:
    delivery = NotificationDelivery(
        id=new_id(),
        message_id=message_id,
        user_id=user_id,
        channel=channel,
        address=address,
        content=content,
        status="PENDING",
        attempts=0,
        error=None,
        created_at=tx.now,
        settled_at=None,
    )
    repository.add_delivery(tx, delivery)


def _email_content(tx: Tx, content: NotificationContent, *, event: Event, name: str, to: str) -> dict[str, Any]:
    email: dict[str, Any] = {
        "subject": content.subject,
        "text": rendering.text(content, name=name, event=event),
        "html": rendering.html(content, name=name, event=event, public_url=tx.settings.public_url),
    }
    if content.calendar is not None and isinstance(event, BookingEvent):
        entry = rendering.calendar(content, event=event, to=to, sender=tx.settings.email_sender, now=tx.now)
        email["calendar"] = base64.b64encode(entry).decode()
        email["method"] = content.calendar
    return email


def _send_pending(platform: Platform, message_id: str) -> None:
    deliveries = platform.read(lambda tx: repository.pending(tx, message_id))
    unavailable: Unavailable | None = None
    for delivery in deliveries:
        try:
            _send(platform, delivery)
            status, error = "SENT", None
        except Undeliverable as refused:
            log.warning("delivery %s refused: %s", delivery.id, refused.detail)
            status, error = "FAILED", refused.detail
        except Unavailable as away:
            unavailable, status, error = away, "PENDING", away.detail
        telemetry.messages_sent.add(1, {"channel": delivery.channel, "outcome": status})
        forget = status != "PENDING" and not delivery.content.get("keep", True)
        platform.transact(partial(repository.settle, delivery_id=delivery.id, status=status, error=error, forget=forget))
    if unavailable is not None:
        raise unavailable


def _send(platform: Platform, delivery: NotificationDelivery) -> None:
    content = delivery.content
    if delivery.channel == "SMS":
        text = account_emails.with_code(platform, content)
        sms_budget.spend(platform, delivery)
        platform.sms.send(Sms(delivery.address, text), operation_id=delivery.id)
        return
    attachments: tuple[Attachment, ...] = ()
    if "calendar" in content:
        content_type = f"text/calendar; charset=utf-8; method={content['method']}"
        attachments = (Attachment("booking.ics", content_type, base64.b64decode(content["calendar"])),)
    content = account_emails.with_token(platform, content)
    email = Email(delivery.address, content["subject"], content["text"], content["html"], attachments)
    platform.email.send(email, operation_id=delivery.id)


def list_inbox(*, tx: Tx, unread: bool, before: uuid.UUID | None, limit: int) -> list[Notification]:
    """The caller's in-app messages, newest first."""
    assert tx.actor.id is not None
    return repository.inbox(tx, tx.actor.id, unread=unread, before=before, limit=limit)


def get_owned(*, tx: Tx, notification_id: uuid.UUID) -> Notification:
    """One of the caller's in-app messages. Raises NotFound."""
    notification = repository.get(tx, notification_id)
    if notification is None or notification.user_id != tx.actor.id:
        raise NotFound(f"There is no message {notification_id}.")
    return notification


def mark_read(*, tx: Tx, notification_id: uuid.UUID) -> Notification:
    """Marks one of the caller's messages as read."""
    get_owned(tx=tx, notification_id=notification_id)
    repository.mark_read(tx, notification_id)
    return get_owned(tx=tx, notification_id=notification_id)
