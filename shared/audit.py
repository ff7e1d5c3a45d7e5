"""Who did what, when, before and after: append only."""

import uuid
from typing import Any

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_id", Id),
    sa.Column("actor_role", Key(16), nullable=False),
    sa.Column("action", Key(64), nullable=False),
    sa.Column("object_type", Key(32), nullable=False),
    sa.Column("object_id", Id, nullable=False),
    sa.Column("before", sa.JSON),
    sa.Column("after", sa.JSON),
    sa.Column("address", sa.String(64)),
    sa.Index("ix_audit_entry_object", "object_type", "object_id", "at"),
    sa.Index("ix_audit_entry_at", "at"),
)


def entry(
    *, id: uuid.UUID, at: Any, actor_id: uuid.UUID | None, actor_role: str, action: str, object_type: str,
    object_id: uuid.UUID, before: dict[str, Any] | None, after: dict[str, Any] | None, address: str | None,
) -> sa.Insert:  # fmt: skip
    """The INSERT of one entry; `before` and `after` hold the members that changed, as JSON values."""
    return sa.insert(audit_entry).values(
        id=id, at=at, actor_id=actor_id, actor_role=actor_role, action=action, object_type=object_type,
        object_id=object_id, before=before, after=after, address=address,
    )  # fmt: skip
