"""Two drivers and a station at one EVSE at the same instant: one session runs, on SQLite and MariaDB, whoever comes first."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.tables import booking, charging_session
from shared.clock import ManualClock
from tests.support.stations_feed import Station, instant
from tests.support.world import World

THREADS = 8
RUNNING = sa.select(sa.func.count()).where(charging_session.c.running_evse_id.is_not(None))


@pytest.fixture
def mariadb_settings() -> dict[str, Any]:
    return {"database_pool_size": 20}


@pytest.fixture(params=["sqlite", "mariadb"])
def any_world(request: pytest.FixtureRequest) -> World:
    """The API on each database."""
    made: World = request.getfixturevalue("world" if request.param == "sqlite" else "mariadb_world")
    return made


def test_reports_of_many_sessions_and_two_starts_leave_one_running(any_world: World) -> None:
    world = any_world
    clock = world.platform.clock
    assert isinstance(clock, ManualClock)
    station = Station.at(world, evses=1)
    station.report("E0", "AVAILABLE", "08:00")
    first, second = world.user(), world.user()
    one = first.book(station.location, "10:00", minutes=30).json()["id"]
    two = second.book(station.location, "10:30", minutes=30).json()["id"]
    clock.jump(datetime.fromisoformat(instant("10:24")))
    station.report("E0", "CHARGING", "10:24")
    together = threading.Barrier(THREADS)

    def report(number: int) -> int:
        together.wait()
        body = {
            "status": "ACTIVE",
            "start_date_time": instant("10:22"),
            "kwh": 0.1,
            "last_updated": instant("10:24"),
        }
        return station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/{number}", body).status_code

    def start(driver: Any, booking_id: str) -> int:
        together.wait()
        return int(driver.post(f"/booking/bookings/{booking_id}/start").status_code)

    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(report, number) for number in range(THREADS - 2)]
        tasks += [pool.submit(start, first, one), pool.submit(start, second, two)]
        answers = [task.result() for task in tasks]
    assert set(answers) <= {200, 409}, "nobody fails otherwise"
    assert world.scalar(RUNNING) == 1
    charging = sa.select(sa.func.count()).where(booking.c.status == "FULFILLED", booking.c.stopped_at.is_(None))
    assert world.scalar(charging) <= 1


def test_the_same_report_at_once_is_taken_once(any_world: World) -> None:
    station = Station.at(any_world, evses=1)
    body = {"status": "ACTIVE", "start_date_time": instant("07:50"), "kwh": 1, "last_updated": instant("08:00")}
    together = threading.Barrier(THREADS)

    def report(_: int) -> str:
        together.wait()
        answer = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["outcome"])

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = sorted(pool.map(report, range(THREADS)))
    assert outcomes == ["DUPLICATE"] * (THREADS - 1) + ["OPENED"]
