"""Claims of five minutes come to a platform that runs: code of before, which claims quarter hours by one row, and this code
book, move and cancel at one place at the same time on MariaDB; then its rows are made whole, and it is refused."""

import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.claim_grid import make_fine
from app.migrate import upgrade
from functions.booking.tables import booking, slot_claim
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.db import Database
from shared.platform import Platform
from shared.revision import config
from shared.slots import slot_of, slots_of
from tests.conftest import MONDAY_EIGHT
from tests.support.stack_fixtures import DATA_KEY, SECRET, platform_on
from tests.support.world import TYPE2, World

ROOT = Path(__file__).parents[2]
BEFORE = "9882b991cd5a465f027107e39e050b9160a3e4b3"
"""The last revision of this repository that claims quarter hours; its schema is 0015."""
TEN = datetime.fromisoformat("2026-03-02T10:00:00+00:00")
LIVE = ("PENDING", "RESERVED")


@pytest.fixture(scope="module")
def code_of_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", BEFORE], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this copy has no history with {BEFORE[:7]}, the code to run side by side with")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


@pytest.fixture
def platform(mariadb_url: str, tmp_path: Path, clock: ManualClock) -> Platform:
    """On a database that code of before has made, migrated while it runs."""
    database = Database(mariadb_url)
    with database.engine.connect() as conn:
        alembic_config = config()
        alembic_config.attributes["connection"] = conn
        command.upgrade(alembic_config, "0015")
        conn.commit()
    database.dispose()
    made = platform_on(mariadb_url, tmp_path / "data", clock)
    upgrade(made.database)
    return made


def clients(root: Path, address: str, folder: Path, **given: Any) -> subprocess.CompletedProcess[str]:
    settings = {
        "database_url": address,
        "data_dir": str(folder),
        "jwt_secret": SECRET,
        "data_keys": DATA_KEY,
        "open_bookings_per_driver": 100,
    }
    wanted = {"settings": settings, "now": MONDAY_EIGHT.isoformat(), "first_start": TEN.isoformat(), "standard": TYPE2} | given
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/support/claims_client.py")],
        cwd=root,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def held(platform: Platform) -> tuple[list[Any], dict[tuple[bytes, int], Any]]:
    """The bookings that stand, and whose each claim is."""
    rows = platform.read(lambda tx: list(tx.execute(sa.select(booking).where(booking.c.status.in_(LIVE)))))
    claims = platform.read(lambda tx: tx.execute(sa.select(slot_claim)).all())
    return rows, {(row.evse_id, slot_of(row.slot_start)): row.booking_id for row in claims}


def overlapping(rows: list[Any]) -> list[Any]:
    by_evse = sorted(rows, key=lambda row: (row.evse_id, row.start))
    return [(a, b) for a, b in itertools.pairwise(by_evse) if a.evse_id == b.evse_id and b.start < a.end]


def test_code_of_before_and_this_code_book_side_by_side_and_nothing_is_doubled(
    platform: Platform, code_of_before: Path, mariadb_url: str, tmp_path: Path
) -> None:
    world = World(platform, TestClient(create_app(lambda: platform)))
    place = world.location(evses=4, terms=BookingTerms(open_bookings_per_driver=100, min_booking_minutes=15))
    drivers = [str(world.user().id) for _ in range(24)]
    common = {"location": place, "rounds": 40}
    with ThreadPoolExecutor(2) as pool:
        old = pool.submit(
            clients, code_of_before, mariadb_url, tmp_path / "old", drivers=drivers[:12], step_minutes=15, seed=1, **common
        )
        new = pool.submit(clients, ROOT, mariadb_url, tmp_path / "new", drivers=drivers[12:], step_minutes=1, seed=2, **common)
        done = [json.loads(run.result().stdout or run.result().stderr[-3000:]) for run in (old, new)]
    for its in done:
        assert min(its["book"], its["move"], its["cancel"], its["SLOT_TAKEN"]) > 0, f"each did each, and was refused: {done}"
    rows, claims = held(platform)
    assert not overlapping(rows)
    for row in rows:  # of each quarter hour at least the first slot: what both kinds of code collide on
        firsts = {slot - slot % 3 for slot in slots_of(row.start, row.end)}
        assert {claims.get((row.evse_id, slot)) for slot in firsts} == {row.id}

    added, removed = make_fine(platform) or (0, 0)
    assert added > 0, f"what code of before claimed has become whole; {removed} rows that it left went"
    assert make_fine(platform) is None, "once"
    rows, claims = held(platform)
    assert not overlapping(rows)
    for row in rows:
        assert {claims.get((row.evse_id, slot)) for slot in slots_of(row.start, row.end)} == {row.id}
    wholes = {(evse_id, slot - slot % 3, holder) for (evse_id, slot), holder in claims.items()}
    assert len(claims) == 3 * len(wholes), "nothing is left over but whole quarter hours"

    refused = clients(code_of_before, mariadb_url, tmp_path / "old", drivers=drivers[:3], step_minutes=15, seed=3, **common)
    assert "needs code of 0016 at least" in refused.stderr
    run = clients(ROOT, mariadb_url, tmp_path / "new", drivers=drivers, step_minutes=1, seed=4, **common)
    assert run.returncode == 0, run.stderr[-3000:]
    rows, claims = held(platform)
    assert not overlapping(rows)
    for row in rows:
        assert {claims.get((row.evse_id, slot)) for slot in slots_of(row.start, row.end)} == {row.id}
    neighbours = [(a, b) for a, b in itertools.product(rows, rows) if a.evse_id == b.evse_id and a.end <= b.start]
    assert any(b.start - a.end < timedelta(minutes=15) and b.start.minute % 15 for a, b in neighbours), "by five minutes now"
