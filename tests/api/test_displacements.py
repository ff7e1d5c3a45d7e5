"""What happens to bookings when an EVSE goes, times are blocked, hours shrink or a location is suspended: listed, confirmed,
then moved within the pool or cancelled at no cost, in one transaction."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking import displacements
from functions.booking.tables import booking, slot_claim
from functions.stations.opening import Hours
from functions.stations.tables import evse
from shared.clock import ManualClock
from tests.support.world import API, TYPE2, Person, World

MONDAY = "2026-03-02"


@pytest.fixture
def owner(world: World) -> Person:
    made = world.user("owner")
    world.owner_id = made.id
    return made


def evses(world: World, place: str) -> dict[str, str]:
    items = world.client.get(f"{API}/stations/locations/{place}").json()["evses"]
    return {item["uid"]: item["id"] for item in items if item["status"] != "REMOVED"}


def claims(world: World) -> list[tuple[str, str]]:
    """(booking, EVSE uid) of every claim."""
    statement = sa.select(slot_claim.c.booking_id, evse.c.uid).join(evse, evse.c.id == slot_claim.c.evse_id)
    return sorted((str(row.booking_id), row.uid) for row in world.platform.read(lambda tx: list(tx.execute(statement))))


def on(world: World, booking_id: str) -> str:
    """The uid of the EVSE that a booking's claims are on."""
    (uid,) = {uid for claimed_by, uid in claims(world) if claimed_by == booking_id}
    return uid


def confirm(person: Person, method: str, path: str, body: Any = None) -> tuple[dict[str, Any], Any]:
    """The list of the first call, and the answer to the second."""
    headers = person.headers() | {"If-Match": "*"}
    first = person.world.client.request(method, API + path, json=body, headers=headers)
    assert (first.status_code, first.json()["code"]) == (409, "CONFIRMATION_NEEDED"), first.text
    params = {"confirmation": first.json()["confirmation"]}
    return first.json(), person.world.client.request(method, API + path, json=body, headers=headers, params=params)


def letters(world: World, person: Person) -> list[str]:
    world.drain()
    return [item["type"] for item in person.get("/notify/inbox").json()["items"]]


def test_removing_an_evse_moves_its_booking_within_the_pool(world: World, owner: Person) -> None:
    place, driver = world.location(evses=2), world.user()
    made = driver.book(place, "12:00").json()
    uid = on(world, made["id"])
    path = f"/stations/locations/{place}/evses/{evses(world, place)[uid]}"
    listed, done = confirm(owner, "DELETE", path)
    assert listed["bookings"] == [
        {
            "booking_id": made["id"],
            "reservation_status": "RESERVED",
            "connector": TYPE2,
            "power_class": "FAST",
            "period": {"start": f"{MONDAY}T12:00:00+00:00", "end": f"{MONDAY}T13:00:00+00:00"},
            "evse_uid": uid,
            "outcome": "MOVED",
        }
    ]
    assert "user" not in str(listed), "who booked is not the owner's business"
    assert done.status_code == 200, done.text
    assert {item["uid"]: item["status"] for item in done.json()["evses"]}[uid] == "REMOVED", "OCPI keeps what was"
    assert on(world, made["id"]) != uid
    assert len(claims(world)) == 12
    after = driver.get(f"/booking/bookings/{made['id']}").json()
    assert (after["reservation_status"], after["evse_uid"], after["quote"]) == ("RESERVED", "#NA", made["quote"])
    assert letters(world, driver) == ["booking_reserved"], "whose EVSE is not told yet need not know"


def test_the_first_call_changes_nothing(world: World, owner: Person) -> None:
    place, driver = world.location(evses=1), world.user()
    driver.book(place, "12:00")
    seen = owner.get(f"/stations/locations/{place}")
    (evse_id,) = evses(world, place).values()
    first = owner.delete(f"/stations/locations/{place}/evses/{evse_id}", if_match=seen.headers["etag"])
    assert first.status_code == 409
    assert owner.get(f"/stations/locations/{place}").json() == seen.json()
    assert len(claims(world)) == 12
    assert owner.get(f"/stations/locations/{place}").headers["etag"] == seen.headers["etag"]


