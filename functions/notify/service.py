"""Use cases of notify: an event becomes an in-app message and deliveries in one transaction; then those are sent."""

import base64
import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from functions.accounts import service as accounts
from functions.accounts.account_emails import ACCOUNT_EMAILS, AccountSms
from functions.accounts.domain import Contact
from functions.booking.events import BookingEvent, BookingReminder
from functions.notify import account_emails, delayed, order, rendering, repository, sending
from functions.notify.domain import NotifiedEvent
from functions.notify.events import MessageDue
from functions.notify.order import Told, Way
from functions.notify.promises import RENDERERS
from functions.notify.records import Notification, NotificationContent, new_delivery
from shared.db import new_id
from shared.errors import NotFound
from shared.events import Event
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


def handle(platform: Platform, *, consumer: str, message_id: str, event: Event) -> None:
    """Tells a user of an event, once per message: the first run records what is to be sent, every run sends what is open.

    Raises Unavailable while a service is away, so that the bus delivers again.
    """
    platform.consume(lambda tx: _record(tx, message_id=message_id, event=event), consumer=consumer, message_id=message_id)
    sending.send_open(platform, message_id)


def _record(tx: Tx, *, message_id: str, event: Event) -> None:
    standing = delayed.as_it_stands(tx=tx, event=event)
    if standing is None:
        log.info("%s is not told: it is over", event.TYPE)
        return
    if not isinstance(standing, NotifiedEvent):
        _record_account_email(tx, message_id=message_id, event=standing)
        return
    contact = accounts.find_contact(tx=tx, user_id=standing.user_id)
    if contact is None:
        log.info("%s is not told: the account has been deleted", event.TYPE)
        return
    word = order.word_of(standing)
    told = None if word is None else repository.lock_told(tx, contact.user_id, word.whole)
    if isinstance(standing, BookingReminder) and told is not None:
        if told.reminded_for == standing.start:
            return
        told = replace(told, reminded_for=standing.start)
    content = RENDERERS[type(standing)](standing)
    _add_notification(tx, contact.user_id, standing.TYPE, content, data=standing.to_payload())
    way = Way.INBOX if delayed.is_over(tx=tx, event=standing) else Way.OUTSIDE
    if word is not None and told is not None:
        way = _ordered_way(tx, contact.user_id, standing, word, told, way)
    if way is not Way.INBOX:
        _add_deliveries(tx, contact, content, event=standing, message_id=message_id, word=word, held=way is Way.HELD)


def _ordered_way(tx: Tx, user_id: uuid.UUID, event: Event, word: order.Word, told: Told, way: Way) -> Way:
    """How far a letter goes among all that is said of its subject, which is kept; `told`, of the whole, is locked."""
    part = repository.lock_told(tx, user_id, word.subject) if word.subject != word.whole else None
    if way is Way.OUTSIDE:
        last = told.revision if part is None else max(told.revision, part.revision)
        way = order.way_of(event, word, told, last=last, hold=tx.settings.message_hold_s > 0)
    repository.set_told(tx, user_id, word.whole, order.after(event, word, told, way))
    if part is not None:
        repository.set_told(tx, user_id, word.subject, order.after_part(word, part))
    return way


def _add_notification(tx: Tx, user_id: uuid.UUID, kind: str, content: NotificationContent, *, data: dict[str, Any]) -> None:
    notification = Notification(
        id=new_id(),
        user_id=user_id,
        type=kind,
        title=content.subject[:200],
        body=" ".join(content.lines),
        data=data,
        created_at=tx.now,
        read_at=None,
    )
    repository.add_notification(tx, notification)


def sms_number(contact: Contact) -> str | None:
    """The number by which somebody may be sent text messages; None where there is none. Every SMS asks here."""
    return contact.sms_number


def _add_deliveries(
    tx: Tx,
    contact: Contact,
    content: NotificationContent,
    *,
    event: Event,
    message_id: str,
    word: order.Word | None,
    held: bool,
) -> None:
    """An e-mail and an SMS, as the content wants; what is urgent goes by e-mail where no SMS can be sent."""
    held_until = tx.now + timedelta(seconds=tx.settings.message_hold_s) if held else None
    if held_until is not None:
        tx.publish(MessageDue(message_id), available_at=held_until)
    add = partial(
        _add_delivery,
        tx,
        message_id=message_id,
        user_id=contact.user_id,
        subject=None if word is None else word.subject,
        revision=None if word is None else word.revision,
        held_until=held_until,
    )
    number = None if content.sms is None else sms_number(contact)
    email = _email_content(tx, content, event=event, name=contact.name, to=contact.email)
    if contact.email_verified and (content.email or (content.urgent and number is None)):
        add(channel="EMAIL", address=contact.email, content=email)
    if number is not None:
        text: dict[str, Any] = {"text": content.sms}
        if content.urgent and not content.email and contact.email_verified:
            text["otherwise"] = {"address": contact.email, "content": email}
        add(channel="SMS", address=number, content=text)


def _add_delivery(tx: Tx, *, message_id: str, user_id: uuid.UUID, **values: Any) -> None:
    repository.add_delivery(tx, new_delivery(message_id, user_id, now=tx.now, **values))


def _record_account_email(tx: Tx, *, message_id: str, event: Event) -> None:
    account_email = ACCOUNT_EMAILS[type(event)](tx, event)
    if account_email is None:
        return
    if isinstance(account_email, AccountSms):
        code = {"text": account_emails.CODE_TEXT, "verification_id": str(account_email.verification_id), "keep": False}
        _add_delivery(
            tx, message_id=message_id, user_id=account_email.user_id, channel="SMS", address=account_email.to, content=code
        )
        return
    content, link = account_emails.to_content(account_email, settings=tx.settings)
    if account_email.in_app:
        _add_notification(tx, account_email.user_id, event.TYPE, content, data={})
    email: dict[str, Any] = {
        "subject": content.subject,
        "text": rendering.text(content, name=account_email.name, event=None, settings=tx.settings, link=link),
        "html": rendering.html(content, name=account_email.name, event=None, settings=tx.settings, link=link),
        "keep": account_email.keep,
    }
    if account_email.token_id is not None:
        email["token_id"] = str(account_email.token_id)
    _add_delivery(
        tx, message_id=message_id, user_id=account_email.user_id, channel="EMAIL", address=account_email.to, content=email
    )


def _email_content(tx: Tx, content: NotificationContent, *, event: Event, name: str, to: str) -> dict[str, Any]:
    email: dict[str, Any] = {
        "subject": content.subject,
        "text": rendering.text(content, name=name, event=event, settings=tx.settings),
        "html": rendering.html(content, name=name, event=event, settings=tx.settings),
    }
    if content.calendar is not None and isinstance(event, BookingEvent):
        entry = rendering.calendar(content, event=event, to=to, settings=tx.settings)
        email["calendar"] = base64.b64encode(entry).decode()
        email["method"] = content.calendar
    return email


def lost(tx: Tx, *, message_id: str, event: Event) -> None:  # noqa: ARG001
    """What a message that is a dead letter now had still to send is GIVEN_UP, until an administrator sends it again."""
    repository.give_up(tx, message_id)


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
