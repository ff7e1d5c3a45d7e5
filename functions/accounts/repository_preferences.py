"""SQL of preferences: a document a person."""

import uuid
from typing import Any

import sqlalchemy as sa

from functions.accounts.tables import user_preference
from shared.db import insert_new
from shared.tx import Tx

_C = user_preference.c


def get(tx: Tx, user_id: uuid.UUID) -> dict[str, Any] | None:
    """Somebody's preferences; None where they have said nothing."""
    document: dict[str, Any] | None = tx.execute(sa.select(_C.document).where(_C.user_id == user_id)).scalar()
    return document


def put(tx: Tx, user_id: uuid.UUID, document: dict[str, Any]) -> None:
    """Stores them, in place of what was there. The account must be locked."""
    if not insert_new(tx.conn, user_preference, user_id=user_id, document=document, updated_at=tx.now):
        tx.execute(sa.update(user_preference).where(_C.user_id == user_id).values(document=document, updated_at=tx.now))


def delete(tx: Tx, user_id: uuid.UUID) -> None:
    """Forgets them."""
    tx.execute(sa.delete(user_preference).where(_C.user_id == user_id))
