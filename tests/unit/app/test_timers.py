"""NCRONTAB schedules on the kept scheduler, and what is known of a run."""

from datetime import UTC, datetime, timedelta

import pytest

from app.host.discovery import TimerTrigger
from app.host.timers import Timers, ncrontab
from shared.clock import ManualClock


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/10 * * * * *", "2026-03-02T08:00:01", "2026-03-02T08:00:10"),
        ("0 * * * * *", "2026-03-02T08:00:01", "2026-03-02T08:01:00"),
        ("0 */5 * * * *", "2026-03-02T08:01:00", "2026-03-02T08:05:00"),
        ("0 30 9 * * *", "2026-03-02T10:00:00", "2026-03-03T09:30:00"),
        ("0 0 9 * * 0", "2026-03-02T10:00:00", "2026-03-08T09:00:00"),
        ("0 0 9 * * 1", "2026-03-02T10:00:00", "2026-03-09T09:00:00"),
        ("0 0 9 * * 1-5", "2026-03-06T10:00:00", "2026-03-09T09:00:00"),
        ("0 0 0 1 1 *", "2026-03-02T10:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_ncrontab_counts_seconds_first_and_sunday_as_zero(schedule: str, after: str, expected: str) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert ncrontab(schedule).get_next_fire_time(None, start) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("schedule", ["* * * * *", "61 * * * * *", "every minute now and then ok"])
def test_a_wrong_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError):
        ncrontab(schedule)


def test_what_falls_due_between_two_instants_in_order(clock: ManualClock) -> None:
    timers = Timers((TimerTrigger("a", "0 * * * * *", lambda: None), TimerTrigger("b", "*/30 * * * * *", lambda: None)), clock)
    start = clock.now()
    due = timers.due_between(start, start + timedelta(minutes=1))
    assert [(int((at - start).total_seconds()), name) for at, name in due] == [(30, "b"), (60, "a"), (60, "b")]


def test_a_run_is_recorded_with_its_error(clock: ManualClock) -> None:
    def fails() -> None:
        clock.advance(timedelta(seconds=2))
        raise RuntimeError("no")

    timers = Timers((TimerTrigger("a", "0 * * * * *", fails),), clock)
    with pytest.raises(RuntimeError, match="no"):
        timers.run("a")
    assert timers.last["a"].error == "RuntimeError: no"
    assert timers.last["a"].took_s == 2
    assert timers.last["a"].runs == 1
