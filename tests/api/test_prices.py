"""What a booking costs, over HTTP: expected and at most, as the period moves; in the end; and where nobody knows the price."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking import service as booking
from functions.booking.settlement import MeteredSession, settle
from functions.booking.tables import booking as booking_table
from functions.booking.tables import slot_claim
from functions.stations import service as stations
from functions.stations.domain import BookingTerms
from functions.stations.tables import location as location_table
from functions.tariffs.domain import Tariff
from shared.errors import Invalid
from shared.tx import Tx
from tests.support.world import CCS, TYPE2, World

START = datetime.fromisoformat("2026-03-02T10:00:00+00:00")
MINUTE = timedelta(minutes=1)
CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)


def priced(*components: tuple[str, float], **more: Any) -> Tariff:
    elements = [{"price_components": [{"type": kind, "price": price}]} for kind, price in components]
    extra = more.pop("elements", [])
    return Tariff.model_validate({"id": "t", "currency": "EUR", "elements": elements + extra} | more)


def bill(world: World, booking_id: str, *, until: float, kwh: float | None, charging: float | None = None) -> dict[str, Any]:
    """The settlement of a session from the booked start on: minutes until it ended, and until it ceased to charge."""

    def settled(tx: Tx) -> dict[str, Any]:
        record = booking.bookings_by_id(tx=tx, booking_ids=[uuid.UUID(booking_id)])[uuid.UUID(booking_id)]
        charging_until = None if charging is None else record.start + charging * MINUTE
        session = MeteredSession(record.start, record.start + until * MINUTE, charging_until, kwh)
        location = stations.get_location(tx=tx, location_id=record.location_id)
        return settle(tx=tx, location=location, booking=record, session=session).model_dump(mode="json")

    return world.platform.read(settled)


def moved(world: World, driver: Any, made: dict[str, Any], **body: Any) -> Any:
    return driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": made["period"]["start"]} | body)


def test_a_quote_has_what_is_expected_and_what_it_costs_at_most(world: World) -> None:
    driver, place = world.user(), world.location()
    quote = driver.book(place, "10:00", minutes=60, energy_kwh=10).json()["quote"]
    assert quote["expected_minor"] == round(10 * 40 * 1.21)
    assert (quote["total_minor"], quote["at_most_kwh"]) == (round(22 * 40 * 1.21), 22)
    assert quote["tax"] == [{"rate": 21, "net_minor": 880, "vat_minor": 185}]
    assert quote["fees"]["late_cancel_minor"] == 242
    assert quote["fees"]["no_show_minor"] == 605
    assert quote["fees"]["overtime"] == {
        "begins_at": "2026-03-02T11:10:00Z",
        "per_kwh": 0.484,
        "per_hour": 0.0,
        "extra_per_hour": 0.0,
        "extra_minor": 0,
    }


def test_a_quarter_moved_to_eight_hours_is_quoted_anew_with_what_fits(world: World) -> None:
    """The quote stayed 2.48, and 150 kWh were billed 2.48."""
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50)))
    made = driver.book(place, "10:00", minutes=15).json()
    assert (made["quote"]["expected_minor"], made["quote"]["total_minor"]) == (248, 275)
    long = moved(world, driver, made, duration_minutes=480).json()
    assert (long["energy_kwh"], long["quote"]["expected_minor"]) == (158.4, 7920), "the driver named no need: what fits now"
    assert long["quote"]["total_minor"] == 8800
    assert bill(world, made["id"], until=480, kwh=150)["total_minor"] == 7500


def test_a_need_that_was_named_stays_when_the_period_grows_and_bounds_nothing(world: World) -> None:
    """480 minutes for 0.1 kWh cost 5 cents."""
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50)))
    made = driver.book(place, "10:00", minutes=15, energy_kwh=0.1).json()
    long = moved(world, driver, made, duration_minutes=480).json()
    assert (long["quote"]["expected_minor"], long["quote"]["total_minor"]) == (5, 8800)
    assert bill(world, made["id"], until=480, kwh=150)["total_minor"] == 7500


def test_a_need_above_what_fits_fits_once_the_period_grows(world: World) -> None:
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50)))
    made = driver.book(place, "10:00", minutes=15, energy_kwh=30).json()
    assert made["energy_kwh"] == 4.95
    assert moved(world, driver, made, duration_minutes=120).json()["energy_kwh"] == 30


def test_four_hours_on_a_quarter_are_billed_by_the_tariff_after_the_grace(world: World) -> None:
    """At 6 an hour they cost 1.50."""
    driver, place = world.user(), world.location(tariff=priced(("TIME", 6)))
    made = driver.book(place, "10:00", minutes=15).json()
    assert made["quote"]["total_minor"] == 150
    assert bill(world, made["id"], until=25, kwh=1)["total_minor"] == 150, "ten minutes of grace"
    over = bill(world, made["id"], until=240, kwh=1)
    assert over["total_minor"] == 150 + (240 - 25) * 10
    assert (over["overtime_minor"], over["uncapped_minor"]) == (2150, 2400)


def test_overtime_costs_what_the_tariff_says_beside_its_ordinary_elements(world: World) -> None:
    late = {
        "price_components": [{"type": "TIME", "price": 12, "step_size": 60}],
        "restrictions": {"booking": "BOOKING_OVERTIME"},
    }
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50), elements=[late]))
    made = driver.book(place, "10:00", minutes=60).json()
    over = bill(world, made["id"], until=130, kwh=26)
    assert (over["total_minor"], over["overtime_minor"]) == (1300 + 1200, 600 + 1200), "an hour after the grace, 12 kWh"


def test_parking_is_billed_from_the_end_of_charging_and_the_grace(world: World) -> None:
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50), ("PARKING_TIME", 3)))
    made = driver.book(place, "10:00", minutes=60).json()
    found = bill(world, made["id"], until=60, charging=20, kwh=4)
    assert [(line["dimension"], line["amount_minor"]) for line in found["elements"]] == [("ENERGY", 200), ("PARKING_TIME", 150)]


def test_a_session_that_nobody_measured_costs_what_was_expected(world: World) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00", energy_kwh=10).json()
    found = bill(world, made["id"], until=60, kwh=None)
    assert found["total_minor"] == made["quote"]["expected_minor"]
    assert sum(line["amount_minor"] for line in found["elements"]) == found["total_minor"]


def test_battery_and_accepted_limit_bound_the_total(world: World) -> None:
    driver, place = world.user(), world.location(evses=4, tariff=priced(("ENERGY", 0.50)))
    body = {"name": "Small", "battery_kwh": 20, "max_power_kw": 22, "standards": [TYPE2]}
    car = driver.post("/accounts/me/vehicles", body).json()["id"]
    made = driver.book(place, "10:00", minutes=120, vehicle_id=car).json()
    assert made["quote"]["total_minor"] == 1100, "1.1 x 20 kWh"
    other = world.user()
    limited = other.book(place, "10:00", minutes=120, energy_limit_kwh=12).json()
    assert (limited["energy_limit_kwh"], limited["quote"]["total_minor"], limited["energy_kwh"]) == (12, 600, 12)
    assert bill(world, limited["id"], until=120, kwh=30)["total_minor"] == 600
    wider = moved(world, other, limited, energy_limit_kwh=15).json()
    assert (wider["energy_limit_kwh"], wider["quote"]["total_minor"]) == (15, 750)
    refused = other.book(place, "14:00", energy_kwh=10, energy_limit_kwh=9)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "energy_limit_kwh")


def test_a_quote_of_older_code_expects_its_total_and_keeps_its_fees(world: World) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00", energy_kwh=10).json()
    old = {name: made["quote"][name] for name in ("currency", "total_minor", "total_excl_vat_minor", "energy_kwh", "minutes")}
    old |= {"tariff_id": "flat", "elements": made["quote"]["elements"]}
    mine = booking_table.c.id == uuid.UUID(made["id"])
    world.platform.transact(lambda tx: tx.execute(sa.update(booking_table).where(mine).values(quote=old, need_kwh=None)))
    read = driver.get(f"/booking/bookings/{made['id']}").json()
    assert (read["quote"]["expected_minor"], read["quote"]["fees"]) == (made["quote"]["total_minor"], None)
    grown = moved(world, driver, made, duration_minutes=240).json()
    assert (grown["energy_kwh"], grown["quote"]["expected_minor"]) == (10, 484), "less than fits was asked for"


def test_a_place_without_a_tariff_is_not_free(world: World) -> None:
    driver, place = world.user(), world.location(tariff=None, free_of_charge=False)
    (pool,) = driver.get(f"/stations/locations/{place}").json()["pools"]
    assert pool["price"] == "NOT_KNOWN"
    period = {"free_from": "2026-03-02T10:00:00Z", "free_until": "2026-03-02T11:00:00Z"}
    near = driver.get("/stations/locations", lat=52.09, lon=5.12, **period).json()["items"]
    assert near == [], "nothing of it can be booked"
    refused = driver.book(place, "10:00")
    assert (refused.status_code, refused.json()["code"]) == (409, "PRICE_NOT_KNOWN")
    wish = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60}
    assert driver.post("/payments/quotes", wish).json()["code"] == "PRICE_NOT_KNOWN"
    assert world.scalar(CLAIMS) == 0


def test_a_quote_is_of_the_pool_that_would_be_booked(world: World) -> None:
    """The fastest whose price is known, not the fastest."""
    owner, driver = world.user("owner"), world.user()
    world.owner_id = owner.id
    place = world.location(tariff=None, free_of_charge=False)
    plug = {"connector_id": "1", "standard": TYPE2, "power_type": "AC_1_PHASE", "max_power_kw": 7, "format": "SOCKET"}
    added = owner.post(f"/stations/locations/{place}/evses", {"uid": "SLOW", "connectors": [plug]}, if_match="*")
    assert added.status_code == 201, added.text
    tariff = priced(("ENERGY", 0.50)).model_dump(mode="json", exclude_none=True)
    body = {"tariffs": [{"tariff": tariff, "applies_to": {"power_classes": ["SLOW"]}}]}
    assert owner.put(f"/stations/locations/{place}/tariffs", body, if_match="*").status_code == 200
    wish = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60}
    quote = driver.post("/payments/quotes", wish)
    assert quote.status_code == 200, quote.text
    assert quote.json()["total_minor"] == driver.book(place, "10:00").json()["quote"]["total_minor"] == 350


def test_a_place_is_free_by_its_owners_word(world: World) -> None:
    driver, place = world.user(), world.location(tariff=None, free_of_charge=True)
    (pool,) = driver.get(f"/stations/locations/{place}").json()["pools"]
    assert pool["price"] == "FREE"
    made = driver.book(place, "10:00").json()
    assert (made["quote"]["expected_minor"], made["quote"]["total_minor"]) == (0, 0)
    assert bill(world, made["id"], until=300, kwh=60)["total_minor"] == 0


def test_an_owner_says_that_a_place_is_free(world: World) -> None:
    owner, admin, driver = world.user("owner"), world.user("admin"), world.user()
    world.owner_id = owner.id
    place = world.location(tariff=None, free_of_charge=False)
    assert driver.book(place, "10:00").json()["code"] == "PRICE_NOT_KNOWN"
    put = owner.patch(f"/stations/locations/{place}", {"free_of_charge": True}, if_match="*")
    assert put.json()["free_of_charge"] is True
    assert driver.book(place, "10:00").status_code == 201
    assert admin.patch(f"/stations/locations/{place}", {"free_of_charge": None}, if_match="*").status_code == 422
    assert world.scalar(sa.select(location_table.c.free_of_charge)) is True


def test_the_optimizer_offers_no_place_whose_price_nobody_knows(world: World) -> None:
    driver = world.user()
    world.location(name="unknown", tariff=None, free_of_charge=False, power_kw=50, standard=CCS)
    wish = {
        "battery_kwh": 60,
        "soc": 0.4,
        "max_power_kw": 100,
        "connectors": [CCS],
        "origin": {"latitude": 52.09, "longitude": 5.12},
        "energy_kwh": 20,
    }
    assert driver.post("/optimizer/recommendations", wish).json()["items"] == []
    known = world.location(name="known", latitude=52.1, power_kw=50, standard=CCS)
    assert {item["location_id"] for item in driver.post("/optimizer/recommendations", wish).json()["items"]} == {known}


@pytest.mark.parametrize(("start", "cents"), [("10:00", 1100), ("12:00", 2200), ("14:00", None)])
def test_the_tariff_is_that_of_the_sessions_start(world: World, start: str, cents: int | None) -> None:
    owner, driver = world.user("owner"), world.user()
    world.owner_id = owner.id
    place = world.location(tariff=None, free_of_charge=False)
    cheap = priced(("ENERGY", 0.01), type="PROFILE_CHEAP", end_date_time="2026-03-02T14:00:00Z")
    now = priced(("ENERGY", 0.50), type="REGULAR", end_date_time="2026-03-02T12:00:00Z")
    then = priced(
        ("ENERGY", 1.00), type="REGULAR", start_date_time="2026-03-02T12:00:00Z", end_date_time="2026-03-02T14:00:00Z"
    )
    body = {"tariffs": [{"tariff": item.model_dump(mode="json", exclude_none=True)} for item in (cheap, now, then)]}
    put = owner.put(f"/stations/locations/{place}/tariffs", body, if_match="*")
    assert put.status_code == 200
    (pool,) = put.json()["pools"]
    assert len({pool["tariff_id"], *pool["other_tariff_ids"]} & set(put.json()["tariffs"])) == 3
    assert len(owner.get(f"/stations/locations/{place}/tariffs").json()["items"]) == 3
    answer = driver.book(place, start)
    if cents is None:
        assert answer.json()["code"] == "PRICE_NOT_KNOWN", "all have ended"
    else:
        assert answer.json()["quote"]["total_minor"] == cents


@pytest.mark.parametrize(
    ("begins", "ends", "priced_hours"), [(None, "10:00", ()), ("10:00", "12:00", (10, 11)), ("10:00", None, (10, 11, 12))]
)
def test_search_shows_as_bookable_what_has_a_price_when_it_begins(
    world: World, begins: str | None, ends: str | None, priced_hours: tuple[int, ...]
) -> None:
    """A tariff that had ended, or had not begun, was shown as a price, with free places that booking refused."""
    driver = world.user()
    bounds = {"start_date_time": begins, "end_date_time": ends}
    dates = {name: f"2026-03-02T{at}:00Z" for name, at in bounds.items() if at is not None}
    place = world.location(tariff=priced(("ENERGY", 0.50), **dates))
    for hour in (10, 11, 12):
        period = {"free_from": f"2026-03-02T{hour}:00:00Z", "free_until": f"2026-03-02T{hour}:30:00Z"}
        found = driver.get("/stations/locations", lat=52.09, lon=5.12, **period).json()["items"]
        shown = [(pool["price"], pool["free"]) for item in found for pool in item["pools"]]
        assert shown == ([("TARIFF", 2)] if hour in priced_hours else []), hour
        assert driver.book(place, f"{hour}:00", minutes=15).status_code == (201 if hour in priced_hours else 409), hour


@pytest.mark.parametrize(
    ("dates", "price"),
    [
        ({"end_date_time": "2026-03-02T08:00:00Z"}, "NOT_KNOWN"),
        ({"start_date_time": "2026-03-03T08:00:00Z"}, "TARIFF"),
        ({"start_date_time": "2026-03-02T07:00:00Z", "end_date_time": "2026-03-02T09:00:00Z"}, "TARIFF"),
    ],
    ids=["ended", "to come", "in force"],
)
def test_without_a_period_a_price_is_known_where_some_booking_from_now_on_has_one(
    world: World, dates: dict[str, str], price: str
) -> None:
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50), **dates))
    (near,) = driver.get("/stations/locations", lat=52.09, lon=5.12).json()["items"]
    assert [near["pools"][0]["price"], driver.get(f"/stations/locations/{place}").json()["pools"][0]["price"]] == [price] * 2


def test_a_calendar_has_the_slots_that_a_booking_with_a_price_can_begin_in(world: World) -> None:
    dates = {"start_date_time": "2026-03-02T10:03:00Z", "end_date_time": "2026-03-02T11:03:00Z"}
    driver, place = world.user(), world.location(tariff=priced(("ENERGY", 0.50), **dates))
    period = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T13:00:00Z"}
    (calendar,) = driver.get(f"/stations/locations/{place}/availability", **period).json()["calendars"]
    (free,) = calendar["available_timeslots"]
    assert (free["start_date_time"], free["end_date_time"]) == ("2026-03-02T10:05:00Z", "2026-03-02T11:05:00Z")
    assert driver.book(place, "10:00", minutes=15).status_code == driver.book(place, "11:05", minutes=15).status_code == 409
    assert driver.book(place, "10:05", minutes=15).status_code == driver.book(place, "11:00", minutes=15).status_code == 201


def test_a_booking_that_moves_beyond_its_tariff_takes_the_next(world: World) -> None:
    owner, driver = world.user("owner"), world.user()
    world.owner_id = owner.id
    place = world.location(tariff=None, free_of_charge=False, terms=BookingTerms(change_until_minutes=0))
    now = priced(("ENERGY", 0.50), end_date_time="2026-03-02T12:00:00Z")
    then = priced(("ENERGY", 1.00), start_date_time="2026-03-02T12:00:00Z", end_date_time="2026-03-02T14:00:00Z")
    body = {"tariffs": [{"tariff": item.model_dump(mode="json", exclude_none=True)} for item in (now, then)]}
    assert owner.put(f"/stations/locations/{place}/tariffs", body, if_match="*").status_code == 200
    made = driver.book(place, "10:00").json()
    path = f"/booking/bookings/{made['id']}/reschedule"
    assert driver.post(path, {"start": "2026-03-02T13:00:00Z"}).json()["quote"]["total_minor"] == 2200
    refused = driver.post(path, {"start": "2026-03-02T15:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (409, "PRICE_NOT_KNOWN")
    stands = driver.get(f"/booking/bookings/{made['id']}").json()
    assert stands["period"]["start"] == "2026-03-02T13:00:00Z"


def test_no_place_is_loaded_with_a_tariff_in_another_currency(world: World) -> None:
    with pytest.raises(Invalid, match="'t' must be in EUR, not in GBP"):
        world.location(tariff=priced(("ENERGY", 0.50), currency="GBP"))
