"""Stations over HTTP: owners build, administrators approve, everybody finds."""

from typing import Any

import pytest
import sqlalchemy as sa

from functions.stations.opening import Hours
from shared.audit import audit_entry
from tests.support.world import API, CCS, FLAT_TARIFF, TYPE2, Person, World

PLACE = {
    "name": "Stadhuis",
    "address": "Plein 1",
    "city": "Utrecht",
    "country": "NLD",
    "latitude": 52.09,
    "longitude": 5.12,
    "time_zone": "Europe/Amsterdam",
}
EVSE = {"uid": "NL*E1", "connectors": [{"standard": TYPE2, "power_type": "AC_3_PHASE", "max_power_kw": 22}]}
TARIFF = FLAT_TARIFF.model_dump(mode="json", exclude_none=True)


def build(owner: Person, **changes: Any) -> str:
    made = owner.post("/stations/locations", PLACE | changes)
    assert made.status_code == 201, made.text
    location_id: str = made.json()["id"]
    assert owner.post(f"/stations/locations/{location_id}/evses", EVSE, if_match=made.headers["etag"]).status_code == 201
    return location_id


def approved(world: World, owner: Person, **changes: Any) -> str:
    location_id = build(owner, **changes)
    assert (
        owner.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": [{"tariff": TARIFF}]}, if_match="*").status_code
        == 200
    )
    assert owner.post(f"/stations/locations/{location_id}/submit", if_match="*").json()["status"] == "SUBMITTED"
    assert world.user("admin").post(f"/stations/locations/{location_id}/approve").json()["status"] == "APPROVED"
    return location_id


def search(world: World, **params: Any) -> list[dict[str, Any]]:
    answer = world.client.get(f"{API}/stations/locations", params={"lat": 52.09, "lon": 5.12} | params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_a_location_is_built_approved_found_and_booked(world: World) -> None:
    owner, admin, driver = world.user("owner"), world.user("admin"), world.user()
    location_id = build(owner)
    assert search(world) == [], "not before it is approved"
    assert driver.get(f"/stations/locations/{location_id}").status_code == 404
    assert owner.get(f"/stations/locations/{location_id}").status_code == 200, "their own they see before"
    put = owner.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": [{"tariff": TARIFF}]}, if_match="*")
    assert put.status_code == 200
    assert admin.post(f"/stations/locations/{location_id}/approve").json()["code"] == "WRONG_STATE", (
        "a draft is not for them to judge"
    )
    assert owner.post(f"/stations/locations/{location_id}/submit", if_match=put.headers["etag"]).json()["status"] == "SUBMITTED"
    assert search(world) == []
    assert admin.post(f"/stations/locations/{location_id}/approve").json()["status"] == "APPROVED"
    (found,) = search(world)
    assert found["id"] == location_id
    assert found["pools"] == [
        {
            "connector": TYPE2,
            "power_class": "FAST",
            "power_kw": 22,
            "capacity": 1,
            "price_factor": 1.0,
            "free": None,
            "price": "TARIFF",
            "tariff_id": put.json()["pools"][0]["tariff_id"],
            "other_tariff_ids": [],
            "forecast": None,
            "states": {"available": 1, "charging": 0, "reserved": 0, "out_of_order": 0, "unknown": 0, "planned": 0},
        }
    ]
    assert driver.book(location_id, "10:00").status_code == 201
    actions = sa.select(audit_entry.c.action).order_by(audit_entry.c.id)
    stored = world.platform.read(lambda tx: list(tx.execute(actions).scalars()))
    assert stored == ["location.create", "evse.create", "location.tariffs", "location.submit", "location.approve"]


def test_a_quote_that_is_booked_survives_a_new_tariff(world: World) -> None:
    owner, driver = world.user("owner"), world.user()
    location_id = approved(world, owner)
    made = driver.book(location_id, "10:00").json()
    dearer = TARIFF | {"elements": [{"price_components": [{"type": "ENERGY", "price": 9}]}]}
    assert (
        owner.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": [{"tariff": dearer}]}, if_match="*").status_code
        == 200
    )
    assert driver.get(f"/booking/bookings/{made['id']}").json()["quote"] == made["quote"]
    moved = driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"}).json()
    assert moved["quote"]["total_minor"] == made["quote"]["total_minor"], "the tariff is frozen with the booking"


def test_terms_are_frozen_with_a_booking(world: World) -> None:
    owner, driver = world.user("owner"), world.user()
    location_id = approved(world, owner)
    made = driver.book(location_id, "10:00").json()
    put = owner.put(f"/stations/locations/{location_id}/booking-terms", {"cancel_until_minutes": 600}, if_match="*")
    assert put.json()["booking_terms"]["cancel_until_minutes"] == 600
    assert driver.get(f"/booking/bookings/{made['id']}").json()["terms"]["cancel_until_minutes"] == 60
    bad = owner.put(f"/stations/locations/{location_id}/booking-terms", {"min_booking_minutes": 60, "max_booking_minutes": 30})
    assert (bad.status_code, bad.json()["code"]) == (422, "INVALID")


def test_roles_and_owners_are_kept_apart(world: World) -> None:
    owner, other, driver, admin = (world.user(role) for role in ("owner", "owner", "driver", "admin"))
    location_id = build(owner)
    assert driver.post("/stations/locations", PLACE).status_code == 403
    for stranger, status in ((driver, 403), (other, 404)):
        assert stranger.post(f"/stations/locations/{location_id}/evses", EVSE).status_code == status
        assert stranger.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": []}).status_code == status
        assert stranger.put(f"/stations/locations/{location_id}/booking-terms", {}).status_code == status
    assert owner.post(f"/stations/locations/{location_id}/approve").status_code == 403
    assert admin.put(f"/stations/locations/{location_id}/booking-terms", {}, if_match="*").status_code == 200


def test_what_cannot_be_booked_cannot_be_submitted(world: World) -> None:
    owner = world.user("owner")
    location_id = owner.post("/stations/locations", PLACE).json()["id"]
    answer = owner.post(f"/stations/locations/{location_id}/submit", if_match="*")
    assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time_zone": "Europe/Utrecht"}, "time_zone"),
        ({"latitude": 90.1}, "latitude"),
        ({"longitude": "NaN"}, "longitude"),
        ({"latitude": 0, "longitude": 0}, "latitude"),
        ({"currency": "EURO"}, "currency"),
        ({"country": "nl"}, "country"),
        ({"name": ""}, "name"),
        ({"status": "APPROVED"}, "status"),
        ({"owner_id": "x"}, "owner_id"),
        (
            {"opening_times": {"regular_hours": [{"weekday": 1, "period_begin": "9", "period_end": "17:00"}]}},
            "opening_times.regular_hours.0.period_begin",
        ),
    ],
)
def test_bad_locations_name_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    answer = world.user("owner").post("/stations/locations", PLACE | changes)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]


