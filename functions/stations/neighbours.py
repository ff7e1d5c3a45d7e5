"""The places next to a place, for those who find it full. Where places are changes seldom, so it is kept for a while; how they
are is read when it is asked."""

import uuid
from datetime import datetime, timedelta
from math import ceil

import h3.api.basic_int as cells_h3

from functions.stations import repository
from functions.stations.domain import Location
from functions.stations.nearby import complete_radius_km
from shared.geo import great_circle_km
from shared.tx import Tx

KEPT_FOR, KEPT_PLACES = timedelta(minutes=10), 20_000
RESOLUTION = 7
"""Of the cells looked into: their edges are 1.4 km."""
Near = list[tuple[float, uuid.UUID]]
_kept: dict[tuple[uuid.UUID, str, float, int], tuple[datetime, Near]] = {}


def neighbours(*, tx: Tx, location: Location, standard: str, radius_km: float, limit: int) -> Near:
    """(km, id) of the approved places with such a connector around a place, nearest first; at most KEPT_FOR old."""
    key = location.id, standard, radius_km, limit
    known = _kept.get(key)
    if known is not None and abs(tx.now - known[0]) <= KEPT_FOR:
        return known[1]
    if len(_kept) >= KEPT_PLACES:
        _kept.clear()
    near = _read(tx, location, standard, radius_km)[:limit]
    _kept[key] = tx.now, near
    return near


def _read(tx: Tx, location: Location, standard: str, radius_km: float) -> Near:
    centre = cells_h3.latlng_to_cell(location.latitude, location.longitude, RESOLUTION)
    cells = cells_h3.grid_disk(centre, ceil(radius_km / complete_radius_km(RESOLUTION, 1)))
    others = repository.in_cells(tx, resolution=RESOLUTION, cells=sorted(cells), standard=standard)
    distances = (
        (great_circle_km(location.latitude, location.longitude, latitude, longitude), location_id)
        for location_id, latitude, longitude in others
        if location_id != location.id
    )
    return sorted((km, location_id) for km, location_id in distances if km <= radius_km)
