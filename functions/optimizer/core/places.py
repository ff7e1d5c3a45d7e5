"""Where a driver may charge: the locations within reach that are nearest, or that lie least off the way to a destination.

Axes: B requests, L locations, N places (a location and one of its pools). Distances are great circles times DETOUR.
"""

from dataclasses import dataclass

import numpy as np

from functions.optimizer.core.city import City, unit_vectors
from functions.optimizer.core.requests import Requests
from shared.geo import EARTH_RADIUS_KM

MAX_LOCATIONS = 20
RESERVE_KWH = 0.5
DETOUR = 1.3
SPEED_KMH = 25.0
FEW_LOCATIONS = 64
"""Up to so many, every distance is worked out; above, a shortlist first."""


@dataclass(frozen=True)
class Ways:
    """The ways of each request by each location, [B, L]."""

    km: np.ndarray
    """what a driver drives for charging: to the location, or with a destination the detour by it"""
    road_km: np.ndarray
    """to the location"""
    reachable: np.ndarray
    """whether the battery gets there with the reserve, within the radius that the driver set"""
    finishes: np.ndarray
    """whether it gets from there, with what is charged, to the destination with the reserve; True without one"""
    gets_km: np.ndarray
    """how far towards the destination a stop there gets the driver; 0 without one"""


@dataclass(frozen=True)
class Places:
    """Where each request may go, [B, N]: a location and one of its pools; `usable` is False in padding and for pools that do
    not fit (location and pool are arbitrary there).

    Of each request, [B]: `reachable` whether any location is, `fitting` whether one with its connector is, `gets_km` how far
    towards its destination one of those gets it.
    """

    location: np.ndarray
    pool: np.ndarray
    km: np.ndarray
    road_km: np.ndarray
    usable: np.ndarray
    reachable: np.ndarray
    fitting: np.ndarray
    gets_km: np.ndarray


def great_circle_km(
    latitude: np.ndarray, longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray
) -> np.ndarray:
    """Kilometres between points in degrees, broadcast, rounded to the metre: below that the machines' sines differ, and golden
    vectors would not be the same everywhere."""
    a, b = np.radians(latitude), np.radians(to_latitude)
    half = (
        np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin((np.radians(to_longitude) - np.radians(longitude)) / 2) ** 2
    )
    air: np.ndarray = np.round(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(1.0, half))), 3)
    return air


def ways(requests: Requests, latitude: np.ndarray, longitude: np.ndarray) -> Ways:
    """The ways by locations at these points, degrees [L]."""
    here = requests.latitude[:, None], requests.longitude[:, None]
    air = great_circle_km(*here, latitude, longitude)
    road = np.round(air * DETOUR, 3)
    per_km, soc = requests.consumption[:, None], requests.soc_kwh[:, None]
    reachable = (road * per_km <= soc - RESERVE_KWH) & (air <= requests.radius_km[:, None])
    if requests.to_latitude is None or requests.to_longitude is None:
        return Ways(road, road, reachable, np.ones_like(reachable), np.zeros_like(road))
    there = requests.to_latitude[:, None], requests.to_longitude[:, None]
    bound = ~np.isnan(there[0])
    direct = great_circle_km(*here, *there)
    onward = great_circle_km(latitude, longitude, *there)
    detour = np.round(np.maximum(0.0, air + onward - direct) * DETOUR, 3)
    charged = np.minimum(requests.battery_kwh[:, None], soc - road * per_km + requests.need_kwh[:, None])
    left = np.round(onward * DETOUR, 3) - (charged - RESERVE_KWH) / per_km
    gets = np.clip(direct * DETOUR - np.maximum(0.0, left), 0.0, None)
    return Ways(
        np.where(bound, detour, road),
        road,
        reachable,
        ~bound | (left <= 0.0),
        np.where(bound, gets, 0.0),
    )


def places(city: City, requests: Requests, nearest: int) -> Places:
    """The pools of the `nearest` reachable locations, or those of least detour, that have a matching connector."""
    index = _shortlist(city, requests, nearest)
    way = ways(requests, city.latitude[index], city.longitude[index])
    fitting: np.ndarray = way.reachable & ((requests.standards[:, None] & city.location_standards[index]) != 0)
    eligible = fitting & way.finishes
    count = min(nearest, len(index))
    if len(index) == count:
        near = np.broadcast_to(np.arange(count), (len(requests), count))
    else:
        # Whole metres with the index as tie-break: no two keys are equal, so every machine picks the same locations.
        keys = np.rint(way.km * 1000.0).astype(np.int64) * len(index) + np.arange(len(index))
        keys[~eligible] += 1 << 50
        near = np.sort(np.argpartition(keys, count - 1, axis=1)[:, :count], axis=1)
    width = city.pools_of.shape[1]
    pool = city.pools_of[index[near]].reshape(len(requests), -1)
    here = np.maximum(pool, 0)
    fits = ((requests.standards[:, None] >> city.pool_standard[here]) & 1).astype(bool)

    def by_pool(values: np.ndarray) -> np.ndarray:
        return np.repeat(np.take_along_axis(values, near, 1), width, axis=1)

    return Places(
        location=np.repeat(index[near], width, axis=1),
        pool=here,
        km=by_pool(way.km),
        road_km=by_pool(way.road_km),
        usable=(pool >= 0) & by_pool(eligible) & fits,
        reachable=np.asarray(way.reachable.any(axis=1)),
        fitting=np.asarray(fitting.any(axis=1)),
        gets_km=np.where(fitting, way.gets_km, 0.0).max(axis=1, initial=0.0),
    )


def _shortlist(city: City, requests: Requests, nearest: int) -> np.ndarray:
    """Locations in order of index, at least `nearest` where the city has as many: every request's nearest fitting ones
    are among them for sure, and its nearest of any kind. By chords with 10 m to spare; exact distances decide later. All of
    them where somebody has a destination."""
    count = len(city.latitude)
    if count <= max(FEW_LOCATIONS, nearest) or requests.to_latitude is not None:
        return np.arange(count)
    closeness = unit_vectors(requests.latitude, requests.longitude) @ city.directions.T
    fitting = np.where((requests.standards[:, None] & city.location_standards) != 0, closeness, -2.0)
    last = np.partition(fitting, count - nearest, axis=1)[:, count - nearest]
    keep = (fitting >= np.where(last < -1.0, -1.5, _a_bit_farther(last))[:, None]).any(axis=0)
    keep |= (closeness >= _a_bit_farther(closeness.max(axis=1))[:, None]).any(axis=0)
    keep[np.flatnonzero(~keep)[: max(0, nearest - int(keep.sum()))]] = True
    return np.flatnonzero(keep)


def _a_bit_farther(closeness: np.ndarray) -> np.ndarray:
    """The cosine of a point 10 m farther away than `closeness` says."""
    chord = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * closeness)) + 0.010 / EARTH_RADIUS_KM
    return 1.0 - chord * chord / 2.0
