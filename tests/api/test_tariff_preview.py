"""What other tariffs would have brought: the same sessions quoted and settled by them, nothing stored."""

from datetime import timedelta
from typing import Any

import pytest

from shared.clock import ManualClock
from tests.api.test_overstay import at
from tests.support.world import CCS, TYPE2, Person, World


def tariff(price: float, **more: Any) -> dict[str, Any]:
    elements = [{"price_components": [{"type": "ENERGY", "price": price, "vat": 21}]}]
    return {"tariff": {"id": "new", "currency": "EUR", "elements": elements}} | more


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def charge(world: World, clock: ManualClock, place: str, connector: str = TYPE2) -> int:
    """Somebody charges for an hour from 10:00 on; what it cost, minor units."""
    driver = world.user()
    booked = driver.book(place, "10:00", connector=connector)
    assert booked.status_code == 201, booked.text
    path = f"/booking/bookings/{booked.json()['id']}"
    at(clock, "10:00")
    driver.post(f"{path}/start")
    at(clock, "11:00")
    bill: int = driver.post(f"{path}/stop").json()["settlement"]["total_minor"]
    return bill


def test_the_same_tariff_brings_the_same_and_twice_the_price_twice_as_much(
    world: World, clock: ManualClock, owner: Person
) -> None:
    place = world.location()
    bill = charge(world, clock, place)
    path = f"/stations/locations/{place}/tariffs/preview"
    for price, factor in ((0.40, 1), (0.80, 2)):
        preview = owner.post(path, {"tariffs": [tariff(price)]}).json()
        (pool,) = preview["pools"]
        assert (pool["connector"], pool["sessions"], pool["brought_minor"]) == (TYPE2, 1, bill)
        assert pool["would_have_minor"] == pytest.approx(factor * bill, abs=1)
    (period,) = owner.get(f"/stations/locations/{place}/tariffs").json()["items"]
    assert period["tariff"]["id"] == "flat", "nothing is stored"


def test_a_pool_without_a_price_is_said_to_have_none(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location(plugs=[[(TYPE2, 22.0)], [(CCS, 50.0)]])
    charge(world, clock, place)
    body = {"tariffs": [tariff(0.5, applies_to={"connectors": [CCS]})]}
    (pool,) = owner.post(f"/stations/locations/{place}/tariffs/preview", body).json()["pools"]
    assert (pool["connector"], pool["unpriced"], pool["sessions"], pool["would_have_minor"]) == (TYPE2, 1, 0, 0)


def test_what_is_older_than_thirty_days_is_no_matter(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location()
    charge(world, clock, place)
    clock.advance(timedelta(days=31))
    assert owner.post(f"/stations/locations/{place}/tariffs/preview", {"tariffs": [tariff(0.5)]}).json()["pools"] == []


def test_what_could_not_be_put_cannot_be_previewed(world: World, owner: Person) -> None:
    place = world.location()
    body = {"tariffs": [tariff(0.5, applies_to={"connectors": [CCS]})]}
    answer = owner.post(f"/stations/locations/{place}/tariffs/preview", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "tariffs.0.applies_to")
    assert world.user("owner").post(f"/stations/locations/{place}/tariffs/preview", body).status_code == 404
