"""What owners read of several locations at once: calendars, and how their feeds do."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.booking import outages
from functions.operators.calendar import calendar
from functions.operators.calendar_schemas import LocationCalendar
from functions.stations import service as stations
from functions.stations.enums import EvseStatus
from functions.stations.feed import service as feed
from shared.tx import Tx

MAX_CALENDARS = 20
MAX_FEEDS = 200


def calendars(
    *, tx: Tx, location_ids: Sequence[uuid.UUID], start: datetime | None, end: datetime | None
) -> list[LocationCalendar]:
    """The calendars of the caller's locations (none named: of the newest 20). Raises NotFound for others', Invalid."""
    ids = list(dict.fromkeys(location_ids)) or stations.managed_ids(tx=tx, limit=MAX_CALENDARS)
    return [calendar(tx=tx, location_id=location_id, start=start, end=end) for location_id in ids]


@dataclass(frozen=True)
class FeedHealth:
    """How the feed of a location does."""

    location_id: uuid.UUID
    name: str
    status: str
    heard_at: datetime | None
    """None: it never had one."""
    silent_since: datetime | None
    evses: dict[str, int]
    """By state."""
    waiting: int
    """Bookings at EVSEs out of use that found no other yet."""


def feeds(*, tx: Tx) -> list[FeedHealth]:
    """Of the caller's locations, the silent ones first, then by name."""
    locations = stations.managed_locations(tx=tx, limit=MAX_FEEDS)
    contacts = feed.contacts_of(tx=tx, location_ids=[location.id for location in locations])
    health = []
    for location in locations:
        contact = contacts.get(location.id)
        states = Counter(evse.status for evse in location.evses if evse.status != EvseStatus.REMOVED.value)
        health.append(
            FeedHealth(
                location_id=location.id,
                name=location.name,
                status=location.status,
                heard_at=None if contact is None else contact.heard_at,
                silent_since=None if contact is None else contact.silent_since,
                evses=dict(states),
                waiting=len(outages.waiting(tx=tx, location=location)),
            )
        )
    return sorted(health, key=lambda item: (item.silent_since is None, item.name, item.location_id))
