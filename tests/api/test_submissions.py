"""From draft to approved: submitted, withdrawn, rejected with the reason, changed, submitted again with the difference."""

from typing import Any

import pytest

from tests.api.test_stations import EVSE, PLACE, TARIFF, build
from tests.support.world import Person, World


@pytest.fixture
def owner(world: World) -> Person:
    return world.user("owner")


def test_a_rejected_location_comes_back_with_the_difference_shown(world: World, owner: Person) -> None:
    admin = world.user("admin")
    location_id = build(owner)
    path = f"/stations/locations/{location_id}"
    assert owner.post(f"{path}/submit", if_match="*").json()["status"] == "SUBMITTED"
    (waiting,) = admin.get("/stations/managed-locations", status="SUBMITTED").json()["items"]
    assert waiting["id"] == location_id
    (first,) = admin.get(f"{path}/submissions").json()["items"]
    assert (first["decision"], first["changes"], first["document"]["name"]) == (None, None, "Stadhuis")
    assert "status" not in first["document"]
    rejected = admin.post(f"{path}/reject", {"reason": "The house number is missing."})
    assert (rejected.json()["status"], rejected.json()["status_reason"]) == ("REJECTED", "The house number is missing.")
    world.drain()
    (letter,) = owner.get("/notify/inbox").json()["items"]
    assert letter["type"] == "location_rejected"
    assert "The house number is missing." in letter["body"]
    assert owner.get(path).json()["status_reason"] == "The house number is missing."
    owner.patch(path, {"address": "Plein 1a"}, if_match="*")
    owner.put(f"{path}/tariffs", {"tariffs": [{"tariff": TARIFF}]}, if_match="*")
    owner.post(f"{path}/evses", EVSE | {"uid": "NL*E2"}, if_match="*")
    again = owner.post(f"{path}/submit", if_match="*").json()
    assert (again["status"], again["status_reason"]) == ("SUBMITTED", None)
    page = admin.get(f"{path}/submissions", limit=1).json()
    (second,) = page["items"]
    changes = {item["field"]: (item["before"], item["after"]) for item in second["changes"]}
    assert changes["address"] == ("Plein 1", "Plein 1a")
    assert changes["evses.NL*E2.1.max_power_kw"] == (None, 22)
    assert changes["tariffs.IEC_62196_T2 FAST.elements.0.price_components.0.price"] == (None, 0.4)
    assert not any(field.startswith(("status", "booking_terms", "name")) for field in changes)
    (old,) = admin.get(f"{path}/submissions", limit=1, cursor=page["next_cursor"]).json()["items"]
    assert (old["decision"], old["reason"], old["changes"]) == ("REJECTED", "The house number is missing.", None)
    assert admin.post(f"{path}/approve").json()["status"] == "APPROVED"
    assert [item["decision"] for item in owner.get(f"{path}/submissions").json()["items"]] == ["APPROVED", "REJECTED"]
    world.drain()
    assert owner.get("/notify/inbox").json()["items"][0]["type"] == "location_approved"
    assert admin.post(f"{path}/approve").status_code == 200, "again changes nothing"
    world.drain()
    assert len(owner.get("/notify/inbox").json()["items"]) == 2


def test_what_is_being_looked_at_is_not_changed_by_its_owner(world: World, owner: Person) -> None:
    admin = world.user("admin")
    location_id = build(owner)
    path = f"/stations/locations/{location_id}"
    tag = owner.post(f"{path}/submit", if_match="*").headers["etag"]
    refused = owner.patch(path, {"name": "Something else"}, if_match=tag)
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    assert owner.delete(path, if_match=tag).status_code == 409
    assert admin.patch(path, {"name": "Town hall"}, if_match=tag).status_code == 200
    assert owner.post(f"{path}/withdraw", if_match=tag).status_code == 412, "the administrator changed it meanwhile"
    assert owner.post(f"{path}/withdraw", if_match="*").json()["status"] == "DRAFT"
    assert owner.patch(path, {"name": "Something else"}, if_match="*").status_code == 200
    assert admin.get(f"{path}/submissions").json()["items"][0]["decision"] == "WITHDRAWN"


