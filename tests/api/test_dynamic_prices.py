"""Dynamic prices over HTTP: an owner's rule, the factors that forecasts make of it, and quotes that bind."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from functions.forecast.prices import write_price_steps
from functions.forecast.sweep import forecast_availability
from functions.stations import prices
from functions.stations.tables import price_step
from functions.tariffs.domain import Tariff
from shared.clock import ManualClock
from tests.api.test_optimizer import wish
from tests.api.test_overstay import at
from tests.api.test_prices import bill
from tests.support.statements import sent_by
from tests.support.world import TYPE2, Person, World

RULE = {
    "floor": 0.8,
    "ceiling": 1.5,
    "steps": [{"occupancy": 0.0, "factor": 0.8}, {"occupancy": 0.4, "factor": 1.0}, {"occupancy": 0.9, "factor": 1.4}],
}
HOURLY = Tariff.model_validate(
    {"id": "hourly", "currency": "EUR", "elements": [{"price_components": [{"type": "TIME", "price": 10}]}]}
)


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def ruled(owner: Person, place: str, rule: Any = RULE) -> None:
    answer = owner.put(f"/stations/locations/{place}/price-rule", rule, if_match="*")
    assert answer.status_code == 200, answer.text


def put_steps(world: World, place: str, *steps: tuple[str, str]) -> None:
    """Factors of the pool, (time of 2 March UTC, factor), worked out now."""
    made = [(datetime.fromisoformat(f"2026-03-02T{time}:00+00:00"), Decimal(factor)) for time, factor in steps]
    world.platform.transact(lambda tx: prices.put_steps(tx=tx, location_id=uuid.UUID(place), by_class={"FAST": made}))


def test_a_rule_is_put_read_and_removed_under_if_match(world: World, owner: Person) -> None:
    place = world.location()
    path = f"/stations/locations/{place}/price-rule"
    before = owner.get(path)
    assert before.json()["price_rule"] is None
    assert owner.put(path, RULE).status_code == 428
    put = owner.put(path, RULE, if_match=before.headers["etag"])
    assert put.json()["price_rule"]["ceiling"] == 1.5
    assert owner.put(path, RULE | {"floor": 0.9}, if_match=before.headers["etag"]).status_code == 412
    assert owner.get(path).json()["price_rule"] == put.json()["price_rule"]
    assert owner.delete(path, if_match=put.headers["etag"]).json()["price_rule"] is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"floor": 1.1}, "floor"),
        ({"ceiling": 0.9}, "ceiling"),
        ({"ceiling": 9}, "ceiling"),
        ({"steps": []}, "steps"),
        ({"steps": [{"occupancy": 0.8, "factor": 1.2}, {"occupancy": 0.8, "factor": 1.3}]}, "steps"),
        ({"steps": [{"occupancy": 0.2, "factor": 1.2}, {"occupancy": 0.8, "factor": 1.0}]}, "steps"),
        ({"steps": [{"occupancy": 2, "factor": 1.2}]}, "steps.0.occupancy"),
    ],
)
def test_a_wrong_rule_is_refused_by_its_field(world: World, owner: Person, wrong: dict[str, Any], field: str) -> None:
    answer = owner.put(f"/stations/locations/{world.location()}/price-rule", RULE | wrong, if_match="*")
    assert answer.status_code == 422
    assert field in str(answer.json()["errors"])


def test_the_sweep_makes_factors_of_the_forecast(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location(evses=2)
    ruled(owner, place)
    for _ in range(2):
        assert world.user().book(place, "08:45", minutes=15).status_code == 201
    forecast_availability(world.platform)
    assert write_price_steps(world.platform) == 1
    week = owner.get(f"/stations/locations/{place}/price-steps").json()
    (pool,) = week["classes"]
    assert pool["power_class"] == "FAST"
    by_start = {step["start"][11:16]: step["factor"] for step in pool["steps"]}
    assert by_start["08:00"] == 0.8, "nobody is there or booked"
    assert by_start["08:45"] == 1.4, "all is booked"
    assert pool["steps"][-1]["factor"] == 1, "nobody knows that hour yet"


def test_the_usual_occupancy_of_an_hour_makes_its_factor(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location(evses=1)
    ruled(owner, place)
    for _ in range(13):
        forecast_availability(world.platform)
        clock.advance(timedelta(minutes=5))
    write_price_steps(world.platform)
    (pool,) = owner.get(f"/stations/locations/{place}/price-steps").json()["classes"]
    by_start = {step["start"]: step["factor"] for step in pool["steps"]}
    assert by_start["2026-03-03T08:00:00Z"] == 0.8, "tomorrow at nine it is as free as it was today"
    assert by_start["2026-03-03T09:00:00Z"] == 1


def test_a_sweep_that_finds_the_same_writes_the_age_alone(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location()
    ruled(owner, place)
    forecast_availability(world.platform)
    write_price_steps(world.platform)
    with sent_by(world.platform) as sent:
        write_price_steps(world.platform)
    assert [text.split()[0] for text in sent if "price_" in text and not text.startswith("SELECT")] == ["UPDATE"]


def test_a_quote_costs_by_the_factors_and_the_booking_freezes_them(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location(tariff=HOURLY)
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"), ("10:00", "1.2"), ("11:00", "1"))
    body = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T09:30:00Z", "duration_minutes": 120}
    quote = owner.post("/payments/quotes", body).json()
    assert [line["amount_minor"] for line in quote["elements"]][:3] == [750, 1200, 500]
    assert [step["factor"] for step in quote["price_steps"]] == [1.5, 1.2, 1.0]
    booking = world.user().book(place, "09:30", minutes=120).json()
    assert booking["quote"]["total_minor"] == quote["total_minor"] == 2450
    put_steps(world, place, ("08:00", "1"))
    assert bill(world, booking["id"], until=120, kwh=10)["total_minor"] == 2450
    assert bill(world, booking["id"], until=190, kwh=10)["overtime_minor"] == 1000, "after the grace as the tariff says"


def test_a_move_is_quoted_by_the_factors_of_its_new_time(world: World, owner: Person) -> None:
    place, driver = world.location(tariff=HOURLY), world.user()
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"), ("12:00", "0.8"))
    booking = driver.book(place, "10:00").json()
    assert booking["quote"]["total_minor"] == 1500
    moved = driver.post(f"/booking/bookings/{booking['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"}).json()
    assert moved["quote"]["total_minor"] == 800


def test_fees_are_not_multiplied(world: World, owner: Person) -> None:
    place = world.location()
    ruled(owner, place)
    plain = world.user().book(place, "10:00").json()["quote"]
    put_steps(world, place, ("08:00", "1.5"))
    dear = world.user().book(place, "10:00").json()["quote"]
    assert dear["total_minor"] > plain["total_minor"]
    assert dear["fees"] == plain["fees"]


def test_factors_older_than_a_quarter_of_an_hour_are_one(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location(tariff=HOURLY)
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"))
    clock.advance(timedelta(minutes=15))
    assert world.user().book(place, "10:00").json()["quote"]["total_minor"] == 1500
    clock.advance(timedelta(minutes=1))
    assert world.user().book(place, "10:00").json()["quote"]["total_minor"] == 1000
    assert owner.get(f"/stations/locations/{place}/price-steps").json()["worked_out_at"] is None


def test_a_rule_that_narrows_counts_at_once(world: World, owner: Person) -> None:
    place = world.location(tariff=HOURLY)
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"))
    ruled(owner, place, RULE | {"ceiling": 1.1})
    assert world.user().book(place, "10:00").json()["quote"]["total_minor"] == 1100


def test_without_the_rule_its_factors_are_gone(world: World, owner: Person) -> None:
    place = world.location(tariff=HOURLY)
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"))
    owner.delete(f"/stations/locations/{place}/price-rule", if_match="*")
    assert world.user().book(place, "10:00").json()["quote"]["total_minor"] == 1000
    assert world.scalar(sa.select(sa.func.count()).select_from(price_step)) == 0


def test_recommendations_and_search_show_what_would_be_quoted(world: World, owner: Person) -> None:
    place = world.location()
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.2"))
    body = wish(energy_kwh=20)
    option = world.user().post("/optimizer/recommendations", body).json()["items"][0]
    minutes = (datetime.fromisoformat(option["end"]) - datetime.fromisoformat(option["start"])) / timedelta(minutes=1)
    quote = world.user().book(place, option["start"], minutes=int(minutes), energy_kwh=20).json()["quote"]
    assert quote["price_steps"][0]["factor"] == 1.2
    assert option["price_minor"] == pytest.approx(quote["expected_minor"], abs=1)
    near = {"latitude": 52.09, "longitude": 5.12}
    (summary,) = owner.get("/stations/locations", **near).json()["items"]
    assert summary["pools"][0]["price_factor"] == 1.2
    assert owner.get(f"/stations/locations/{place}").json()["pools"][0]["price_factor"] == 1.2


def test_the_record_of_a_session_says_by_what_its_prices_were_multiplied(
    world: World, owner: Person, clock: ManualClock
) -> None:
    place, driver = world.location(tariff=HOURLY), world.user()
    ruled(owner, place)
    put_steps(world, place, ("08:00", "1.5"))
    path = f"/booking/bookings/{driver.book(place, '08:30', minutes=60).json()['id']}"
    at(clock, "08:30")
    driver.post(f"{path}/start")
    at(clock, "09:30")
    driver.post(f"{path}/stop")
    (record,) = driver.get(f"{path}/cdrs").json()["items"]
    assert record["document"]["total_cost"]["before_taxes"] == 15
    assert "times 1.5 from 2026-03-02T08:30:00Z" in record["document"]["remark"]


def test_a_reservation_without_a_rule_asks_nothing_more(world: World) -> None:
    place = world.location()
    with sent_by(world.platform) as sent:
        world.user().book(place, "10:00")
    assert not [text for text in sent if "price_step" in text]
