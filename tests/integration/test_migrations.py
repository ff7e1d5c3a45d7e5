"""The migration history on a database with data, while clients of the older version read and write; two upgrades at once;
and an unknown revision, which nothing starts on. No migration is named: whatever the history holds is run."""

import json
import os
import random
import secrets
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.host.delivery import as_service_bus
from app.migrate import load_tables, upgrade
from app.process import make_platform, use_platform
from devhost.host.server import triggers
from devhost.stack.process import free_port
from shared import outbox
from shared.clock import ManualClock
from shared.db import Database, new_id
from shared.errors import Unavailable
from shared.platform import Platform
from shared.revision import config, current, head
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT
from tests.support.world import API, World

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the tests, 32 bytes or more"
HISTORY = [item.revision for item in ScriptDirectory.from_config(config()).walk_revisions()][::-1]
OLDER = HISTORY[:-1]
APPEND_ONLY = {"audit_entry", "ledger_posting"}
"""Tables whose rows no version ever changed."""
POSITIVE = {"amount"}
"""Numbers that a CHECK wants above nothing."""


def to_revision(database: Database, revision: str) -> None:
    """Migrates an empty database as far as an older version of the code did."""
    with database.engine.connect() as conn:
        alembic_config = config()
        alembic_config.attributes["connection"] = conn.execution_options(sqlite_begin="IMMEDIATE")
        command.upgrade(alembic_config, revision)
        conn.commit()


def schema_of(database: Database) -> sa.MetaData:
    """The tables as the database has them now: what the version that goes with them knows."""
    schema = sa.MetaData()
    schema.reflect(database.engine)
    for of_migrations in ("alembic_version", "schema_compat"):
        if of_migrations in schema.tables:
            schema.remove(schema.tables[of_migrations])
    return schema


