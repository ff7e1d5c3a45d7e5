"""The short version of `make promise`: two hours and a half of a busy night in which the clocks go back, on MariaDB, broker and
two servers, with faults, no-shows, overstays, walk-ins, waiting drivers, and processes killed."""

import gc
import os
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.stack.process import ComponentError, ComponentMissingError
from tests.promise import picture
from tests.promise.day import AUTUMN, BusyDay, DayOptions, cluster_of
from tests.promise.ledger import Fate, fates, table
from tests.promise.people import Manner

pytestmark = [
    pytest.mark.timeout(900),
    # What the SDKs leave when their server is killed: exceptions in their threads, sockets that nobody closes.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OPTIONS = DayOptions(
    begin=AUTUMN + timedelta(hours=4), hours=2.5, places=3, drivers=24, bookings_an_hour=24, kills=2, step_minutes=3
)
INJECTED = ("charger breaks", "site breaks", "server killed", "walk-in", "session without a booking", "waitlist entry")


def test_a_busy_night_is_kept_or_told(tmp_path: Path) -> None:
    cluster = cluster_of(tmp_path, OPTIONS.begin)
    try:
        cluster.__enter__()
    except (ComponentMissingError, ComponentError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {error}")
        pytest.skip(str(error))
    try:
        result = BusyDay(cluster, OPTIONS).run()
        assert [f"{instant:%H:%M} {violation}" for instant, violation in result.violations] == []
        for kind in (*INJECTED, f"driver {Manner.NEVER}", f"driver {Manner.STAYS}"):
            assert result.injected[kind] > 0, f"nothing of it was injected: {kind}; {result.injected}"
        assert fates(result)[Fate.KEPT] > 0
        assert table(result).row_count > 0
        picture.draw(result, tmp_path / "promise.png")
        assert (tmp_path / "promise.png").stat().st_size > 0
    finally:
        cluster.__exit__()
        gc.collect()  # here, and not in another test