def test_hours_as_the_world_writes_them_are_taken_and_booked_across_midnight(world: World) -> None:
    day = [{"weekday": number, "period_begin": "6:00", "period_end": "23:59"} for number in (1, 2)]
    night = {"weekday": 2, "period_begin": "00:00:00", "period_end": "2:00 AM"}
    hours = {"twentyfourseven": None, "regular_hours": [*day, night], "exceptional_closings": None}
    made = world.user("owner").post("/stations/locations", PLACE | {"opening_times": hours})
    assert made.status_code == 201, made.text
    place = world.location(hours=Hours.model_validate(made.json()["opening_times"]))
    late = world.user().book(place, "22:30", minutes=120)
    assert late.status_code == 201, "Monday 23:30 to Tuesday 01:30 in Amsterdam"
    assert world.user().book(place, "21:45").status_code == 201
    assert world.user().book(place, "2026-03-03T02:00:00Z").status_code == 422, "03:00 in Amsterdam"


def test_bad_evses_and_tariffs_name_the_field(world: World) -> None:
    owner = world.user("owner")
    location_id = build(owner)
    twice = owner.post(f"/stations/locations/{location_id}/evses", EVSE, if_match="*")
    assert (twice.status_code, twice.json()["code"]) == (409, "CONFLICT")
    plug = EVSE["connectors"][0]
    bad = owner.post(f"/stations/locations/{location_id}/evses", {"uid": "E2", "connectors": [plug | {"standard": "X"}]})  # type: ignore[operator]
    assert bad.json()["errors"][0]["field"] == "connectors.0.standard"
    wrong = owner.put(
        f"/stations/locations/{location_id}/tariffs", {"tariffs": [{"tariff": TARIFF | {"currency": "GBP"}}]}, if_match="*"
    )
    assert wrong.json()["errors"][0]["field"] == "tariffs.0.tariff.currency"
    none = {"tariff": TARIFF, "applies_to": {"standards": [CCS]}}
    missing = owner.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": [none]}, if_match="*")
    assert missing.json()["errors"][0]["field"] == "tariffs.0.applies_to"


