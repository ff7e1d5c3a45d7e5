"""The answers kept under an Idempotency-Key, so that a repeat has no second effect."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shared.db import Id, Key, LongText, UtcDateTime, insert_new, metadata
from shared.errors import IdempotencyKeyReused
from shared.precompiled import Precompiled
from shared.tx import Tx

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("route", Key(128), primary_key=True),
    sa.Column("key", Key(128), primary_key=True),
    sa.Column("body_hash", Key(64), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("location", sa.String(255)),
    sa.Column("body", LongText(), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_idempotency_key_created_at", "created_at"),
)

_THIS_KEY = sa.and_(*(idempotency_key.c[name] == sa.bindparam(name) for name in ("user_id", "route", "key")))
_SELECT = Precompiled(sa.select(idempotency_key).where(_THIS_KEY))
_UPDATE = Precompiled(sa.update(idempotency_key).where(_THIS_KEY), columns=("status", "location", "body"))


@dataclass(frozen=True)
class KeyOfCaller:
    """An Idempotency-Key: it counts for one caller on one path. Callers without an account share the zero UUID."""

    user_id: uuid.UUID
    route: str
    key: str


@dataclass(frozen=True)
class StoredAnswer:
    """The answer a key was first given."""

    status: int
    location: str | None
    body: str


def replay(tx: Tx, key: KeyOfCaller, *, request_body: bytes) -> StoredAnswer | None:
    """The answer the key was first given; None the first time, and the key is taken then.

    The row is inserted before the effect: a concurrent twin waits on it, then finds the stored answer. Raises
    IdempotencyKeyReused where the key came before with another body.
    """
    body_hash = hashlib.sha256(request_body).hexdigest()
    is_new = insert_new(
        tx.conn, idempotency_key, **vars(key), body_hash=body_hash, status=0, location=None, body="", created_at=tx.now
    )
    if is_new:
        return None
    (row,) = tx.rows(_SELECT, **vars(key))
    if row.body_hash != body_hash:
        raise IdempotencyKeyReused("Idempotency-Key: used before with a different body on this path")
    return StoredAnswer(row.status, row.location, row.body)


def remember(tx: Tx, key: KeyOfCaller, answer: StoredAnswer) -> None:
    """Keeps the answer of a key that `replay` has taken, in the transaction of its effect."""
    tx.change(_UPDATE, **vars(key), **vars(answer))


def prune_idempotency(tx: Tx, *, keep: timedelta = timedelta(days=7)) -> int:
    """Forgets keys older than `keep`. Returns how many."""
    return tx.execute(sa.delete(idempotency_key).where(idempotency_key.c.created_at < tx.now - keep)).rowcount
