"""What queue and timer functions share: the invocation id on every log line and span."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import azure.functions as func
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

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
            telemetry.tracer.start_as_current_span(
                handler.__name__, context=_parent(context), attributes={"faas.invocation_id": context.invocation_id}
            ),
        ):
            handler(**arguments)

    return wrapper  # type: ignore[return-value]


def _parent(context: func.Context) -> Context | None:
    """The host's own span of the invocation, under which ours stands. None where it told of none."""
    trace = getattr(context, "trace_context", None)
    traceparent = getattr(trace, "trace_parent", None)
    if not isinstance(traceparent, str):
        return None
    carrier = {"traceparent": traceparent, "tracestate": getattr(trace, "trace_state", None) or ""}
    return TraceContextTextMapPropagator().extract(carrier)
