"""Rows of another table as one column of a statement: a parent and its children in one round trip.

The database makes them a JSON array, which the standard library decodes many times faster than PyMySQL decodes rows. Under
FOR UPDATE the statement locks the parent alone, and waits for that lock before it reads a child, since each child is looked for
by a column of its parent: what another transaction changed under the lock is seen (tests/integration/test_nested_mariadb.py).
"""

import json
import uuid
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from shared.db import Id, UtcDateTime

Read = Callable[[Any], Any]


class _Rows(sa.sql.functions.FunctionElement[Any]):
    """A group's rows as a JSON array of arrays, in no order; NULL or empty where there are none."""

    inherit_cache = True
    name = "json_rows"


@compiles(_Rows)
def _on_servers(element: Any, compiler: Any, **options: Any) -> str:
    return f"JSON_ARRAYAGG(JSON_ARRAY({compiler.process(element.clauses, **options)}))"


@compiles(_Rows, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


class _Exact(sa.sql.functions.FunctionElement[Any]):
    """A double with all its digits: SQLite's JSON has fifteen."""

    inherit_cache = True
    name = "exact"


@compiles(_Exact)
def _number(element: Any, compiler: Any, **options: Any) -> str:
    text: str = compiler.process(element.clauses, **options)
    return text


@compiles(_Exact, "sqlite")
def _digits(element: Any, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"CASE WHEN {column} IS NOT NULL THEN printf('%!.17g', {column}) END"


class NestedRows(TypeDecorator[list[Any]]):
    """The decoded rows: named tuples by the columns' own types, in no order."""

    impl = sa.Text
    cache_ok = False

    def __init__(self, columns: list[sa.ColumnElement[Any]]) -> None:
        super().__init__()
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]
        readers = [(index, _reader(column.type)) for index, column in enumerate(columns)]
        self._readers: list[tuple[int, Read]] = [(index, read) for index, read in readers if read is not None]

    def process_result_value(self, value: str | None, _dialect: sa.Dialect) -> list[Any]:
        """JSON to rows."""
        rows = [] if value is None else json.loads(value)
        for row in rows:
            for index, read in self._readers:
                if row[index] is not None:
                    row[index] = read(row[index])
        return [self._row._make(row) for row in rows]


def _reader(kind: sa.types.TypeEngine[Any]) -> Read | None:
    if isinstance(kind, Id):
        return lambda text: uuid.UUID(text) if text else None  # SQLite's hex(NULL) is empty
    if isinstance(kind, UtcDateTime):
        return lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)
    if isinstance(kind, sa.JSON):
        return lambda value: json.loads(value) if isinstance(value, str) else value
    return float if isinstance(kind, sa.Double) else None


def _sent(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, Id):
        return sa.func.hex(column)
    return _Exact(column) if isinstance(column.type, sa.Double) else column


def nested(children: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    """The rows of `children` as a column of the statement that selects their parents. They are to be found by a column of the
    parent (`child.c.parent_id == parent.c.id`), without GROUP BY, ORDER BY or LIMIT."""
    columns: list[sa.ColumnElement[Any]] = list(children.selected_columns)
    rows = _Rows(*map(_sent, columns))
    rows.type = NestedRows(columns)
    return children.with_only_columns(rows, maintain_column_froms=True).scalar_subquery()
