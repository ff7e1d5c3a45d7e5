"""Suspending an account: what it concerns is listed first, then ended at no cost, and everybody concerned is told why."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.sweeps import sweep_no_shows
from functions.booking.tables import booking as booking_table
from functions.booking.tables import slot_claim
from shared.clock import ManualClock
from tests.support.world import TYPE2, Person, World

WHY = {"status": "SUSPENDED", "reason": "Three bills are unpaid."}
CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)


def suspend(world: World, who: Person, confirmation: str | None = None) -> Any:
    path = f"/accounts/users/{who.id}" + (f"?confirmation={confirmation}" if confirmation else "")
    return world.user("admin").patch(path, WHY)


def confirmed(world: World, who: Person) -> Any:
    answer = suspend(world, who, suspend(world, who).json()["confirmation"])
    assert answer.status_code == 200, answer.text
    world.drain()
    return answer


def inbox(world: World, person: Person) -> list[str]:
    """What was put in somebody's inbox; one who is suspended cannot look."""
    from functions.notify.tables import notification

    table = notification.c
    wanted = sa.select(table.body).where(table.user_id == person.id).order_by(table.id)
    return world.platform.read(lambda tx: list(tx.execute(wanted).scalars()))


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's places, with an account."""
    owner = world.user("owner")
    world.owner_id = owner.id
    return owner


def test_a_drivers_bookings_are_listed_before_anything_changes(world: World) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    asked = suspend(world, driver)
    assert (asked.status_code, asked.json()["code"]) == (409, "CONFIRMATION_NEEDED")
    (listed,) = asked.json()["bookings"]
    assert (listed["booking_id"], listed["location_id"], listed["outcome"]) == (made["id"], place, "CANCELED")
    assert asked.json()["locations"] == []
    assert driver.get(f"/booking/bookings/{made['id']}").json()["reservation_status"] == "RESERVED", "and the account is active"


def test_a_suspended_driver_pays_nothing_and_is_told_why(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    clock.jump(datetime.fromisoformat("2026-03-02T09:50:00+00:00"))
    confirmed(world, driver)
    ended = world.user("admin").get(f"/booking/bookings/{made['id']}").json()["canceled"]
    assert (ended["who_canceled"], ended["cause"], ended["fee_minor"]) == ("CPO", "DRIVER_SUSPENDED", 0)
    assert world.scalar(CLAIMS) == 0
    clock.jump(datetime.fromisoformat("2026-03-02T11:00:00+00:00"))
    assert sweep_no_shows(world.platform) == 0
    told = " ".join(inbox(world, driver))
    assert "Your account is suspended" in told
    assert "The reason given: Three bills are unpaid." in told
    assert "was cancelled because your account is suspended, at no cost to you." in told


def test_a_list_that_has_changed_is_shown_again(world: World) -> None:
    driver, place = world.user(), world.location()
    driver.book(place, "10:00")
    confirmation = suspend(world, driver).json()["confirmation"]
    driver.book(place, "12:00")
    again = suspend(world, driver, confirmation)
    assert (again.status_code, len(again.json()["bookings"])) == (409, 2)
    assert again.json()["detail"].startswith("The list is another one")


def test_what_a_suspended_driver_asked_for_is_not_booked_later(world: World) -> None:
    driver = world.user()
    world.location()
    body = {"soc": 0.3, "energy_kwh": 12, "origin": {"lat": 52.091, "lon": 5.121}, "battery_kwh": 60, "connectors": [TYPE2]}
    asked = driver.post("/optimizer/charge-requests", body | {"max_power_kw": 22}).json()
    assert suspend(world, driver).status_code == 200, "nothing is booked: nothing to confirm"
    world.drain()
    assert world.scalar(CLAIMS) == 0
    found = world.user("admin").get(f"/optimizer/charge-requests/{asked['id']}").json()
    assert found["status"] == "CANCELED"


def test_a_running_session_goes_on_to_its_end(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    clock.jump(datetime.fromisoformat("2026-03-02T10:00:00+00:00"))
    driver.post(f"/booking/bookings/{made['id']}/start")
    assert [item["outcome"] for item in suspend(world, driver).json()["bookings"]] == ["GOES_ON"]
    confirmed(world, driver)
    assert world.scalar(sa.select(booking_table.c.status)) == "FULFILLED"
    assert world.scalar(CLAIMS) == 12


def test_an_owners_places_go_off_sale_and_their_drivers_are_told_the_true_reason(world: World, owner: Person) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    asked = suspend(world, owner).json()
    assert [item["id"] for item in asked["locations"]] == [place]
    assert [item["booking_id"] for item in asked["bookings"]] == [made["id"]]
    confirmed(world, owner)
    ended = driver.get(f"/booking/bookings/{made['id']}").json()["canceled"]
    assert (ended["who_canceled"], ended["cause"], ended["fee_minor"]) == ("CPO", "PLACE_WITHDRAWN", 0)
    assert "because the operator no longer offers this place, at no cost to you." in inbox(world, driver)[-1]
    assert driver.book(place, "12:00").status_code == 404
    told = " ".join(inbox(world, owner))
    assert "Your location Stadhuis is suspended" in told
    assert "The reason given: Three bills are unpaid." in told


def test_a_suspended_owners_place_is_not_put_on_sale_again(world: World, owner: Person) -> None:
    place = world.location()
    confirmed(world, owner)
    admin = world.user("admin")
    refused = admin.post(f"/stations/locations/{place}/lift")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    admin.patch(f"/accounts/users/{owner.id}", {"status": "ACTIVE"})
    assert admin.post(f"/stations/locations/{place}/lift").status_code == 200
    assert world.user().book(place, "12:00").status_code == 201
