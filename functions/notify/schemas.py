"""Answers of notify."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.booking.events import BookingSnapshot
from functions.operators.events import LocationDecided
from functions.optimizer.events import ChargeRequestExpired, ChargeRequestOffered, ChargeRequestUnsatisfiable
from functions.stations.feed.events import FeedEvent
from shared.web.fields import Output


@dataclass(frozen=True)
class NothingToShow:
    """What a message about an account carries: no member."""


NotificationData = (
    BookingSnapshot
    | FeedEvent
    | LocationDecided
    | ChargeRequestOffered
    | ChargeRequestUnsatisfiable
    | ChargeRequestExpired
    | NothingToShow
)
"""The documents that `Notification.data` holds; the OpenAPI document tells them."""


class Notification(Output):
    """An in-app message; `data` is the event it tells of."""

    id: uuid.UUID
    type: str
    title: str
    body: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None
