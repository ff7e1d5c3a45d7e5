"""Statements that are built once and compiled once, for the paths that every request takes.

`Connection.execute` builds, keys, binds and frames each statement anew: about twice the processor time of PyMySQL's own work.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect

Process = Callable[[Any], Any]
Statement = sa.Select[Any] | sa.Insert | sa.Update | sa.Delete


class Precompiled:
    """A prepared statement whose values come by name when it is sent.

    Values are its `sa.bindparam`s (a list is `expanding=True`) and the `columns` that an INSERT or UPDATE sets. Text, values
    and rows are those of `Connection.execute`, by the columns' types.
    """

    def __init__(self, statement: Statement, *, columns: Sequence[str] = ()) -> None:
        self._statement, self._columns = statement, columns
        self._forms: dict[tuple[str, Any], _Form] = {}

    def rows(self, conn: Connection, **values: Any) -> list[Any]:
        """The rows of a SELECT as named tuples. Raises TypeError where `values` are not those of the statement."""
        form = self._form(conn.dialect)
        return form.rows(conn.exec_driver_sql(*form.sent(values)).all())

    def execute(self, conn: Connection, **values: Any) -> int:
        """Sends an INSERT, UPDATE or DELETE. Returns how many rows it matched."""
        return conn.exec_driver_sql(*self._form(conn.dialect).sent(values)).rowcount

    def execute_many(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Sends one statement for all of `rows`, at least one; it has no lists."""
        conn.exec_driver_sql(*self._form(conn.dialect).sent_many(rows))

    def _form(self, dialect: Dialect) -> "_Form":
        server = dialect.name, dialect.server_version_info
        form = self._forms.get(server)
        if form is None:
            form = self._forms[server] = _Form(self._statement, self._columns, dialect)
        return form


@dataclass(frozen=True)
class _Text:
    """The statement's text with its lists at one length."""

    text: str
    elements: Mapping[str, Sequence[str]]
    """By list: the names of its elements."""
    order: Sequence[str] | None
    """On a driver that counts parameters: the order of all names."""


class _Form:
    """A statement in one dialect."""

    def __init__(self, statement: Statement, columns: Sequence[str], dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        self._compiled = compiled
        self._binders: dict[str, Process | None] = {}
        self._constants: dict[str, Any] = {}
        self._lists = [name for name, bind in compiled.binds.items() if bind.expanding]
        for name, bind in compiled.binds.items():
            process = _binder(bind.type, dialect)
            if bind.required:
                self._binders[name] = process
            elif bind.expanding:
                raise ValueError(f"{name}: a list comes by sa.bindparam(..., expanding=True)")
            else:
                self._constants[name] = bind.effective_value if process is None else process(bind.effective_value)
        self._singles = [(name, process) for name, process in self._binders.items() if name not in self._lists]
        self._texts: dict[tuple[int, ...], _Text] = {}
        if isinstance(statement, sa.Select):
            selected = list(statement.selected_columns)
            self._row: Any = namedtuple("Row", [column.key for column in selected])  # type: ignore[misc]
            processors = [_reader(column.type, dialect) for column in selected]
            self._readers = [(index, process) for index, process in enumerate(processors) if process is not None]

    def sent(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Text and parameters as the driver takes them."""
        binders = self._binders
        if values.keys() != binders.keys():
            raise TypeError(f"the statement takes {', '.join(binders)}; it got {', '.join(values)}")
        lists = {name: _padded(values[name]) for name in self._lists}
        shape = tuple([len(items) for items in lists.values()])
        text = self._texts.get(shape)
        if text is None:
            text = self._texts[shape] = self._expanded(lists)
        parameters = self._constants | {
            name: values[name] if process is None else process(values[name]) for name, process in self._singles
        }
        for name, items in lists.items():
            process = binders[name]
            bound = items if process is None else map(process, items)
            parameters.update(zip(text.elements[name], bound, strict=True))
        return text.text, parameters if text.order is None else tuple([parameters[name] for name in text.order])

    def sent_many(self, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
        """Text and parameters for many rows, as the driver takes them; the statement has no lists."""
        text, first = self.sent(rows[0])
        singles, constants, order = self._singles, self._constants, self._texts[()].order
        many = [first]
        for values in rows[1:]:
            parameters = {name: values[name] if process is None else process(values[name]) for name, process in singles}
            parameters |= constants
            many.append(parameters if order is None else tuple([parameters[name] for name in order]))
        return text, many

    def _expanded(self, lists: Mapping[str, Sequence[Any]]) -> _Text:
        state = self._compiled.construct_expanded_state({**dict.fromkeys(self._binders), **lists})
        return _Text(state.statement, state.parameter_expansion, state.positiontup)

    def rows(self, raw: Sequence[Sequence[Any]]) -> list[Any]:
        """What the driver gave, by the columns' types."""
        rows = []
        for raw_row in raw:
            values = list(raw_row)
            for index, process in self._readers:
                values[index] = process(values[index])
            rows.append(self._row._make(values))
        return rows


SERVERS = ("mysql", "mariadb")


def _binder(kind: Any, dialect: Dialect) -> Process | None:
    """How a type's values are sent. Types of ours have a shorter way on the servers than through their decorator."""
    direct: Process | None = getattr(kind, "server_bind", None) if dialect.name in SERVERS else None
    process: Process | None = direct or kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def _reader(kind: Any, dialect: Dialect) -> Process | None:
    direct: Process | None = getattr(kind, "server_read", None) if dialect.name in SERVERS else None
    process: Process | None = direct or kind.dialect_impl(dialect).result_processor(dialect, None)
    return process


def _padded(items: Sequence[Any]) -> Sequence[Any]:
    """A list at the next length that is a power of two, by repeating its last element: it means the same.

    So a statement has as many texts as there are such lengths, not one for every length.
    """
    missing = (1 << (len(items) - 1).bit_length()) - len(items) if items else 0
    return [*items, *[items[-1]] * missing] if missing else items


@cache
def insertion(table: sa.Table, columns: tuple[str, ...]) -> Precompiled:
    """The INSERT of a table's columns."""
    return Precompiled(sa.insert(table), columns=columns)
