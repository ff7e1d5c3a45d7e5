"""The short version of `make faults`: 32 clients over HTTP, two server processes, MariaDB, the broker, Azurite; a fight in
peace, and one in which everything is broken in turn. Every promise is checked after each."""

import gc
import os
from pathlib import Path

import pytest

from devhost.stack.process import Failed, NotThere
from tests.faults.cluster import Arena
from tests.faults.contention import Poison, Scenario, everything, nothing, run
from tests.faults.drivers import Driver

pytestmark = [
    pytest.mark.timeout(600),
    # What the SDKs leave when their server is killed: exceptions in their threads, sockets that nobody closes.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_every_promise_holds_in_peace_and_when_everything_breaks(tmp_path: Path) -> None:
    drivers: list[Driver] = []
    poison = Poison()
    arena = Arena(tmp_path)
    try:
        arena.__enter__()
    except (NotThere, Failed) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {error}")
        pytest.skip(str(error))
    try:
        peace = run(arena, Scenario("all well", nothing), attempts=192, drivers=drivers, poison=poison, hours=4)
        assert [str(item) for item in peace.broken] == []
        assert peace.seen["reserve 201"] > 0
        assert peace.seen["reserve 409 SLOT_TAKEN"] > 0, f"there was no contention: {peace.seen}"
        assert peace.seen["ask 202"] > 0
        war = run(arena, Scenario("everything", everything(kills=2)), attempts=256, drivers=drivers, poison=poison, hours=4)
        assert [str(item) for item in war.broken] == []
        assert war.retried > 0, "no answer was lost: nothing was broken in the middle"
        assert (peace.won + peace.refused, war.won + war.refused) == (peace.attempts, war.attempts)
    finally:
        arena.__exit__()
        gc.collect()  # here, and not in another test
