"""Every SQL statement of documents, their numbers and billing profiles."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from functions.payments.documents.domain import BillingProfile, Document
from functions.payments.documents.tables import billing_profile, document, document_series
from shared.db import for_update, insert_new, insert_rows
from shared.tx import Tx

_D, _S, _B = document.c, document_series.c, billing_profile.c
_DOCUMENT = TypeAdapter(Document)
_JSON = ("seller", "buyer", "supply", "lines", "tax", "totals")


@dataclass(frozen=True)
class DocumentFilter:
    """Which documents of a list are wanted; what is unset is no matter."""

    kind: str | None = None
    booking_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def next_number(tx: Tx, owner_id: uuid.UUID, series: str) -> tuple[int, datetime]:
    """Locks the counter of a series until the transaction ends. Returns its next number, and when its last document was
    issued."""
    statement = sa.select(_S.next_number, _S.last_issued_at).where(_S.owner_id == owner_id, _S.series == series)
    row = tx.execute(for_update(statement, tx.conn)).one_or_none()
    if row is None:
        # Only then: an INSERT that finds its row leaves a shared lock on it, and two who hold one wait for each other.
        insert_new(tx.conn, document_series, owner_id=owner_id, series=series, next_number=1, last_issued_at=tx.now)
        row = tx.execute(for_update(statement, tx.conn)).one()
    return row.next_number, row.last_issued_at


def add(tx: Tx, issued: Document) -> None:
    """Stores a document and moves its series on; the counter must be locked."""
    values = _DOCUMENT.dump_python(issued)
    values |= {name: _DOCUMENT.dump_python(issued, mode="json")[name] for name in _JSON}
    insert_rows(tx.conn, document, [values])
    counter = sa.update(document_series).where(_S.owner_id == issued.owner_id, _S.series == issued.series)
    tx.execute(counter.values(next_number=issued.number + 1, last_issued_at=issued.issued_at))


def by_source(tx: Tx, source: str) -> Document | None:
    """The document of a source."""
    return _one(tx, sa.select(document).where(_D.source == source))


def get(tx: Tx, document_id: uuid.UUID) -> Document | None:
    """One document."""
    return _one(tx, sa.select(document).where(_D.id == document_id))


def _one(tx: Tx, statement: sa.Select[Any]) -> Document | None:
    row = tx.execute(statement).one_or_none()
    return None if row is None else _DOCUMENT.validate_python(row._asdict())


def listed(
    tx: Tx, *, user_id: uuid.UUID | None, wanted: DocumentFilter, before: uuid.UUID | None, limit: int | None
) -> list[Document]:
    """Documents that somebody issued or got, or anybody's, the latest first."""
    statement = sa.select(document).order_by(_D.id.desc()).limit(limit)
    conditions: list[sa.ColumnElement[bool]] = []
    if user_id is not None:
        conditions.append(sa.or_(_D.user_id == user_id, _D.owner_id == user_id))
    if before is not None:
        conditions.append(_D.id < before)
    if wanted.kind is not None:
        conditions.append(_D.kind == wanted.kind)
    if wanted.booking_id is not None:
        conditions.append(_D.booking_id == wanted.booking_id)
    if wanted.since is not None:
        conditions.append(_D.issued_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_D.issued_at < wanted.until)
    return [_DOCUMENT.validate_python(row._asdict()) for row in tx.execute(statement.where(*conditions))]


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Gives a buyer's documents to a random id that stands for nobody, and deletes their billing profile."""
    tx.execute(sa.update(document).where(_D.user_id == user_id).values(user_id=pseudonym))
    tx.execute(sa.delete(billing_profile).where(_B.user_id == user_id))


def profile_of(tx: Tx, user_id: uuid.UUID) -> BillingProfile | None:
    """A user's billing profile."""
    row = tx.execute(sa.select(billing_profile).where(_B.user_id == user_id)).one_or_none()
    return None if row is None else BillingProfile(**row._asdict())


def put_profile(tx: Tx, profile: BillingProfile) -> None:
    """Stores a user's billing profile, in the place of the one before."""
    if not insert_new(tx.conn, billing_profile, **vars(profile)):
        tx.execute(sa.update(billing_profile).where(_B.user_id == profile.user_id).values(**vars(profile)))
