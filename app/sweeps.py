"""Sweeps: what the clock starts, by name. Four timer functions run them in turn (app/timers.py).

A sweep's function is imported when it first runs: numpy alone takes a tenth of a start, and an instance that serves HTTP never
sweeps.
"""

import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared import telemetry
from shared.platform import Platform

log = logging.getLogger(__name__)


class Cadence(StrEnum):
    """How often a sweep runs. Each but HOURLY is a timer function of its own; the hourly ones run with a minute's."""

    EVERY_TEN_SECONDS = "every_ten_seconds"
    EVERY_MINUTE = "every_minute"
    HOURLY = "hourly"
    EVERY_FIVE_MINUTES = "every_five_minutes"
    NIGHTLY = "nightly"


HOURLY_MINUTE = 7
"""The minute of the hour in which the hourly sweeps run, by the platform's clock."""


@dataclass(frozen=True)
class Sweep:
    """A function of one argument, the platform, and how often it runs. `function` is `module:name`."""

    cadence: Cadence
    function: str

    def load(self) -> Callable[[Platform], Any]:
        """The function itself."""
        module, _, name = self.function.partition(":")
        loaded: Callable[[Platform], Any] = getattr(importlib.import_module(module), name)
        return loaded


SWEEPS: dict[str, Sweep] = {
    "relay_outbox": Sweep(Cadence.EVERY_TEN_SECONDS, "app.operations:relay_outbox"),
    "prune_idempotency": Sweep(Cadence.EVERY_TEN_SECONDS, "app.operations:prune_idempotency"),
    "keep_dead_letters": Sweep(Cadence.EVERY_MINUTE, "app.operations:keep_dead_letters"),
    "release_expired_holds": Sweep(Cadence.EVERY_MINUTE, "functions.booking.sweeps:release_expired_holds"),
    "watch_sessions": Sweep(Cadence.EVERY_MINUTE, "functions.booking.overstay:watch_sessions"),
    "release_unpaid": Sweep(Cadence.EVERY_MINUTE, "functions.payments.sweeps:release_unpaid"),
    "sweep_no_shows": Sweep(Cadence.EVERY_MINUTE, "functions.booking.sweeps:sweep_no_shows"),
    "rehouse_bookings": Sweep(Cadence.EVERY_MINUTE, "functions.booking.outages:rehouse_bookings"),
    "relocate_bookings": Sweep(Cadence.EVERY_MINUTE, "functions.relocation.service:relocate_bookings"),
    "assign_evses": Sweep(Cadence.EVERY_MINUTE, "functions.booking.sweeps:assign_evses"),
    "end_waits": Sweep(Cadence.EVERY_MINUTE, "functions.waitlist.service:end_waits"),
    "offer_places": Sweep(Cadence.EVERY_MINUTE, "functions.waitlist.offering:offer_places"),
    "fail_overdue_requests": Sweep(Cadence.EVERY_MINUTE, "functions.optimizer.outcomes:fail_overdue_requests"),
    "mark_stale_feeds": Sweep(Cadence.EVERY_MINUTE, "functions.stations.feed.silence:mark_stale_feeds"),
    "prune_accounts": Sweep(Cadence.HOURLY, "functions.accounts.sweeps:prune_accounts"),
    "authorise_upcoming": Sweep(Cadence.EVERY_FIVE_MINUTES, "functions.payments.sweeps:authorise_upcoming"),
    "resume_payments": Sweep(Cadence.EVERY_FIVE_MINUTES, "functions.payments.sweeps:resume_payments"),
    "check_ledger": Sweep(Cadence.HOURLY, "functions.payments.ledger.checks:check_ledger"),
    "forecast_availability": Sweep(Cadence.EVERY_FIVE_MINUTES, "functions.forecast.sweep:forecast_availability"),
    "write_price_steps": Sweep(Cadence.EVERY_FIVE_MINUTES, "functions.forecast.prices:write_price_steps"),
    "prune_status_history": Sweep(Cadence.NIGHTLY, "functions.stations.feed.silence:prune_status_history"),
    "export_decisions": Sweep(Cadence.NIGHTLY, "functions.optimizer.retention:export_decisions"),
    "prune_provider_events": Sweep(Cadence.NIGHTLY, "functions.payments.sweeps:prune_provider_events"),
    "prune_messages": Sweep(Cadence.NIGHTLY, "functions.notify.retention:prune_messages"),
    "prune_claims": Sweep(Cadence.NIGHTLY, "functions.booking.retention:prune_claims"),
    "sweep_photos": Sweep(Cadence.NIGHTLY, "functions.operators.photos:sweep_photos"),
    "roll_up_days": Sweep(Cadence.NIGHTLY, "functions.operators.summaries:roll_up_days"),
}
"""In the order in which those of one cadence run: a place that becomes free is free for the next."""


@dataclass
class LastRun:
    """How a sweep's latest run in this process went; `took_s` seconds."""

    at: datetime | None = None
    took_s: float | None = None
    error: str | None = None
    runs: int = 0


last_runs: dict[str, LastRun] = {name: LastRun() for name in SWEEPS}
_locks = {name: threading.Lock() for name in SWEEPS}


def run(name: str, platform: Platform) -> None:
    """Runs one sweep: one at a time in a process, timed, spanned, and its last run noted. Raises what it raises."""
    last = last_runs[name]
    with _locks[name], telemetry.tracer.start_as_current_span(name):
        begun = platform.clock.monotonic()
        last.at, last.runs, last.error = platform.clock.now(), last.runs + 1, None
        try:
            SWEEPS[name].load()(platform)
        except Exception as error:
            last.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            last.took_s = platform.clock.monotonic() - begun
            labels = {"sweep": name, "outcome": "FAILED" if last.error else "DONE"}
            telemetry.sweep_ms.record(last.took_s * 1000, labels)


def run_all(cadence: Cadence, platform: Platform) -> None:
    """Runs the sweeps of a cadence in turn; those of each minute include the hourly ones in their minute.

    One that fails does not stop the others; none begins once the platform is stopping. Raises an ExceptionGroup of what failed,
    so that the timer function counts as failed.
    """
    cadences = {cadence}
    if cadence is Cadence.EVERY_MINUTE and platform.clock.now().minute == HOURLY_MINUTE:
        cadences.add(Cadence.HOURLY)
    errors: list[Exception] = []
    for name, sweep in SWEEPS.items():
        if sweep.cadence not in cadences:
            continue
        if platform.stopping.is_set():
            log.info("stopping: %s and what follows it wait for the next run", name)
            break
        try:
            run(name, platform)
        except Exception as error:
            log.exception("sweep %s failed", name)
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{cadence}: {len(errors)} sweeps failed", errors)
