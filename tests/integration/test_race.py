"""Sixteen clients, two server processes, one MariaDB, a thousand attempts: no minute of an EVSE is held twice."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from devhost.stack.process import free_port
from functions.booking.domain import slot_start
from functions.booking.tables import booking, slot_claim
from functions.stations.domain import BookingTerms
from shared.asgi import create_app
from shared.clock import SystemClock
from shared.migrate import upgrade
from shared.platform import Platform
from shared.settings import Settings
from tests.world import API, TYPE2, Person, World

ROOT = Path(__file__).parents[2]
CLIENTS, ATTEMPTS, EVSES = 16, 1000, 4
SECRET = "a secret of the race test, 32 bytes or more"


@pytest.fixture
def shared_platform(mariadb_url: str, tmp_path: Path) -> Iterator[Platform]:
    settings = Settings(data_dir=tmp_path, database_url=mariadb_url, jwt_secret=SECRET)  # type: ignore[arg-type]
    platform = Platform(settings, SystemClock())
    upgrade(platform.database)
    yield platform
    platform.close()


@pytest.fixture
def servers(shared_platform: Platform, mariadb_url: str, tmp_path: Path) -> Iterator[list[str]]:
    """Two processes of the real app."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")} | {
        "DATABASE_URL": mariadb_url, "JWT_SECRET": SECRET, "DATA_DIR": str(tmp_path / "server"),
    }  # fmt: skip
    processes, urls = [], []
    for number in range(2):
        port = free_port()
        urls.append(f"http://127.0.0.1:{port}")
        with (tmp_path / f"server{number}.log").open("wb") as log:
            command = [
                sys.executable,
                "-m",
                "uvicorn",
                "function_app:api",
                "--port",
                str(port),
                "--log-level",
                "warning",
            ]
            processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))
    try:
        for url, process in zip(urls, processes, strict=True):
            _wait(url, process)
        yield urls
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    pause = threading.Event()
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(f"{url}{API}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        pause.wait(0.1)
    pytest.fail(f"{url} did not come up")


class Racer:
    """A driver who reserves, moves and cancels at random for the same few hours."""

    def __init__(self, person: Person, url: str, place: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.client = httpx.Client(base_url=url, headers=person.headers(), timeout=60)
        self.place = place
        self.mine: list[str] = []
        self.seen: Counter[str] = Counter()
        base = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=5)
        self.starts = [base + timedelta(minutes=15 * number) for number in range(24)]

    def run(self, attempts: int) -> None:
        for _ in range(attempts):
            self.attempt()
        self.client.close()

    def attempt(self) -> None:
        start, dice = self.rng.choice(self.starts).isoformat(), self.rng.random()
        if self.mine and dice < 0.25:
            action, body = f"{self.rng.choice(self.mine)}/reschedule", {"start": start}
        elif self.mine and dice < 0.4:
            action, body = f"{self.mine.pop(self.rng.randrange(len(self.mine)))}/cancel", {}
        else:
            minutes = self.rng.choice((15, 30, 60, 90))
            action, body = (
                "",
                {"location_id": self.place, "connector": TYPE2, "start": start, "duration_minutes": minutes},
            )  # type: ignore[dict-item]
        answer = self.client.post(f"{API}/booking/bookings/{action}".rstrip("/"), json=body)
        name = action.rpartition("/")[2] or "reserve"
        self.seen[f"{name} {answer.status_code}"] += 1
        assert answer.status_code in (200, 201, 409), answer.text
        if answer.status_code == 201:
            self.mine.append(answer.json()["id"])
        elif answer.status_code == 409:
            assert answer.json()["code"] == "SLOT_TAKEN", answer.text
            assert "alternatives" in answer.json()


def test_no_minute_of_an_evse_is_held_twice(shared_platform: Platform, servers: list[str]) -> None:
    with TestClient(create_app(lambda: shared_platform)) as client:
        world = World(shared_platform, client)
        place = world.location(evses=EVSES, terms=BookingTerms(open_bookings_per_driver=100))
        racers = [Racer(world.user(), servers[number % 2], place, number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(racer.run, -(-ATTEMPTS // CLIENTS)) for racer in racers]:
            done.result()
    seen: Counter[str] = sum((racer.seen for racer in racers), Counter())
    assert sum(seen.values()) >= ATTEMPTS
    assert seen["reserve 201"] > 0
    assert seen["reserve 409"] > 0, f"there was no contention: {seen}"
    assert seen["reschedule 200"] > 0
    check_books(shared_platform)


def check_books(platform: Platform) -> None:
    """Claims and bookings say the same: every standing booking holds exactly its slots on its EVSE, nobody else any."""

    def read(conn: sa.Connection) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
        standing = conn.execute(sa.select(booking).where(booking.c.status == "RESERVED")).all()
        wanted = {
            (row.evse_id, slot, row.id)
            for row in standing
            for slot in range(int(row.start.timestamp()) // 900, int(row.end.timestamp()) // 900)
        }
        held = {
            (row.evse_id, int(row.slot_start.timestamp()) // 900, row.booking_id) for row in conn.execute(sa.select(slot_claim))
        }
        return wanted, held

    wanted, held = platform.database.read(read)
    twice = [key for key, count in Counter((evse, slot) for evse, slot, _ in wanted).items() if count > 1]
    assert not twice, f"held twice: {[(evse, slot_start(slot)) for evse, slot in twice]}"  # type: ignore[arg-type]
    assert wanted == held
