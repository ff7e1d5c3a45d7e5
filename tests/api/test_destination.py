"""Charging on the way to a destination, over HTTP: where, why, and what cannot be done with one stop."""

from typing import Any

import pytest
import sqlalchemy as sa

from functions.optimizer import privacy
from functions.optimizer.tables import charge_request
from shared.db import new_id
from tests.api.test_optimizer import ask, wish
from tests.support.world import CHADEMO, Person, World

UTRECHT, ARNHEM, GOUDA = (52.091, 5.121), (51.985, 5.9), (52.011, 4.711)
VEENENDAAL = (52.026, 5.558)
"""About half way from Utrecht to Arnhem, a little off the line."""
OFF_THE_LINE = (52.07, 5.558)
MAASTRICHT = (50.851, 5.69)


def there(point: tuple[float, float]) -> dict[str, float]:
    return {"latitude": point[0], "longitude": point[1]}


def place(world: World, point: tuple[float, float], name: str, **more: Any) -> str:
    return world.location(latitude=point[0], longitude=point[1], name=name, **more)


def recommended(person: Person, **changes: Any) -> dict[str, Any]:
    answer = person.post("/optimizer/recommendations?limit=50", wish(**changes))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_stop_on_the_way_is_taken_and_not_the_nearest(world: World) -> None:
    place(world, GOUDA, "Gouda")
    half_way = place(world, VEENENDAAL, "Veenendaal")
    driver = world.user()
    found = ask(world, driver, destination=there(ARNHEM))
    chosen = found["decision"]["offers"][0]
    assert chosen["location_id"] == half_way
    assert chosen["distance_km"] < 3, "the detour"
    assert chosen["travel_minutes"] > 60, "the way there"
    assert found["explanation"] == chosen["why"]
    assert found["wish"]["destination_latitude"] == ARNHEM[0]
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["location_id"] == half_way


def test_the_reason_says_what_the_detour_buys(world: World) -> None:
    place(world, OFF_THE_LINE, "Veenendaal", tariff=None, free_of_charge=True)
    place(world, ARNHEM, "Arnhem")
    items = recommended(world.user(), soc=0.4, destination=there(ARNHEM))["items"]
    why = {item["location_name"]: item["why"] for item in reversed(items)}
    assert why["Arnhem"] == "at the destination"
    minutes, cheaper = why["Veenendaal"].split(", ")
    assert minutes.endswith("minutes off your way")
    assert cheaper.endswith("EUR cheaper than at the destination")


def test_a_trip_of_more_stops_is_unsatisfiable_and_says_how_far_it_gets(world: World) -> None:
    place(world, VEENENDAAL, "Veenendaal")
    found = ask(world, world.user(), soc=0.3, energy_kwh=4, destination=there(MAASTRICHT))
    assert (found["status"], found["reason"]) == ("UNSATISFIABLE", "NEEDS_MORE_STOPS")
    assert found["explanation"].startswith("The trip needs more than one stop: with one you get ")
    assert found["explanation"].endswith(" km towards your destination.")
    assert recommended(world.user(), soc=0.3, energy_kwh=4, destination=there(MAASTRICHT))["reason"] == "NEEDS_MORE_STOPS"
    assert recommended(world.user(), soc=0.3, energy_kwh=30, destination=there(MAASTRICHT))["items"]


def test_a_plug_that_nobody_on_the_way_has_is_named(world: World) -> None:
    place(world, VEENENDAAL, "Veenendaal")
    assert recommended(world.user(), connectors=[CHADEMO], destination=there(ARNHEM))["reason"] == "NO_CONNECTOR"


def test_without_a_destination_the_nearest_is_near(world: World) -> None:
    place(world, VEENENDAAL, "Veenendaal")
    near = place(world, (52.095, 5.125), "Utrecht")
    found = recommended(world.user())
    assert found["items"][0]["location_id"] == near
    assert found["items"][0]["distance_km"] == pytest.approx(0.68, abs=0.1)


@pytest.mark.parametrize(
    ("destination", "field"),
    [
        ({"latitude": 95, "longitude": 5}, "destination.latitude"),
        ({"latitude": 52}, "destination.longitude"),
        ("Arnhem", "destination"),
    ],
)
def test_a_destination_that_is_none_names_its_field(world: World, destination: object, field: str) -> None:
    answer = world.user().post("/optimizer/charge-requests", wish(destination=destination))
    assert answer.status_code == 422
    assert field in answer.text


def test_who_leaves_leaves_a_blunt_destination(world: World) -> None:
    place(world, VEENENDAAL, "Veenendaal")
    driver = world.user()
    ask(world, driver, destination=there(ARNHEM))
    world.platform.transact(lambda tx: privacy.pseudonymise(tx=tx, user_id=driver.id, pseudonym=new_id()))
    stored = world.platform.read(lambda tx: tx.execute(sa.select(charge_request)).one())
    assert (stored.wish["destination_latitude"], stored.wish["destination_longitude"]) == (52.0, 5.9)
