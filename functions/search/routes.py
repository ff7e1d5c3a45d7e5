"""HTTP of search: the nearest locations, one in full, and when its pools are free. The paths are the stations'."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.search import service
from functions.stations import places
from functions.stations.enums import ConnectorType
from functions.stations.schemas import (
    Availability,
    LocationOut,
    LocationSummary,
    MapPart,
    NearbyQuery,
    PlacesFound,
    PlaceSummary,
)
from shared.errors import Invalid
from shared.web.call import Public, limited
from shared.web.fields import Instant, by_either_name
from shared.web.pagination import Page, PageSize, decode_cursor, encode_cursor

router = APIRouter(prefix="/stations", tags=["stations"])


@router.get("/locations", response_model=Page[LocationSummary], dependencies=[limited("search")])
def search_locations(
    call: Public,
    latitude: Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False, examples=[52.09])] = None,
    longitude: Annotated[float | None, Query(ge=-180, le=180, allow_inf_nan=False, examples=[5.12])] = None,
    lat: Annotated[
        float | None, Query(ge=-90, le=90, allow_inf_nan=False, deprecated=True, description="`latitude` by its old name")
    ] = None,
    lon: Annotated[
        float | None, Query(ge=-180, le=180, allow_inf_nan=False, deprecated=True, description="`longitude` by its old name")
    ] = None,
    radius_km: Annotated[float, Query(gt=0, le=200, allow_inf_nan=False)] = 10,
    connector: ConnectorType | None = None,
    min_power_kw: Annotated[float, Query(ge=0, le=4000, allow_inf_nan=False)] = 0,
    from_: Annotated[Instant | None, Query(alias="from", description="With a place over the whole period from here")] = None,
    to: Annotated[Instant | None, Query(description="to here")] = None,
    free_from: Annotated[Instant | None, Query(deprecated=True, description="`from` by its old name")] = None,
    free_until: Annotated[Instant | None, Query(deprecated=True, description="`to` by its old name")] = None,
    p_free_at: Annotated[
        Instant | None, Query(description="With the chance that a point is free then; within the coming hour")
    ] = None,
    include_full: Annotated[bool, Query(description="With `from` and `to`: also those without a place, `free` 0")] = False,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: PageSize = 20,
) -> Page[LocationSummary]:
    """Approved locations, nearest to `latitude` and `longitude` first, with what their EVSEs report now; with `from` and `to`
    those with a place over the whole period. Both of each pair are needed."""
    after = decode_cursor(cursor, float, uuid.UUID) if cursor else None
    query = NearbyQuery(
        latitude=_needed("latitude", by_either_name("latitude", latitude, "lat", lat)),
        longitude=_needed("longitude", by_either_name("longitude", longitude, "lon", lon)),
        radius_km=radius_km,
        connector=connector,
        min_power_kw=min_power_kw,
        begin=by_either_name("from", from_, "free_from", free_from),
        end=by_either_name("to", to, "free_until", free_until),
        p_free_at=p_free_at,
        include_full=include_full,
    )
    items, position = call.read(lambda tx: service.search(tx=tx, query=query, after=after, limit=limit))
    more = None if position is None else encode_cursor(position[0], str(position[1]))
    return Page(items=items, next_cursor=more)


def _needed(name: str, coordinate: float | None) -> float:
    if coordinate is None:
        raise Invalid.one(name, "is needed: degrees, such as 52.09")
    return coordinate


@router.get("/places", response_model=PlacesFound, dependencies=[limited("search")])
def find_places(
    call: Public,
    q: Annotated[str, Query(min_length=2, max_length=80, description="Words of a name, an address or a city")],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> PlacesFound:
    """Approved locations by name or address: each word must stand in one of them."""
    named = call.read(lambda tx: places.named(tx=tx, text=q, limit=limit))
    return PlacesFound(items=[PlaceSummary.model_validate(place) for place in named])


@router.get("/map", response_model=MapPart, dependencies=[limited("search")])
def get_map_part(
    call: Public,
    bbox: Annotated[str, Query(max_length=120, description="west,south,east,north in degrees", examples=["5.0,52.0,5.2,52.2"])],
    connector: ConnectorType | None = None,
) -> MapPart:
    """The approved locations in a part of the map; where there are more than 200, how many are where."""
    box, standard = places.box_of(bbox), None if connector is None else connector.value
    return MapPart.model_validate(call.read(lambda tx: places.within(tx=tx, box=box, standard=standard)))


@router.get("/locations/{location_id}", response_model=LocationOut)
def get_location(location_id: uuid.UUID, call: Public, response: Response) -> LocationOut:
    """A location with EVSEs, pools, tariffs, terms and opening times. Its ETag goes with every edit as If-Match."""
    location = call.read(lambda tx: service.location_in_full(tx=tx, location_id=location_id))
    response.headers["ETag"] = location.etag
    return location


@router.get("/locations/{location_id}/availability", response_model=Availability, dependencies=[limited("search")])
def get_availability(
    location_id: uuid.UUID,
    call: Public,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    to: Instant | None = None,
    connector: ConnectorType | None = None,
) -> Availability:
    """The free counts of its pools, slot by slot."""
    standard = None if connector is None else connector.value
    return call.read(lambda tx: service.calendars(tx=tx, location_id=location_id, start=from_, end=to, connector=standard))