def test_an_administrator_approves_what_they_read(world: World, owner: Person) -> None:
    admin = world.user("admin")
    location_id = build(owner)
    path = f"/stations/locations/{location_id}"
    owner.post(f"{path}/submit", if_match="*")
    read = admin.get(path).headers["etag"]
    owner.post(f"{path}/withdraw", if_match="*")
    owner.patch(path, {"name": "Bait"}, if_match="*")
    owner.post(f"{path}/submit", if_match="*")
    late = admin.post(f"{path}/approve", if_match=read)
    assert late.status_code == 412
    assert {"field": "name", "before": "Stadhuis", "after": "Bait"} in late.json()["changes"]


TRANSITIONS = {
    "DRAFT": {"submit"},
    "SUBMITTED": {"withdraw", "approve", "reject"},
    "REJECTED": {"submit"},
    "APPROVED": {"approve", "suspend"},
    "SUSPENDED": {"lift"},
}
STEPS = {
    "DRAFT": (),
    "SUBMITTED": ("submit",),
    "REJECTED": ("submit", "reject"),
    "APPROVED": ("submit", "approve"),
    "SUSPENDED": ("submit", "approve", "suspend"),
}


@pytest.mark.parametrize("status", TRANSITIONS)
def test_each_state_allows_its_steps_and_no_others(world: World, owner: Person, status: str) -> None:
    admin = world.user("admin")

    def step(location_id: str, name: str) -> Any:
        body = {"reason": "Because of this"} if name in ("reject", "suspend") else None
        who = owner if name in ("submit", "withdraw") else admin
        return who.post(f"/stations/locations/{location_id}/{name}", body, if_match="*")

    for name in ("submit", "withdraw", "approve", "reject", "suspend", "lift"):
        location_id = build(owner)
        for before in STEPS[status]:
            assert step(location_id, before).status_code == 200
        assert owner.get(f"/stations/locations/{location_id}").json()["status"] == status
        answer = step(location_id, name)
        if name in TRANSITIONS[status]:
            assert answer.status_code == 200, answer.text
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE"), f"{status} {name}"
            assert answer.json()["location_status"] == status


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 501])
def test_a_rejection_needs_a_reason(world: World, owner: Person, reason: str | None) -> None:
    location_id = build(owner)
    owner.post(f"/stations/locations/{location_id}/submit", if_match="*")
    for what in ("reject", "suspend"):
        answer = world.user("admin").post(f"/stations/locations/{location_id}/{what}", {"reason": reason})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")


def test_a_draft_without_an_evse_cannot_be_submitted_and_says_why(owner: Person) -> None:
    location_id = owner.post("/stations/locations", PLACE).json()["id"]
    refused = owner.post(f"/stations/locations/{location_id}/submit", if_match="*")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    assert "EVSE" in refused.json()["detail"]


def test_a_draft_is_deleted_without_a_word_to_anybody(world: World, owner: Person) -> None:
    location_id = build(owner)
    assert owner.delete(f"/stations/locations/{location_id}", if_match="*").status_code == 204
    assert owner.get(f"/stations/locations/{location_id}").status_code == 404
    assert world.drain() == 0


