"""What the web asks: recommendations before sign-in, an answer that waits for a decision, places in offers, a calendar file."""

import threading
from datetime import timedelta

import pytest

from shared.clock import ManualClock
from shared.web.waiting import MOST_S, seconds_of
from tests.api.test_administration import WISH
from tests.support.world import API, World


def test_recommendations_need_no_account_and_hold_nothing(world: World) -> None:
    place = world.location()
    answer = world.client.post(f"{API}/optimizer/recommendations", json=WISH)
    assert answer.status_code == 200, answer.text
    best = answer.json()["items"][0]
    assert (best["location_id"], best["place"]["name"], best["place"]["time_zone"]) == (place, "Stadhuis", "Europe/Amsterdam")
    assert best["place"]["latitude"] == pytest.approx(52.09)
    assert world.user().get("/booking/bookings").json()["items"] == []


def test_a_vehicle_is_named_by_its_owner_alone(world: World) -> None:
    world.location()
    wish = {"vehicle_id": world.user().car(), "soc": 0.3, "energy_kwh": 10, "origin": WISH["origin"]}
    assert world.client.post(f"{API}/optimizer/recommendations", json=wish).status_code == 401


def test_who_is_not_signed_in_is_limited_by_address(world: World) -> None:
    world.location()
    asks = world.platform.settings.asks_per_minute
    codes = [world.client.post(f"{API}/optimizer/recommendations", json=WISH).status_code for _ in range(asks + 1)]
    assert codes == [200] * asks + [429]
    assert world.user().post("/optimizer/recommendations", WISH).status_code == 200, "an account has its own count"


def test_an_offer_says_where_it_is(world: World) -> None:
    place, driver = world.location(), world.user()
    asked = driver.post("/optimizer/charge-requests", WISH | {"auto_book": False})
    world.drain()
    offered = driver.get(asked.headers["Location"].removeprefix(API)).json()
    assert offered["offers"][0]["place"]["id"] == place


def test_an_answer_waits_for_the_decision(world: World) -> None:
    world.location()
    driver = world.user()
    path = driver.post("/optimizer/charge-requests", WISH | {"auto_book": False}).headers["Location"]
    at_once = world.client.get(path, headers=driver.headers())
    assert (at_once.json()["status"], at_once.headers["Retry-After"]) == ("QUEUED", "1")
    assert "Preference-Applied" not in at_once.headers
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(world.client.get(path, headers=driver.headers() | {"Prefer": f"wait={MOST_S}"}))
    )
    waiting.start()
    world.drain()
    waiting.join()
    (answer,) = answers
    assert (answer.json()["status"], answer.headers["Preference-Applied"]) == ("OFFERED", f"wait={MOST_S}")
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("wait=5", 5),
        ("respond-async, wait=3", 3),
        ('Wait = "4"', 4),
        ("wait=86400", MOST_S),
        ("await=5", None),
        ("wait=soon", None),
        ("handling=lenient", None),
    ],
)
def test_how_long_is_waited(prefer: str | None, seconds: int | None) -> None:
    assert seconds_of(prefer) == seconds


def test_a_booking_is_a_calendar_file_that_moves_its_entry(world: World, clock: ManualClock) -> None:
    driver = world.user()
    path = f"/booking/bookings/{driver.book(world.location(), '14:00').json()['id']}"
    first = driver.get(f"{path}/calendar.ics")
    assert first.headers["content-type"].startswith("text/calendar")
    assert "METHOD:PUBLISH" in first.text
    assert "DTSTART;TZID=Europe/Amsterdam:20260302T150000" in first.text
    clock.advance(timedelta(minutes=1))
    driver.post(f"{path}/reschedule", {"start": "2026-03-02T16:00:00Z"})
    moved = driver.get(f"{path}/calendar.ics").text
    assert [line for line in moved.splitlines() if line.startswith("UID")] == [
        line for line in first.text.splitlines() if line.startswith("UID")
    ]
    assert ("SEQUENCE:0" in first.text, "SEQUENCE:1" in moved) == (True, True)
    driver.post(f"{path}/cancel")
    assert "STATUS:CANCELLED" in driver.get(f"{path}/calendar.ics").text
    assert world.user().get(f"{path}/calendar.ics").status_code == 404


def test_what_is_only_held_has_no_entry(world: World) -> None:
    world.location()
    driver = world.user()
    asked = driver.post("/optimizer/charge-requests", WISH | {"auto_book": False}).headers["Location"]
    world.drain()
    held = driver.get(asked.removeprefix(API)).json()["booking_id"]
    assert driver.get(f"/booking/bookings/{held}/calendar.ics").json()["code"] == "WRONG_STATE"
