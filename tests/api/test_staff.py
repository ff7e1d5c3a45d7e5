"""Staff over HTTP: invited by address, accepted by the account of it, and what each right opens and does not."""

import pytest

from functions.accounts import repository as account_rows
from functions.stations.feed.silence import mark_stale_feeds
from shared.clock import ManualClock
from tests.api.test_overstay import at
from tests.support.world import Person, World

BLOCK = {"period": {"start": "2026-03-03T08:00:00Z", "end": "2026-03-03T09:00:00Z"}, "reason": "Inspection"}


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def address(person: Person) -> str:
    return f"{person.id}@example.org"


def helper(world: World, owner: Person, place: str, rights: str) -> Person:
    """Somebody who has accepted to help run a place."""
    person = world.user("owner")
    invited = owner.put(f"/stations/locations/{place}/staff", {"staff": [{"email": address(person), "rights": rights}]})
    assert invited.status_code == 200, invited.text
    assert person.post(f"/stations/staff-places/{place}/accept").status_code == 200
    return person


def test_an_invitation_counts_once_it_is_accepted_and_ends_when_it_is_taken_back(world: World, owner: Person) -> None:
    place, person = world.location(), world.user("owner")
    path = f"/stations/locations/{place}/staff"
    owner.put(path, {"staff": [{"email": address(person).upper(), "rights": "READ"}]})
    assert person.get("/booking/hosted", location_id=place).status_code == 404
    world.drain()
    (letter,) = person.get("/notify/inbox").json()["items"]
    assert letter["type"] == "location_staff_invited"
    (asked,) = person.get("/stations/staff-places").json()["items"]
    assert (asked["location_id"], asked["rights"], asked["accepted_at"]) == (place, "READ", None)
    assert person.post(f"/stations/staff-places/{place}/accept").json()["accepted_at"] is not None
    assert person.post(f"/stations/staff-places/{place}/accept").status_code == 200
    assert [item["id"] for item in person.get("/stations/managed-locations").json()["items"]] == [place]
    assert person.get("/booking/hosted", location_id=place).status_code == 200
    owner.put(path, {"staff": []})
    assert person.get("/booking/hosted", location_id=place).status_code == 404
    assert person.get("/stations/staff-places").json()["items"] == []


def test_each_right_opens_what_it_says_and_no_more(world: World, owner: Person) -> None:
    place = world.location(evses=3)
    booked = world.user().book(place, "12:00").json()["id"]
    etag = owner.get(f"/stations/locations/{place}").headers["ETag"]
    calls = {
        "READ": lambda person: person.get(f"/booking/locations/{place}/calendar"),
        "OPERATE": lambda person: person.post(f"/stations/locations/{place}/blocked-times", BLOCK, if_match="*"),
        "EDIT": lambda person: person.put(f"/stations/locations/{place}/booking-terms", {}, if_match="*"),
        "OWN": lambda person: person.get(f"/stations/locations/{place}/staff"),
    }
    ranks = list(calls)
    for rights in ("READ", "OPERATE", "EDIT"):
        person = helper(world, owner, place, rights)
        for needed, call in calls.items():
            may = ranks.index(needed) <= ranks.index(rights)
            answer = call(person)
            assert (answer.status_code in (200, 201)) is may, (rights, needed, answer.text)
            assert may or answer.status_code == 403
    cancel = {"reason": "BLOCKED"}
    assert helper(world, owner, place, "READ").post(f"/booking/hosted/{booked}/cancel", cancel).status_code == 403
    assert helper(world, owner, place, "OPERATE").post(f"/booking/hosted/{booked}/cancel", cancel).status_code == 200
    assert helper(world, owner, place, "EDIT").delete(f"/stations/locations/{place}", if_match=etag).status_code == 403


def test_a_right_is_changed_without_being_accepted_anew(world: World, owner: Person) -> None:
    place = world.location()
    person = helper(world, owner, place, "READ")
    raised = owner.put(f"/stations/locations/{place}/staff", {"staff": [{"email": address(person), "rights": "EDIT"}]})
    assert raised.json()["items"][0]["accepted_at"] is not None
    assert person.put(f"/stations/locations/{place}/booking-terms", {}, if_match="*").status_code == 200


