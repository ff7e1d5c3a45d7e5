"""Nearest-first search over H3 cells: disks that grow until the page is full; never a scan.

A cell's neighbours at ring k contain every point within `k * cell height` of the origin, so a disk's results are final
up to that conservative radius and sorted by true distance. How far the next disk reaches follows from what the last one
found: a page takes two to four statements in a city and in the country alike.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import h3
import h3.api.basic_int as cells_h3

RESOLUTIONS = (9, 7, 5)
MAX_RING = {9: 8, 7: 10, 5: 40}
"""How far each resolution looks before the next coarser one takes over: about 2, 17 and 500 km."""
SAFE_SHARE = 1.2
"""Cells differ in size by place; the inner radius is taken as the average edge times this less than its true reach
(the distance between neighbours' centres is 1.732 edges; the worst cells are about 0.7 of the average)."""
FIRST_KM = 0.6
MAX_STEP = 8
"""Rings that one disk may add: the statement's list of cells stays short."""


@dataclass(frozen=True)
class Ring:
    """Cells to look into at a resolution, and the radius in km within which nothing else can lie."""

    resolution: int
    cells: tuple[int, ...]
    complete_km: float


def cells_of(latitude: float, longitude: float) -> dict[str, int]:
    """The columns of a location: its cell at each resolution as an integer."""
    return {f"h3_{res}": cells_h3.latlng_to_cell(latitude, longitude, res) for res in RESOLUTIONS}


def _km_a_ring(resolution: int) -> float:
    return h3.average_hexagon_edge_length(resolution, unit="km") * SAFE_SHARE * 0.7


def complete_radius_km(resolution: int, ring: int) -> float:
    """A radius that the disk of `ring` rings surely covers from anywhere in its middle cell."""
    return max(0.0, ring * _km_a_ring(resolution))


def promising_km(complete_km: float, found: int, wanted: int) -> float:
    """The radius within which `wanted` should lie, after `found` within `complete_km`: as if they lay evenly, and a little
    more; at most three times as far."""
    if found < 3:
        return complete_km * 3.0
    return complete_km * min(3.0, 1.15 * sqrt(max(1.0, wanted / found)))


def _one_ring_more(complete_km: float) -> float:
    return complete_km


def rings(
    latitude: float, longitude: float, radius_km: float, promising: Callable[[float], float] = _one_ring_more
) -> Iterator[Ring]:
    """Disks around a point that together cover `radius_km`: first small cells, then coarser ones. Each holds only cells the
    ones before (of its resolution) did not. `promising` says how far to look next, given the radius that is complete; a disk
    has at least one ring more than the one before."""
    complete = 0.0
    for resolution in RESOLUTIONS:
        centre, each, last = (
            cells_h3.latlng_to_cell(latitude, longitude, resolution),
            _km_a_ring(resolution),
            MAX_RING[resolution],
        )
        seen: set[int] = set()
        ring = 0
        while ring < last:
            target = min(radius_km, max(FIRST_KM, promising(complete)))
            if target > last * each and resolution != RESOLUTIONS[-1]:
                break  # coarser cells get there with fewer of them
            ring = min(last, ring + MAX_STEP if seen else last, max(ring + 1, ceil(max(target, complete) / each)))
            disk = set(cells_h3.grid_disk(centre, ring))
            complete = max(complete, ring * each)
            yield Ring(resolution, tuple(sorted(disk - seen)), ring * each)
            seen = disk
            if complete >= radius_km:
                return
