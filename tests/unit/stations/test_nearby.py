"""The nearby search finds what a scan would find, in the same order, page by page."""

import random
import uuid

import pytest

from functions.stations import service
from functions.stations.nearby import complete_radius_km, promising_km, rings
from shared.geo import great_circle_km
from shared.platform import Platform
from tests.support.world import CCS, TYPE2, World


@pytest.fixture
def scattered(world: World) -> World:
    """Sixty locations: a dense centre and far outliers."""
    rng = random.Random(3)
    for number in range(60):
        spread = 0.01 if number % 3 == 0 else 0.3
        world.location(
            name=f"L{number}",
            latitude=52.09 + rng.gauss(0, spread),
            longitude=5.12 + rng.gauss(0, spread),
            standard=TYPE2 if number % 2 else CCS,
            evses=1,
        )
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


def test_the_next_disk_follows_what_was_found() -> None:
    assert promising_km(1.0, 0, 20) == 3.0
    assert promising_km(2.0, 5, 20) == pytest.approx(2.0 * 1.15 * 2.0)
    assert promising_km(2.0, 40, 20) == pytest.approx(2.0 * 1.15)


@pytest.mark.parametrize("reach", [1.0, 1.4, 3.0, 50.0])
@pytest.mark.parametrize("radius_km", [0.3, 5.0, 90.0, 320.0])
def test_disks_reach_the_radius_whatever_looks_promising(reach: float, radius_km: float) -> None:
    found = list(rings(52.09, 5.12, radius_km, lambda complete: complete * reach))
    assert found[-1].complete_km >= radius_km
    assert all(ring.cells for ring in found)
    for resolution in {ring.resolution for ring in found}:
        cells = [cell for ring in found if ring.resolution == resolution for cell in ring.cells]
        assert len(cells) == len(set(cells)), "no cell is looked into twice"
        disk = max(ring.complete_km for ring in found if ring.resolution == resolution)
        count = round(disk / complete_radius_km(resolution, 1))
        assert len(cells) == 3 * count * (count + 1) + 1, "and none within is left out"


def test_a_page_takes_few_statements_in_town_and_country() -> None:
    def ask(density: float) -> int:
        """Disks until 20 lie within, where `density` lie on a square kilometre."""
        found = 0

        def promising(complete: float) -> float:
            return promising_km(complete, found, 20)

        for number, ring in enumerate(rings(52.09, 5.12, 100.0, promising)):
            found = int(3.14159 * ring.complete_km**2 * density)
            if found >= 20:
                return number + 1
        raise AssertionError("20 were never found")

    assert [ask(density) for density in (50.0, 10.0, 1.0, 0.1, 0.01)] == [1, 2, 3, 4, 5]
