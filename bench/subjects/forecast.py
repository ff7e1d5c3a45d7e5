"""One run of the forecast's timer over many locations on an embedded database: seconds of one core, and how much memory it
takes.  `python -m bench.subjects.forecast [--locations 10000]`

Each location has four points of two classes and a feed; states change between runs. The measured runs are of the steady
state: memories exist, forecasts are compared with what came true and deleted.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import sqlalchemy as sa
import typer

from app.migrate import upgrade
from app.process import make_platform
from bench.harness.results import Figure, record
from functions.forecast.model import FORECAST
from functions.forecast.sweep import SweepResult, forecast_availability
from functions.forecast.tables import forecast
from functions.optimizer.models.registry import install_shipped
from functions.stations import service as stations
from functions.stations.domain import Connector, LocationRecord
from functions.stations.feed.tables import evse_feed, evse_status_change, location_feed
from functions.stations.tables import evse
from shared.clock import ManualClock
from shared.db import new_id
from shared.settings import Settings
from shared.tx import Tx

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WARM_UP, MEASURED = 12, 3
CHANGING = 0.05
"""Share of the points that change between two runs: about what Dundee's do."""


def locations(count: int) -> list[LocationRecord]:
    """Locations of two 22 kW and two 50 kW points."""
    plugs = [("IEC_62196_T2", "AC_3_PHASE", 22.0)] * 2 + [("IEC_62196_T2_COMBO", "DC", 50.0)] * 2
    points = tuple((f"E{index}", (Connector("1", kind, "CABLE", power, kw),)) for index, (kind, power, kw) in enumerate(plugs))
    return [
        LocationRecord(
            external_id=str(number),
            name=f"Location {number}",
            address="-",
            city="-",
            country="NLD",
            latitude=50 + number % 100 / 50,
            longitude=4 + number // 100 / 50,
            time_zone="Europe/Amsterdam",
            currency="EUR",
            opening_times=None,
            evses=points,
        )
        for number in range(count)
    ]


def feed_begins(tx: Tx, ids: list[object]) -> None:
    """Every point reports."""
    rows = [(row.id, row.location_id) for row in tx.execute(sa.select(evse.c.id, evse.c.location_id))]
    tx.execute(
        sa.insert(location_feed),
        [{"location_id": location_id, "heard_at": tx.now, "silent_since": None} for location_id in ids],
    )
    feed_state = {"status": "AVAILABLE", "last_updated": tx.now, "received_at": tx.now, "unknown_since": None}
    feed_state |= {"window_start": tx.now, "window_count": 1}
    tx.execute(
        sa.insert(evse_feed), [{"evse_id": evse_id, "location_id": location_id} | feed_state for evse_id, location_id in rows]
    )


def states_change(tx: Tx, rng: np.random.Generator) -> None:
    """Some cars come and go, as the feed would have written it."""
    rows = [(row.id, row.status) for row in tx.execute(sa.select(evse.c.id, evse.c.status))]
    changed = [
        (evse_id, old, "CHARGING" if old == "AVAILABLE" else "AVAILABLE") for evse_id, old in rows if rng.random() < CHANGING
    ]
    for status in ("CHARGING", "AVAILABLE"):
        ids = [evse_id for evse_id, _, new in changed if new == status]
        for begin in range(0, len(ids), 500):
            tx.execute(sa.update(evse).where(evse.c.id.in_(ids[begin : begin + 500])).values(status=status))
    history = [
        {"evse_id": evse_id, "at": tx.now - timedelta(minutes=2), "status": new, "previous": old}
        for evse_id, old, new in changed
    ]
    tx.execute(sa.insert(evse_status_change), history)


def resident(name: str) -> int:
    """The process's resident memory or its peak, KiB (proc_pid_status(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def main(count: Annotated[int, typer.Option("--locations", min=1)] = 10_000) -> None:
    """Measures the steady state."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock(MONDAY)
        platform = make_platform(Settings(data_dir=Path(folder)), clock)
        upgrade(platform.database)
        install_shipped(platform.blobs, FORECAST)
        ids: list[object] = []
        records = locations(count)
        for begin in range(0, count, 1000):
            page = records[begin : begin + 1000]
            ids += platform.transact(lambda tx, p=page: stations.import_locations(tx=tx, owner_id=new_id(), records=p))  # type: ignore[misc]
        platform.transact(lambda tx: feed_begins(tx, ids))
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
        before = resident("VmRSS")
        runs: list[tuple[float, float, SweepResult]] = []
        for number in range(WARM_UP + MEASURED):
            wall, core = time.perf_counter(), time.process_time()
            run = forecast_availability(platform)
            runs.append((time.process_time() - core, time.perf_counter() - wall, run))
            print(f"run {number + 1}: {runs[-1][0]:.1f} s of a core, {runs[-1][1]:.1f} s, {run}", flush=True)
            clock.advance(timedelta(minutes=5))
            platform.transact(lambda tx: states_change(tx, rng))
        grown = (resident("VmHWM") - before) / 1024
        stored = platform.read(lambda tx: tx.execute(sa.select(sa.func.count()).select_from(forecast)).scalar_one())
        platform.close()
    core = float(np.median([item[0] for item in runs[-MEASURED:]]))
    what = f"one run of the forecast's timer at {count:,} locations"
    figures = {
        "forecast.run_core_s": Figure(core, "s", f"{what}: processor time, median of {MEASURED}, {2 * count:,} groups"),
        "forecast.run_memory_mb": Figure(grown, "MiB", f"peak of {WARM_UP + MEASURED} runs beyond what the process had before"),
        "forecast.rows": Figure(float(stored), "rows", "forecasts kept for instants to come"),
    }
    record(figures)
    for name, figure in figures.items():
        print(f"{name:24} {figure.value:12,.4g} {figure.unit:6} {figure.what}")


if __name__ == "__main__":
    typer.run(main)