def test_where_the_pool_is_full_the_booking_is_cancelled_at_no_cost_and_the_driver_told(world: World, owner: Person) -> None:
    place, driver = world.location(evses=1), world.user()
    made = driver.book(place, "09:00").json()
    (evse_id,) = evses(world, place).values()
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evse_id}")
    assert [item["outcome"] for item in listed["bookings"]] == ["CANCELED"]
    assert "1 are cancelled" in listed["detail"]
    assert done.status_code == 200
    after = driver.get(f"/booking/bookings/{made['id']}").json()
    assert after["reservation_status"] == "CANCELED"
    assert after["canceled"] == {"cancellation_reason": "BLOCKED", "who_canceled": "CPO", "late": False, "fee_minor": 0}
    assert claims(world) == []
    assert letters(world, driver) == ["booking_canceled", "booking_reserved"]
    assert driver.book(place, "12:00").status_code == 422, "there is nothing left to book"
    search = world.client.get(f"{API}/stations/locations", params={"lat": 52.09, "lon": 5.12, "connector": TYPE2})
    assert search.json()["items"] == []


def test_a_driver_who_knows_the_evse_is_told_of_the_new_one(world: World, owner: Person) -> None:
    place, driver = world.location(evses=2), world.user()
    made = driver.book(place, "08:15").json()
    assert made["evse_uid"] != "#NA", "it begins within the half hour"
    _, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evses(world, place)[made['evse_uid']]}")
    assert done.status_code == 200
    after = driver.get(f"/booking/bookings/{made['id']}").json()
    assert after["evse_uid"] not in ("#NA", made["evse_uid"])
    assert letters(world, driver) == ["evse_changed", "booking_reserved"]
    (letter, _) = driver.get("/notify/inbox").json()["items"]
    assert after["evse_uid"] in letter["body"]


def test_others_make_room_for_who_is_displaced(world: World, owner: Person) -> None:
    """Three EVSEs; the one that goes holds 12:00 to 14:00, and the other two are free then only if one of theirs moves."""
    place = world.location(evses=3)
    world.user().book(place, "12:00", minutes=60)
    world.user().book(place, "13:00", minutes=60)
    long = world.user().book(place, "12:00", minutes=120).json()
    uid = on(world, long["id"])
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evses(world, place)[uid]}")
    assert {item["outcome"] for item in listed["bookings"]} == {"MOVED"}
    assert done.status_code == 200
    assert len({uid for _, uid in claims(world)}) == 2
    assert len(claims(world)) == 48


def test_only_what_fits_stays_firm_before_held_and_early_before_late(world: World, owner: Person) -> None:
    place = world.location(evses=2)
    kept = [world.user().book(place, start).json()["id"] for start in ("12:00", "12:00")]
    first, second = (on(world, booking_id) for booking_id in kept)
    assert first != second
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evses(world, place)[first]}")
    assert [(item["booking_id"], item["outcome"]) for item in listed["bookings"]] == [(kept[0], "CANCELED")]
    assert done.status_code == 200
    assert {booking_id for booking_id, _ in claims(world)} == {kept[1]}


def test_a_confirmation_is_good_for_its_list_alone(world: World, owner: Person) -> None:
    place = world.location(evses=1)
    world.user().book(place, "12:00")
    (evse_id,) = evses(world, place).values()
    path = f"/stations/locations/{place}/evses/{evse_id}"
    first = owner.delete(path, if_match="*").json()
    world.user().book(place, "14:00")
    again = owner.delete(f"{path}?confirmation={first['confirmation']}", if_match="*")
    assert (again.status_code, again.json()["code"]) == (409, "CONFIRMATION_NEEDED")
    assert "another one than you confirmed" in again.json()["detail"]
    assert len(again.json()["bookings"]) == 2
    assert again.json()["confirmation"] != first["confirmation"]
    assert owner.delete(f"{path}?confirmation=made-up", if_match="*").status_code == 409
    assert len(claims(world)) == 24
    assert owner.delete(f"{path}?confirmation={again.json()['confirmation']}", if_match="*").status_code == 200
    assert claims(world) == []


