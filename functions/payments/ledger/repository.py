"""Every SQL statement of postings and of who their parties are."""

import uuid
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.payments.ledger.domain import KindSum, Posting
from functions.payments.ledger.tables import ledger_party, ledger_posting
from shared.db import insert_new, insert_rows, new_id
from shared.tx import Tx

_P = ledger_posting.c
_COLUMNS = [_P[field.name] if field.name != "amount_minor" else _P.amount.label("amount_minor") for field in fields(Posting)]


def _posting(row: Any) -> Posting:
    return Posting(**row._asdict())


def _row(posting: Posting) -> dict[str, Any]:
    values = dict(vars(posting))
    values["amount"] = values.pop("amount_minor")
    return values


def add(tx: Tx, postings: Sequence[Posting]) -> bool:
    """Stores the lines of one transaction; False, and nothing is stored, where its source was posted before."""
    first, *others = postings
    if not insert_new(tx.conn, ledger_posting, **_row(first)):
        return False
    insert_rows(tx.conn, ledger_posting, [_row(posting) for posting in others])
    return True


def of_source(tx: Tx, source: str) -> list[Posting]:
    """The lines of a transaction in order."""
    statement = sa.select(*_COLUMNS).where(_P.source == source).order_by(_P.line)
    return [_posting(row) for row in tx.execute(statement)]


def of_bookings(tx: Tx, booking_ids: Sequence[uuid.UUID]) -> list[Posting]:
    """The postings of bookings in the order in which they were stored."""
    statement = sa.select(*_COLUMNS).where(_P.booking_id.in_(list(booking_ids))).order_by(_P.id)
    return [_posting(row) for row in tx.execute(statement)]


def of_account(
    tx: Tx,
    account: str | None,
    *,
    booking_id: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
    limit: int | None = None,
) -> list[Posting]:
    """Postings that debit or credit an account, or of a booking, or both, the latest stored first."""
    statement = sa.select(*_COLUMNS).order_by(_P.id.desc()).limit(limit)
    if account is not None:
        statement = statement.where(sa.or_(_P.debit == account, _P.credit == account))
    if booking_id is not None:
        statement = statement.where(_P.booking_id == booking_id)
    if before is not None:
        statement = statement.where(_P.id < before)
    return [_posting(row) for row in tx.execute(statement)]


def sums_of(tx: Tx, account: str) -> list[KindSum]:
    """What each kind of posting adds to an account, by currency: credits less debits."""
    signed = [
        sa.select(_P.currency, _P.kind, (sign * _P.amount).label("amount")).where(column == account)
        for column, sign in ((_P.credit, 1), (_P.debit, -1))
    ]
    union = sa.union_all(*signed).subquery()
    total = sa.func.sum(union.c.amount)
    statement: sa.Select[Any] = sa.select(union.c.currency, union.c.kind, total).group_by(union.c.currency, union.c.kind)
    rows: list[Any] = list(tx.execute(statement))
    return [KindSum(currency, kind, int(amount)) for currency, kind, amount in rows]


def between(tx: Tx, *, since: datetime, until: datetime, after: uuid.UUID | None, limit: int) -> list[Posting]:
    """Postings of what happened in [since, until), in the order in which they were stored, after a cursor."""
    statement = sa.select(*_COLUMNS).where(_P.at >= since, _P.at < until)
    if after is not None:
        statement = statement.where(_P.id > after)
    return [_posting(row) for row in tx.execute(statement.order_by(_P.id).limit(limit))]


def party_of(tx: Tx, user_id: uuid.UUID) -> uuid.UUID:
    """Who a user is in the ledger, made when first asked for."""
    known = find_party(tx, user_id)
    if known is not None:
        return known
    insert_new(tx.conn, ledger_party, user_id=user_id, party_id=new_id())
    party = find_party(tx, user_id)
    assert party is not None
    return party


def find_party(tx: Tx, user_id: uuid.UUID) -> uuid.UUID | None:
    """Who a user is in the ledger; None where nothing was posted for them."""
    statement = sa.select(ledger_party.c.party_id).where(ledger_party.c.user_id == user_id)
    party: uuid.UUID | None = tx.execute(statement).scalar()
    return party


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Gives a user's party to a random id that stands for nobody."""
    tx.execute(sa.update(ledger_party).where(ledger_party.c.user_id == user_id).values(user_id=pseudonym))
