"""What triggers share: the invocation id in logs, a queue message as an event, what becomes of one that fails, and the
outbox's timer."""

import contextlib
import functools
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import azure.functions as func

from shared import outbox, telemetry
from shared.api import prune_idempotency
from shared.errors import Unavailable
from shared.platform import platform
from shared.tx import Tx

log = logging.getLogger(__name__)
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
"""How long a delivery waits, in turn, for a component that is away. Service Bus delivers a failed message again at once
and makes it a dead letter after ten times: without this a failover of the database of a few seconds would lose everything
that is under way. Together below the lock's renewal (host.json, 5 minutes); ten deliveries outlast six minutes."""
NOT_OURS = uuid.UUID("6f0d3c5e-52f0-5c1b-9a3e-0b6a1f1f9b1d")
"""Namespace of the ids that dead letters get which never were rows of the outbox."""

bp = func.Blueprint()
F = TypeVar("F", bound=Callable[..., None])


def traced(handler: F) -> F:
    """Runs a handler that takes a `context` with its invocation id on every log line and span."""

    @functools.wraps(handler)
    def wrapper(**arguments: Any) -> None:
        context: func.Context = arguments["context"]
        storage = getattr(context, "thread_local_storage", None)
        telemetry.install_filter()
        with (
            telemetry.invocation(context.invocation_id, storage),
            telemetry.tracer.start_as_current_span(handler.__name__),
        ):
            handler(**arguments)

    return wrapper  # type: ignore[return-value]


def consumes(handler: F) -> F:
    """A queue's handler: `traced`; it waits in the delivery for a component that is away, and notes why it failed."""
    waiting = threading.Event()

    @functools.wraps(handler)
    def wrapper(**arguments: Any) -> None:
        for wait in (*WAITS_S, None):
            try:
                handler(**arguments)
                return
            except Unavailable as error:
                if wait is None or not platform().bus.relays:  # the embedded bus backs off by itself
                    _note(arguments["message"], error)
                    raise
                log.warning("waiting %.1f s: %s", wait, error.detail)
                waiting.wait(wait)
            except Exception as error:
                _note(arguments["message"], error)
                raise

    return traced(wrapper)  # type: ignore[return-value]


def _note(message: func.ServiceBusMessage, error: Exception) -> None:
    id = _outbox_id(message)
    if id is None or not platform().bus.relays:
        return
    text = f"{type(error).__name__}: {error}"
    with contextlib.suppress(Unavailable):  # it is for people to read; the failure itself is raised
        platform().transact(lambda tx: outbox.note_failure(tx.conn, id, error=text))


def _properties(message: func.ServiceBusMessage) -> dict[str, str]:
    return {
        key.decode() if isinstance(key, bytes) else key: value.decode() if isinstance(value, bytes) else str(value)
        for key, value in (message.application_properties or {}).items()
    }


def _outbox_id(message: func.ServiceBusMessage) -> uuid.UUID | None:
    """The outbox row a message came from, None where it is not one of ours."""
    try:
        return uuid.UUID(_properties(message).get("outbox_id") or message.message_id)
    except (ValueError, AttributeError, TypeError):
        return None


@dataclass(frozen=True)
class Event:
    """A message of ours, off a queue."""

    id: str
    type: str
    payload: dict[str, Any]


def received(message: func.ServiceBusMessage) -> Event:
    """The event in a message. Records how long it waited. Raises ValueError for what is not one of ours: after the
    last delivery it is a dead letter, visible and kept."""
    if not message.message_id or not message.subject:
        raise ValueError("message: must have a message_id and a subject")
    payload = json.loads(message.get_body())
    if not isinstance(payload, dict):
        raise ValueError(f"message {message.message_id}: the body must be a JSON object")
    properties = _properties(message)
    if "created_at" in properties:
        waited = platform().clock.now() - datetime.fromisoformat(str(properties["created_at"]))
        telemetry.queue_delay_ms.record(max(0.0, waited.total_seconds() * 1000), {"type": message.subject})
    return Event(properties.get("outbox_id") or message.message_id, message.subject, payload)


@bp.timer_trigger(arg_name="timer", schedule="*/10 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def relay_outbox(timer: func.TimerRequest, context: func.Context) -> None:
    """Every 10 seconds: sends what a commit left in the outbox, and prunes what is a week old."""
    platform().relay_outbox()
    platform().transact(prune_idempotency)


def _keep_dead(queue: str, message: func.ServiceBusMessage) -> None:
    properties = _properties(message)
    reason = message.dead_letter_reason or properties.get("DeadLetterReason") or "dead-lettered"
    why = message.dead_letter_error_description or properties.get("DeadLetterErrorDescription")
    body = message.get_body()
    try:
        payload = json.loads(body)
    except ValueError:
        payload = {"not_json": body.decode("utf-8", "replace")[:10_000]}
    id = _outbox_id(message) or uuid.uuid5(NOT_OURS, f"{queue} {message.message_id} {message.sequence_number}")

    def keep(tx: Tx) -> bool:
        return outbox.keep_dead(
            tx.conn, id, queue=queue, type=(message.subject or "unknown")[:64], payload=payload,
            deliveries=message.delivery_count or 0, reason=f"{reason}: {why}" if why else reason, now=tx.now,
        )  # fmt: skip

    if platform().transact(keep):
        log.error("message %s of %s is a dead letter: %s", id, queue, why or reason)


def _add_keeper(queue: str) -> None:
    @consumes
    def handler(message: func.ServiceBusMessage, context: func.Context) -> None:
        _keep_dead(queue, message)

    handler.__name__ = f"keep_dead_{queue.replace('-', '_')}"
    handler.__doc__ = f"Shows administrators what {queue} could not deliver."
    bp.service_bus_queue_trigger(
        arg_name="message", queue_name=f"{queue}/$DeadLetterQueue", connection="SERVICEBUS_CONNECTION_STRING"
    )(handler)


for _queue in outbox.QUEUES:
    _add_keeper(_queue)
