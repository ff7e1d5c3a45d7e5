"""The queue functions, one a queue. A message goes to the handlers that subscribe to its event on that queue
(app/subscriptions.py); what the bus gives up on is kept by a sweep (app/operations.py)."""

import contextlib
import functools
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import azure.functions as func

from app.invocations import traced
from app.operations import outbox_id_of, properties_of
from app.process import platform
from shared import outbox, telemetry
from shared.errors import Unavailable

log = logging.getLogger(__name__)
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
"""How long a delivery waits, in turn, for a component that is away. Service Bus delivers a failed message again at once
and makes it a dead letter after ten times: without this a failover of the database of a few seconds would lose everything
that is under way. Together below the lock's renewal (host.json, 5 minutes); ten deliveries outlast six minutes."""
FUNCTIONS = {
    outbox.CHARGE_REQUESTS: "optimize_charge_request",
    outbox.NOTIFY: "send_notifications",
    outbox.PAYMENTS: "post_payments",
}
"""The names of the functions of the first queues, as the Functions host lists them, and of one whose name an HTTP function
has; a later one is called as its queue."""

bp = func.Blueprint()
F = TypeVar("F", bound=Callable[..., None])


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
                    _note_failure(arguments["message"], error)
                    raise
                log.warning("waiting %.1f s: %s", wait, error.detail)
                waiting.wait(wait)
            except Exception as error:
                _note_failure(arguments["message"], error)
                raise

    return traced(wrapper)  # type: ignore[return-value]


def _note_failure(message: func.ServiceBusMessage, error: Exception) -> None:
    outbox_id = outbox_id_of(message)
    if outbox_id is None or not platform().bus.relays:
        return
    text = f"{type(error).__name__}: {error}"
    with contextlib.suppress(Unavailable):  # it is for people to read; the failure itself is raised
        platform().transact(lambda tx: outbox.note_failure(tx.conn, outbox_id, error=text))


@dataclass(frozen=True)
class ReceivedMessage:
    """A message of ours, off a queue."""

    message_id: str
    """It stays the same however often the message is delivered."""
    event_type: str
    """The event's TYPE."""
    payload: dict[str, Any]


def received(message: func.ServiceBusMessage) -> ReceivedMessage:
    """What a message says. Records how long it waited.

    Raises ValueError for what is not one of ours: after the last delivery it is a dead letter, visible and kept.
    """
    if not message.message_id or not message.subject:
        raise ValueError("message: must have a message_id and a subject")
    payload = json.loads(message.get_body())
    if not isinstance(payload, dict):
        raise ValueError(f"message {message.message_id}: the body must be a JSON object")
    properties = properties_of(message)
    if "due_at" in properties:
        waited = platform().clock.now() - datetime.fromisoformat(properties["due_at"])
        telemetry.queue_delay_ms.record(max(0.0, waited.total_seconds() * 1000), {"type": message.subject})
    return ReceivedMessage(properties.get("outbox_id") or message.message_id, message.subject, payload)


def _add_queue(queue: str, name: str) -> None:
    @consumes
    def handler(message: func.ServiceBusMessage, context: func.Context) -> None:
        from app import subscriptions

        subscriptions.dispatch(platform(), queue=queue, **vars(received(message)))

    handler.__name__ = name
    handler.__doc__ = f"Runs the handlers of one event of {queue}."
    bp.service_bus_queue_trigger(arg_name="message", queue_name=queue, connection="SERVICEBUS")(handler)


for _queue in outbox.QUEUES:
    _add_queue(_queue, FUNCTIONS.get(_queue, _queue.replace("-", "_")))
