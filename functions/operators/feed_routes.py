"""HTTP of a location's feed as its owner sees it, with the bookings that wait for another EVSE. The path is the stations'."""

import uuid

from fastapi import APIRouter

from functions.booking import outages
from functions.stations import service
from functions.stations.feed import service as feed
from functions.stations.feed.domain import Fed, Heard
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
        location = service.get_managed(tx=tx, location_id=location_id)
        waiting = outages.waiting(tx=tx, location=location)
        found = _feed(tx, location_id, *feed.feed_of(tx=tx, location_id=location_id))
        found.waiting = [
            Waiting(booking_id=made.id, evse_uid=made.evse_uid, connector=made.standard, start=made.start, end=made.end)
            for made in waiting
        ]
        return found

    return call.read(read)


def _feed(tx: Tx, location_id: uuid.UUID, heard: Heard | None, evses: list[Fed]) -> Feed:
    return Feed(
        location_id=location_id,
        heard_at=None if heard is None else heard.at,
        silent_since=None if heard is None else heard.silent_since,
        silent_after_s=tx.settings.feed_silent_after_s,
        evses=[FeedEvse.of(item) for item in evses],
    )
