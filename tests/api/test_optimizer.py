"""Charge requests over HTTP, through the queue and the app's own function."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.sweeps import release_expired_holds
from functions.booking.tables import slot_claim
from functions.stations.domain import BookingTerms
from functions.stations.opening import Hours
from functions.stations.tables import evse
from shared.clock import ManualClock
from tests.support import policies
from tests.support.policies import usage
from tests.support.world import CCS, CHADEMO, TYPE2, Person, World

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
    } | changes


def ask_with(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    answer = person.post("/optimizer/charge-requests", body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "QUEUED"
    world.drain()
    found: dict[str, Any] = world.client.get(answer.headers["location"], headers=person.headers()).json()
    return found


def ask(world: World, person: Person, **changes: Any) -> dict[str, Any]:
    return ask_with(world, person, wish(**changes))


def test_a_request_is_decided_booked_and_confirmed(world: World, clock: ManualClock) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7", tables=policies.history_of((52.09, 5.12))))
    driver, place = world.user(phone="+31612345678"), world.location()
    found = ask(world, driver)
    assert found["status"] == "RESERVED"
    assert found["policy"] == "7"
    assert found["fallback"] is None
    booking = driver.get(f"/booking/bookings/{found['booking_id']}").json()
    assert booking["location_id"] == place
    assert booking["charge_request_id"] == found["id"]
    chosen = found["decision"]["offers"][0]
    assert chosen["start"] == "2026-03-02T08:01:00+00:00"
    assert sum(chosen["cost_terms"].values()) == pytest.approx(chosen["cost"], abs=1e-5)
    titles = [item["title"] for item in driver.get("/notify/inbox").json()["items"]]
    assert titles == ["Booked: Stadhuis, Mon 2 Mar, 09:01"]
    clock.advance(timedelta(minutes=1))
    world.drain()
    sent = sorted(path.suffix for path in (world.platform.settings.data_dir / "mailbox").iterdir())
    assert sent == [".eml", ".json"]
    model = usage(world)
    assert (model["version"], model["trained"]) == ("7", True)
    assert (model["decisions_7d"], model["share_fallback_7d"]) == (1, 0.0)


def test_without_a_model_the_rule_decides_and_says_so(world: World) -> None:
    world.location()
    found = ask(world, world.user())
    assert (found["status"], found["policy"], found["fallback"]) == ("RESERVED", "greedy", "MODEL_MISSING")


def test_the_next_best_is_taken_when_the_best_is_full(world: World) -> None:
    near = world.location(evses=1, latitude=52.091, longitude=5.121)
    far = world.location(name="Museumplein", latitude=52.12, evses=1)
    where = []
    for _ in range(2):
        driver = world.user()
        found = ask(world, driver, weights={"wait": 1, "price": 0, "distance": 0, "duration": 0})
        where.append(driver.get(f"/booking/bookings/{found['booking_id']}").json()["location_id"])
    assert sorted(where) == sorted([near, far])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"soc": 0.005}, "OUT_OF_REACH"),
        ({"radius_km": 0.01}, "OUT_OF_REACH"),
        ({"connectors": [CHADEMO]}, "NO_CONNECTOR"),
        ({"latest_finish": "2026-03-02T08:20:00Z"}, "WINDOW_TOO_SHORT"),
        ({"earliest_departure": "2026-03-02T20:00:00Z"}, "CLOSED"),
    ],
)
def test_what_cannot_be_served_names_the_reason_that_binds(world: World, changes: dict[str, Any], reason: str) -> None:
    hours = Hours.model_validate(
        {"regular_hours": [{"weekday": day, "period_begin": "07:00", "period_end": "20:00"} for day in range(1, 8)]}
    )
    world.location(hours=hours)
    driver = world.user()
    found = ask(world, driver, **changes)
    assert (found["status"], found["reason"]) == ("UNSATISFIABLE", reason)
    assert found["explanation"]
    assert world.scalar(CLAIMS) == 0
    assert driver.get("/notify/inbox").json()["items"][0]["type"] == "charge_request_unsatisfiable"


def test_a_full_city_is_all_full(world: World) -> None:
    place = world.location(evses=1)
    for start in ("08:00", "11:00"):
        assert world.user().book(place, start, minutes=180).status_code == 201
    assert ask(world, world.user())["reason"] == "ALL_FULL"


def test_a_driver_at_a_limit_is_told_so(world: World) -> None:
    place = world.location(evses=3, terms=BookingTerms(open_bookings_per_driver=1))
    driver = world.user()
    driver.book(place, "15:00")
    found = ask(world, driver)
    assert (found["status"], found["reason"]) == ("UNSATISFIABLE", "LIMIT_REACHED")
    assert "open bookings" in found["explanation"]


def test_an_offer_is_held_for_two_minutes_and_accepted(world: World, clock: ManualClock) -> None:
    world.location(evses=1)
    driver = world.user()
    found = ask(world, driver, auto_book=False)
    assert found["status"] == "OFFERED"
    assert datetime.fromisoformat(found["offer_expires_at"]) == clock.now() + timedelta(minutes=2)
    assert len(found["offers"]) > 1
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["reservation_status"] == "PENDING"
    clock.advance(timedelta(seconds=119))
    taken = driver.post(f"/optimizer/charge-requests/{found['id']}/accept").json()
    assert taken["status"] == "RESERVED"
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["reservation_status"] == "RESERVED"


def test_what_is_still_queued_has_no_offer_to_take(world: World) -> None:
    world.location()
    driver = world.user()
    made = driver.post("/optimizer/charge-requests", wish(auto_book=False)).json()
    for offer in (0, 1):
        refused = driver.post(f"/optimizer/charge-requests/{made['id']}/accept", {"offer": offer})
        assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    world.drain()
    assert driver.post(f"/optimizer/charge-requests/{made['id']}/accept").json()["status"] == "RESERVED"


def test_another_offer_can_be_taken(world: World) -> None:
    world.location()
    driver = world.user()
    found = ask(world, driver, auto_book=False)
    taken = driver.post(f"/optimizer/charge-requests/{found['id']}/accept", {"offer": 2}).json()
    booking = driver.get(f"/booking/bookings/{taken['booking_id']}").json()
    assert datetime.fromisoformat(booking["period"]["start"]) == datetime.fromisoformat(found["offers"][2]["start"])
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["reservation_status"] == "CANCELED"
    wrong = driver.post(f"/optimizer/charge-requests/{found['id']}/accept")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "WRONG_STATE")


def test_an_offer_lapses_and_its_slot_is_free(world: World, clock: ManualClock) -> None:
    world.location(evses=1)
    driver = world.user()
    found = ask(world, driver, auto_book=False)
    assert world.scalar(CLAIMS) > 0
    clock.advance(timedelta(minutes=2))
    assert driver.get(f"/optimizer/charge-requests/{found['id']}").json()["status"] == "EXPIRED"
    refused = driver.post(f"/optimizer/charge-requests/{found['id']}/accept")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    assert release_expired_holds(world.platform) == 1
    assert world.scalar(CLAIMS) == 0
    world.drain()
    after = driver.get(f"/optimizer/charge-requests/{found['id']}").json()
    assert (after["status"], after["reason"]) == ("EXPIRED", "OFFER_EXPIRED")
    assert driver.get("/notify/inbox").json()["items"][0]["type"] == "charge_request_expired"


def test_a_lapsed_hold_does_not_stand_in_the_way_before_the_timer_comes(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    ask(world, world.user(), auto_book=False)
    clock.advance(timedelta(minutes=3))
    assert world.user().book(place, "08:15", minutes=60).status_code == 201


def test_cancelling_a_request_cancels_its_booking(world: World) -> None:
    world.location()
    driver = world.user()
    found = ask(world, driver, earliest_departure="2026-03-02T14:00:00Z")
    gone = driver.post(f"/optimizer/charge-requests/{found['id']}/cancel").json()
    assert gone["status"] == "CANCELED"
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["reservation_status"] == "CANCELED"
    assert world.scalar(CLAIMS) == 0


def test_a_request_cancelled_in_the_queue_is_not_decided(world: World) -> None:
    world.location()
    driver = world.user()
    queued = driver.post("/optimizer/charge-requests", wish()).json()
    assert driver.post(f"/optimizer/charge-requests/{queued['id']}/cancel").json()["status"] == "CANCELED"
    world.drain()
    assert driver.get(f"/optimizer/charge-requests/{queued['id']}").json()["status"] == "CANCELED"
    assert world.scalar(CLAIMS) == 0


def test_recommendations_rank_without_holding(world: World) -> None:
    world.location(standard=CCS, power_kw=50)
    world.location(name="Museumplein", latitude=52.12)
    body = wish(connectors=[CCS, TYPE2], max_power_kw=100)
    found = world.user().post("/optimizer/recommendations", body).json()
    costs = [item["cost"] for item in found["items"]]
    assert costs == sorted(costs)
    assert len(costs) == 10
    assert world.scalar(CLAIMS) == 0
    best = found["items"][0]
    assert best["price_minor"] == pytest.approx(12 * 40 * 1.21, abs=1)
    assert best["why"]


def test_a_drivers_weights_decide(world: World) -> None:
    near = world.location(name="near", latitude=52.0912, longitude=5.121)
    world.location(name="cheap", latitude=52.13, tariff=None)
    driver = world.user()
    only = {"wait": 0, "price": 0, "distance": 0, "duration": 0}
    by_price = driver.post("/optimizer/recommendations", wish(weights=only | {"price": 1})).json()["items"][0]
    by_distance = driver.post("/optimizer/recommendations", wish(weights=only | {"distance": 1})).json()["items"][0]
    assert by_price["location_name"] == "cheap"
    assert by_distance["location_id"] == near


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"soc": 1.2}, "soc"),
        ({"soc": None}, "soc"),
        ({"origin": {"lat": 91, "lon": 0}}, "origin.lat"),
        ({"origin": {"lat": 52}}, "origin.longitude"),
        ({"connectors": ["TYPE_9"]}, "connectors"),
        ({"connectors": []}, "connectors"),
        ({"energy_kwh": None}, "body"),
        ({"energy_kwh": 12, "target_soc": 0.8}, "body"),
        ({"energy_kwh": 61}, "energy_kwh"),
        ({"earliest_departure": "2026-03-01T08:00:00Z"}, "earliest_departure"),
        ({"latest_finish": "2026-03-02T07:00:00Z"}, "latest_finish"),
        ({"weights": {"wait": -1}}, "weights.wait"),
        ({"battery_kwh": None}, "body"),
        ({"radius_km": 0}, "radius_km"),
    ],
)
def test_bad_wishes_name_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    body = {name: value for name, value in wish(**changes).items() if value is not None}
    answer = world.user().post("/optimizer/charge-requests", body)
    assert answer.status_code == 422, answer.text
    assert field in [item["field"] for item in answer.json()["errors"]]


def test_a_vehicle_fills_in_the_figures_and_is_its_drivers_own(world: World) -> None:
    world.location()
    driver = world.user()
    car = driver.post("/accounts/me/vehicles", {"battery_kwh": 40, "max_power_kw": 11, "standards": [TYPE2]}).json()
    body = {"vehicle_id": car["id"], "soc": 0.2, "target_soc": 0.5, "origin": {"lat": 52.09, "lon": 5.12}}
    found = ask_with(world, driver, body)
    assert found["status"] == "RESERVED"
    assert found["wish"]["energy_kwh"] == pytest.approx(12)
    assert world.user().post("/optimizer/charge-requests", body).status_code == 404


def test_requests_are_a_drivers_own_and_listed_by_pages(world: World) -> None:
    world.location(evses=5)
    driver = world.user()
    made = [ask(world, driver)["id"] for _ in range(3)]
    page = driver.get("/optimizer/charge-requests", limit=2).json()
    rest = driver.get("/optimizer/charge-requests", limit=2, cursor=page["next_cursor"]).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == made[::-1]
    stranger = world.user()
    assert stranger.get(f"/optimizer/charge-requests/{made[0]}").status_code == 404
    assert stranger.post(f"/optimizer/charge-requests/{made[0]}/cancel").status_code == 404
    assert stranger.post(f"/optimizer/charge-requests/{made[0]}/accept").status_code == 404


def test_a_lone_place_that_is_out_of_order_is_no_fault_of_ours(world: World) -> None:
    """No pool at all around the driver was a 500."""
    world.location(evses=1)
    world.platform.transact(lambda tx: tx.execute(sa.update(evse).values(status="OUTOFORDER")))
    answer = world.user().post("/optimizer/recommendations", wish())
    assert answer.status_code == 200
    assert answer.json()["items"] == []