class OldClient(threading.Thread):
    """A client of the older version: writes rows of every table it knows, changes some, and reads them back, by the columns
    it knows. Through `Database.transact`, as the code does; what that raises is a failure."""

    def __init__(self, address: str, schema: sa.MetaData, seed: int) -> None:
        super().__init__(name=f"old-client-{seed}", daemon=True)
        self._database, self._schema, self._rng = Database(address), schema, random.Random(seed)
        self.written: dict[str, list[dict[str, Any]]] = {table.name: [] for table in schema.sorted_tables}
        self.rounds, self.failure = 0, None  # type: tuple[int, BaseException | None]
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.round()
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self.failure = error
        finally:
            self._database.dispose()

    def round(self) -> None:
        """A row in every table, one of them changed, one of them read."""
        for table in self._schema.sorted_tables:
            row = self._row(table)
            self._database.transact(lambda conn, table=table, row=row: conn.execute(sa.insert(table).values(**row)))
            self.written[table.name].append(row)
        table = self._rng.choice([item for item in self._schema.sorted_tables if item.name not in APPEND_ONLY])
        column = next((item for item in table.columns if self._is_free(table, item)), None)
        row = self._rng.choice(self.written[table.name])
        if column is not None:
            value = self._value(column)
            self._database.transact(
                lambda conn: conn.execute(sa.update(table).where(self._is(table, row)).values({column: value}))
            )
            row[column.name] = value
        self.check(table, row)

    @staticmethod
    def _is_free(table: sa.Table, column: sa.Column[Any]) -> bool:
        unique = {
            item
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
            for item in constraint.columns
        }
        return not column.primary_key and not column.foreign_keys and column not in unique

    @staticmethod
    def _is(table: sa.Table, row: dict[str, Any]) -> sa.ColumnElement[bool]:
        return sa.and_(*(column == row[column.name] for column in table.primary_key))

    def check(self, table: sa.Table, row: dict[str, Any]) -> None:
        """The row is there as it was written."""
        stored = self._database.read(lambda conn: conn.execute(sa.select(table).where(self._is(table, row))).one())
        assert _plain(stored._asdict()) == _plain(row), f"{table.name}: {stored} is not {row}"

    def _row(self, table: sa.Table) -> dict[str, Any]:
        row = {}
        for column in table.columns:
            parent = next(iter(column.foreign_keys), None)
            if parent is not None:
                row[column.name] = self.written[parent.column.table.name][-1][parent.column.name]
            elif not column.nullable or self._rng.random() < 0.5:
                row[column.name] = self._value(column)
        return {column.name: row.get(column.name) for column in table.columns}

    def _value(self, column: sa.Column[Any]) -> Any:
        kind = column.type
        if isinstance(kind, sa.LargeBinary | sa.BINARY):
            return secrets.token_bytes(16)
        if isinstance(kind, sa.DateTime | sa.types.DATETIME):
            return datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(microseconds=self._rng.randrange(10**6))
        if isinstance(kind, sa.Boolean):
            return self._rng.random() < 0.5
        if isinstance(kind, sa.Integer) and column.name in POSITIVE:
            return 1
        if isinstance(kind, sa.Integer):
            return self._rng.randrange(2**31 if column.primary_key else 2)  # a key is there once
        if isinstance(kind, sa.Float | sa.Numeric):
            return self._rng.randrange(1000) / 8
        if isinstance(kind, sa.JSON):
            return {"old": self._rng.randrange(10**6)}
        length = getattr(kind, "length", None)
        return json.dumps(self._rng.randrange(10**6)) if length is None else secrets.token_hex(32)[:length]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Values as both sides can be compared: JSON kept as text, and numbers for truth."""
    return {name: bytes(value) if isinstance(value, memoryview | bytearray) else value for name, value in row.items()}


@pytest.fixture(params=["sqlite", "mariadb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        return f"sqlite:///{tmp_path / 'data' / 'evcharging.db'}"
    url: str = request.getfixturevalue("mariadb_url")
    return url


@pytest.mark.parametrize("revision", [OLDER[0], OLDER[1], OLDER[-1]])
def test_a_database_under_load_is_brought_forward_and_nothing_is_lost(address: str, revision: str) -> None:
    """Old clients write before, during and after the upgrade: expand does not break them, and what they wrote stays."""
    database = Database(address)
    to_revision(database, revision)
    schema = schema_of(database)
    clients = [OldClient(address, schema, seed) for seed in range(3)]
    pause = threading.Event()

    def until(rounds: list[int]) -> None:
        for _ in range(1200):
            failed = [client.failure for client in clients if client.failure is not None]
            if failed:
                raise failed[0]
            if all(client.rounds >= wanted for client, wanted in zip(clients, rounds, strict=True)):
                return
            pause.wait(0.1)
        pytest.fail(f"the clients stand still at {[client.rounds for client in clients]}")

    try:
        for client in clients:
            client.start()
        until([2, 2, 2])
        assert upgrade(database) == head()
        until([client.rounds + 2 for client in clients])
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
    assert [client.failure for client in clients] == [None, None, None]
    for client in clients:
        for table in schema.sorted_tables:
            for row in client.written[table.name]:
                client.check(table, row)
        client._database.dispose()
    for table in schema.sorted_tables:
        count = database.read(lambda conn, table=table: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar())
        assert count == sum(len(client.written[table.name]) for client in clients), f"{table.name} has other rows too"
    with database.engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), load_tables()) == []
    database.dispose()


def test_an_old_client_would_notice_a_migration_that_only_contracts(tmp_path: Path) -> None:
    """The test above can fail: a column that goes, or one that comes without a default, breaks the older version."""
    for change in ("ALTER TABLE user_account DROP COLUMN phone", "ALTER TABLE user_account RENAME COLUMN name TO title"):
        address = f"sqlite:///{tmp_path / f'{abs(hash(change))}.db'}"
        database = Database(address)
        to_revision(database, OLDER[0])
        client = OldClient(address, schema_of(database), 1)
        client.round()
        database.transact(lambda conn, change=change: conn.exec_driver_sql(change))
        with pytest.raises((Unavailable, sa.exc.DBAPIError)):
            client.round()
        database.dispose()
        client._database.dispose()


def environment(address: str, tmp_path: Path, **more: str) -> dict[str, str]:
    """What a process needs to use a database."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    mine = {"DATA_DIR": str(tmp_path / "data"), "JWT_SECRET": SECRET, "LOG_LEVEL": "WARNING"}
    return kept | mine | ({} if address.startswith("sqlite") else {"DATABASE_URL": address}) | more


