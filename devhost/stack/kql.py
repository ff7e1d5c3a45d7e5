"""KQL executed on tables of captured telemetry, by DuckDB."""

import json
import string
from typing import Any

import duckdb_kql

from devhost.stack.ingestion import TABLES, Row

AT_ONCE = 200
"""Rows of one INSERT."""


def database(tables: dict[str, list[Row]]) -> Any:
    """A database with the workspace's tables."""
    connection = duckdb_kql.connect()
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
        values = [[_value(row.get(column), kind) for column, kind in columns.items()] for row in tables.get(name, [])]
        for first in range(0, len(values), AT_ONCE):
            batch = values[first : first + AT_ONCE]
            places = ", ".join([f"({', '.join('?' * len(columns))})"] * len(batch))
            connection.execute(f"INSERT INTO {name} VALUES {places}", [value for row in batch for value in row])  # noqa: S608 - names are ours
    return connection


def _value(value: Any, kind: str) -> Any:
    return json.dumps(value) if kind == "JSON" else value


def fired(connection: Any, alert: dict[str, Any]) -> bool:
    """Whether an alert's query gives rows, with its own thresholds."""
    query = string.Template(alert["query"]).substitute(alert["thresholds"])
    return bool(duckdb_kql.kql(connection, query).fetchall())


def rows(connection: Any, query: str) -> list[dict[str, Any]]:
    """What a query gives, a dictionary a row."""
    answer = duckdb_kql.kql(connection, query)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]
