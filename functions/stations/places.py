"""Finding approved places by name or address, and by a part of the map."""

from dataclasses import dataclass

from functions.stations import repository_places
from functions.stations.domain import PlaceSummary
from functions.stations.repository_places import Box, MapCell
from shared.errors import Invalid
from shared.tx import Tx

MAX_WORDS = 6
MAX_POINTS = 200
"""Above so many places a map shows counts instead."""
MAX_CELLS = 500
RESOLUTIONS = ((0.5, 9), (8.0, 7), (360.0, 5))
"""(degrees across, H3 resolution): how finely a part of the map is counted."""


def named(*, tx: Tx, text: str, limit: int) -> list[PlaceSummary]:
    """Approved locations in whose name, address or city each word of the text stands. Raises Invalid for a text of no words."""
    words = text.split()[:MAX_WORDS]
    if not words:
        raise Invalid.one("q", "names nothing to look for")
    return repository_places.named(tx, words, limit=limit)


def box_of(text: str) -> Box:
    """The part of the map that `west,south,east,north` names, in degrees. Raises Invalid naming the field."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise Invalid.one("bbox", "must be west,south,east,north in degrees, such as 5.0,52.0,5.2,52.2") from None
    if not (-90 <= south < north <= 90 and -180 <= west <= 180 and -180 <= east <= 180 and west != east):
        raise Invalid.one("bbox", "must be west,south,east,north in degrees, south below north")
    return Box(west, south, east, north)


@dataclass(frozen=True)
class MapPart:
    """What stands in a part of the map: places, or where there are too many, counts by cell."""

    places: list[PlaceSummary]
    cells: list[MapCell]


def within(*, tx: Tx, box: Box, standard: str | None) -> MapPart:
    """The approved locations in a box, with a connector of a standard where one is named."""
    places = repository_places.within(tx, box, standard=standard, limit=MAX_POINTS + 1)
    if len(places) <= MAX_POINTS:
        return MapPart(places, [])
    across = max(box.north - box.south, (box.east - box.west) % 360)
    resolution = next(resolution for degrees, resolution in RESOLUTIONS if across <= degrees)
    return MapPart([], repository_places.cells_within(tx, box, standard=standard, resolution=resolution, limit=MAX_CELLS))
