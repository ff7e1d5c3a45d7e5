"""HTTP of the feed and of station keys: parse, one service call, answer."""

import uuid
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response

from functions.stations.feed import service as feed
from functions.stations.feed import silence, station_keys
from functions.stations.feed.domain import EvseFeedState, FeedContact
from functions.stations.feed.schemas import (
    FeedHeard,
    StationKeyCreate,
    StationKeyMade,
    StationKeyOut,
    StationKeyRotate,
    StatusesTaken,
    StatusReport,
    StatusReports,
    StatusTaken,
)
from shared.errors import LimitReached, TooManyRequests, WrongState
from shared.tx import Tx
from shared.web.call import Call, Owner, Station
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/stations", tags=["stations"])


@router.put("/evses/{evse_id}/status", response_model=StatusTaken, responses=errors(TooManyRequests))
def put_evse_status(evse_id: uuid.UUID, report: StatusReport, call: Station) -> Response:
    """Reports the state of an EVSE, by station key. Reports count in the order of `last_updated`, however they arrive:
    one that is older or known already changes nothing and is answered 200 with `applied: false`."""

    def take(tx: Tx) -> StatusTaken:
        evse, outcome = feed.put_status(tx=tx, evse_id=evse_id, status=report.status.value, last_updated=report.last_updated)
        return StatusTaken.of(evse, outcome)

    # The answer is valid by construction; checking it again would cost more than a statement.
    return Response(call.write(take).model_dump_json(), media_type="application/json")


@router.put("/locations/{location_id}/status", response_model=StatusesTaken, responses=errors(TooManyRequests))
def put_location_status(location_id: uuid.UUID, reports: StatusReports, call: Station) -> Response:
    """Reports the states of several EVSEs of a location in one call, by station key: all are taken, or none where one is
    wrong."""

    def take(tx: Tx) -> StatusesTaken:
        contact, evses, taken = feed.put_statuses(tx=tx, location_id=location_id, reports=reports)
        answers = [StatusTaken.of(evse, outcome) for evse, outcome in taken]
        return StatusesTaken(**_contact(call, location_id, contact, evses), evses=answers)

    return Response(call.write(take).model_dump_json(), media_type="application/json")


@router.post("/locations/{location_id}/heartbeat", response_model=FeedHeard)
def send_heartbeat(location_id: uuid.UUID, call: Station) -> FeedHeard:
    """Says that the feed of a location lives though nothing changed, by station key. Every report says it too."""

    def touch(tx: Tx) -> FeedHeard:
        contact, evses = feed.heartbeat(tx=tx, location_id=location_id)
        return FeedHeard(**_contact(call, location_id, contact, evses))

    return call.write(touch)


def _contact(call: Call, location_id: uuid.UUID, contact: FeedContact, evses: list[EvseFeedState]) -> dict[str, Any]:
    return {
        "location_id": location_id,
        "heard_at": contact.heard_at,
        "silent_after_s": call.platform.settings.feed_silent_after_s,
        "unknown": [evse.evse_id for evse in evses if evse.report is not None and evse.report.unknown_since is not None],
    }


@router.delete("/locations/{location_id}/feed", status_code=204)
def end_feed(location_id: uuid.UUID, call: Owner) -> None:
    """Ends the feed of your location: its keys are revoked, and its EVSEs are AVAILABLE again as those without a feed."""
    call.write(lambda tx: silence.end_feed(tx=tx, location_id=location_id))


@router.post("/locations/{location_id}/keys", status_code=201, response_model=StationKeyMade, responses=errors(LimitReached))
def create_station_key(location_id: uuid.UUID, key_in: StationKeyCreate, call: Owner) -> StationKeyMade:
    """Makes a key by which your location's stations report. It is shown this once, so an Idempotency-Key is not heeded."""

    def make(tx: Tx) -> StationKeyMade:
        station_key, secret = station_keys.create_key(tx=tx, location_id=location_id, name=key_in.name)
        return StationKeyMade.with_secret(station_key, secret, tx.now)

    return call.write(make)


@router.get("/locations/{location_id}/keys", response_model=Page[StationKeyOut])
def list_station_keys(location_id: uuid.UUID, call: Owner, cursor: Cursor = None, limit: PageSize = 20) -> Page[StationKeyOut]:
    """The keys of your location with their last use, without their secrets; revoked ones too."""

    def read(tx: Tx) -> Page[StationKeyOut]:
        keys = station_keys.list_keys(tx=tx, location_id=location_id, after=cursor_id(cursor), limit=limit + 1)
        return page(keys, limit, lambda key: StationKeyOut.of(key, tx.now))

    return call.read(read)


@router.post(
    "/keys/{key_id}/rotate", status_code=201, response_model=StationKeyMade, responses=errors(LimitReached, WrongState)
)
def rotate_station_key(key_id: uuid.UUID, rotate_in: StationKeyRotate, call: Owner) -> StationKeyMade:
    """Makes a new key in place of this one, which is good for `grace_minutes` more. The new one is shown this once."""
    grace = timedelta(minutes=rotate_in.grace_minutes)

    def rotate(tx: Tx) -> StationKeyMade:
        station_key, secret = station_keys.rotate_key(tx=tx, key_id=key_id, grace=grace)
        return StationKeyMade.with_secret(station_key, secret, tx.now)

    return call.write(rotate)


@router.delete("/keys/{key_id}", status_code=204)
def revoke_station_key(key_id: uuid.UUID, call: Owner) -> None:
    """Revokes a key at once."""
    call.write(lambda tx: station_keys.revoke_key(tx=tx, key_id=key_id))
