"""Precompiled statements say and give what `Connection.execute` does, on SQLite and MariaDB."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.db import Database, Id, Key, UtcDateTime, insert_rows, new_id
from shared.precompiled import Precompiled

scratch = sa.MetaData()
thing = sa.Table(
    "thing",
    scratch,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcDateTime),
    sa.Column("key", Key(20)),
    sa.Column("document", sa.JSON),
    sa.Column("maybe", sa.JSON(none_as_null=True)),
    sa.Column("yes", sa.Boolean),
    sa.Column("size", sa.Double),
    sa.Column("count", sa.Integer, default=7),
)
NOW = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=UTC)
BY_ID = sa.select(thing).order_by(thing.c.id)
AMONG = Precompiled(BY_ID.where(thing.c.id.in_(sa.bindparam("ids", expanding=True)), thing.c.at <= sa.bindparam("now")))


@pytest.fixture(params=["sqlite", "mariadb"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    address = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    database = Database(address)
    scratch.create_all(database.engine)
    with database.engine.connect() as connection:
        yield connection
    database.dispose()


def row(**values: Any) -> dict[str, Any]:
    whole = {"id": new_id(), "at": NOW, "key": "100 % 'k'", "document": {"a": ["é", None]}, "maybe": None, "yes": True}
    return whole | {"size": 0.1, "count": 3} | values


def test_rows_are_those_of_execute(conn: sa.Connection) -> None:
    east = timezone(timedelta(hours=2))
    rows = [row(), row(at=NOW.astimezone(east), document=None, maybe=[1], yes=False, size=None, count=None), row(at=None)]
    insert_rows(conn, thing, rows)
    stored = Precompiled(BY_ID).rows(conn)
    assert [item._asdict() for item in stored] == [item._asdict() for item in conn.execute(BY_ID)]
    assert [item._asdict() for item in stored] == rows
    assert stored[0].at.tzinfo is UTC


def test_what_it_stores_is_what_execute_stores(conn: sa.Connection) -> None:
    one = row(document=None)
    insert_rows(conn, thing, [one])
    conn.execute(sa.insert(thing), one | {"id": uuid.uuid4()})
    columns = ", ".join(f"`{column.name}`" for column in thing.columns if column.name != "id")
    first, second = conn.exec_driver_sql(f"SELECT {columns} FROM thing")  # noqa: S608
    assert tuple(first) == tuple(second)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 9])
def test_a_list_finds_its_members_whatever_its_length(conn: sa.Connection, count: int) -> None:
    rows = [row() for _ in range(12)]
    insert_rows(conn, thing, rows)
    ids = [item["id"] for item in rows[:count]]
    assert [item.id for item in AMONG.rows(conn, ids=ids, now=NOW)] == ids
    assert AMONG.rows(conn, ids=ids, now=NOW - timedelta(days=1)) == []


def test_lists_of_three_hundred_lengths_make_ten_texts(conn: sa.Connection) -> None:
    texts = set()

    def on_statement(_conn: object, _cursor: object, text: str, *_more: object) -> None:
        texts.add(text)

    sa.event.listen(conn.engine, "before_cursor_execute", on_statement)
    ids = [new_id() for _ in range(300)]
    for count in range(1, 300):
        AMONG.rows(conn, ids=ids[:count], now=NOW)
    assert len([text for text in texts if text.startswith("SELECT")]) == 10


def test_constants_of_the_statement_go_with_it(conn: sa.Connection) -> None:
    insert_rows(conn, thing, [row(key="a", count=1), row(key="A", count=2)])
    statement = sa.select(thing.c.count).where(thing.c.key == "a", thing.c.at == NOW).with_for_update()
    assert [tuple(item) for item in Precompiled(statement).rows(conn)] == [(1,)]


def test_an_update_sets_its_columns_and_counts_what_it_matched(conn: sa.Connection) -> None:
    one, other = row(), row()
    insert_rows(conn, thing, [one, other])
    change = Precompiled(sa.update(thing).where(thing.c.id == sa.bindparam("id")), columns=("document", "at"))
    assert change.execute(conn, id=one["id"], document={"b": 1}, at=None) == 1
    assert change.execute(conn, id=new_id(), document={"b": 1}, at=None) == 0
    assert [tuple(item) for item in conn.execute(sa.select(thing.c.document, thing.c.at).order_by(thing.c.id))] == [
        ({"b": 1}, None),
        (other["document"], NOW),
    ]


@pytest.mark.parametrize("values", [{}, {"ids": []}, {"ids": [], "now": NOW, "more": 1}])
def test_values_that_are_not_the_statements_are_refused(conn: sa.Connection, values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="ids, now"):
        AMONG.rows(conn, **values)


def test_a_list_that_is_no_parameter_is_refused(conn: sa.Connection) -> None:
    with pytest.raises(ValueError, match="expanding"):
        Precompiled(BY_ID.where(thing.c.id.in_([new_id()]))).rows(conn)


def test_a_naive_instant_is_refused_and_a_duplicate_is_the_databases_error(conn: sa.Connection) -> None:
    one = row()
    insert_rows(conn, thing, [one])
    with pytest.raises(ValueError, match="naive"):
        insert_rows(conn, thing, [row(at=datetime(2026, 1, 1))])
    with pytest.raises(sa.exc.IntegrityError):
        insert_rows(conn, thing, [row(), one])
    insert_rows(conn, thing, [])