def test_search_is_nearest_first_and_filters(world: World) -> None:
    near = world.location(name="near")
    fast = world.location(name="fast", latitude=52.10, standard=CCS, power_kw=150)
    far = world.location(name="far", latitude=52.16)
    assert [item["id"] for item in search(world)] == [near, fast, far]
    assert [item["id"] for item in search(world, radius_km=2)] == [near, fast]
    assert [item["id"] for item in search(world, connector=CCS)] == [fast]
    assert [item["id"] for item in search(world, min_power_kw=50)] == [fast]
    assert search(world)[0]["distance_km"] < 0.001
    page = world.client.get(f"{API}/stations/locations", params={"lat": 52.09, "lon": 5.12, "limit": 2}).json()
    rest = search(world, limit=2, cursor=page["next_cursor"])
    assert [item["id"] for item in page["items"] + rest] == [near, fast, far]


def test_search_for_a_free_period_leaves_out_full_and_closed_places(world: World) -> None:
    open_late = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "12:00", "period_end": "20:00"}]})
    full, free = world.location(name="full", evses=1), world.location(name="free", evses=2)
    world.location(name="closed", hours=open_late)
    world.user().book(full, "10:00")
    world.user().book(free, "10:30")
    found = search(world, **{"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z"})
    assert [(item["name"], item["pools"][0]["free"]) for item in found] == [("free", 1)]
    later = search(world, free_from="2026-03-02T11:00:00Z", free_until="2026-03-02T12:00:00Z")
    assert {item["name"] for item in later} == {"full", "free", "closed"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"lat": 91}, "lat"),
        ({"lat": None}, "latitude"),
        ({"lon": "nan"}, "lon"),
        ({"radius_km": 0}, "radius_km"),
        ({"connector": "X"}, "connector"),
        ({"limit": 101}, "limit"),
        ({"free_from": "2026-03-02T10:00:00"}, "free_from"),
        ({"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T09:00:00Z"}, "to"),
        ({"free_from": "2026-03-02T10:00:00Z", "free_until": "2026-03-02T09:00:00Z"}, "to"),
        ({"from": "2026-03-02T10:00:00Z", "free_from": "2026-03-02T10:00:00Z"}, "free_from"),
        ({"from": "2026-03-02T10:00:00Z"}, "to"),
    ],
)
def test_bad_searches_name_the_field(world: World, params: dict[str, Any], field: str) -> None:
    query = {name: value for name, value in ({"lat": 52.09, "lon": 5.12} | params).items() if value is not None}
    answer = world.client.get(f"{API}/stations/locations", params=query)
    assert answer.status_code == 422, answer.text
    assert field in [item["field"] for item in answer.json()["errors"]]


def test_availability_tells_free_counts_by_stretches(world: World) -> None:
    place = world.location(evses=2)
    world.user().book(place, "10:00")
    params = {"from": "2026-03-02T09:30:00Z", "to": "2026-03-02T11:30:00Z"}
    answer = world.client.get(f"{API}/stations/locations/{place}/availability", params=params).json()
    (calendar,) = answer["calendars"]
    stretches = [
        (item["start_date_time"][11:16], item["end_date_time"][11:16], item["free"]) for item in calendar["available_timeslots"]
    ]
    assert stretches == [("09:30", "10:00", 2), ("10:00", "11:00", 1), ("11:00", "11:30", 2)]
    long = world.client.get(f"{API}/stations/locations/{place}/availability", params={"to": "2026-04-02T09:30:00Z"})
    assert (long.status_code, long.json()["errors"][0]["field"]) == (422, "to")


def test_a_quote_is_what_the_booking_freezes(world: World) -> None:
    place = world.location()
    body = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60}
    quote = world.client.post(f"{API}/payments/quotes", json=body).json()
    assert world.user().post("/booking/bookings", body).json()["quote"] == quote
    unknown = world.client.post(f"{API}/payments/quotes", json=body | {"connector": CCS})
    assert unknown.json()["errors"][0]["field"] == "connector"


def test_a_place_is_named_by_latitude_and_longitude_and_by_the_old_names_still(world: World) -> None:
    world.location()

    def search(**params: float) -> Any:
        return world.client.get(f"{API}/stations/locations", params=params)

    new, old = search(latitude=52.09, longitude=5.12), search(lat=52.09, lon=5.12)
    assert len(new.json()["items"]) == 1
    assert old.json() == new.json()
    for params, field in (
        ({"longitude": 5.12}, "latitude"),
        ({"lat": 52.09}, "longitude"),
        ({"latitude": 52.09, "lat": 52.09, "lon": 5.12}, "lat"),
        ({"latitude": 91, "longitude": 5.12}, "latitude"),
    ):
        refused = search(**params)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), params
    parameters = world.client.get(f"{API}/openapi.json").json()["paths"][f"{API}/stations/locations"]["get"]["parameters"]
    assert {item["name"] for item in parameters if item.get("deprecated")} == {"lat", "lon", "free_from", "free_until"}
