"""What triggers share: the invocation id in logs, a queue message as an event, and the outbox's timer."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import azure.functions as func

from shared import telemetry
from shared.api import prune_idempotency
from shared.platform import platform

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
    properties = {
        key.decode() if isinstance(key, bytes) else key: value.decode() if isinstance(value, bytes) else value
        for key, value in (message.application_properties or {}).items()
    }
    if "created_at" in properties:
        waited = platform().clock.now() - datetime.fromisoformat(str(properties["created_at"]))
        telemetry.queue_delay_ms.record(max(0.0, waited.total_seconds() * 1000), {"type": message.subject})
    return Event(message.message_id, message.subject, payload)


@bp.timer_trigger(arg_name="timer", schedule="*/10 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def relay_outbox(timer: func.TimerRequest, context: func.Context) -> None:
    """Every 10 seconds: sends what a commit left in the outbox, and prunes what is a week old."""
    platform().relay_outbox()
    platform().transact(prune_idempotency)