def test_an_approved_place_is_renamed_by_an_administrators_decision(world: World, owner: Person) -> None:
    """Once any sentence could be written into the name of an approved place, and went by SMS to everybody who booked there."""
    admin, driver = world.user("admin"), world.user("driver")
    path = f"/stations/locations/{approved(owner, admin)}"
    edited = owner.patch(path, {"name": "Stadhuis Oost", "address": "Plein 2", "latitude": 52.0901}, if_match="*")
    assert edited.status_code == 200, edited.text
    answer = edited.json()
    assert (answer["name"], answer["address"], answer["latitude"]) == ("Stadhuis", "Plein 1", 52.0901)
    assert answer["proposed"] == {"name": "Stadhuis Oost", "address": "Plein 2"}
    assert owner.get(path).json()["proposed"] == answer["proposed"]
    assert (driver.get(path).json()["name"], driver.get(path).json()["proposed"]) == ("Stadhuis", None)
    (waiting,) = admin.get("/stations/managed-locations", proposed=True).json()["items"]
    assert (waiting["id"], waiting["status"], waiting["proposed"]) == (answer["id"], "APPROVED", answer["proposed"])
    submitted = admin.get(f"{path}/submissions").json()["items"][0]
    changes = {item["field"]: (item["before"], item["after"]) for item in submitted["changes"]}
    assert {"name": ("Stadhuis", "Stadhuis Oost"), "address": ("Plein 1", "Plein 2")}.items() <= changes.items()
    assert admin.post(f"{path}/approve").status_code == 428, "they approve what they read"
    assert admin.post(f"{path}/approve", if_match='"1"').status_code == 412
    approved_now = admin.post(f"{path}/approve", if_match=answer["etag"]).json()
    assert (approved_now["name"], approved_now["address"], approved_now["status"]) == ("Stadhuis Oost", "Plein 2", "APPROVED")
    assert approved_now["proposed"] is None
    assert driver.get(path).json()["name"] == "Stadhuis Oost"
    assert admin.get("/stations/managed-locations", proposed=True).json()["items"] == []
    world.drain()
    letter = owner.get("/notify/inbox").json()["items"][0]
    assert letter["type"] == "location_change_approved"
    assert "Stadhuis Oost" in letter["body"]


def test_a_change_that_waits_is_replaced_taken_back_or_refused(world: World, owner: Person) -> None:
    admin = world.user("admin")
    path = f"/stations/locations/{approved(owner, admin)}"

    def decisions() -> list[str | None]:
        return [item["decision"] for item in owner.get(f"{path}/submissions").json()["items"]]

    assert owner.patch(path, {"name": "A"}, if_match="*").json()["proposed"] == {"name": "A"}
    tag = owner.patch(path, {"city": "Zeist"}, if_match="*").headers["etag"]
    assert owner.get(path).json()["proposed"] == {"name": "A", "city": "Zeist"}
    assert decisions() == [None, "WITHDRAWN", "APPROVED"]
    assert owner.patch(path, {"city": "Zeist"}, if_match="*").headers["etag"] == tag, "the same again is no change"
    assert owner.patch(path, {"city": "Utrecht"}, if_match="*").json()["proposed"] == {"name": "A"}
    assert owner.post(f"{path}/withdraw", if_match="*").json()["proposed"] is None
    assert decisions() == ["WITHDRAWN", "WITHDRAWN", "WITHDRAWN", "APPROVED"]
    owner.patch(path, {"name": "B"}, if_match="*")
    refused = admin.post(f"{path}/reject", {"reason": "The sign says something else."})
    assert (refused.json()["name"], refused.json()["status"], refused.json()["proposed"]) == ("Stadhuis", "APPROVED", None)
    assert decisions()[0] == "REJECTED"
    world.drain()
    letter = owner.get("/notify/inbox").json()["items"][0]
    assert letter["type"] == "location_change_rejected"
    assert "The sign says something else." in letter["body"]
    assert admin.patch(path, {"name": "C"}, if_match="*").json()["name"] == "C", (
        "an administrator's own change waits for nobody"
    )


def approved(owner: Person, admin: Person) -> str:
    location_id = build(owner)
    owner.post(f"/stations/locations/{location_id}/submit", if_match="*")
    assert admin.post(f"/stations/locations/{location_id}/approve").json()["status"] == "APPROVED"
    return location_id
