"""What the owner of a location must hear of its feed."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from functions.stations import service
from functions.stations.domain import BROKEN, OUT_OF_USE
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


@dataclass(frozen=True)
class EvseOutOfUse(Event):
    """EVSEs of a location broke or were removed, by their own report: what is booked there has to go elsewhere."""

    TYPE: ClassVar[str] = "evse_out_of_use"
    at: datetime
    location_id: uuid.UUID
    evse_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class EvseBackInUse(Event):
    """EVSEs of a location that were out of use can be used again, by their own report."""

    TYPE: ClassVar[str] = "evse_back_in_use"
    at: datetime
    location_id: uuid.UUID
    evse_ids: tuple[uuid.UUID, ...]


def tell_use(tx: Tx, location_id: uuid.UUID, changes: Iterable[tuple[uuid.UUID, str, str]]) -> None:
    """Publishes what (EVSE, status before, status now) of a location's EVSEs says of their use: an event for those that broke
    or went, one for those that can be used again. A silent feed says nothing: its EVSEs may well work."""
    gone, back = [], []
    for evse_id, before, now in changes:
        if now in BROKEN and before not in BROKEN:
            gone.append(evse_id)
        elif before in OUT_OF_USE and now not in OUT_OF_USE:
            back.append(evse_id)
    if gone:
        tx.publish(EvseOutOfUse(tx.now, location_id, tuple(gone)))
    if back:
        tx.publish(EvseBackInUse(tx.now, location_id, tuple(back)))


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
