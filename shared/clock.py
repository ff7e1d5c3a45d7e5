"""The process clock, injected everywhere (JWT and schedules included); SQL `NOW()` is never used."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

LAST_SECOND = 253_402_300_799
"""Of the year 9999, the last that a datetime knows."""


def numeric_date(value: Any) -> float:
    """The seconds of the epoch that a token's claim says (NumericDate, RFC 7519, 2).

    Raises ValueError for what is no instant: text, true, NaN, 1e400, a number before 1970 or after the year 9999.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_SECOND:
        raise ValueError("must be a number of seconds since 1970")
    return value


class Clock(Protocol):
    """Tells the instant and measures deadlines."""

    def now(self) -> datetime:
        """The instant, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back, for deadlines and durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()


class ManualClock:
    """A clock that only moves when told: for tests and replays. Safe to share between threads."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("now: must be timezone-aware")
        self._now = now.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The instant it was last set to."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since the epoch of the set instant: deadlines pass only when the clock is moved."""
        return self.now().timestamp()

    def advance(self, step: timedelta) -> datetime:
        """Moves forward by `step` and returns the new instant."""
        with self._lock:
            self._now += step
            return self._now

    def jump(self, now: datetime) -> None:
        """Moves to `now`, never back."""
        with self._lock:
            if now < self._now:
                raise ValueError(f"now: {now} is before {self._now}")
            self._now = now.astimezone(UTC)
