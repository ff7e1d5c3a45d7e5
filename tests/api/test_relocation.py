"""Bookings whose charger fails while its pool is full: told at once, moved to another place at no higher price, or ended in
time with a credit."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking import outages
from functions.booking.tables import booking, slot_claim
from functions.notify.tables import notification
from functions.relocation.service import relocate_bookings
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from tests.support.stations_feed import Station, minutes
from tests.support.world import TYPE2, Person, World

NEAR, FAR = 52.10, 52.14
"""Latitudes 1.1 and 5.6 km north of the world's place."""


@pytest.fixture
def station(world: World) -> Station:
    """A place of one EVSE, whose feed lives."""
    station = Station.at(world, evses=1)
    station.report("E0", "AVAILABLE", "08:00")
    return station


def book(station: Station, start: str = "11:00", **more: Any) -> tuple[Person, str]:
    driver = more.pop("driver", None) or station.world.user()
    answer = driver.book(station.location, start, **more)
    assert answer.status_code == 201, answer.text
    return driver, str(answer.json()["id"])


def read(driver: Person, booking_id: str) -> dict[str, Any]:
    body: dict[str, Any] = driver.get(f"/booking/bookings/{booking_id}").json()
    return body


def told(world: World, driver: Person) -> list[str]:
    world.drain()
    rows = sa.select(notification.c.type).where(notification.c.user_id == driver.id).order_by(notification.c.id)
    return world.platform.read(lambda tx: list(tx.execute(rows).scalars()))


def fails(station: Station, at: str = "08:01") -> None:
    """The one EVSE breaks; what listens to that is delivered."""
    assert station.report("E0", "OUTOFORDER", at).status_code == 200
    station.world.drain()


def moves(station: Station, clock: ManualClock, by: float = 2) -> int:
    """The clock's run after the grace."""
    clock.advance(minutes(by))
    return relocate_bookings(station.world.platform)


def claims_of(world: World, booking_id: str) -> int:
    mine = slot_claim.c.booking_id == uuid.UUID(booking_id)
    return int(world.scalar(sa.select(sa.func.count()).select_from(slot_claim).where(mine)))


def test_whose_charger_fails_is_told_within_the_delivery_and_may_leave_free(station: Station, clock: ManualClock) -> None:
    driver, booking_id = book(station)
    clock.advance(minutes(1))
    fails(station)
    assert read(driver, booking_id)["assurance"] == "AT_RISK"
    assert told(station.world, driver) == ["booking_reserved", "booking_at_risk"]
    outages.rehouse_bookings(station.world.platform)
    assert told(station.world, driver) == ["booking_reserved", "booking_at_risk"], "once"
    clock.advance(minutes(150))
    station.heartbeat()
    assert driver.post(f"/booking/bookings/{booking_id}/cancel", {}).json()["canceled"]["fee_minor"] == 0


def test_who_is_at_risk_moves_in_time_whatever_the_terms_say(world: World, clock: ManualClock) -> None:
    terms = BookingTerms(change_not_allowed=True, give_up_minutes=0)
    station = Station.at(world, evses=2, terms=terms)
    driver, booking_id = book(station)
    _, other = book(station)
    move = f"/booking/bookings/{booking_id}/reschedule"
    assert driver.post(move, {"start": "2026-03-02T14:00:00Z"}).json()["code"] == "TERMS_REFUSE"
    station.batch({"uid": "E0", "status": "OUTOFORDER", "last_updated": "2026-03-02T08:00:00Z"})
    world.drain()
    at_risk = driver if read(driver, booking_id)["assurance"] == "AT_RISK" else None
    if at_risk is None:  # the other one was on E0
        return_to = world.scalar(sa.select(booking.c.user_id).where(booking.c.id == uuid.UUID(other)))
        at_risk, move = Person(world, return_to, "driver"), f"/booking/bookings/{other}/reschedule"
    moved = at_risk.post(move, {"start": "2026-03-02T14:00:00Z"}).json()
    assert (moved["assurance"], moved["late_since"]) == ("SAFE", None)


def test_a_charger_that_works_again_is_told_and_nothing_has_moved(station: Station, clock: ManualClock) -> None:
    station.world.location(evses=1, name="Near", latitude=NEAR)
    driver, booking_id = book(station)
    fails(station, "08:00")
    assert moves(station, clock, 1) == 0, "chargers flap: not before the grace is over"
    station.report("E0", "AVAILABLE", "08:01")
    assert told(station.world, driver)[-1] == "booking_safe"
    assert moves(station, clock, 5) == 0
    assert read(driver, booking_id)["reservation_status"] == "RESERVED"


