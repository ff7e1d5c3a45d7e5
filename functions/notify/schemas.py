"""Answers of notify."""

import uuid
from datetime import datetime
from typing import Any

from shared.web.fields import Output


class Notification(Output):
    """An in-app message; `data` is the event it tells of."""

    id: uuid.UUID
    type: str
    title: str
    body: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None
