"""Timers: NCRONTAB schedules on APScheduler, one run at a time each, with what is known of the last run."""

import logging
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from app.host.discovery import TimerTrigger
from shared.clock import Clock

log = logging.getLogger(__name__)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def ncrontab(expression: str) -> CronTrigger:
    """An NCRONTAB expression (second minute hour day month weekday, Sunday is 0) as a trigger. Raises ValueError."""
    fields = expression.split()
    if len(fields) != 6:
        raise ValueError(f"schedule: {expression!r} must have six fields: second minute hour day month weekday")
    second, minute, hour, day, month, weekday = fields
    # APScheduler's numbers begin on Monday; names mean the same in both. Steps (*/2) are no weekday numbers.
    named = re.sub(r"(?<![/\d])\b[0-7]\b", lambda match: DAYS[int(match.group())], weekday)
    return CronTrigger(second=second, minute=minute, hour=hour, day=day, month=month, day_of_week=named, timezone=UTC)


@dataclass
class LastRun:
    """How a timer's latest run went; `took_s` seconds."""

    at: datetime | None = None
    took_s: float | None = None
    error: str | None = None
    runs: int = 0


class Timers:
    """Runs timers by the machine's clock (`start`), or step by step by another (`run_due`)."""

    def __init__(self, timers: tuple[TimerTrigger, ...], clock: Clock) -> None:
        self.timers = {timer.name: timer for timer in timers}
        self.last = {timer.name: LastRun() for timer in timers}
        self._triggers = {timer.name: ncrontab(timer.schedule) for timer in timers}
        self._locks = {timer.name: threading.Lock() for timer in timers}
        self._clock = clock
        self._scheduler: Any = None

    def start(self) -> None:
        """Runs each on its schedule from now on; runs that were missed are made up once."""
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
        )
        for name, trigger in self._triggers.items():
            self._scheduler.add_job(self._run_logged, trigger, args=[name], id=name)
        self._scheduler.start()

    def stop(self) -> None:
        """Waits for running ones and ends."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
            self._scheduler = None

    def run(self, name: str) -> None:
        """Runs one now; waits where it is running already. What it raises is recorded, and raised."""
        last = self.last[name]
        with self._locks[name]:
            begun = self._clock.monotonic()
            last.at, last.runs, last.error = self._clock.now(), last.runs + 1, None
            try:
                self.timers[name].run()
            except Exception as error:
                last.error = f"{type(error).__name__}: {error}"
                raise
            finally:
                last.took_s = self._clock.monotonic() - begun

    def _run_logged(self, name: str) -> None:
        try:
            self.run(name)
        except Exception as error:  # noqa: BLE001 - the next run must come; the error is kept and shown on /dev
            log.error("timer %s failed: %s", name, error)

    def next_run(self, name: str, after: datetime) -> datetime:
        """When a timer is due next."""
        next_run: datetime = self._triggers[name].get_next_fire_time(None, after)
        return next_run

    def due_between(
        self, after: datetime, until: datetime, *, only: frozenset[str] | None = None
    ) -> list[tuple[datetime, str]]:
        """What falls due in (after, until], in order."""
        due = []
        for name in self.timers if only is None else only:
            due_at = self.next_run(name, after + timedelta(microseconds=1))
            while due_at <= until:
                due.append((due_at, name))
                due_at = self.next_run(name, due_at + timedelta(microseconds=1))
        return sorted(due)
