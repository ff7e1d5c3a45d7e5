"""Sweeps: each runs by its name under its timer function; one that fails stops no other, and is seen."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app import sweeps
from app.process import use_platform
from app.sweeps import HOURLY_MINUTE, SWEEPS, Cadence, Sweep
from shared.clock import ManualClock
from shared.platform import Platform

ran: list[str] = []


@pytest.fixture(autouse=True)
def process(platform: Platform) -> Iterator[None]:
    ran.clear()
    use_platform(platform)
    yield
    use_platform(None)


def note_first(platform: Platform) -> None:
    ran.append("first")


def note_second(platform: Platform) -> None:
    ran.append("second")


def fail(platform: Platform) -> None:
    ran.append("failing")
    raise ValueError("broken on purpose")


def stop(platform: Platform) -> None:
    platform.stopping.set()


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sweeps of each minute, the middle one broken, and an hourly one."""
    here = __name__
    table = {
        "first": Sweep(Cadence.EVERY_MINUTE, f"{here}:note_first"),
        "failing": Sweep(Cadence.EVERY_MINUTE, f"{here}:fail"),
        "second": Sweep(Cadence.HOURLY, f"{here}:note_second"),
    }
    monkeypatch.setattr(sweeps, "SWEEPS", table)
    monkeypatch.setattr(sweeps, "last_runs", {name: sweeps.LastRun() for name in table})
    monkeypatch.setattr(sweeps, "_locks", {name: threading.Lock() for name in table})


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_is_a_function_of_the_platform_and_runs_on_an_empty_one(platform: Platform, name: str) -> None:
    sweeps.run(name, platform)
    assert sweeps.last_runs[name].error is None
    assert sweeps.last_runs[name].at == platform.clock.now()


@pytest.mark.usefixtures("three")
def test_one_that_fails_stops_no_other_and_the_timer_counts_as_failed(platform: Platform, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=HOURLY_MINUTE))
    with pytest.raises(ExceptionGroup, match="every_minute: 1 sweeps failed"):
        sweeps.run_all(Cadence.EVERY_MINUTE, platform)
    assert ran == ["first", "failing", "second"]
    assert sweeps.last_runs["failing"].error == "ValueError: broken on purpose"
    assert sweeps.last_runs["second"].error is None


@pytest.mark.usefixtures("three")
def test_none_begins_once_the_platform_is_stopping(
    platform: Platform, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(timedelta(minutes=HOURLY_MINUTE))
    monkeypatch.setitem(sweeps.SWEEPS, "failing", Sweep(Cadence.EVERY_MINUTE, f"{__name__}:stop"))
    sweeps.run_all(Cadence.EVERY_MINUTE, platform)
    assert ran == ["first"]


@pytest.mark.usefixtures("three")
def test_the_hourly_ones_run_in_their_minute_alone(platform: Platform, clock: ManualClock) -> None:
    for _ in range(60):
        with pytest.raises(ExceptionGroup):
            sweeps.run_all(Cadence.EVERY_MINUTE, platform)
        clock.advance(timedelta(minutes=1))
    assert ran.count("first") == 60
    assert ran.count("second") == 1


def test_each_cadence_but_the_hourly_is_a_timer_function() -> None:
    from devhost.host.server import triggers

    names = {timer.name for timer in triggers().timers}
    assert names == {cadence.value for cadence in Cadence} - {Cadence.HOURLY.value}
    assert {sweep.cadence for sweep in SWEEPS.values()} == set(Cadence)
