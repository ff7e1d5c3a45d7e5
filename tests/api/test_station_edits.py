"""Edits of locations: If-Match and what changed since, what may change when, tariffs of the past, terms in plain words."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.test_stations import EVSE, PLACE, TARIFF, approved, build
from tests.support.world import CCS, TYPE2, Person, World


@pytest.fixture
def owner(world: World) -> Person:
    return world.user("owner")


BLOCK = {"period_begin": "2026-03-03T08:00:00Z", "period_end": "2026-03-03T09:00:00Z", "reason": "Paint"}
NIGHT = {"regular_hours": [{"weekday": 1, "period_begin": "20:00", "period_end": "08:00"}]}
EDITS: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"name": "Other"}),
    ("DELETE", "", None),
    ("POST", "/evses", EVSE | {"uid": "E2"}),
    ("PATCH", "/evses/{evse}", {"connectors": EVSE["connectors"]}),
    ("DELETE", "/evses/{evse}", None),
    ("PUT", "/tariffs", {"tariffs": []}),
    ("PUT", "/booking-terms", {}),
    (
        "POST",
        "/blocked-times",
        {"period_begin": "2026-03-03T08:00:00Z", "period_end": "2026-03-03T09:00:00Z", "reason": "Paint"},
    ),
    ("POST", "/submit", None),
    ("POST", "/withdraw", None),
]


@pytest.mark.parametrize(("method", "tail", "body"), EDITS)
def test_every_owner_edit_wants_if_match(world: World, owner: Person, method: str, tail: str, body: Any) -> None:
    location_id = build(owner)
    seen = owner.get(f"/stations/locations/{location_id}")
    path = f"/api/v1/stations/locations/{location_id}" + tail.format(evse=seen.json()["evses"][0]["id"])
    without = world.client.request(method, path, json=body, headers=owner.headers())
    assert (without.status_code, without.json()["code"]) == (428, "PRECONDITION_REQUIRED")
    assert without.json()["etag"] == seen.headers["etag"]
    for old in ('"1"', f"W/{seen.headers['etag']}", '"nonsense"', "2", '""'):
        stale = world.client.request(method, path, json=body, headers=owner.headers() | {"If-Match": old})
        assert (stale.status_code, stale.json()["code"]) == (412, "PRECONDITION_FAILED"), old
        assert stale.json()["etag"] == seen.headers["etag"]
    assert owner.get(f"/stations/locations/{location_id}").json() == seen.json()


def test_the_etag_is_in_header_and_body_and_rises_with_each_edit(owner: Person) -> None:
    made = owner.post("/stations/locations", PLACE)
    tags = [made.headers["etag"]]
    assert made.json()["etag"] == tags[0]
    path = f"/stations/locations/{made.json()['id']}"
    evse = owner.post(f"{path}/evses", EVSE, if_match=tags[-1])
    tags.append(evse.headers["etag"])
    assert evse.json()["etag"] == tags[-1]
    put = owner.put(f"{path}/booking-terms", {"booking_horizon_days": 3}, if_match=tags[-1])
    tags.append(put.headers["etag"])
    assert owner.get(path).headers["etag"] == tags[-1] == put.json()["etag"]
    assert len(set(tags)) == 3
    several = owner.patch(path, {"name": "New"}, if_match=f'"77", {tags[-1]}')
    assert several.status_code == 200
    same = owner.patch(path, {"name": "New"}, if_match=several.headers["etag"])
    assert same.headers["etag"] == several.headers["etag"], "what changes nothing makes no version"


def test_who_comes_second_is_told_what_changed_since(world: World, owner: Person) -> None:
    location_id = build(owner)
    path, admin = f"/stations/locations/{location_id}", world.user("admin")
    seen = owner.get(path).headers["etag"]
    tag = admin.patch(path, {"name": "First", "city": "Zeist"}, if_match=seen).headers["etag"]
    tag = admin.patch(path, {"name": "Second"}, if_match=tag).headers["etag"]
    tag = admin.put(f"{path}/booking-terms", {"booking_horizon_days": 3}, if_match=tag).headers["etag"]
    tag = admin.patch(path, {"city": "Utrecht"}, if_match=tag).headers["etag"]
    late = owner.patch(path, {"name": "Mine"}, if_match=seen)
    assert late.status_code == 412
    assert late.json()["changes"] == [
        {"field": "booking_terms.booking_horizon_days", "before": 14, "after": 3},
        {"field": "name", "before": "Stadhuis", "after": "Second"},
    ], "the city is what it was again"
    assert "name" in late.json()["detail"]
    assert owner.patch(path, {"name": "Mine"}, if_match=late.json()["etag"]).json()["name"] == "Mine"
    assert late.json()["etag"] == tag


def test_a_feeds_report_does_not_come_between(world: World, owner: Person) -> None:
    """States of EVSEs are reported by the minute; whoever edits does not see them as edits."""
    import sqlalchemy as sa

    from functions.stations.tables import evse

    location_id = build(owner)
    seen = owner.get(f"/stations/locations/{location_id}").headers["etag"]
    world.platform.transact(lambda tx: tx.execute(sa.update(evse).values(status="CHARGING")))
    assert owner.patch(f"/stations/locations/{location_id}", {"name": "New"}, if_match=seen).status_code == 200


def test_a_patch_changes_what_is_given_and_nothing_else(owner: Person) -> None:
    location_id = build(owner)
    path = f"/stations/locations/{location_id}"
    hours = {"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]}
    before = owner.get(path).json()
    after = owner.patch(path, {"opening_times": hours, "latitude": 52.2}, if_match="*").json()
    assert after["opening_times"]["regular_hours"][0]["period_begin"] == "08:00"
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"opening_times", "latitude", "etag"}
    assert owner.patch(path, {"opening_times": None}, if_match="*").json()["opening_times"] is None


def test_a_moved_draft_is_found_where_it_is(world: World, owner: Person) -> None:
    location_id = build(owner)
    assert (
        owner.patch(f"/stations/locations/{location_id}", {"latitude": 53.2, "longitude": 6.56}, if_match="*").status_code
        == 200
    )
    assert owner.post(f"/stations/locations/{location_id}/submit", if_match="*").status_code == 200
    assert world.user("admin").post(f"/stations/locations/{location_id}/approve").status_code == 200
    search = {"radius_km": 1}
    there = world.client.get("/api/v1/stations/locations", params=search | {"lat": 53.2, "lon": 6.56}).json()["items"]
    here = world.client.get("/api/v1/stations/locations", params=search | {"lat": 52.09, "lon": 5.12}).json()["items"]
    assert ([item["id"] for item in there], here) == ([location_id], [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": None}, "name"),
        ({"latitude": None}, "latitude"),
        ({"time_zone": "Europe/Utrecht"}, "time_zone"),
        ({"status": "APPROVED"}, "status"),
        ({"owner_id": "0193a1b2-0000-7000-8000-000000000000"}, "owner_id"),
        ({"latitude": 0, "longitude": 0}, "latitude"),
        ({"currency": "GBP"}, "currency"),
        (
            {"opening_times": {"regular_hours": [{"weekday": 1, "period_begin": "20:00", "period_end": "20:00"}]}},
            "opening_times",
        ),
    ],
)
def test_bad_patches_name_the_field(owner: Person, body: Any, field: str) -> None:
    location_id = build(owner)
    owner.put(f"/stations/locations/{location_id}/tariffs", {"tariffs": [{"tariff": TARIFF}]}, if_match="*")
    answer = owner.patch(f"/stations/locations/{location_id}", body, if_match="*")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"latitude": 52.0923}, "latitude"),
        ({"longitude": 5.13}, "longitude"),
        ({"time_zone": "Europe/London"}, "time_zone"),
        ({"country": "BEL"}, "country"),
    ],
)
def test_an_approved_place_does_not_wander_off(world: World, owner: Person, body: Any, field: str) -> None:
    location_id = approved(world, owner)
    path = f"/stations/locations/{location_id}"
    assert owner.patch(path, {"latitude": 52.0915, "name": "Corrected"}, if_match="*").status_code == 200, "166 m"
    assert owner.patch(path, {"latitude": 52.0915, "longitude": 5.12}, if_match="*").status_code == 200, "where it is"
    refused = owner.patch(path, body, if_match="*")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert world.user("admin").patch(path, body, if_match="*").status_code == 200


def test_tariffs_of_the_past_are_kept_and_a_booked_quote_is_never_touched(world: World, owner: Person) -> None:
    location_id, driver = approved(world, owner), world.user()
    path = f"/stations/locations/{location_id}"
    made = driver.book(location_id, "10:00").json()
    prices = [0.40]
    for price in (9, 0.10):
        world.platform.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
        new = TARIFF | {"elements": [{"price_components": [{"type": "ENERGY", "price": price}]}]}
        assert owner.put(f"{path}/tariffs", {"tariffs": [{"tariff": new}]}, if_match="*").status_code == 200
        prices.append(price)
        assert driver.get(f"/booking/bookings/{made['id']}").json()["quote"] == made["quote"]
    assert owner.put(f"{path}/tariffs", {"tariffs": []}, if_match="*").json()["tariffs"] == {}
    page = owner.get(f"{path}/tariffs", limit=2).json()
    found = page["items"] + owner.get(f"{path}/tariffs", limit=2, cursor=page["next_cursor"]).json()["items"]
    assert [item["tariff"]["elements"][0]["price_components"][0]["price"] for item in found] == prices[::-1]
    assert all(item["valid_until"] is not None for item in found), "now nobody knows the price"
    assert [item["valid_from"] for item in found[:-1]] == [item["valid_until"] for item in found[1:]]
    moved = driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"}).json()
    assert moved["quote"]["total_minor"] == made["quote"]["total_minor"], "the frozen tariff moves with it"
    assert world.user("owner").get(f"{path}/tariffs").status_code == 404


def test_own_locations_are_listed_by_state_and_page(world: World, owner: Person) -> None:
    other, admin = world.user("owner"), world.user("admin")
    ids = [build(owner, name=f"Place {number}") for number in range(3)]
    theirs = build(other)
    assert owner.post(f"/stations/locations/{ids[0]}/submit", if_match="*").status_code == 200
    assert [item["id"] for item in owner.get("/stations/managed-locations").json()["items"]] == ids[::-1]
    page = owner.get("/stations/managed-locations", limit=2).json()
    rest = owner.get("/stations/managed-locations", limit=2, cursor=page["next_cursor"]).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    (waiting,) = owner.get("/stations/managed-locations", status="SUBMITTED").json()["items"]
    assert (waiting["id"], waiting["evses"], waiting["etag"]) == (ids[0], 1, '"3"')
    assert {item["id"] for item in admin.get("/stations/managed-locations").json()["items"]} == {*ids, theirs}
    assert [item["id"] for item in admin.get("/stations/managed-locations", owner_id=str(other.id)).json()["items"]] == [theirs]
    assert [item["id"] for item in admin.get("/stations/managed-locations", status="SUBMITTED").json()["items"]] == [ids[0]]
    refused = owner.get("/stations/managed-locations", owner_id=str(other.id))
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")


def test_terms_are_told_in_sentences_before_they_are_set(world: World, owner: Person) -> None:
    location_id, driver = approved(world, owner), world.user()
    path = f"/stations/locations/{location_id}/booking-terms"
    said = driver.get(path).json()
    assert "You can cancel free of charge until 1 hour before the start; after that it costs €2.42." in said["sentences"]
    assert any("and it costs €6.05" in line for line in said["sentences"]), "the no-show fee of the tariff, with VAT"
    terms = {
        "cancel_until_minutes": 1440,
        "noshow_fee": False,
        "min_lead_minutes": 30,
        "booking_horizon_days": 1,
        "supported_access_methods": ["ACCESS_CODE", "INTERCOM", "LICENSE_PLATE"],
        "open_bookings_per_driver": 1,
        "change_not_allowed": True,
        "booking_terms_url": "https://example.org/terms",
    }
    preview = owner.post(f"{path}/preview", terms).json()["sentences"]
    assert "You can cancel free of charge until 1 day before the start; after that it costs €2.42." in preview
    assert "You get in with an access code or your licence plate." in preview
    assert not [sentence for sentence in preview if "intercom" in sentence], "what nobody here can keep is not said"
    assert "You can have 1 open booking at most when you book here." in preview
    assert "You can book up to 1 day ahead, and 30 minutes before the start at the latest." in preview
    assert "You cannot move a booking; cancel it and book anew." in preview
    assert preview[-1] == "The operator's own terms: https://example.org/terms"
    assert driver.get(path).json() == said, "nothing is stored"
    assert owner.put(path, terms, if_match="*").status_code == 200
    assert driver.get(path).json()["sentences"] == preview, "what the owner saw is what drivers read"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"supported_access_methods": ["DOORBELL"]}, "supported_access_methods"),
        ({"supported_access_methods": []}, "supported_access_methods"),
        ({"booking_terms_url": "javascript:alert(1)"}, "booking_terms_url"),
        ({"booking_terms_url": "http://example.org"}, "booking_terms_url"),
        ({"cancel_until_minutes": -1}, "cancel_until_minutes"),
    ],
)
def test_bad_terms_name_the_field(owner: Person, terms: Any, field: str) -> None:
    location_id = build(owner)
    for answer in (
        owner.put(f"/stations/locations/{location_id}/booking-terms", terms, if_match="*"),
        owner.post(f"/stations/locations/{location_id}/booking-terms/preview", terms),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"].startswith(field)


def test_an_evses_connectors_are_replaced(owner: Person) -> None:
    location_id = build(owner)
    path = f"/stations/locations/{location_id}"
    (evse,) = owner.get(path).json()["evses"]
    two = [
        {"connector_id": "1", "standard": CCS, "power_type": "DC", "max_power_kw": 150, "format": "CABLE"},
        {"connector_id": "2", "standard": TYPE2, "power_type": "AC_3_PHASE", "max_power_kw": 22},
    ]
    done = owner.patch(f"{path}/evses/{evse['id']}", {"connectors": two}, if_match="*")
    assert [plug["standard"] for plug in done.json()["connectors"]] == [CCS, TYPE2]
    pools = owner.get(path).json()["pools"]
    assert [(pool["connector"], pool["power_class"]) for pool in pools] == [(TYPE2, "FAST"), (CCS, "ULTRA")]
    twice = owner.patch(f"{path}/evses/{evse['id']}", {"connectors": [two[0], two[0]]}, if_match="*")
    assert twice.json()["errors"][0]["field"] == "connectors"
    other = build(owner)
    assert owner.patch(f"/stations/locations/{other}/evses/{evse['id']}", {"connectors": two}, if_match="*").status_code == 404
