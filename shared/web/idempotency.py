"""The answers kept under an Idempotency-Key, so that a repeat has no second effect."""

from datetime import timedelta

import sqlalchemy as sa

from shared.db import Id, Key, LongText, UtcDateTime, metadata
from shared.precompiled import Precompiled
from shared.tx import Tx
from shared.web.fields import Instant as Instant

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


_MINE = sa.and_(*(idempotency_key.c[name] == sa.bindparam(name) for name in ("user_id", "route", "key")))


_STORED = Precompiled(sa.select(idempotency_key).where(_MINE))


_STORE = Precompiled(sa.update(idempotency_key).where(_MINE), columns=("status", "location", "body"))


def prune_idempotency(tx: Tx, *, keep: timedelta = timedelta(days=7)) -> int:
    """Forgets keys older than `keep`. Returns how many."""
    return tx.execute(sa.delete(idempotency_key).where(idempotency_key.c.created_at < tx.now - keep)).rowcount
