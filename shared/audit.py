"""Who did what, when, before and after, from where. It only grows: the database itself refuses to change an entry."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

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
    sa.Index("ix_audit_entry_actor", "actor_id", "id"),
    sa.Index("ix_audit_entry_action", "action", "id"),
)

AUDITED_ROLES = frozenset({"owner", "admin"})
"""Whose writes leave an entry, whatever they change."""
SECRET_WORDS = ("password", "secret", "token", "authorization", "credential", "key_hash", "api_key", "private_key")
REDACTED = "[redacted]"


def without_secrets(value: Any) -> Any:
    """A JSON value in which every member whose name speaks of a secret is blotted out, however deep it lies."""
    if isinstance(value, dict):
        return {
            name: REDACTED if item is not None and any(word in name.lower() for word in SECRET_WORDS) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """Anything a use case holds as a JSON value: instants in ISO 8601, ids and enum members as their text."""
    return json.loads(json.dumps(value, default=_as_json))


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def entry(
    *,
    entry_id: uuid.UUID,
    at: datetime,
    actor_id: uuid.UUID | None,
    actor_role: str,
    action: str,
    object_type: str,
    object_id: uuid.UUID,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    address: str | None,
) -> sa.Insert:
    """The INSERT of one entry; `before` and `after` hold the members that changed, as JSON values, secrets blotted out."""
    return sa.insert(audit_entry).values(
        id=entry_id,
        at=at,
        actor_id=actor_id,
        actor_role=actor_role,
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=without_secrets(before),
        after=without_secrets(after),
        address=address,
    )


@dataclass(frozen=True)
class Filters:
    """What to look for; all that are given must hold."""

    actor_id: uuid.UUID | None = None
    """The account that acted."""
    actor_role: str | None = None
    """The role it acted in."""
    action: str | None = None
    """A whole action or, ending in a dot, a prefix."""
    object_type: str | None = None
    """The kind of what was changed."""
    object_id: uuid.UUID | None = None
    """What was changed."""
    since: datetime | None = None
    """The first instant."""
    until: datetime | None = None
    """The instant after the last."""


def search(conn: Connection, filters: Filters, *, before: uuid.UUID | None, limit: int) -> list[sa.Row[Any]]:
    """Entries, newest first, after the cursor `before`; [since, until)."""
    columns = audit_entry.c
    conditions: list[sa.ColumnElement[bool]] = []
    for name in ("actor_id", "actor_role", "object_type", "object_id"):
        wanted = getattr(filters, name)
        if wanted is not None:
            conditions.append(columns[name] == wanted)
    if filters.action is not None:
        prefix = filters.action.endswith(".")
        conditions.append(
            columns.action.startswith(filters.action, autoescape=True) if prefix else columns.action == filters.action
        )
    if filters.since is not None:
        conditions.append(columns.at >= filters.since)
    if filters.until is not None:
        conditions.append(columns.at < filters.until)
    if before is not None:
        conditions.append(columns.id < before)
    statement = sa.select(audit_entry).where(*conditions).order_by(columns.id.desc()).limit(limit)
    return list(conn.execute(statement))
