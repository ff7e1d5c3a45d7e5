"""What a statement reads beside a row that it locks, on MariaDB: as new as the lock, and not locked itself."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest
import sqlalchemy as sa

from devhost.stack.mariadb import Mariadb
from functions.stations import service as stations
from functions.stations.tables import evse
from shared.tx import Tx
from tests.integration.test_limits_race import somebody_waits_for_a_lock
from tests.support.world import World


@pytest.fixture
def place(mariadb_world: World) -> uuid.UUID:
    return uuid.UUID(mariadb_world.location(evses=2))


def test_who_waited_for_a_location_sees_what_was_changed_meanwhile(
    mariadb_world: World, mariadb: Mariadb, place: uuid.UUID
) -> None:
    locked, go_on = threading.Event(), threading.Event()

    def change(tx: Tx) -> None:
        first, _ = stations.lock_location(tx=tx, location_id=place).evses
        locked.set()
        assert go_on.wait(20)
        tx.execute(sa.update(evse).where(evse.c.id == first.id).values(status="OUTOFORDER"))

    def look(tx: Tx) -> list[str]:
        return [each.status for each in stations.lock_location(tx=tx, location_id=place).evses]

    with ThreadPoolExecutor(2) as pool:
        changing = pool.submit(mariadb_world.platform.transact, change)
        assert locked.wait(20)
        looking = pool.submit(mariadb_world.platform.transact, look)
        pause = threading.Event()
        for _ in range(200):
            if somebody_waits_for_a_lock(mariadb):
                break
            pause.wait(0.02)
        assert not looking.done()
        go_on.set()
        changing.result()
        assert looking.result() == ["OUTOFORDER", "AVAILABLE"]


def test_the_rows_beside_a_locked_one_are_not_locked(mariadb_world: World, mariadb: Mariadb, place: uuid.UUID) -> None:
    def lock_and_change_elsewhere(tx: Tx) -> int:
        location = stations.lock_location(tx=tx, location_id=place)
        name = mariadb_world.platform.database.engine.url.database
        with mariadb._connect() as other, other.cursor() as cursor:
            assert isinstance(other, pymysql.connections.Connection)
            cursor.execute("SET SESSION innodb_lock_wait_timeout=1")
            changed = cursor.execute(f"UPDATE `{name}`.evse SET status='CHARGING' WHERE id=%s", (location.evses[0].id.bytes,))  # noqa: S608
            other.commit()
        return int(changed)

    assert mariadb_world.platform.transact(lock_and_change_elsewhere) == 1