def test_a_confirmation_for_one_act_is_none_for_another(world: World, owner: Person) -> None:
    place = world.location(evses=1)
    world.user().book(place, "12:00")
    (evse_id,) = evses(world, place).values()
    token = owner.delete(f"/stations/locations/{place}/evses/{evse_id}", if_match="*").json()["confirmation"]
    other = owner.delete(f"/stations/locations/{place}?confirmation={token}", if_match="*")
    assert (other.status_code, other.json()["code"]) == (409, "CONFIRMATION_NEEDED")


def test_blocked_times_displace_and_then_keep_everybody_out(world: World, owner: Person) -> None:
    place, driver = world.location(evses=2), world.user()
    kept = driver.book(place, "15:00").json()
    made = driver.book(place, "12:00").json()
    uid = on(world, made["id"])
    block = {
        "evse_id": evses(world, place)[uid],
        "period_begin": f"{MONDAY}T12:20:00Z",
        "period_end": f"{MONDAY}T12:40:00Z",
        "reason": "Cable check",
    }
    listed, done = confirm(owner, "POST", f"/stations/locations/{place}/blocked-times", block)
    assert [item["booking_id"] for item in listed["bookings"]] == [made["id"]]
    assert done.status_code == 201, done.text
    assert on(world, made["id"]) != uid
    assert on(world, kept["id"]) in evses(world, place)
    answer = world.client.get(
        f"{API}/stations/locations/{place}/availability",
        params={"from": f"{MONDAY}T12:00:00Z", "to": f"{MONDAY}T13:00:00Z"},
    ).json()
    (calendar,) = answer["calendars"]
    stretches = [
        (item["start_date_time"][11:16], item["end_date_time"][11:16], item["free"]) for item in calendar["available_timeslots"]
    ]
    assert stretches == [("12:00", "12:20", 1), ("12:40", "13:00", 1)], "every slot that it touches"
    taken = world.user().book(place, "12:15", minutes=15)
    assert (taken.status_code, taken.json()["code"]) == (409, "SLOT_TAKEN")
    assert world.user().book(place, "12:45", minutes=15).status_code == 201
    gone = owner.delete(f"/stations/locations/{place}/blocked-times/{done.json()['id']}", if_match=done.headers["etag"])
    assert gone.status_code == 200, gone.text
    assert world.user().book(place, "12:15", minutes=15).status_code == 201


def test_a_whole_location_can_be_blocked(world: World, owner: Person) -> None:
    place, driver = world.location(evses=2), world.user()
    made = driver.book(place, "12:00").json()
    block = {"period_begin": f"{MONDAY}T12:30:00Z", "period_end": f"{MONDAY}T18:00:00Z", "reason": "Street market"}
    listed, done = confirm(owner, "POST", f"/stations/locations/{place}/blocked-times", block)
    assert [item["outcome"] for item in listed["bookings"]] == ["CANCELED"]
    assert done.status_code == 201
    assert driver.get(f"/booking/bookings/{made['id']}").json()["reservation_status"] == "CANCELED"
    refused = driver.book(place, "13:00")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "start")
    search: dict[str, str | float] = {
        "lat": 52.09,
        "lon": 5.12,
        "free_from": f"{MONDAY}T13:00:00Z",
        "free_until": f"{MONDAY}T14:00:00Z",
    }
    assert world.client.get(f"{API}/stations/locations", params=search).json()["items"] == []
    assert driver.book(place, "11:00").status_code == 201


def test_a_repack_does_not_move_anybody_into_a_blocked_time(world: World, owner: Person) -> None:
    place = world.location(evses=2)
    ids = evses(world, place)
    block = {
        "evse_id": ids["E0"],
        "period_begin": f"{MONDAY}T14:00:00Z",
        "period_end": f"{MONDAY}T15:00:00Z",
        "reason": "Repair",
    }
    assert owner.post(f"/stations/locations/{place}/blocked-times", block, if_match="*").status_code == 201
    first = world.user().book(place, "14:00", minutes=60).json()
    assert on(world, first["id"]) == "E1"
    assert world.user().book(place, "14:00", minutes=60).status_code == 409
    assert world.user().book(place, "13:00", minutes=120).status_code == 409
    moved = world.user().book(place, "12:00").json()
    late = world.user()
    booking_id = late.book(place, "16:00").json()["id"]
    assert late.post(f"/booking/bookings/{booking_id}/reschedule", {"start": f"{MONDAY}T14:30:00Z"}).status_code == 409
    assert on(world, moved["id"]) in ids


