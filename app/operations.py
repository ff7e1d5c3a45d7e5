"""What keeps messages moving: the outbox's relay, forgotten keys, and dead letters kept where administrators see them."""

import json
import logging
import uuid
from typing import Any

import azure.functions as func

from shared import outbox, telemetry
from shared.platform import Platform
from shared.tx import Tx
from shared.web import idempotency

log = logging.getLogger(__name__)
NOT_OURS = uuid.UUID("6f0d3c5e-52f0-5c1b-9a3e-0b6a1f1f9b1d")
"""Namespace of the ids that dead letters get which never were rows of the outbox."""


def relay_outbox(platform: Platform) -> int:
    """Sends what a commit left in the outbox, and prunes what is a week old. Returns how many were sent.

    What is due and waits on is measured, before it is tried: whether Service Bus is away or nobody delivers.
    """
    now = platform.clock.now()
    for queue, (count, oldest) in platform.database.read(lambda conn: outbox.waiting(conn, now=now)).items():
        telemetry.outbox_waiting.set(count, {"queue": queue})
        telemetry.outbox_age_s.set(0.0 if oldest is None else (now - oldest).total_seconds(), {"queue": queue})
    return platform.relay_outbox()


def prune_idempotency(platform: Platform) -> int:
    """Forgets Idempotency-Keys that are a week old. Returns how many."""
    return platform.transact(idempotency.prune_idempotency)


def as_received(message: Any) -> func.ServiceBusMessage:
    """A message of the SDK as the Functions worker would hand it over."""
    from azure.functions.servicebus import ServiceBusMessage

    body = message.body
    content = body if isinstance(body, bytes) else b"".join(body)
    return ServiceBusMessage(
        body=content,
        message_id=message.message_id,
        subject=message.subject,
        content_type=message.content_type,
        delivery_count=(message.delivery_count or 0) + 1,
        enqueued_time_utc=message.enqueued_time_utc,
        application_properties=message.application_properties or {},
        dead_letter_reason=message.dead_letter_reason,
        dead_letter_error_description=message.dead_letter_error_description,
        sequence_number=message.sequence_number,
        user_properties={},
    )


def keep_dead_letters(platform: Platform) -> int:
    """Keeps what Service Bus gave up on in any queue. Returns how many. Raises Unavailable where it is away."""

    def keep(queue: str, message: Any) -> None:
        keep_dead_letter(platform, queue, as_received(message))

    return platform.bus.drain_dead_letters(outbox.QUEUES, keep)


def properties_of(message: func.ServiceBusMessage) -> dict[str, str]:
    """A message's application properties as text; the SDK gives bytes."""
    return {
        key.decode() if isinstance(key, bytes) else key: value.decode() if isinstance(value, bytes) else str(value)
        for key, value in (message.application_properties or {}).items()
    }


def outbox_id_of(message: func.ServiceBusMessage) -> uuid.UUID | None:
    """The outbox row a message came from, None where it is not one of ours."""
    try:
        return uuid.UUID(properties_of(message).get("outbox_id") or message.message_id)
    except (ValueError, AttributeError, TypeError):
        return None


def keep_dead_letter(platform: Platform, queue: str, message: func.ServiceBusMessage) -> None:
    """Keeps what the bus gave up on, once, as a dead letter that administrators see; whoever waits for it is told."""
    from app import subscriptions

    properties = properties_of(message)
    reason = message.dead_letter_reason or properties.get("DeadLetterReason") or "dead-lettered"
    why = message.dead_letter_error_description or properties.get("DeadLetterErrorDescription")
    body = message.get_body()
    try:
        payload = json.loads(body)
    except ValueError:
        payload = {"not_json": body.decode("utf-8", "replace")[:10_000]}
    message_id = outbox_id_of(message) or uuid.uuid5(NOT_OURS, f"{queue} {message.message_id} {message.sequence_number}")

    event_type = (message.subject or "unknown")[:64]

    def keep(tx: Tx) -> bool:
        kept = outbox.keep_dead(
            tx.conn,
            message_id,
            queue=queue,
            event_type=event_type,
            payload=payload,
            deliveries=message.delivery_count or 0,
            reason=f"{reason}: {why}" if why else reason,
            now=tx.now,
        )
        if kept:
            subscriptions.lose(tx, queue=queue, message_id=str(message_id), event_type=event_type, payload=payload)
        return kept

    if platform.transact(keep):
        log.error("message %s of %s is a dead letter: %s", message_id, queue, why or reason)


def bury(tx: Tx, message: outbox.Message, *, error: str) -> None:
    """Makes a message of the embedded bus that failed too often a dead letter; whoever waits for it is told."""
    from app import subscriptions

    outbox.dead_letter(tx.conn, message.id, error=error, now=tx.now)
    subscriptions.lose(tx, queue=message.queue, message_id=str(message.id), event_type=message.type, payload=message.payload)
