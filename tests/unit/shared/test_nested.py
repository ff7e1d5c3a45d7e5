"""Children as a column of their parents' statement: what a statement of their own gives, on SQLite and MariaDB."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.db import Database, Id, Key, UtcDateTime, insert_rows, new_id
from shared.nested import nested
from shared.precompiled import Precompiled

scratch = sa.MetaData()
parent = sa.Table("parent", scratch, sa.Column("id", Id, primary_key=True))
child = sa.Table(
    "child",
    scratch,
    sa.Column("id", Id, primary_key=True),
    sa.Column("parent_id", Id, nullable=False),
    sa.Column("other_id", Id),
    sa.Column("at", UtcDateTime),
    sa.Column("key", Key(40)),
    sa.Column("size", sa.Double),
    sa.Column("document", sa.JSON(none_as_null=True)),
    sa.Column("count", sa.Integer),
)
NOW = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=UTC)
CHILDREN = nested(sa.select(child).where(child.c.parent_id == parent.c.id, child.c.count < sa.bindparam("most")))
PARENTS = Precompiled(sa.select(parent.c.id, CHILDREN.label("children")).order_by(parent.c.id))


@pytest.fixture(params=["sqlite", "mariadb"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    address = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    database = Database(address)
    scratch.create_all(database.engine)
    with database.engine.connect() as connection:
        yield connection
    database.dispose()


def row(parent_id: uuid.UUID, **values: Any) -> dict[str, Any]:
    whole = {"id": new_id(), "parent_id": parent_id, "other_id": None, "at": NOW, "key": "\"é\\'; %s"}
    return whole | {"size": 0.1 + 0.2, "document": {"a": ["x", None]}, "count": 1} | values


def test_children_are_the_rows_of_their_own_statement(conn: sa.Connection) -> None:
    ids = sorted(new_id() for _ in range(3))
    insert_rows(conn, parent, [{"id": each} for each in ids])
    nothing = {"at": None, "key": None, "size": None, "document": None}
    rows = [row(ids[0]), row(ids[0], other_id=ids[1], **nothing), row(ids[1], document=[], size=1e-9), row(ids[1], count=9)]
    insert_rows(conn, child, rows)
    read = {each.id: each.children for each in PARENTS.rows(conn, most=9)}
    assert [each._asdict() for each in sorted(read[ids[0]], key=lambda each: each.id)] == rows[:2]
    assert [each._asdict() for each in read[ids[1]]] == rows[2:3]
    assert read[ids[2]] == []