def test_after_the_grace_it_goes_on_nearby_at_no_higher_price(station: Station, clock: ManualClock) -> None:
    dear = FLAT | {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.8, "vat": 21}]}]}
    near = station.world.location(evses=1, name="Near", latitude=NEAR, tariff=tariff(dear))
    driver, booking_id = book(station)
    quote = read(driver, booking_id)["quote"]
    fails(station, "08:00")
    assert moves(station, clock) == 1
    old = read(driver, booking_id)
    new = read(driver, old["rebooked_to"])
    assert (old["reservation_status"], old["canceled"]["who_canceled"]) == ("CANCELED", "CPO")
    assert (old["canceled"]["cancellation_reason"], old["canceled"]["fee_minor"]) == ("BROKEN_CHARGER", 0)
    assert (new["location_id"], new["rebooked_from"], new["reservation_status"]) == (near, booking_id, "RESERVED")
    assert new["quote"]["total_minor"] > quote["total_minor"] == new["price_cap_minor"]
    assert (claims_of(station.world, booking_id), claims_of(station.world, new["id"])) == (0, 12)
    assert told(station.world, driver)[-2:] == ["booking_canceled", "booking_relocated"]
    assert new["quote"]["fees"]["late_cancel_minor"] <= quote["fees"]["late_cancel_minor"]
    assert moves(station, clock) == 0, "again does nothing"


def test_a_session_at_the_new_place_is_billed_up_to_the_old_quote(station: Station, clock: ManualClock) -> None:
    dear = FLAT | {"elements": [{"price_components": [{"type": "ENERGY", "price": 4.0, "vat": 21}]}]}
    station.world.location(evses=1, name="Near", latitude=NEAR, tariff=tariff(dear))
    driver, booking_id = book(station)
    fails(station, "08:00")
    moves(station, clock)
    new = read(driver, read(driver, booking_id)["rebooked_to"])
    clock.jump(clock.now().replace(hour=11, minute=0))
    assert driver.post(f"/booking/bookings/{new['id']}/start").status_code == 200
    clock.advance(minutes(55))
    bill = driver.post(f"/booking/bookings/{new['id']}/stop").json()["settlement"]
    assert bill["total_minor"] == new["price_cap_minor"] < new["quote"]["expected_minor"]


@pytest.mark.parametrize(
    "place",
    [
        {"latitude": FAR},
        {"standard": "IEC_62196_T2_COMBO", "power_kw": 50.0},
        {"power_kw": 11.0},
    ],
    ids=["too far", "another connector", "less power"],
)
def test_what_does_not_suit_is_no_other_place(station: Station, clock: ManualClock, place: dict[str, Any]) -> None:
    options: dict[str, Any] = {"evses": 1, "name": "Other", "latitude": NEAR}
    station.world.location(**options | place)
    driver, booking_id = book(station)
    fails(station, "08:00")
    assert moves(station, clock) == 0
    assert read(driver, booking_id)["assurance"] == "AT_RISK"


def test_the_start_may_shift_by_a_quarter_and_no_more(station: Station, clock: ManualClock) -> None:
    near = station.world.location(evses=1, name="Near", latitude=NEAR)
    station.world.user().book(near, "11:30", minutes=90)
    driver, booking_id = book(station, minutes=30)
    longer, other = book(station, "12:00")
    fails(station, "08:00")
    assert moves(station, clock) == 1, "12:00 has no room within a quarter of an hour"
    assert read(driver, read(driver, booking_id)["rebooked_to"])["period"]["start"] == "2026-03-02T11:00:00Z"
    assert read(longer, other)["assurance"] == "AT_RISK"


def test_a_car_that_is_booked_elsewhere_then_is_not_booked_twice(station: Station, clock: ManualClock) -> None:
    near = station.world.location(evses=2, name="Near", latitude=NEAR)
    driver, booking_id = book(station, minutes=30)
    assert driver.book(near, "11:30", minutes=30).status_code == 201
    assert driver.book(near, "10:30", minutes=30).status_code == 201
    fails(station, "08:00")
    moves(station, clock)
    new = read(driver, read(driver, booking_id)["rebooked_to"])
    assert new["period"] == {"start": "2026-03-02T11:00:00Z", "end": "2026-03-02T11:30:00Z"}


def test_a_longer_booking_than_before_is_not_capped_by_it(station: Station, clock: ManualClock) -> None:
    station.world.location(evses=1, name="Near", latitude=NEAR)
    driver, booking_id = book(station)
    fails(station, "08:00")
    moves(station, clock)
    move = f"/booking/bookings/{read(driver, booking_id)['rebooked_to']}/reschedule"
    same = driver.post(move, {"start": "2026-03-02T13:00:00Z"}).json()
    longer = driver.post(move, {"start": "2026-03-02T13:00:00Z", "duration_minutes": 120}).json()
    assert (same["price_cap_minor"] is None, longer["price_cap_minor"]) == (False, None)


