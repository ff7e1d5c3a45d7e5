"""The database on SQLite: types mean the same after a round trip, writes are all or nothing, readers do not wait."""

import ssl
import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import outbox
from shared.db import Database, Id, Key, UtcDateTime, insert_new, is_transient, new_id, verified_tls
from shared.platform import Platform

scratch = sa.MetaData()
thing = sa.Table(
    "thing", scratch, sa.Column("id", Id, primary_key=True), sa.Column("at", UtcDateTime), sa.Column("key", Key(20))
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    scratch_database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    scratch.create_all(scratch_database.engine)
    return scratch_database


def test_ids_and_instants_survive_to_the_microsecond(database: Database) -> None:
    thing_id, instant = new_id(), datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    database.transact(lambda conn: conn.execute(sa.insert(thing).values(id=thing_id, at=instant, key="k")))
    row = database.read(lambda conn: conn.execute(sa.select(thing)).one())
    assert row.id == thing_id
    assert isinstance(row.id, uuid.UUID)
    assert row.at == instant
    assert row.at.tzinfo is UTC


def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        database.transact(lambda conn: conn.execute(sa.insert(thing).values(id=new_id(), at=datetime(2026, 1, 1))))


def test_ids_rise_in_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {thing_id.version for thing_id in ids} == {7}


def test_a_failed_use_case_leaves_nothing(database: Database) -> None:
    def half(conn: sa.Connection) -> None:
        conn.execute(sa.insert(thing).values(id=new_id(), at=None, key="half"))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        database.transact(half)
    assert database.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(thing)).scalar()) == 0


def test_insert_new_tells_the_second_and_the_transaction_goes_on(database: Database) -> None:
    thing_id = new_id()

    def twice(conn: sa.Connection) -> list[bool]:
        return [
            insert_new(conn, thing, id=thing_id, key="a"),
            insert_new(conn, thing, id=thing_id, key="b"),
            insert_new(conn, thing, id=new_id()),
        ]

    assert database.transact(twice) == [True, False, True]


def test_a_reader_sees_the_last_commit_while_a_writer_writes(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(conn: sa.Connection) -> None:
        conn.execute(sa.insert(thing).values(id=new_id()))
        inside.set()
        assert go_on.wait(10)

    writer = threading.Thread(target=lambda: database.transact(slow))
    writer.start()
    try:
        assert inside.wait(10)
        assert database.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(thing)).scalar()) == 0
    finally:
        go_on.set()
        writer.join()
    assert database.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(thing)).scalar()) == 1


def test_an_integrity_error_is_not_transient() -> None:
    assert not is_transient(sa.exc.IntegrityError("x", {}, Exception(1062, "Duplicate entry")))
    assert is_transient(sa.exc.OperationalError("x", {}, Exception(1213, "Deadlock")))
    assert is_transient(sa.exc.OperationalError("x", {}, Exception(1205, "Lock wait")))
    assert not is_transient(sa.exc.ProgrammingError("x", {}, Exception(1146, "no table")))


def test_the_inbox_gives_a_message_its_effect_once(platform: Platform) -> None:
    effects = []
    for _ in range(3):
        platform.consume(lambda tx: effects.append(tx.now), consumer="c", message_id="m")
    platform.consume(lambda tx: effects.append(tx.now), consumer="other", message_id="m")
    assert len(effects) == 2


def test_an_effect_that_fails_is_not_recorded_as_consumed(platform: Platform) -> None:
    def fails(_tx: object) -> None:
        raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        platform.consume(fails, consumer="c", message_id="m")
    assert platform.consume(lambda _tx: "done", consumer="c", message_id="m") == "done"


def test_a_delayed_message_waits_and_a_dead_one_can_be_revived(platform: Platform) -> None:
    now = platform.clock.now()
    later = now + timedelta(hours=1)
    message = platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "x", {"n": 1}, available_at=later))
    due = lambda at: platform.database.transact(lambda conn: outbox.due(conn, now=at))  # noqa: E731
    assert due(now) == []
    assert platform.database.read(outbox.next_due_at) == later
    assert [item.payload for item in due(later)] == [{"n": 1}]
    platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="boom", now=now))
    assert due(later) == []
    assert [item.last_error for item in platform.database.read(outbox.dead_letters)] == ["boom"]
    assert platform.database.transact(lambda conn: outbox.revive(conn, message.id, now=now))
    assert [item.id for item in due(now)] == [message.id]


@pytest.mark.parametrize(
    "address", ["mysql+pymysql://u:p@127.0.0.1/x", "mysql+pymysql://u@localhost:3307/x", "mysql+pymysql://u@/x?unix_socket=/s"]
)
def test_a_server_on_this_machine_needs_no_tls(address: str) -> None:
    assert verified_tls(sa.make_url(address)) == {}


def test_any_other_server_is_verified_by_certificate_and_name() -> None:
    context = verified_tls(sa.make_url("mysql+pymysql://u:p@db.example.test/x?charset=utf8mb4"))["ssl"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50
    engine = Database("mysql+pymysql://u:p@db.example.test/x").engine
    _, options = engine.dialect.create_connect_args(engine.url)
    assert engine.url.host == "db.example.test"
    assert "ssl" not in options, "what the address says does not replace it"
    engine.dispose()


def test_tls_words_in_the_address_are_refused() -> None:
    """`ssl_ca` beside `ssl_verify_identity` switched the check of the name off, in the driver's way of packing them."""
    with pytest.raises(ValueError, match="DATABASE_URL: leave out ssl_ca, ssl_verify_identity"):
        verified_tls(sa.make_url("mysql+pymysql://u@db.example.test/x?ssl_ca=a&ssl_verify_identity=true"))
