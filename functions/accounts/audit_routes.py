"""HTTP of the audit log, for administrators: read, filtered, never changed. It stands with the accounts since it says what
people did (no route of the platform may begin with `admin`)."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from shared import audit
from shared.api import Admin, Cursor, Instant, Output, Page, PageSize, decode_cursor, encode_cursor
from shared.errors import Invalid

router = APIRouter(prefix="/accounts", tags=["accounts"])

Word = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[\w.]+$")]


class AuditEntry(Output):
    """Who did what to which object, when and from which address; `before` and `after` hold what changed."""

    id: uuid.UUID
    at: datetime
    actor_id: uuid.UUID | None = Field(description="The account; null for the platform itself and operators' commands")
    actor_role: str = Field(examples=["owner"])
    action: str = Field(examples=["evse.remove"])
    object_type: str = Field(examples=["location"])
    object_id: uuid.UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None


@router.get("/audit", response_model=Page[AuditEntry])
def list_audit_entries(
    call: Admin,
    actor_id: uuid.UUID | None = None,
    actor_role: Word = None,
    action: Annotated[Word, Query(description="A whole action, or a prefix that ends in a dot: `location.`")] = None,
    object_type: Word = None,
    object_id: uuid.UUID | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[AuditEntry]:
    """What owners and administrators did, newest first. All filters given must hold; the span is [since, until)."""
    if since is not None and until is not None and until <= since:
        raise Invalid.one("until", "must be after since")
    filters = audit.Filters(actor_id, actor_role, action, object_type, object_id, since, until)
    before = decode_cursor(cursor, uuid.UUID)[0] if cursor else None
    found = call.read(lambda tx: audit.search(tx.conn, filters, before=before, limit=limit + 1))
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Page(items=[AuditEntry.model_validate(item) for item in found[:limit]], next_cursor=more)
