"""The nearby search finds what a scan would find, in the same order, page by page."""

import random
import uuid

import pytest

from functions.stations import service
from functions.stations.domain import great_circle_km
from functions.stations.nearby import complete_radius_km, rings
from shared.platform import Platform
from tests.world import CCS, TYPE2, World


@pytest.fixture
def scattered(world: World) -> World:
    """Sixty locations: a dense centre and far outliers."""
    rng = random.Random(3)
    for number in range(60):
        spread = 0.01 if number % 3 == 0 else 0.3
        world.location(
            name=f"L{number}", latitude=52.09 + rng.gauss(0, spread), longitude=5.12 + rng.gauss(0, spread),
            standard=TYPE2 if number % 2 else CCS, evses=1,
        )  # fmt: skip
    return world


def near(platform: Platform, limit: int, radius_km: float, after: tuple[float, uuid.UUID] | None = None):  # type: ignore[no-untyped-def]
    return platform.read(
        lambda tx: service.locations_near(
            tx=tx,
            latitude=52.09,
            longitude=5.12,
            radius_km=radius_km,
            standards=frozenset({TYPE2}),
            limit=limit,
            after=after,
        )
    )


@pytest.mark.parametrize("radius_km", [0.5, 5, 40, 150])
def test_it_finds_what_a_scan_finds(scattered: World, radius_km: float) -> None:
    everything = near(scattered.platform, 1000, 200)
    assert len(everything) == 30
    scan = sorted((great_circle_km(52.09, 5.12, place.latitude, place.longitude), place.id) for _, place in everything)
    found = [(km, place.id) for km, place in near(scattered.platform, 1000, radius_km)]
    assert found == [item for item in scan if item[0] <= radius_km]


def test_pages_join_to_the_whole(scattered: World) -> None:
    whole = [(km, place.id) for km, place in near(scattered.platform, 1000, 200)]
    joined: list[tuple[float, uuid.UUID]] = []
    while page := near(scattered.platform, 7, 200, joined[-1] if joined else None):
        joined += [(km, place.id) for km, place in page]
    assert joined == whole


@pytest.mark.parametrize("latitude", [-60.0, 0.0, 35.0, 52.0, 69.0])
def test_a_ring_covers_the_radius_it_claims(latitude: float) -> None:
    import h3

    rng = random.Random(1)
    for ring in [item for item in rings(latitude, 10.0, 60.0) if item.resolution != 5]:
        covered: set[int] = set()
        for item in rings(latitude, 10.0, 60.0):
            if item.resolution == ring.resolution and item.complete_km <= ring.complete_km:
                covered |= set(item.cells)
        for _ in range(20):
            bearing_lat = latitude + rng.uniform(-1, 1) * ring.complete_km / 111.2
            bearing_lon = 10.0 + rng.uniform(-1, 1) * ring.complete_km / 111.2
            if great_circle_km(latitude, 10.0, bearing_lat, bearing_lon) <= ring.complete_km:
                cell = h3.str_to_int(h3.latlng_to_cell(bearing_lat, bearing_lon, ring.resolution))
                assert cell in covered
    assert complete_radius_km(9, 0) == 0
