"""Locations along a driver's way: disks on the line from where they set out to where they are going."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from functions.optimizer.core.places import MAX_LOCATIONS, ways
from functions.optimizer.core.requests import Requests
from functions.stations import service as stations
from functions.stations.domain import Location
from shared.geo import great_circle_km
from shared.tx import Tx

FEWEST_KM = 5.0
"""Radius of a disk at least."""
MOST_DISKS = 9
WIDER = 2.5
"""How much wider the corridor becomes while it has too few locations."""


def locations_on_the_way(tx: Tx, requests: Requests, *, standards: frozenset[str], reach_km: float) -> list[Location]:
    """The locations with a matching connector by which the driver's detour is least, of those from which they get to their
    destination; where there are none, those that get them farthest towards it. `requests` is one with a destination,
    `reach_km` how far it gets as the crow flies.

    Each disk tells of the MAX_LOCATIONS nearest its centre; where a disk has more, some a little off the line may be missed.
    """
    assert requests.to_latitude is not None
    assert requests.to_longitude is not None
    origin = float(requests.latitude[0]), float(requests.longitude[0])
    there = float(requests.to_latitude[0]), float(requests.to_longitude[0])
    direct = great_circle_km(*origin, *there)
    length = min(direct, reach_km)
    centres = list(points_between(origin, there, share=length / direct if direct > 0 else 0.0, length_km=length))
    radius = max(FEWEST_KM, length / (len(centres) - 1) if len(centres) > 1 else 0.0)
    while True:
        found = _in_disks(tx, centres, min(radius, reach_km), standards)
        ranked = _ranked(requests, found)
        if len(ranked) >= MAX_LOCATIONS or radius >= reach_km:
            return ranked[:MAX_LOCATIONS] or _farthest(requests, found)
        radius *= WIDER


def points_between(
    origin: tuple[float, float], there: tuple[float, float], *, share: float, length_km: float
) -> Iterator[tuple[float, float]]:
    """Points at even distances on the great circle from `origin` over a `share` of the way to `there`, both ends among them:
    as many as disks of FEWEST_KM need for `length_km`, at most MOST_DISKS."""
    count = min(MOST_DISKS, 1 + math.ceil(length_km / FEWEST_KM))
    one, other = (_unit(*point) for point in (origin, there))
    angle = math.acos(max(-1.0, min(1.0, float(one @ other))))
    for number in range(count):
        part = share * number / max(1, count - 1)
        if angle < 1e-9:
            yield origin
            continue
        point = (math.sin((1 - part) * angle) * one + math.sin(part * angle) * other) / math.sin(angle)
        yield math.degrees(math.asin(max(-1.0, min(1.0, point[2])))), math.degrees(math.atan2(point[1], point[0]))


def _unit(latitude: float, longitude: float) -> np.ndarray:
    phi, lam = math.radians(latitude), math.radians(longitude)
    return np.array([math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)])


def _in_disks(tx: Tx, centres: Sequence[tuple[float, float]], radius_km: float, standards: frozenset[str]) -> list[Location]:
    found: dict[object, Location] = {}
    for latitude, longitude in centres:
        near = stations.locations_near(
            tx=tx, latitude=latitude, longitude=longitude, radius_km=radius_km, standards=standards, limit=MAX_LOCATIONS
        )
        found.update({location.id: location for _, location in near})
    return list(found.values())


def _ranked(requests: Requests, found: Sequence[Location]) -> list[Location]:
    """Those by which the trip can be finished, by detour."""
    way = ways(requests, *_points(found))
    able = np.flatnonzero((way.reachable & way.finishes)[0])
    return [found[index] for index in able[np.argsort(way.km[0, able], kind="stable")].tolist()]


def _farthest(requests: Requests, found: Sequence[Location]) -> list[Location]:
    """Those within reach, by how far towards the destination they get the driver."""
    way = ways(requests, *_points(found))
    able = np.flatnonzero(way.reachable[0])
    order = able[np.argsort(-way.gets_km[0, able], kind="stable")]
    return [found[index] for index in order[:MAX_LOCATIONS].tolist()]


def _points(found: Sequence[Location]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([location.latitude for location in found], dtype=np.float64),
        np.array([location.longitude for location in found], dtype=np.float64),
    )
