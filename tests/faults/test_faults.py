"""The short version of `make faults`: one contention scenario without faults, and one where everything is broken in turn.

32 clients over HTTP, two server processes, MariaDB, the broker and Azurite; every invariant is checked after each.
"""

import gc
import os
from pathlib import Path

import pytest

from devhost.stack.process import ComponentError, ComponentMissingError
from tests.faults.cluster import Cluster
from tests.faults.contention import FaultScenario, Poison, everything, nothing, run
from tests.faults.drivers import ContendingDriver

pytestmark = [
    pytest.mark.timeout(600),
    # What the SDKs leave when their server is killed: exceptions in their threads, sockets that nobody closes.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_every_invariant_holds_without_faults_and_when_everything_breaks(tmp_path: Path) -> None:
    drivers: list[ContendingDriver] = []
    poison = Poison()
    cluster = Cluster(tmp_path)
    try:
        cluster.__enter__()
    except (ComponentMissingError, ComponentError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {error}")
        pytest.skip(str(error))
    try:
        undisturbed = run(cluster, FaultScenario("all well", nothing), attempts=192, drivers=drivers, poison=poison, hours=4)
        assert [str(item) for item in undisturbed.violations] == []
        assert undisturbed.seen["reserve 201"] > 0
        assert undisturbed.seen["reserve 409 SLOT_TAKEN"] > 0, f"there was no contention: {undisturbed.seen}"
        assert undisturbed.seen["ask 202"] > 0
        disturbed = run(
            cluster, FaultScenario("everything", everything(kills=2)), attempts=256, drivers=drivers, poison=poison, hours=4
        )
        assert [str(item) for item in disturbed.violations] == []
        assert disturbed.retried > 0, "no answer was lost: nothing was broken in the middle"
        assert (undisturbed.won + undisturbed.refused, disturbed.won + disturbed.refused) == (
            undisturbed.attempts,
            disturbed.attempts,
        )
    finally:
        cluster.__exit__()
        gc.collect()  # here, and not in another test