def test_the_new_place_is_declined_at_no_cost_for_half_an_hour(station: Station, clock: ManualClock) -> None:
    station.world.location(evses=1, name="Near", latitude=NEAR)
    driver, booking_id = book(station)
    decline = f"/booking/bookings/{booking_id}/decline-move"
    assert driver.post(decline).json()["code"] == "WRONG_STATE", "nobody moved it"
    fails(station, "08:00")
    moves(station, clock)
    new = read(driver, read(driver, booking_id)["rebooked_to"])
    assert station.world.user("admin").post(f"/booking/bookings/{new['id']}/decline-move").status_code == 404
    declined = driver.post(f"/booking/bookings/{new['id']}/decline-move").json()
    assert (declined["reservation_status"], declined["canceled"]["fee_minor"]) == ("CANCELED", 0)
    assert declined["canceled"]["credit_minor"] == min(new["quote"]["expected_minor"], new["price_cap_minor"]) // 10
    assert claims_of(station.world, new["id"]) == 0


def test_after_half_an_hour_the_new_booking_is_left_by_its_terms(station: Station, clock: ManualClock) -> None:
    station.world.location(evses=1, name="Near", latitude=NEAR)
    driver, booking_id = book(station)
    fails(station, "08:00")
    moves(station, clock)
    new = read(driver, booking_id)["rebooked_to"]
    clock.advance(minutes(30.1))
    assert driver.post(f"/booking/bookings/{new}/decline-move").json()["code"] == "WRONG_STATE"
    assert "credit_minor" not in driver.post(f"/booking/bookings/{new}/cancel", {}).json()["canceled"]


def test_where_nothing_is_found_it_is_tried_each_minute_and_ends_with_a_credit(station: Station, clock: ManualClock) -> None:
    driver, booking_id = book(station)
    quote = read(driver, booking_id)["quote"]
    fails(station, "08:00")
    assert moves(station, clock, 119) == 0, "a minute is left to look"
    assert moves(station, clock, 1) == 1
    ended = read(driver, booking_id)
    assert (ended["reservation_status"], ended["rebooked_to"]) == ("CANCELED", None)
    assert ended["canceled"]["credit_minor"] == quote["expected_minor"] // 10
    assert told(station.world, driver)[-1] == "booking_canceled"
    body = driver.get("/notify/inbox").json()["items"][0]["body"]
    assert "credit" in body


def test_a_place_that_becomes_free_is_found_by_the_next_run(station: Station, clock: ManualClock) -> None:
    near = station.world.location(evses=1, name="Near", latitude=NEAR)
    rival = station.world.user()
    taken = rival.book(near, "10:30", minutes=120).json()["id"]
    driver, booking_id = book(station)
    fails(station, "08:00")
    assert moves(station, clock) == 0
    assert rival.post(f"/booking/bookings/{taken}/cancel", {}).status_code == 200
    assert moves(station, clock, 1) == 1
    assert read(driver, booking_id)["rebooked_to"]


def test_a_charge_request_goes_along(station: Station, clock: ManualClock) -> None:
    driver = station.world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.5,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"latitude": 52.09, "longitude": 5.12},
        "earliest_departure": "2026-03-02T11:00:00Z",
    }
    asked = driver.post("/optimizer/charge-requests", wish).json()["id"]
    station.world.drain()
    before = driver.get(f"/optimizer/charge-requests/{asked}").json()
    station.world.location(evses=1, name="Near", latitude=NEAR)
    fails(station, "08:00")
    assert moves(station, clock) == 1
    station.world.drain()
    after = driver.get(f"/optimizer/charge-requests/{asked}").json()
    assert after["status"] == "RESERVED"
    assert after["booking_id"] == read(driver, before["booking_id"])["rebooked_to"]


def test_what_is_days_ahead_waits_for_the_repair(station: Station, clock: ManualClock) -> None:
    station.world.location(evses=1, name="Near", latitude=NEAR)
    driver, booking_id = book(station, "2026-03-05T11:00:00Z")
    fails(station, "08:00")
    assert moves(station, clock) == 0
    assert read(driver, booking_id)["assurance"] == "AT_RISK"


FLAT: dict[str, Any] = {"id": "other", "currency": "EUR"}


def tariff(document: dict[str, Any]) -> Any:
    from functions.tariffs.domain import Tariff

    return Tariff.model_validate(document)
