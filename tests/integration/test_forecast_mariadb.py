"""The forecast's timer on MariaDB: two runs at once do what one does."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.forecast.features import HORIZONS
from functions.forecast.sweep import SweepResult, forecast_availability
from functions.forecast.tables import forecast, forecast_memory, forecast_reliability
from shared.clock import ManualClock
from shared.platform import Platform
from tests.support.stations_feed import Station
from tests.support.world import World

LOCATIONS = 6


@pytest.fixture
def world(mariadb_world: World) -> World:
    """The API on MariaDB."""
    return mariadb_world


def at_once(platform: Platform, runs: int) -> list[SweepResult]:
    """What runs that begin together did."""
    meet, done, failures = threading.Barrier(runs), [], []

    def run() -> None:
        try:
            meet.wait(20)
            done.append(forecast_availability(platform))
        except Exception as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    return done


def rows(world: World, table: sa.Table) -> list[Any]:
    return world.platform.read(lambda tx: list(tx.execute(sa.select(table))))


@pytest.mark.stack
def test_runs_that_overlap_forecast_once_and_count_what_came_true_once(world: World, clock: ManualClock) -> None:
    stations = [Station.at(world, evses=2, latitude=52 + number / 10, name=f"S{number}") for number in range(LOCATIONS)]
    for station in stations:
        for uid in ("E0", "E1"):
            assert station.report(uid, "AVAILABLE", clock.now()).status_code == 200
    for number in range(4):
        runs = at_once(world.platform, 3)
        assert sum(run.groups for run in runs) == LOCATIONS
        assert sum(run.compared for run in runs) == (LOCATIONS if number == 3 else 0)
        assert len(rows(world, forecast)) == LOCATIONS * (len(HORIZONS) * (number + 1) - (number == 3))
        assert len(rows(world, forecast_memory)) == LOCATIONS
        clock.advance(timedelta(minutes=5))
        for station in stations:
            assert station.heartbeat().status_code == 200
    (figures,) = rows(world, forecast_reliability)
    assert (figures.horizon_minutes, figures.forecasts, figures.came_free) == (15, LOCATIONS, LOCATIONS)
