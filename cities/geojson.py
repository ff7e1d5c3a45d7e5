"""GeoJSON (RFC 7946) features as OCPI Locations: points whose properties are an OCPI Location's, or what a column map says."""

from typing import Any

from cities.column_map import LocationsMap, location_fields, location_object
from cities.ocpi_objects import OddError


def is_feature(item: Any) -> bool:
    """Whether an object is a GeoJSON feature."""
    return isinstance(item, dict) and item.get("type") == "Feature" and "geometry" in item


def location_of(feature: dict[str, Any], columns: LocationsMap | None) -> dict[str, Any]:
    """A feature as an OCPI Location. Raises OddError."""
    geometry, properties = feature.get("geometry"), feature.get("properties")
    point = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
    if not isinstance(point, list) or len(point) < 2:
        raise OddError("coordinates: the feature's geometry is no Point")
    if not isinstance(properties, dict):
        raise OddError("properties: the feature has none")
    own = {"id": feature["id"]} if feature.get("id") is not None else {}
    place = {"latitude": point[1], "longitude": point[0]}
    if "evses" in properties:
        return own | properties | {"coordinates": place}
    return location_object(own | location_fields(properties, columns) | place, None if columns is None else columns.decimal)
