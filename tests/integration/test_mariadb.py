"""The same platform on MariaDB: migrations, types, locks, and the main flow."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import load_tables, upgrade
from devhost.stack.mariadb import Mariadb
from functions.accounts.tables import user
from functions.booking.tables import slot_claim
from shared.clock import ManualClock
from shared.db import Database, Id, Key, UtcDateTime, insert_new, new_id
from shared.errors import CommitUnknown, Unavailable
from shared.platform import Platform
from shared.revision import current, head
from tests.support.key_races import a_late_first_sending_is_told_what_the_repeat_was, twins_get_one_answer
from tests.support.stack_fixtures import platform_on
from tests.support.world import TYPE2, World


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_the_migrations_make_what_the_code_declares(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'x.db'}" if kind == "sqlite" else request.getfixturevalue("mariadb_url")
    database = Database(address)
    assert current(database) is None
    assert upgrade(database) == head() == current(database)
    assert upgrade(database) == head(), "again does nothing"
    with database.engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), load_tables()) == []
    database.dispose()


def test_an_unknown_revision_is_refused(mariadb_platform: Platform) -> None:
    mariadb_platform.database.transact(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="9999"):
        upgrade(mariadb_platform.database)
    with pytest.raises(Unavailable, match="9999"):
        mariadb_platform.read(lambda _tx: None)


def test_two_migrations_at_once_run_one_after_the_other(mariadb_url: str) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        database = Database(mariadb_url)
        try:
            upgrade(database)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)
        finally:
            database.dispose()

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_keys_are_compared_byte_by_byte_and_instants_keep_microseconds(mariadb_url: str) -> None:
    table = sa.Table(
        "probe",
        sa.MetaData(),
        sa.Column("key", Key(20), primary_key=True),
        sa.Column("id", Id),
        sa.Column("at", UtcDateTime),
    )
    database = Database(mariadb_url)
    table.create(database.engine)
    row_id, at = new_id(), datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
    database.transact(lambda conn: [insert_new(conn, table, key=key, id=row_id, at=at) for key in ("a", "A", "ä")])
    rows = database.read(lambda conn: conn.execute(sa.select(table)).all())
    assert {row.key for row in rows} == {"a", "A", "ä"}
    assert {(row.id, row.at) for row in rows} == {(row_id, at)}
    database.dispose()


def test_the_main_flow(mariadb_world: World) -> None:
    world = mariadb_world
    driver, place = world.user(), world.location(evses=1)
    body = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
    }
    where = driver.post("/optimizer/charge-requests", body, key="once").headers["location"]
    assert driver.post("/optimizer/charge-requests", body, key="once").headers["location"] == where
    world.drain()
    request = world.client.get(where, headers=driver.headers()).json()
    assert request["status"] == "RESERVED"
    assert len(driver.get("/booking/bookings").json()["items"]) == 1
    taken = world.user().book(place, "08:15")
    assert (taken.status_code, taken.json()["code"]) == (409, "SLOT_TAKEN")
    assert taken.json()["alternatives"]
    moved = driver.post(f"/booking/bookings/{request['booking_id']}/reschedule", {"start": "2026-03-02T10:00:00Z"})
    assert moved.status_code == 409, "it begins within the hour: too late to change"


def test_a_deadlock_runs_the_use_case_again(mariadb_platform: Platform) -> None:
    """Two transactions lock two rows in opposite order; the server ends one, which runs again and succeeds."""
    table = sa.Table("pair", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
    table.create(mariadb_platform.database.engine)
    mariadb_platform.database.transact(lambda conn: conn.execute(sa.insert(table), [{"id": 1, "n": 0}, {"id": 2, "n": 0}]))
    meet, runs = threading.Barrier(2), []

    def add(first: int, second: int) -> None:
        def use_case(conn: sa.Connection) -> None:
            runs.append(first)
            conn.execute(sa.update(table).where(table.c.id == first).values(n=table.c.n + 1))
            if runs.count(first) == 1:
                meet.wait(10)
            conn.execute(sa.update(table).where(table.c.id == second).values(n=table.c.n + 1))

        mariadb_platform.database.transact(use_case)

    threads = [threading.Thread(target=add, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [row.n for row in mariadb_platform.database.read(lambda conn: conn.execute(sa.select(table)).all())] == [2, 2]
    assert len(runs) == 3, "one of the two ran twice"


def test_a_claim_that_slips_past_the_lock_is_refused_by_the_primary_key(mariadb_world: World) -> None:
    world = mariadb_world
    place = world.location(evses=1)
    booked = world.user().book(place, "10:00").json()
    assert booked["reservation_status"] == "RESERVED"
    row = world.platform.read(lambda tx: tx.execute(sa.select(slot_claim).limit(1)).one())
    with pytest.raises(sa.exc.IntegrityError):
        world.platform.transact(lambda tx: tx.execute(sa.insert(slot_claim).values(**row._asdict())))


def test_a_connection_lost_at_commit_is_said_to_be_unknown(mariadb_platform: Platform, mariadb: Mariadb) -> None:
    def killed_before_commit(conn: sa.Connection) -> None:
        connection_id = conn.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        with mariadb._connect() as other, other.cursor() as cursor:
            cursor.execute(f"KILL {connection_id}")

    with pytest.raises(CommitUnknown):
        mariadb_platform.database.transact(killed_before_commit)
    assert mariadb_platform.database.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(user)).scalar()) == 0


def test_a_database_that_is_away_is_unavailable_and_comes_back(tmp_path: Path, clock: ManualClock) -> None:
    from devhost.stack.process import ComponentMissingError

    try:
        server = Mariadb(tmp_path / "data").start()
    except ComponentMissingError as error:
        pytest.skip(str(error))
    platform = platform_on(server.create("x"), tmp_path, clock)
    try:
        upgrade(platform.database)
        with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
            world = World(platform, client)
            driver, place = world.user(), world.location()
            server.kill()
            away = driver.book(place, "10:00")
            assert (away.status_code, away.json()["code"]) == (503, "UNAVAILABLE")
            server.start()
            assert driver.book(place, "10:00").status_code == 201
    finally:
        platform.close()
        server.stop()


def test_locks_wait_five_seconds_at_most(mariadb_platform: Platform) -> None:
    assert mariadb_platform.read(lambda tx: tx.conn.exec_driver_sql("SELECT @@innodb_lock_wait_timeout").scalar()) == 5
    assert mariadb_platform.read(lambda tx: tx.conn.exec_driver_sql("SELECT @@tx_isolation").scalar()) == "READ-COMMITTED"


def test_a_connection_that_comes_back_is_rolled_back_only_where_something_is_open(mariadb_platform: Platform) -> None:
    database = mariadb_platform.database
    database.engine.dispose()

    def rollbacks(conn: sa.Connection) -> int:
        return int(conn.exec_driver_sql("SHOW SESSION STATUS LIKE 'Com_rollback'").one()[1])

    first = database.transact(rollbacks)
    assert database.transact(rollbacks) == first, "the only connection there is came back after its COMMIT"
    left = database.engine.raw_connection()
    left.cursor().execute("INSERT INTO inbox_message VALUES ('left', 'open', NOW())")
    left.close()
    assert database.transact(rollbacks) == first + 1
    count = "SELECT COUNT(*) FROM inbox_message WHERE consumer = 'left'"
    assert database.read(lambda conn: conn.exec_driver_sql(count).scalar()) == 0


def test_a_key_has_one_answer_whatever_comes_late_or_twice(mariadb_world: World) -> None:
    a_late_first_sending_is_told_what_the_repeat_was(mariadb_world)
    twins_get_one_answer(mariadb_world)
