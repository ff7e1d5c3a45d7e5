"""What somebody would have us remember, and their own figures."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import ManualClock
from tests.api.test_ratings import charged
from tests.support.world import World

HOME = {"name": "Home", "latitude": 52.09, "longitude": 5.12, "address": "Plein 1"}


def test_nothing_is_remembered_until_it_is_said_and_null_takes_it_back(world: World) -> None:
    driver, path = world.user(), "/accounts/me/preferences"
    nothing = driver.get(path).json()
    assert (nothing["language"], nothing["book_at_once"], nothing["places"], nothing["weights"]) == (None, False, [], None)
    car = driver.car()
    said = {"language": "ta", "vehicle_id": car, "weights": {"wait": 1, "price": 0}, "book_at_once": True, "places": [HOME]}
    kept = driver.patch(path, said).json()
    assert kept == driver.get(path).json()
    assert (kept["language"], kept["vehicle_id"], kept["book_at_once"], kept["places"]) == ("ta", car, True, [HOME])
    assert kept["weights"] == {"wait": 1, "price": 0, "distance": 0.2, "duration": 0.1}
    changed = driver.patch(path, {"language": None, "places": None}).json()
    assert (changed["language"], changed["places"], changed["vehicle_id"]) == (None, [], car), "what is left out stays"
    assert world.user().get(path).json() == nothing


def test_a_vehicle_that_is_gone_is_named_no_more(world: World) -> None:
    driver = world.user()
    car = driver.car()
    driver.patch("/accounts/me/preferences", {"vehicle_id": car})
    driver.delete(f"/accounts/me/vehicles/{car}")
    assert driver.get("/accounts/me/preferences").json()["vehicle_id"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"language": "fr"}, "language"),
        ({"weights": {"wait": 0, "price": 0, "distance": 0, "duration": 0}}, "weights"),
        ({"places": [HOME, HOME | {"name": "home"}]}, "places"),
        ({"places": [HOME | {"latitude": 91}]}, "places.0.latitude"),
        ({"places": [HOME | {"name": "See https://example.org"}]}, "places.0.name"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_what_cannot_be_remembered_names_its_field(world: World, body: dict[str, Any], field: str) -> None:
    answer = world.user().patch("/accounts/me/preferences", body)
    assert answer.status_code == 422
    assert field in (answer.json()["errors"][0]["field"] + answer.json()["errors"][0]["message"])


def test_somebody_elses_vehicle_is_none_of_yours(world: World) -> None:
    answer = world.user().patch("/accounts/me/preferences", {"vehicle_id": world.user().car()})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "vehicle_id")


def test_they_are_in_the_export(world: World) -> None:
    driver = world.user()
    driver.patch("/accounts/me/preferences", {"places": [HOME]})
    exported = zipfile.ZipFile(io.BytesIO(driver.get("/accounts/me/export").content))
    assert json.loads(exported.read("profile.json"))["preferences"]["places"] == [HOME]


def test_a_drivers_figures_are_their_own_month_by_month(world: World, clock: ManualClock) -> None:
    place, driver = world.location(evses=2), world.user()
    _, path = charged(world, place, driver)
    bill = driver.get(path).json()["settlement"]["total_minor"]
    charged(world, place)
    missed = driver.book(place, "12:00", vehicle_id=driver.car()).json()["id"]
    driver.post(f"/booking/bookings/{missed}/cancel")
    clock.advance(timedelta(days=31))
    charged(world, world.location(name="Other"), driver)
    stats = driver.get("/accounts/me/stats", **{"from": "2026-03-01", "to": "2026-05-01"}).json()
    march, april = stats["months"]
    assert (march["month"], march["sessions"], march["canceled"], march["places"]) == ("2026-03-01", 1, 1, 1)
    assert march["cost"] == ({"EUR": bill} if bill else {})
    assert (april["sessions"], stats["sessions"], stats["places"]) == (1, 2, 2)
    assert world.user().get("/accounts/me/stats", **{"from": "2026-03-01", "to": "2026-05-01"}).json()["sessions"] == 0


def test_months_are_those_of_the_zone_that_is_named(world: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=29, hours=15))  # 31 March, 23:00 UTC: April in Utrecht
    driver, _ = charged(world, world.location())
    period = {"from": "2026-03-01", "to": "2026-05-01"}
    by_utc = driver.get("/accounts/me/stats", **period).json()["months"]
    there = driver.get("/accounts/me/stats", time_zone="Europe/Amsterdam", **period).json()["months"]
    assert [item["sessions"] for item in by_utc] == [1, 0]
    assert [item["sessions"] for item in there] == [0, 1]


@pytest.mark.parametrize("to", ["2026-03-01", "2031-05-02", "1999-12-31", "9999-12-31", "0001-01-01"])
def test_a_period_that_cannot_be_names_its_end(world: World, to: str) -> None:
    answer = world.user().get("/accounts/me/stats", **{"from": "2026-03-01", "to": to})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
