"""HTTP of stations: parse, one service call, answer. What their owners do is in owner_routes.py."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.stations import availability, owner_routes, service
from functions.stations.feed_routes import router as feed_router
from functions.stations.schemas import Availability, LocationOut, LocationSummary, NearbyQuery
from functions.stations.words import ConnectorType
from shared.api import Instant, Page, PageSize, Public, decode_cursor, encode_cursor, limited
from shared.tx import Tx

router = APIRouter(prefix="/stations", tags=["stations"])
router.include_router(feed_router)
router.include_router(owner_routes.router)


@router.get("/locations", response_model=Page[LocationSummary], dependencies=[limited("search")])
def search_locations(
    call: Public,
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, examples=[52.09])],
    lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, examples=[5.12])],
    radius_km: Annotated[float, Query(gt=0, le=200, allow_inf_nan=False)] = 10,
    connector: ConnectorType | None = None,
    min_power_kw: Annotated[float, Query(ge=0, le=4000, allow_inf_nan=False)] = 0,
    free_from: Instant | None = None,
    free_until: Instant | None = None,
    p_free_at: Annotated[
        Instant | None, Query(description="With the chance that a point is free then; within the coming hour")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: PageSize = 20,
) -> Page[LocationSummary]:
    """Approved locations, nearest first; with `free_from` and `free_until` those with a place over the whole period."""
    query = NearbyQuery(
        lat=lat, lon=lon, radius_km=radius_km, connector=connector, min_power_kw=min_power_kw, free_from=free_from,
        free_until=free_until, p_free_at=p_free_at,
    )  # fmt: skip
    after = decode_cursor(cursor, float, uuid.UUID) if cursor else None
    items, position = call.read(lambda tx: availability.search(tx=tx, query=query, after=after, limit=limit))
    more = None if position is None else encode_cursor(position[0], str(position[1]))
    return Page(items=items, next_cursor=more)


@router.get("/locations/{location_id}", response_model=LocationOut)
def get_location(location_id: uuid.UUID, call: Public, response: Response) -> LocationOut:
    """A location with EVSEs, pools, tariffs, terms and opening times. Its ETag goes with every edit as If-Match."""

    def read(tx: Tx) -> LocationOut:
        location = service.get_visible(tx=tx, location_id=location_id)
        return LocationOut.of(location, service.tariffs_of(tx=tx, location=location))

    found = call.read(read)
    response.headers["ETag"] = found.etag
    return found


@router.get("/locations/{location_id}/availability", response_model=Availability, dependencies=[limited("search")])
def get_availability(
    location_id: uuid.UUID,
    call: Public,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    to: Instant | None = None,
    connector: ConnectorType | None = None,
) -> Availability:
    """The free counts of its pools, quarter hour by quarter hour."""
    standard = None if connector is None else connector.value
    return call.read(lambda tx: availability.calendars(tx=tx, location_id=location_id, start=from_, end=to, connector=standard))