def test_the_optimizer_offers_no_blocked_time(world: World, owner: Person) -> None:
    place = world.location(evses=1)
    (evse_id,) = evses(world, place).values()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 10,
        "origin": {"lat": 52.091, "lon": 5.121},
    }
    driver = world.user()
    before = driver.post("/optimizer/recommendations", wish).json()["items"]
    block = {
        "evse_id": evse_id,
        "period_begin": f"{MONDAY}T08:00:00Z",
        "period_end": f"{MONDAY}T09:00:00Z",
        "reason": "Cable check",
    }
    assert owner.post(f"/stations/locations/{place}/blocked-times", block, if_match="*").status_code == 201
    after = driver.post("/optimizer/recommendations", wish).json()["items"]
    assert min(item["start"] for item in before) < f"{MONDAY}T09:00"
    assert min(item["start"] for item in after) >= f"{MONDAY}T09:00"
    whole = {"period_begin": f"{MONDAY}T09:00:00Z", "period_end": f"{MONDAY}T23:00:00Z", "reason": "Street market"}
    assert owner.post(f"/stations/locations/{place}/blocked-times", whole, if_match="*").status_code == 201
    assert driver.post("/optimizer/recommendations", wish).json()["items"] == []


def test_the_optimizer_counts_an_evse_that_is_blocked_and_charging_once(world: World, owner: Person) -> None:
    from functions.optimizer.needs import ChargingNeeds
    from functions.optimizer.surroundings import surroundings_of

    place, driver = world.location(evses=2), world.user()
    booking_id = driver.book(place, "08:00").json()["id"]
    driver.post(f"/booking/bookings/{booking_id}/start")
    block = {
        "evse_id": evses(world, place)[on(world, booking_id)],
        "period_begin": f"{MONDAY}T08:30:00Z",
        "period_end": f"{MONDAY}T09:30:00Z",
        "reason": "Repair",
    }
    listed, done = confirm(owner, "POST", f"/stations/locations/{place}/blocked-times", block)
    assert ([item["outcome"] for item in listed["bookings"]], done.status_code) == (["GOES_ON"], 201)
    needs = ChargingNeeds(
        latitude=52.091,
        longitude=5.121,
        soc=0.3,
        battery_kwh=60,
        energy_kwh=12,
        max_power_kw=22,
        standards=(TYPE2,),
        consumption_kwh_per_km=0.18,
        weights=(0.25, 0.25, 0.25, 0.25),
        earliest_departure=world.platform.clock.now(),
        latest_finish=None,
        radius_km=None,
    )
    around = world.platform.read(lambda tx: surroundings_of(tx, needs))
    assert around.occupancy.taken()[0, 0, :20].tolist() == [1] * 18 + [0] * 2, "from 8:00 to 9:30"


