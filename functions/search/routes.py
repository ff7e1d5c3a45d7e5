"""HTTP of search: the nearest locations, and when a location's pools are free. The paths are the stations'."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.search import service
from functions.stations.enums import ConnectorType
from functions.stations.schemas import Availability, LocationSummary, NearbyQuery
from shared.errors import Invalid
from shared.web.call import Public, limited
from shared.web.fields import Instant
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
    free_from: Instant | None = None,
    free_until: Instant | None = None,
    p_free_at: Annotated[
        Instant | None, Query(description="With the chance that a point is free then; within the coming hour")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: PageSize = 20,
) -> Page[LocationSummary]:
    """Approved locations, nearest to `latitude` and `longitude` first, which it takes both; with `free_from` and `free_until`
    those with a place over the whole period."""
    after = decode_cursor(cursor, float, uuid.UUID) if cursor else None
    query = NearbyQuery(
        latitude=_by_either_name("latitude", latitude, "lat", lat),
        longitude=_by_either_name("longitude", longitude, "lon", lon),
        radius_km=radius_km,
        connector=connector,
        min_power_kw=min_power_kw,
        free_from=free_from,
        free_until=free_until,
        p_free_at=p_free_at,
    )
    items, position = call.read(lambda tx: service.search(tx=tx, query=query, after=after, limit=limit))
    more = None if position is None else encode_cursor(position[0], str(position[1]))
    return Page(items=items, next_cursor=more)


def _by_either_name(name: str, value: float | None, old_name: str, old_value: float | None) -> float:
    if value is not None and old_value is not None:
        raise Invalid.one(old_name, f"is the old name of {name}; send one of them")
    coordinate = value if value is not None else old_value
    if coordinate is None:
        raise Invalid.one(name, "is needed: degrees, such as 52.09")
    return coordinate


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