def test_who_leaves_or_is_somebody_else_has_nothing_there(world: World, owner: Person) -> None:
    place = world.location()
    person, other = helper(world, owner, place, "EDIT"), world.user("owner")
    assert other.post(f"/stations/staff-places/{place}/accept").status_code == 404
    assert person.delete(f"/stations/staff-places/{place}").status_code == 204
    assert person.get(f"/booking/locations/{place}/calendar").status_code == 404
    assert owner.get(f"/stations/locations/{place}/staff").json()["items"] == []


def test_who_helps_goes_on_under_another_address_and_may_leave(world: World, owner: Person) -> None:
    place = world.location()
    person = helper(world, owner, place, "OPERATE")
    world.platform.transact(lambda tx: account_rows.update_user(tx, person.id, email="elsewhere@example.org"))
    assert [item["location_id"] for item in person.get("/stations/staff-places").json()["items"]] == [place]
    assert person.delete(f"/stations/staff-places/{place}").status_code == 204
    assert person.get(f"/booking/locations/{place}/calendar").status_code == 404


def test_of_a_place_that_is_gone_nobody_is_told(world: World, owner: Person) -> None:
    place = world.location()
    person = helper(world, owner, place, "READ")
    assert owner.delete(f"/stations/locations/{place}", if_match="*").status_code == 204
    assert person.get("/stations/staff-places").json()["items"] == []


@pytest.mark.parametrize(
    ("staff", "field"),
    [
        ([{"email": "nobody", "rights": "READ"}], "staff.0.email"),
        ([{"email": "a@example.org", "rights": "OWN"}], "staff.0.rights"),
        ([{"email": "a@example.org", "rights": "READ"}, {"email": "A@example.org", "rights": "EDIT"}], "staff"),
    ],
)
def test_a_wrong_list_names_its_field(world: World, owner: Person, staff: list[dict[str, str]], field: str) -> None:
    answer = owner.put(f"/stations/locations/{world.location()}/staff", {"staff": staff})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_the_owner_needs_no_invitation(world: World, owner: Person) -> None:
    body = {"staff": [{"email": address(owner), "rights": "READ"}]}
    assert owner.put(f"/stations/locations/{world.location()}/staff", body).status_code == 422


def test_feeds_of_all_places_in_one_call_the_silent_first(world: World, clock: ManualClock, owner: Person) -> None:
    first, second = world.location(name="Alpha", evses=2), world.location(name="Beta", latitude=52.1)
    person = helper(world, owner, second, "READ")
    key = owner.post(f"/stations/locations/{second}/keys", {"name": "gateway"}).json()["key"]
    evse = owner.get(f"/stations/locations/{second}").json()["evses"][0]["id"]
    reported = world.client.put(
        f"/api/v1/stations/evses/{evse}/status",
        json={"status": "AVAILABLE", "last_updated": clock.now().isoformat()},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert reported.status_code == 200, reported.text
    at(clock, "10:00")
    mark_stale_feeds(world.platform)
    items = owner.get("/stations/feeds").json()["items"]
    assert [item["location_id"] for item in items] == [second, first]
    assert items[0]["silent_since"] is not None
    assert (items[1]["heard_at"], items[1]["evses"], items[1]["waiting"]) == (None, {"AVAILABLE": 2}, 0)
    assert [item["location_id"] for item in person.get("/stations/feeds").json()["items"]] == [second]


def test_several_calendars_in_one_call(world: World, owner: Person) -> None:
    first, second = world.location(), world.location(name="Beta", latitude=52.1)
    world.user().book(second, "12:00")
    items = owner.get("/booking/calendars").json()["items"]
    assert {item["location_id"] for item in items} == {first, second}
    one = owner.get("/booking/calendars", location_id=second).json()["items"]
    assert [len(evse["bookings"]) for item in one for evse in item["evses"]] == [1, 0]
    assert world.user("owner").get("/booking/calendars", location_id=second).status_code == 404