def test_a_fault_is_no_part_of_an_edit(world: World, owner: Person) -> None:
    """Who waits at a broken EVSE is concerned by its removal, and by no other edit."""
    place = world.location(evses=2)
    waiting = [world.user().book(place, "12:00").json()["id"] for _ in range(2)]
    broken = on(world, waiting[0])
    statement = sa.update(evse).where(evse.c.uid == broken).values(status="OUTOFORDER")
    world.platform.transact(lambda tx: tx.execute(statement))
    night = {"opening_times": {"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]}}
    assert owner.patch(f"/stations/locations/{place}", night, if_match="*").status_code == 200
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evses(world, place)[broken]}")
    assert [(item["booking_id"], item["outcome"]) for item in listed["bookings"]] == [(waiting[0], "CANCELED")]
    assert done.status_code == 200


def test_shorter_hours_displace_what_lies_outside_them(world: World, owner: Person) -> None:
    place, driver = world.location(evses=2), world.user()
    evening = driver.book(place, "18:00").json()
    noon = driver.book(place, "12:00").json()
    day = [{"weekday": n, "period_begin": "07:00", "period_end": "18:00"} for n in range(1, 8)]
    listed, done = confirm(owner, "PATCH", f"/stations/locations/{place}", {"opening_times": {"regular_hours": day}})
    assert [(item["booking_id"], item["outcome"]) for item in listed["bookings"]] == [(evening["id"], "CANCELED")]
    assert done.status_code == 200, done.text
    assert driver.get(f"/booking/bookings/{evening['id']}").json()["reservation_status"] == "CANCELED"
    assert driver.get(f"/booking/bookings/{noon['id']}").json()["reservation_status"] == "RESERVED"


def test_an_exceptional_closing_displaces_too_and_an_opening_lets_in(world: World, owner: Person) -> None:
    hours = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]})
    place, driver = world.location(hours=hours), world.user()
    made = driver.book(place, "12:00").json()
    assert driver.book(place, "20:00").status_code == 422
    plan = hours.model_dump(mode="json") | {
        "exceptional_closings": [{"period_begin": f"{MONDAY}T12:10:00+01:00", "period_end": f"{MONDAY}T13:05:00+01:00"}],
        "exceptional_openings": [{"period_begin": f"{MONDAY}T21:00:00+01:00", "period_end": f"{MONDAY}T23:00:00+01:00"}],
    }
    listed, done = confirm(owner, "PATCH", f"/stations/locations/{place}", {"opening_times": plan})
    assert [item["booking_id"] for item in listed["bookings"]] == [made["id"]]
    assert done.status_code == 200
    assert driver.book(place, "20:00").status_code == 201
    assert driver.book(place, "12:15").status_code == 201
    assert driver.book(place, "11:00").status_code == 422


def test_hours_that_grow_and_a_new_name_need_no_confirmation(world: World, owner: Person) -> None:
    hours = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]})
    place = world.location(hours=hours)
    world.user().book(place, "12:00")
    assert (
        owner.patch(f"/stations/locations/{place}", {"opening_times": None, "name": "All night"}, if_match="*").status_code
        == 200
    )


def test_connectors_that_go_displace_their_bookings(world: World, owner: Person) -> None:
    place, driver = world.location(evses=1), world.user()
    made = driver.book(place, "12:00").json()
    (evse_id,) = evses(world, place).values()
    path = f"/stations/locations/{place}/evses/{evse_id}"
    same = {"connectors": [{"standard": TYPE2, "power_type": "AC_3_PHASE", "max_power_kw": 11}]}
    assert owner.patch(path, same, if_match="*").status_code == 200, "11 kW is of the same class"
    weak = {"connectors": [{"standard": TYPE2, "power_type": "AC_1_PHASE", "max_power_kw": 3.7}]}
    listed, done = confirm(owner, "PATCH", path, weak)
    assert [item["booking_id"] for item in listed["bookings"]] == [made["id"]]
    assert done.json()["connectors"][0]["max_power_kw"] == 3.7


def test_a_session_that_runs_goes_on(world: World, owner: Person, clock: ManualClock) -> None:
    place, driver = world.location(evses=1), world.user()
    booking_id = driver.book(place, "08:00").json()["id"]
    assert driver.post(f"/booking/bookings/{booking_id}/start").status_code == 200
    (evse_id,) = evses(world, place).values()
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evse_id}")
    assert [item["outcome"] for item in listed["bookings"]] == ["GOES_ON"]
    assert done.status_code == 200
    clock.advance(timedelta(minutes=30))
    stopped = driver.post(f"/booking/bookings/{booking_id}/stop")
    assert stopped.status_code == 200
    assert stopped.json()["settlement"]["metered"] is False
    assert len(claims(world)) == 6, "the half hour that was, nothing to come"


