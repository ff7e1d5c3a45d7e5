"""Nearest-first search over H3 cells: rings that grow until the page is full; never a scan.

A cell's neighbours at ring k contain every point within `k * cell height` of the origin, so a ring's results are final
up to that conservative radius and sorted by true distance.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import h3

RESOLUTIONS = (9, 7, 5)
MAX_RING = {9: 8, 7: 10, 5: 40}
"""How far each resolution looks before the next coarser one takes over: about 2, 17 and 500 km."""
SAFE_SHARE = 1.2
"""Cells differ in size by place; the inner radius is taken as the average edge times this less than its true reach
(the distance between neighbours' centres is 1.732 edges; the worst cells are about 0.7 of the average)."""


@dataclass(frozen=True)
class Ring:
    """Cells to look into at a resolution, and the radius in km within which nothing else can lie."""

    resolution: int
    cells: tuple[int, ...]
    complete_km: float


def cells_of(latitude: float, longitude: float) -> dict[str, int]:
    """The columns of a location: its cell at each resolution as an integer."""
    return {f"h3_{res}": h3.str_to_int(h3.latlng_to_cell(latitude, longitude, res)) for res in RESOLUTIONS}


def complete_radius_km(resolution: int, ring: int) -> float:
    """A radius that the disk of `ring` rings surely covers from anywhere in its middle cell."""
    return max(0.0, ring * h3.average_hexagon_edge_length(resolution, unit="km") * SAFE_SHARE * 0.7)


def rings(latitude: float, longitude: float, radius_km: float) -> Iterator[Ring]:
    """Disks around a point that together cover `radius_km`: first small cells, then coarser ones. Each ring holds only
    cells the one before (of its resolution) did not."""
    for resolution in RESOLUTIONS:
        centre = h3.latlng_to_cell(latitude, longitude, resolution)
        step = 2 if resolution == 9 else 1
        for ring in range(step, MAX_RING[resolution] + 1, step):
            cells: set[str] = set()
            for distance in range(ring - step + 1 if ring > step else 0, ring + 1):
                cells.update(h3.grid_ring(centre, distance))
            complete = complete_radius_km(resolution, ring)
            yield Ring(resolution, tuple(sorted(h3.str_to_int(cell) for cell in cells)), complete)
            if complete >= radius_km:
                return
