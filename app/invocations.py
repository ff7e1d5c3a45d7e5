"""What queue and timer functions share: the invocation id on every log line and span."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import azure.functions as func

from shared import telemetry

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