def test_an_offer_that_is_only_held_expires(world: World, owner: Person) -> None:
    place, driver = world.location(evses=1), world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
        "auto_book": False,
    }
    request = driver.post("/optimizer/charge-requests", wish).json()["id"]
    world.drain()
    assert driver.get(f"/optimizer/charge-requests/{request}").json()["status"] == "OFFERED"
    (evse_id,) = evses(world, place).values()
    listed, done = confirm(owner, "DELETE", f"/stations/locations/{place}/evses/{evse_id}")
    assert [item["reservation_status"] for item in listed["bookings"]] == ["PENDING"]
    assert done.status_code == 200
    world.drain()
    assert driver.get(f"/optimizer/charge-requests/{request}").json()["status"] == "EXPIRED"
    stored = world.platform.read(lambda tx: tx.execute(sa.select(booking.c.status, booking.c.canceled)).one())
    assert (stored.status, stored.canceled["cancellation_reason"], stored.canceled["who_canceled"]) == (
        "CANCELED",
        "BLOCKED",
        "CPO",
    )


def test_a_hold_that_has_run_out_concerns_nobody(world: World, owner: Person, clock: ManualClock) -> None:
    place, driver = world.location(evses=1), world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
        "auto_book": False,
    }
    driver.post("/optimizer/charge-requests", wish)
    world.drain()
    clock.advance(timedelta(minutes=3))
    (evse_id,) = evses(world, place).values()
    assert owner.delete(f"/stations/locations/{place}/evses/{evse_id}", if_match="*").status_code == 200


def test_a_suspension_ends_what_is_booked_and_can_be_lifted(world: World, owner: Person) -> None:
    place, driver, admin = world.location(evses=2), world.user(), world.user("admin")
    made = driver.book(place, "12:00").json()
    why = {"reason": "Unsafe cables"}
    path = f"/stations/locations/{place}"
    listed = admin.post(f"{path}/suspend", why)
    assert (listed.status_code, listed.json()["code"]) == (409, "CONFIRMATION_NEEDED")
    assert [item["outcome"] for item in listed.json()["bookings"]] == ["CANCELED"], "there is no other place here"
    done = admin.post(f"{path}/suspend?confirmation={listed.json()['confirmation']}", why)
    assert (done.status_code, done.json()["status"], done.json()["status_reason"]) == (200, "SUSPENDED", "Unsafe cables")
    assert driver.get(f"/booking/bookings/{made['id']}").json()["canceled"]["cancellation_reason"] == "BLOCKED"
    assert driver.get(path).status_code == 404
    assert driver.book(place, "13:00").status_code == 404
    assert owner.get(path).json()["status_reason"] == "Unsafe cables"
    assert letters(world, owner) == ["location_suspended"]
    assert "Unsafe cables" in owner.get("/notify/inbox").json()["items"][0]["body"]
    assert admin.post(f"{path}/suspend", why).json()["code"] == "WRONG_STATE"
    assert admin.post(f"{path}/lift").json()["status"] == "APPROVED"
    assert driver.book(place, "13:00").status_code == 201
    assert letters(world, owner) == ["location_lifted", "location_suspended"]


def test_a_deleted_location_is_gone_and_its_past_stays(world: World, owner: Person) -> None:
    place, driver = world.location(evses=1), world.user()
    made = driver.book(place, "12:00").json()
    _, done = confirm(owner, "DELETE", f"/stations/locations/{place}")
    assert done.status_code == 204
    for person in (owner, driver, world.user("admin")):
        assert person.get(f"/stations/locations/{place}").status_code == 404
    assert owner.delete(f"/stations/locations/{place}", if_match="*").status_code == 404
    assert owner.get("/stations/managed-locations").json()["items"] == []
    assert len(owner.get("/stations/managed-locations", status="REMOVED").json()["items"]) == 1
    assert driver.get(f"/booking/bookings/{made['id']}").json()["reservation_status"] == "CANCELED"
    world.drain()


def test_a_removed_evse_comes_back_under_its_uid(world: World, owner: Person) -> None:
    place = world.location(evses=2)
    before = evses(world, place)
    owner.delete(f"/stations/locations/{place}/evses/{before['E0']}", if_match="*")
    body = {"uid": "E0", "connectors": [{"standard": "CHADEMO", "power_type": "DC", "max_power_kw": 50}]}
    back = owner.post(f"/stations/locations/{place}/evses", body, if_match="*")
    assert (back.status_code, back.json()["id"]) == (201, before["E0"])
    assert [plug["standard"] for plug in back.json()["connectors"]] == ["CHADEMO"]
    assert owner.delete(f"/stations/locations/{place}/evses/{before['E0']}", if_match="*").status_code == 200
    assert owner.delete(f"/stations/locations/{place}/evses/{before['E0']}", if_match="*").status_code == 404


