"""HTTP of a location's feed as its owner sees it, with the bookings that wait for another EVSE. The path is the stations'."""

import uuid

from fastapi import APIRouter

from functions.booking import outages
from functions.stations import service as stations
from functions.stations.feed import service as feed
from functions.stations.feed.domain import EvseFeedState, FeedContact
from functions.stations.feed.schemas import Feed, FeedEvse, Waiting
from shared.tx import Tx
from shared.web.auth import STATION_KEY
from shared.web.call import OwnerOrStation

router = APIRouter(prefix="/stations", tags=["stations"])


@router.get("/locations/{location_id}/feed", response_model=Feed)
def get_feed(location_id: uuid.UUID, call: OwnerOrStation) -> Feed:
    """A location's EVSEs with their ids, states and last reports, and whether the feed is heard: for its owner and, at
    start, for the station itself."""
    if call.actor.role == STATION_KEY:  # a write: the key's use is noted
        return call.write(lambda tx: _feed(tx, location_id, *feed.read_feed(tx=tx, location_id=location_id)))

    def read(tx: Tx) -> Feed:
        location = stations.get_managed(tx=tx, location_id=location_id)
        waiting = [
            Waiting(
                booking_id=booking.id,
                evse_uid=booking.evse_uid,
                connector=booking.standard,
                start=booking.start,
                end=booking.end,
            )
            for booking in outages.waiting(tx=tx, location=location)
        ]
        return _feed(tx, location_id, *feed.feed_of(tx=tx, location_id=location_id), waiting)

    return call.read(read)


def _feed(
    tx: Tx,
    location_id: uuid.UUID,
    contact: FeedContact | None,
    evses: list[EvseFeedState],
    waiting: list[Waiting] | None = None,
) -> Feed:
    return Feed(
        location_id=location_id,
        heard_at=None if contact is None else contact.heard_at,
        silent_since=None if contact is None else contact.silent_since,
        silent_after_s=tx.settings.feed_silent_after_s,
        evses=[FeedEvse.of(evse) for evse in evses],
        waiting=waiting,
    )
