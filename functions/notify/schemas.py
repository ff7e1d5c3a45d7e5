"""Answers of notify."""

import uuid
from datetime import datetime
from typing import Any

from shared.api import Output


class Notification(Output):
    """An in-app message; `data` is the event it tells of."""

    id: uuid.UUID
    type: str
    title: str
    body: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class DeadLetter(Output):
    """A message that could not be delivered: where it was to go, what it says, how often it was tried and what failed."""

    id: uuid.UUID
    queue: str
    type: str
    payload: Any
    attempts: int
    last_error: str | None
    created_at: datetime
