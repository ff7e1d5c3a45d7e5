"""Spans, counters and histograms by the OpenTelemetry API, and logs that keep their invocation id in threads.

Azure Monitor receives them where its connection string is set; elsewhere the API's no-op provider (or a test's) does.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry import metrics, trace

from shared.identity import Identity
from shared.settings import Settings

tracer = trace.get_tracer("evcharging")
_meter = metrics.get_meter("evcharging")

requests = _meter.create_counter("evcharging.requests", "1", "HTTP requests by route, method and status")
request_ms = _meter.create_histogram("evcharging.request.duration", "ms", "Time an HTTP request took")
decisions = _meter.create_counter("evcharging.decisions", "1", "Charge requests decided, by policy, outcome and fallback")
shadows = _meter.create_counter("evcharging.shadows", "1", "Decisions a challenger scored too, by version and agreement")
queue_delay_ms = _meter.create_histogram("evcharging.queue.delay", "ms", "Time from outbox row to consumer, by queue")
sweep_ms = _meter.create_histogram("evcharging.sweep.duration", "ms", "Time a sweep took, by name and outcome")
model_ms = _meter.create_histogram("evcharging.model.latency", "ms", "Time the policy took to score one request")
claims_lost = _meter.create_counter("evcharging.claims.lost", "1", "Reservations that found their slot taken")
messages_sent = _meter.create_counter("evcharging.messages.sent", "1", "E-mails and SMS, by channel and outcome")
bookings = _meter.create_counter("evcharging.bookings", "1", "Bookings that came into a status, by status")
settled = _meter.create_counter("evcharging.settled", "1", "What sessions were billed, in the currency's smallest unit")
pool_wait_ms = _meter.create_histogram("evcharging.db.pool.waiting", "ms", "Time until a connection of the pool was free")
outbox_waiting = _meter.create_gauge("evcharging.outbox.waiting", "1", "Messages that are due and have not left, by queue")
outbox_age_s = _meter.create_gauge("evcharging.outbox.age", "s", "How long the oldest of them is due, by queue")
feeds_silent = _meter.create_gauge("evcharging.feeds.silent", "1", "Feeds of stations that are silent")


security = logging.getLogger("evcharging.security")
"""Who signed in and who was refused, with from where: what somebody looks at after an attack. No names, addresses of mail or
secrets."""


@dataclass(frozen=True)
class Invocation:
    """The request or message being worked on; `storage` is the Functions worker's thread-local, None elsewhere."""

    id: str
    storage: Any = None


_current: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


@contextmanager
def invocation(invocation_id: str, storage: Any = None) -> Iterator[None]:
    """Everything logged inside, in this thread or one it hands its context to, carries `invocation_id`."""
    token = _current.set(Invocation(invocation_id, storage))
    try:
        yield
    finally:
        _current.reset(token)


def invocation_id() -> str | None:
    """The id of the current invocation."""
    current = _current.get()
    return current.id if current else None


class InvocationFilter(logging.Filter):
    """Stamps records with the invocation id, and tells the Functions worker which invocation this thread works for.

    The worker attributes a log line by a thread-local that a pool thread does not have.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        current = _current.get()
        record.invocation_id = current.id if current else None
        if current is not None and current.storage is not None:
            current.storage.invocation_id = current.id
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, invocation, exception, and the record's `extra` members."""

    _plain = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "invocation_id", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if getattr(record, "invocation_id", None):
            line["invocation_id"] = record.invocation_id  # type: ignore[attr-defined]
        line |= {key: value for key, value in vars(record).items() if key not in self._plain}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


NOISY = ("alembic", "apscheduler", "azure", "httpx", "httpx2", "stripe", "uamqp", "urllib3", "uvicorn")
"""Loggers of libraries that tell of each call of theirs: of them warnings are kept."""


def quieten(level: str) -> None:
    """Sets the level of what is logged, for a Functions worker and everywhere else alike."""
    logging.getLogger().setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def install_filter() -> None:
    """Puts the invocation filter on every root handler. Safe to call again.

    On handlers, not on the logger: records of child loggers pass only the handlers' filters.
    """
    for handler in logging.getLogger().handlers:
        if not any(isinstance(existing, InvocationFilter) for existing in handler.filters):
            handler.addFilter(InvocationFilter())


def configure_logging(level: str, *, formatter: logging.Formatter | None = None) -> None:
    """Logging of a process that is not a Functions worker: to standard error, JSON lines by default."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter or JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    quieten(level)
    install_filter()


UNUSED = ("azure_sdk", "django", "fastapi", "flask", "httpx", "httpx2", "logging", "psycopg2", "requests", "urllib", "urllib3")
"""What the distribution would instrument by itself: rows beside the host's own, and spans that nobody reads."""


def start(settings: Settings, identity: Identity) -> threading.Thread | None:
    """Sets the log level, and connects Azure Monitor where a connection string is set: in a thread, since it takes most of a
    second that is not the first caller's. What happens meanwhile is not counted. Returns the thread."""
    quieten(settings.log_level)
    if settings.applicationinsights_connection_string is None:
        return None
    thread = threading.Thread(target=connect, args=(settings, identity), name="telemetry", daemon=True)
    thread.start()
    return thread


def connect(settings: Settings, identity: Identity) -> None:
    """Sends spans (a share of them) and metrics to Azure Monitor. Logs go there by the Functions host alone, once."""
    if settings.applicationinsights_connection_string is None:
        raise ValueError("APPLICATIONINSIGHTS_CONNECTION_STRING: must be set")
    from azure.monitor.opentelemetry import configure_azure_monitor

    # The distribution takes this word from the environment alone: its own argument disable_logging is overwritten.
    os.environ["OTEL_LOGS_EXPORTER"] = "none"
    configure_azure_monitor(
        connection_string=settings.applicationinsights_connection_string.get_secret_value(),
        credential=identity.credential if settings.azure_client_id is not None else None,
        enable_live_metrics=False,
        enable_performance_counters=False,
        sampling_ratio=settings.trace_sampling_ratio,
        instrumentation_options={name: {"enabled": False} for name in UNUSED},
    )
