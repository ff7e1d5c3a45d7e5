"""Finding places: by name, by a part of the map, with what their chargers report, full ones too where they are wanted."""

import uuid
from datetime import datetime

import pytest
import sqlalchemy as sa

from functions.stations.tables import evse, location
from shared.db import new_id
from tests.support.world import CCS, TYPE2, World

NEAR = {"latitude": 52.09, "longitude": 5.12}


def test_each_word_stands_in_name_address_or_city_and_names_that_begin_so_come_first(world: World) -> None:
    world.location(name="Garage Stadhuis")
    first = world.location(name="Stadhuis West", latitude=52.1)
    world.location(name="Museum", latitude=52.2)
    names = [item["name"] for item in world.user().get("/stations/places", q="stadhuis").json()["items"]]
    assert names == ["Stadhuis West", "Garage Stadhuis"]
    (one,) = world.user().get("/stations/places", q="west plein utrecht").json()["items"]
    assert (one["id"], one["time_zone"]) == (first, "Europe/Amsterdam")
    assert world.user().get("/stations/places", q="100%").json()["items"] == [], "a wildcard is a character"
    world.platform.transact(lambda tx: tx.execute(sa.update(location).values(status="SUSPENDED")))
    assert world.user().get("/stations/places", q="stadhuis").json()["items"] == []


@pytest.mark.parametrize("q", ["", "a", "   ", "x" * 81])
def test_what_is_no_text_to_look_for_is_refused(world: World, q: str) -> None:
    answer = world.user().get("/stations/places", q=q)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "q")


def test_a_part_of_the_map_has_the_places_in_it(world: World) -> None:
    inside = world.location(name="Inside")
    world.location(name="North", latitude=53.0)
    ccs = world.location(name="CCS", longitude=5.13, standard=CCS, power_kw=50)
    part = world.user().get("/stations/map", bbox="5.0,52.0,5.2,52.2").json()
    assert ({item["id"] for item in part["places"]}, part["cells"]) == ({inside, ccs}, [])
    (one,) = world.user().get("/stations/map", bbox="5.0,52.0,5.2,52.2", connector=CCS).json()["places"]
    assert one["id"] == ccs


def test_a_part_over_the_date_line_has_both_sides(world: World) -> None:
    east, west = world.location(name="East", longitude=179.9), world.location(name="West", longitude=-179.9)
    world.location(name="Elsewhere")
    part = world.user().get("/stations/map", bbox="179,50,-179,53").json()
    assert {item["id"] for item in part["places"]} == {east, west}


def test_where_there_are_too_many_they_are_counted(world: World) -> None:
    here = uuid.UUID(world.location(name="Here"))
    world.location(name="There", latitude=52.3)

    def repeat(tx) -> None:  # type: ignore[no-untyped-def]
        row = tx.execute(sa.select(location).where(location.c.id == here)).one()._asdict()
        tx.execute(sa.insert(location), [row | {"id": new_id()} for _ in range(200)])

    world.platform.transact(repeat)
    part = world.user().get("/stations/map", bbox="5.0,52.0,5.2,52.4").json()
    assert part["places"] == []
    assert sum(cell["count"] for cell in part["cells"]) == 202
    assert part["cells"][0]["latitude"] == pytest.approx(52.09, abs=0.01)


@pytest.mark.parametrize("bbox", ["", "1,2,3", "5,53,6,52", "5,52,5,53", "a,b,c,d", "5,52,6,91"])
def test_what_is_no_part_of_the_map_is_refused(world: World, bbox: str) -> None:
    answer = world.user().get("/stations/map", bbox=bbox)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "bbox")


def test_search_counts_what_the_chargers_report(world: World) -> None:
    world.location(evses=6)
    states = ("AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER", "UNKNOWN", "REMOVED")

    def report(tx) -> None:  # type: ignore[no-untyped-def]
        for number, status in enumerate(states):
            tx.execute(sa.update(evse).where(evse.c.uid == f"E{number}").values(status=status))

    world.platform.transact(report)
    (found,) = world.user().get("/stations/locations", **NEAR).json()["items"]
    told = {name: count for name, count in found["states"].items() if count}
    assert told == {"available": 1, "charging": 2, "out_of_order": 1, "unknown": 1}
    (pool,) = found["pools"]
    assert (pool["capacity"], pool["states"]["available"], pool["states"]["charging"]) == (3, 1, 2)
    assert found["heard_at"] is None


def test_full_places_are_kept_where_they_are_wanted(world: World) -> None:
    place = world.location(evses=1)
    world.user().book(place, "10:00")
    period = {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z"}
    assert world.user().get("/stations/locations", **NEAR, **period).json()["items"] == []
    (full,) = world.user().get("/stations/locations", include_full=True, **NEAR, **period).json()["items"]
    assert (full["id"], full["pools"][0]["free"]) == (place, 0)


def test_a_place_tells_when_its_feed_was_heard(world: World) -> None:
    owner = world.user("owner")
    world.owner_id = owner.id
    place = world.location()
    key = owner.post(f"/stations/locations/{place}/keys", {"name": "gateway"}).json()["key"]
    world.client.post(f"/api/v1/stations/locations/{place}/heartbeat", headers={"Authorization": f"Bearer {key}"})
    (found,) = world.user().get("/stations/locations", **NEAR, connector=TYPE2).json()["items"]
    assert datetime.fromisoformat(found["heard_at"]) == world.platform.clock.now()
