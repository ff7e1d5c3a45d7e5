"""An owner ends a booking at their place: free for the driver, who reads why; only at their own, only what stands."""

import pytest

from shared.clock import ManualClock
from tests.api.test_overstay import at
from tests.support.world import Person, World


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def letters(world: World, driver: Person) -> list[str]:
    world.drain()
    return [item["body"] for item in driver.get("/notify/inbox").json()["items"]]


def test_it_is_free_and_the_driver_reads_the_owners_own_words(world: World, owner: Person) -> None:
    driver = world.user()
    booked = driver.book(world.location(), "08:30").json()
    body = {"reason": "BLOCKED", "words": "The street is closed for the market."}
    ended = owner.post(f"/booking/hosted/{booked['id']}/cancel", body)
    assert ended.status_code == 200, ended.text
    assert ended.json()["canceled"]["fee_minor"] == 0
    seen = driver.get(f"/booking/bookings/{booked['id']}").json()
    assert (seen["reservation_status"], seen["canceled"]["who_canceled"]) == ("CANCELED", "CPO")
    told = letters(world, driver)[0]
    assert "The street is closed for the market." in told
    assert "operator" in told
    assert driver.book(booked["location_id"], "08:30").status_code == 201, "the place is free again"


def test_an_administrator_ends_it_in_the_platforms_name(world: World, owner: Person) -> None:
    driver = world.user()
    booked = driver.book(world.location(), "12:00").json()
    assert world.user("admin").post(f"/booking/hosted/{booked['id']}/cancel", {"reason": "FULL"}).status_code == 200
    assert driver.get(f"/booking/bookings/{booked['id']}").json()["canceled"]["cause"] == "ADMINISTRATOR"


def test_nobody_else_may(world: World, owner: Person) -> None:
    driver = world.user()
    path = f"/booking/hosted/{driver.book(world.location(), '12:00').json()['id']}/cancel"
    assert world.user("owner").post(path, {"reason": "BLOCKED"}).status_code == 404
    assert driver.post(path, {"reason": "BLOCKED"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "TRAFFIC"}, "reason"),
        ({}, "reason"),
        ({"reason": "BLOCKED", "words": "See https://example.org"}, "words"),
    ],
)
def test_reasons_are_the_operators_and_words_hold_no_link(
    world: World, owner: Person, body: dict[str, str], field: str
) -> None:
    booked = world.user().book(world.location(), "12:00").json()
    answer = owner.post(f"/booking/hosted/{booked['id']}/cancel", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_what_is_being_charged_goes_on(world: World, clock: ManualClock, owner: Person) -> None:
    driver = world.user()
    booked = driver.book(world.location(), "10:00").json()
    at(clock, "10:00")
    driver.post(f"/booking/bookings/{booked['id']}/start")
    answer = owner.post(f"/booking/hosted/{booked['id']}/cancel", {"reason": "BLOCKED"})
    assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")
