"""Answers to administrators."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from shared.web.fields import Output


class DeadLetter(Output):
    """A message that could not be delivered: where it was to go, what it says, how often it was tried and what failed."""

    id: uuid.UUID
    queue: str
    type: str
    payload: Any
    attempts: int
    last_error: str | None
    created_at: datetime


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
