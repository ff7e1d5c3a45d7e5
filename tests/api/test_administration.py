"""What administrators are told of the platform: its numbers, how well it does by week, and somebody's bookings."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.forecast.repository import Tally, add_tallies
from shared import outbox
from shared.clock import ManualClock
from tests.api.test_ratings import charged, rated
from tests.support.world import TYPE2, World

WISH = {
    "battery_kwh": 60,
    "soc": 0.3,
    "connectors": [TYPE2],
    "max_power_kw": 22,
    "energy_kwh": 11,
    "origin": {"lat": 52.09, "lon": 5.12},
}


def test_the_overview_counts_what_there_is_and_what_waits(world: World, clock: ManualClock) -> None:
    owner, admin, driver = world.user("owner"), world.user("admin"), world.user()
    world.owner_id = owner.id
    place = world.location(evses=2)
    owner.post(
        "/stations/locations",
        {
            "name": "Draft",
            "address": "Plein 9",
            "city": "Utrecht",
            "country": "NLD",
            "latitude": 52.0,
            "longitude": 5.0,
            "time_zone": "Europe/Amsterdam",
        },
    )
    driver.book(place, "12:00")
    charging = driver.book(place, "08:00", vehicle_id=driver.car()).json()["id"]
    driver.post(f"/booking/bookings/{charging}/start")
    letter = world.platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "nonsense", {}))
    world.platform.database.transact(lambda conn: outbox.dead_letter(conn, letter.id, error="x", now=clock.now()))
    told = admin.get("/administration/overview").json()
    assert told["accounts"] == {"owner": {"ACTIVE": 1}, "admin": {"ACTIVE": 1}, "driver": {"ACTIVE": 1}}
    assert told["stations"]["locations"] == {"APPROVED": 1, "DRAFT": 1}
    assert told["stations"]["evses"] == {"AVAILABLE": 2}
    assert told["bookings"] == {"held": 0, "reserved": 1, "charging": 1, "waiting_for_a_charger": 0}
    assert (told["dead_letters"]["notify"], told["ratings_reported"], told["requests_waiting"]) == (1, 0, 0)


def test_what_waits_to_be_approved_has_its_age(world: World, clock: ManualClock) -> None:
    owner, admin = world.user("owner"), world.user("admin")
    world.owner_id = owner.id
    place = world.location()
    etag = owner.get(f"/stations/locations/{place}").headers["ETag"]
    assert owner.patch(f"/stations/locations/{place}", {"name": "Newer"}, if_match=etag).status_code == 200
    told = admin.get("/administration/overview").json()["stations"]
    assert (told["changes_proposed"], told["oldest_waiting_since"]) == (1, None)


def test_the_evaluation_has_promises_ratings_and_forecasts_of_the_same_week(world: World, clock: ManualClock) -> None:
    place = world.location(evses=2)
    rated(world, place, 5)
    rated(world, world.location(name="Other"), 2)
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    tally = Tally(monday, 15, "TABLE", "", 9, forecasts=4, came_free=3, p_free_sum=3.8, brier_sum=0.6, squared_error_sum=0.16)
    world.platform.transact(lambda tx: add_tallies(tx, [tally]))
    clock.advance(timedelta(days=7))
    charged(world, place)
    clock.advance(timedelta(minutes=1))
    now, before = world.user("admin").get("/administration/evaluation", weeks=2).json()["weeks"]
    assert (now["week"], before["week"]) == ("2026-03-09", "2026-03-02")
    assert (before["promises"]["planned"], before["promises"]["kept"]) == (2, 2)
    assert before["ratings"] == {"count": 2, "average": 3.5, "by_stars": {"2": 1, "5": 1}}
    assert before["forecasts"]["forecasts"] == 4
    assert before["forecasts"]["brier"] == pytest.approx(0.15)
    assert before["forecasts"]["rmse"] == pytest.approx(0.2)
    assert before["forecasts"]["ece"] == pytest.approx(0.2)
    assert (now["promises"]["planned"], now["ratings"]["count"], now["forecasts"]["brier"]) == (1, 0, None)


def test_a_decision_that_goes_past_a_full_place_saves_what_waiting_there_would_have_cost(world: World) -> None:
    world.location(evses=1, latitude=52.0905, name="Near")
    world.location(evses=1, latitude=52.11, name="Far", power_kw=22)
    near = world.user().get("/stations/locations", latitude=52.09, longitude=5.12).json()["items"][0]["id"]
    assert world.user().book(near, "08:00", minutes=90).status_code == 201
    driver, admin = world.user(), world.user("admin")
    asked = driver.post(
        "/optimizer/charge-requests", WISH | {"auto_book": True, "weights": {"wait": 1, "price": 0, "distance": 0}}
    )
    assert asked.status_code == 202, asked.text
    world.drain()
    decided = driver.get(asked.headers["Location"].removeprefix("/api/v1")).json()
    assert decided["status"] == "RESERVED", decided
    (week,) = admin.get("/administration/evaluation", weeks=1).json()["weeks"]
    figures = week["decisions"]
    assert figures["decided"] == 1
    assert figures["saved_minutes"] > 60, "the near place is taken for an hour and a half"
    assert figures["saved_hours"] == pytest.approx(figures["saved_minutes"] / 60, abs=0.06)


def test_an_administrator_sees_somebodys_bookings_as_they_do(world: World) -> None:
    driver, admin = world.user(), world.user("admin")
    booking_id = driver.book(world.location(), "12:00").json()["id"]
    driver.post(f"/booking/bookings/{booking_id}/cancel")
    assert admin.get(f"/accounts/users/{driver.id}/bookings").json() == driver.get("/booking/bookings").json()
    assert admin.get(f"/accounts/users/{driver.id}/bookings", status="RESERVED").json()["items"] == []
    assert admin.get(f"/accounts/users/{world.owner_id}/bookings").status_code == 404
    assert driver.get(f"/accounts/users/{driver.id}/bookings").status_code == 403


def test_people_are_found_by_what_stands_in_their_name_or_address(world: World) -> None:
    driver, admin = world.user(), world.user("admin")
    assert [item["id"] for item in admin.get("/accounts/users", q="Person DRIVER").json()["items"]] == [str(driver.id)]
    assert [item["id"] for item in admin.get("/accounts/users", q=str(admin.id)).json()["items"]] == [str(admin.id)]
    assert admin.get("/accounts/users", q="%").status_code == 422
    assert admin.get("/accounts/users", q="%%").json()["items"] == [], "a wildcard is a character"


def test_the_audit_log_names_who_did_it_for_as_long_as_there_is_somebody_of_that_name(world: World) -> None:
    owner, admin = world.user("owner"), world.user("admin")
    world.owner_id = owner.id
    place = world.location()
    etag = owner.get(f"/stations/locations/{place}").headers["ETag"]
    owner.put(f"/stations/locations/{place}/booking-terms", {}, if_match=etag)
    owner.put(f"/stations/locations/{place}/booking-terms", {"cancel_until_minutes": 30}, if_match="*")
    entry = admin.get("/accounts/audit", object_id=place, action="location.booking_terms").json()["items"][0]
    assert (entry["actor_id"], entry["actor_name"]) == (str(owner.id), "Person owner")
