"""Every SQL statement of the ledger's checks: their runs, and the differences they saw."""

import uuid
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from functions.payments.ledger.comparison import CheckRun, Difference, StoredDifference
from functions.payments.ledger.tables import ledger_check_run, ledger_difference
from shared.db import insert_new, insert_rows, new_id
from shared.tx import Tx

_D = ledger_difference.c
_COLUMNS = [_D[field.name.removesuffix("_minor")].label(field.name) for field in fields(StoredDifference)]


def note(tx: Tx, difference: Difference) -> None:
    """Notes a difference that was seen now: a new row, or the row of before, which is open again."""
    key = {"kind": difference.kind, "subject": difference.subject, "currency": difference.currency}
    amounts = {"expected": difference.expected_minor, "actual": difference.actual_minor}
    row = key | amounts | {"booking_id": difference.booking_id, "last_seen_at": tx.now}
    if insert_new(tx.conn, ledger_difference, id=new_id(), first_seen_at=tx.now, resolved_at=None, **row):
        return
    same = sa.and_(*(_D[name] == value for name, value in key.items()))
    tx.execute(sa.update(ledger_difference).where(same).values(**amounts, last_seen_at=tx.now, resolved_at=None))


def resolve(tx: Tx, ids: Iterable[uuid.UUID]) -> None:
    """Differences that are none any more."""
    tx.execute(sa.update(ledger_difference).where(_D.id.in_(sorted(ids))).values(resolved_at=tx.now))


def open_differences(tx: Tx) -> list[StoredDifference]:
    """Differences that are not resolved."""
    statement = sa.select(*_COLUMNS).where(_D.resolved_at.is_(None)).order_by(_D.id)
    return [StoredDifference(**row._asdict()) for row in tx.execute(statement)]


def list_differences(tx: Tx, *, before: uuid.UUID | None, limit: int, is_open: bool | None) -> list[StoredDifference]:
    """Differences, the latest first."""
    statement = sa.select(*_COLUMNS).order_by(_D.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_D.id < before)
    if is_open is not None:
        statement = statement.where(_D.resolved_at.is_(None) if is_open else _D.resolved_at.is_not(None))
    return [StoredDifference(**row._asdict()) for row in tx.execute(statement)]


def add_run(tx: Tx, run: CheckRun) -> None:
    """Stores how a run went."""
    insert_rows(tx.conn, ledger_check_run, [vars(run)])


def last_run(tx: Tx) -> CheckRun | None:
    """The latest run."""
    statement = sa.select(ledger_check_run).order_by(ledger_check_run.c.id.desc()).limit(1)
    row = tx.execute(statement).one_or_none()
    return None if row is None else CheckRun(**row._asdict())


def prune_runs(tx: Tx, *, before: datetime) -> int:
    """Deletes runs that ended before an instant."""
    return tx.execute(sa.delete(ledger_check_run).where(ledger_check_run.c.ended_at < before)).rowcount