def test_upgrades_in_several_processes_at_once_run_one_after_the_other(address: str, tmp_path: Path) -> None:
    database = Database(address)
    to_revision(database, OLDER[0])
    client = OldClient(address, schema_of(database), 1)
    client.round()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "app.migrate"],
            cwd=ROOT,
            env=environment(address, tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert {out.strip() for out, _ in said} == {f"database is at revision {head()}"}
    assert current(database) == head()
    for table in client._schema.sorted_tables:
        client.check(table, client.written[table.name][0])
    database.dispose()
    client._database.dispose()


@pytest.fixture
def unknown(address: str) -> str:
    """A database that a newer version has migrated."""
    database = Database(address)
    upgrade(database)
    database.transact(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'from the future'"))
    database.dispose()
    return address


@pytest.mark.parametrize("program", ["app.migrate", "devhost.serve", "devhost.run"])
def test_no_process_starts_on_an_unknown_revision(unknown: str, program: str, tmp_path: Path) -> None:
    if program == "devhost.run" and not unknown.startswith("sqlite"):
        pytest.skip("make run has a MariaDB of its own")
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env=environment(unknown, tmp_path, PORT=str(free_port())),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "The database is at revision from the future, which this code does not know: it is newer." in said
    assert "Traceback" not in said


def platform_on(address: str, tmp_path: Path) -> Platform:
    """A process's platform on a database."""
    given: dict[str, Any] = {"data_dir": tmp_path / "data", "jwt_secret": SECRET}
    if not address.startswith("sqlite"):
        given["database_url"] = address
    return make_platform(Settings.model_validate(given), ManualClock(MONDAY_EIGHT))


def test_the_functions_app_refuses_an_unknown_revision(unknown: str, tmp_path: Path) -> None:
    """HTTP answers 503 with the sentence; queue messages and timers fail, so that nothing is taken off a queue."""
    platform = platform_on(unknown, tmp_path)
    use_platform(platform)
    try:
        with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
            for path in ("/health", "/stations/locations?lat=52&lon=5", f"/optimizer/forecasts/{new_id()}"):
                answer = client.get(API + path)
                assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE"), path
                assert "from the future" in answer.json()["detail"]
        handlers = {queue.queue: queue for queue in triggers().queues}
        message_id, now = new_id(), platform.clock.now()
        for queue, event_type in ((outbox.CHARGE_REQUESTS, "charge_requested"), (outbox.NOTIFY, "booking_reserved")):
            message = outbox.Message(message_id, queue, event_type, {"unreadable": "by this code"}, now, now)
            with pytest.raises(Unavailable, match="from the future"):
                handlers[queue].deliver(as_service_bus(message))
        written: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
                written.append(statement)

        sa.event.listen(platform.database.engine, "before_cursor_execute", note)
        refused = 0
        for timer in triggers().timers:
            try:
                timer.run()
            except ExceptionGroup as failed:  # every sweep of a timer runs, whatever became of the others
                refused += sum(
                    isinstance(error, Unavailable) and "from the future" in error.detail for error in failed.exceptions
                )
        assert written == [], "a sweep wrote to a database that this code does not know"
        assert refused >= 8, "all sweeps but those that find nothing to ask the database for"
    finally:
        use_platform(None)
        platform.close()


def test_instances_that_run_go_on_while_the_database_is_brought_forward(address: str, tmp_path: Path) -> None:
    """The revision is looked at when a process starts: one of the older version works on until it is replaced."""
    platform = platform_on(address, tmp_path)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform)) as client:
        world = World(platform, client)
        place, driver = world.location(), world.user()
        platform.database.transact(
            lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'from the future'")
        )
        assert driver.book(place, "10:00").status_code == 201
    platform.close()
