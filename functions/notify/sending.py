"""Deliveries on their way out: sent once, unless a later word has overtaken them."""

import base64
import logging
from functools import partial
from typing import Any

from functions.notify import account_emails, order, repository, sms_budget
from functions.notify.events import MessageDue
from functions.notify.records import NotificationDelivery, new_delivery
from shared import telemetry
from shared.adapters.email import Attachment, Email
from shared.adapters.sms import Sms
from shared.errors import Unavailable, Undeliverable
from shared.events import Event
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


def handle(platform: Platform, *, consumer: str, message_id: str, event: Event) -> None:  # noqa: ARG001
    """Sends what was held for a moment. Raises Unavailable while a service is away, so that the bus delivers again."""
    assert isinstance(event, MessageDue)
    send_open(platform, event.message_id)


def lost(tx: Tx, *, message_id: str, event: Event) -> None:  # noqa: ARG001
    """What was held and whose time came in vain is GIVEN_UP, until an administrator sends it again."""
    assert isinstance(event, MessageDue)
    repository.give_up(tx, event.message_id)


def send_open(platform: Platform, message_id: str) -> None:
    """Sends what a message has to send and is not held, each once for ever. Raises Unavailable while a service is away."""
    unavailable: Unavailable | None = None
    deliveries = platform.read(lambda tx: repository.pending(tx, message_id))
    for delivery in deliveries:
        if not _goes_out(platform, delivery):
            continue
        instead = None
        try:
            _send(platform, delivery)
            status, error = "SENT", None
        except Undeliverable as refused:
            log.warning("delivery %s refused: %s", delivery.id, refused.detail)
            status, error = "FAILED", refused.detail
            instead = _instead(platform, delivery)
        except Unavailable as away:
            unavailable, status, error = away, "PENDING", away.detail
        telemetry.messages_sent.add(1, {"channel": delivery.channel, "outcome": status})
        platform.transact(partial(_settle, delivery=delivery, status=status, error=error, instead=instead))
        if instead is not None:
            deliveries.append(instead)
    if unavailable is not None:
        raise unavailable


def _settle(
    tx: Tx, *, delivery: NotificationDelivery, status: str, error: str | None, instead: NotificationDelivery | None
) -> None:
    forget = status != "PENDING" and not delivery.content.get("keep", True)
    repository.settle(tx, delivery.id, status=status, error=error, forget=forget)
    if instead is not None:
        repository.add_delivery(tx, instead)


def _goes_out(platform: Platform, delivery: NotificationDelivery) -> bool:
    """Whether a delivery is still the last word on its subject. From now on something of that has gone outside."""
    if delivery.subject is None:
        return True
    subjects = order.subjects_over(delivery.subject)
    told = platform.read(lambda tx: [repository.told_of(tx, delivery.user_id, subject) for subject in subjects])
    if told[0] is not None and told[0].outside and not any(one and delivery.overtaken(one.revision) for one in told):
        return True
    return platform.transact(partial(_claim, delivery=delivery, subjects=subjects))


def _claim(tx: Tx, *, delivery: NotificationDelivery, subjects: tuple[str, ...]) -> bool:
    told = [repository.lock_told(tx, delivery.user_id, subject) for subject in subjects]
    if any(delivery.overtaken(one.revision) for one in told):
        log.info("delivery %s is not sent: a later word on %s was said", delivery.id, delivery.subject)
        repository.settle(tx, delivery.id, status="DROPPED")
        return False
    repository.set_told(tx, delivery.user_id, subjects[0], told[0].gone_outside())
    return True


def _instead(platform: Platform, delivery: NotificationDelivery) -> NotificationDelivery | None:
    """The e-mail in place of an urgent SMS that was refused."""
    otherwise: dict[str, Any] | None = delivery.content.get("otherwise")
    if otherwise is None:
        return None
    return new_delivery(
        delivery.message_id,
        delivery.user_id,
        channel="EMAIL",
        address=otherwise["address"],
        content=otherwise["content"],
        now=platform.clock.now(),
        subject=delivery.subject,
        revision=delivery.revision,
    )


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
