"""What the owner of a location must hear of its feed."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from functions.stations import service
from functions.stations.events import LocationSnapshot
from shared.events import Event
from shared.tx import Tx


@dataclass(frozen=True)
class FeedEvent(Event):
    """Something that happened to a location's feed."""

    at: datetime
    user_id: uuid.UUID
    """The owner."""
    location: LocationSnapshot
    heard_at: datetime
    """The last word of the feed."""
    silent_since: datetime | None
    silent_after_s: int
    """Seconds without a word after which a feed counts as silent."""
    evses: int
    """How many EVSEs became UNKNOWN by it."""


@dataclass(frozen=True)
class FeedSilent(FeedEvent):
    """Nothing was heard of a feed for too long."""

    TYPE: ClassVar[str] = "feed_silent"


@dataclass(frozen=True)
class FeedBack(FeedEvent):
    """A feed that was silent is heard again."""

    TYPE: ClassVar[str] = "feed_back"


def tell_owner(
    tx: Tx,
    location_id: uuid.UUID,
    kind: type[FeedEvent],
    *,
    heard_at: datetime,
    silent_since: datetime | None,
    evses: int = 0,
) -> None:
    """Publishes an event of a location's feed."""
    location = service.get_location(tx=tx, location_id=location_id)
    tx.publish(
        kind(
            at=tx.now,
            user_id=location.owner_id,
            location=LocationSnapshot.of(location),
            heard_at=heard_at,
            silent_since=silent_since,
            silent_after_s=tx.settings.feed_silent_after_s,
            evses=evses,
        )
    )