def test_an_early_start_does_not_run_through_a_blocked_time(world: World, owner: Person, clock: ManualClock) -> None:
    place, driver = world.location(evses=1), world.user()
    booking_id = driver.book(place, "08:15").json()["id"]
    (evse_id,) = evses(world, place).values()
    block = {
        "evse_id": evse_id,
        "period_begin": f"{MONDAY}T08:00:00Z",
        "period_end": f"{MONDAY}T08:15:00Z",
        "reason": "Cleaning",
    }
    assert owner.post(f"/stations/locations/{place}/blocked-times", block, if_match="*").status_code == 201
    clock.advance(timedelta(minutes=7))
    assert driver.post(f"/booking/bookings/{booking_id}/start").status_code == 409
    clock.advance(timedelta(minutes=8))
    assert driver.post(f"/booking/bookings/{booking_id}/start").status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end": f"{MONDAY}T11:00:00Z"}, "period"),
        ({"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T13:00:00Z"}, "period.end"),
        ({"end": "2028-03-01T13:00:00Z"}, "period.end"),
        ({"start": "2026-03-02T12:00:00"}, "period.start"),
        ({"evse_id": "0193a1b2-0000-7000-8000-000000000000"}, "evse_id"),
        ({"reason": ""}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"period_end": f"{MONDAY}T13:00:00Z"}, "period"),
    ],
)
def test_bad_blocked_times_name_the_field(world: World, owner: Person, changes: dict[str, Any], field: str) -> None:
    place = world.location()
    period = {"start": f"{MONDAY}T12:00:00Z", "end": f"{MONDAY}T13:00:00Z"}
    period |= {name: value for name, value in changes.items() if name in period}
    rest = {name: value for name, value in changes.items() if name not in period}
    block = {"period": period, "reason": "Inspection"} | rest
    answer = owner.post(f"/stations/locations/{place}/blocked-times", block, if_match="*")
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["errors"][0]["field"] + answer.json()["detail"]


def test_blocked_times_are_listed_by_page_and_with_the_past(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location()
    for hour in (9, 10, 11):
        block = {
            "period_begin": f"{MONDAY}T{hour:02}:00:00Z",
            "period_end": f"{MONDAY}T{hour:02}:30:00Z",
            "reason": f"Hour {hour}",
        }
        assert owner.post(f"/stations/locations/{place}/blocked-times", block, if_match="*").status_code == 201
    path = f"/stations/locations/{place}/blocked-times"
    page = owner.get(path, limit=2).json()
    rest = owner.get(path, limit=2, cursor=page["next_cursor"]).json()
    assert [item["reason"] for item in page["items"] + rest["items"]] == ["Hour 9", "Hour 10", "Hour 11"]
    clock.advance(timedelta(hours=1, minutes=45))
    assert [item["reason"] for item in owner.get(path).json()["items"]] == ["Hour 10", "Hour 11"]
    assert len(owner.get(path, past=True).json()["items"]) == 3
    now = clock.now()
    clock.advance(timedelta(minutes=25))
    running = owner.get(path).json()["items"][0]
    assert owner.delete(f"{path}/{running['id']}", if_match="*").status_code == 200
    ended = owner.get(path, past=True).json()["items"][1]
    assert ended["period"]["end"] == (now + timedelta(minutes=25)).isoformat().replace("+00:00", "Z"), "it ends now and is kept"


def test_a_plan_lists_nothing_where_all_can_stay(world: World, owner: Person) -> None:
    place = world.location()
    world.user().book(place, "12:00")

    def read(tx: Any) -> displacements.DisplacementPlan:
        from functions.stations import service as stations

        location = stations.lock_location(tx=tx, location_id=uuid.UUID(place))
        return displacements.plan(tx=tx, before=location, after=location)

    assert world.platform.transact(read) == displacements.DisplacementPlan()
