"""The audit log: every write by an owner or administrator is in it, nothing changes it, administrators read it."""

import ast
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.audit import REDACTED, audit_entry, without_secrets
from shared.clock import ManualClock
from shared.db import new_id
from tests.support.authorisation_objects import Scene
from tests.support.authorisation_rules import RULES
from tests.support.world import API, Person, World

ROOT = Path(__file__).parents[2]
WRITES = ("POST ", "PUT ", "PATCH ", "DELETE ")
EXCEPTIONS = {
    "POST /accounts/login": "who logs in is nobody yet; sessions have a list of their own",
    "POST /accounts/login/second-factor": "the same; a recovery code used there has an entry",
    "POST /accounts/verify": "proves an address; who does is nobody yet",
    "POST /accounts/password/reset": "by a link, with an entry where it succeeds; who does is nobody yet",
    "POST /accounts/email/confirm": "by a link, with an entry where it succeeds; who does is nobody yet",
    "POST /accounts/oidc/start": "who begins to sign in is nobody yet",
    "POST /accounts/oidc/finish": "who signs in is nobody yet; a link to an account has an entry",
    "POST /accounts/refresh": "continues a session; the refresh token says who, not the caller",
    "POST /optimizer/recommendations": "a question: nothing is stored",
    "POST /payments/quotes": "a question: nothing is stored",
    "POST /stations/locations/{location_id}/booking-terms/preview": "a question: nothing is stored",
    "POST /stations/locations/{location_id}/tariffs/preview": "a question: nothing is stored",
    "POST /payments/setups": "opens a page of the provider's; a card is kept once it was entered there",
    "POST /payments/bookings/{booking_id}/pay": "nothing waits to be paid here; what is paid has an entry",
    "DELETE /payments/methods/{method_id}": "refused here, where there is no provider; what is removed has an entry",
    "POST /payments/checks/run": "reads and compares; what it finds are rows that administrators see",
    "POST /booking/bookings/{booking_id}/reschedule/preview": "a question: nothing is stored",
}
"""Routes whose method writes and that leave no entry, each with the reason. Keep it short."""
WRITING = sorted(route for route in RULES if route.startswith(WRITES) and RULES[route].who & {"owner", "admin"})


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world, {role: world.user(role) for role in ("driver", "owner", "admin")}, world.user("owner"))


def entries(world: World, actor: Person) -> list[Any]:
    statement = sa.select(audit_entry).where(audit_entry.c.actor_id == actor.id).order_by(audit_entry.c.id)
    return world.platform.read(lambda tx: list(tx.execute(statement)))


def call(scene: Scene, route: str, person: Person) -> Any:
    """The call that the route's rule lets succeed, on something of the caller's own."""
    from tests.api.test_authorisation import fill, kinds, send

    rule = RULES[route]
    ids = {name: scene.mine(kind, person) for name, kind in kinds(route, rule).items()}
    before = len(entries(scene.world, person))
    headers = person.headers() | {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    answer = send(scene, route, rule, fill(route, ids), headers=headers, person=person)
    assert answer.status_code == rule.status, answer.text
    found = entries(scene.world, person)[before:]
    recorded = json.dumps([[item.before, item.after] for item in found])
    said = [json.loads(answer.request.content or "null") if not isinstance(rule.body, bytes) else None]
    said += [answer.json() if answer.content else None]
    assert not [secret for secret in _secrets(said) if secret in recorded], "a secret is in the log"
    return ids, answer, found


@pytest.mark.parametrize("route", WRITING)
def test_every_write_by_owner_or_administrator_is_recorded(scene: Scene, route: str) -> None:
    """Generated over the table of routes, which another test holds to be complete: a new route is here by itself."""
    if RULES[route].blind:
        return  # it looks at no token: nobody is known to have called
    for role in sorted({"owner", "admin"} & RULES[route].who):
        person = scene.people[role]
        ids, answer, found = call(scene, route, person)
        if route in EXCEPTIONS:
            assert not found, f"{route} does leave an entry: take it off the list"
            continue
        assert found, f"{route} by {role} left no entry: call tx.audit, or give the reason in EXCEPTIONS"
        for item in found:
            assert (item.actor_id, item.actor_role, item.address) == (person.id, role, "testclient"), (
                "a header hides no address"
            )
            assert item.at == scene.world.platform.clock.now()
            assert item.object_id is not None
        if RULES[route].who <= {"owner", "admin"}:
            assert all(item.object_type != "call" for item in found), f"{route}: say what changed, before and after"
            told = all(item.before is not None or item.after is not None for item in found)
            assert told, f"{route}: say what changed, before and after"
            wanted = set(ids.values()) | ({answer.json().get("id")} if answer.content else set())
            assert {str(item.object_id) for item in found} & wanted, f"{route}: name the object"


HIDDEN = [route for route in WRITING if "{" in route and "owner" not in RULES[route].sees_all]


@pytest.mark.parametrize("route", HIDDEN)
def test_no_refused_write_is_recorded(scene: Scene, route: str) -> None:
    from tests.api.test_authorisation import fill, kinds, send

    rule, person = RULES[route], scene.people["owner"]
    names = kinds(route, rule)
    ids = {name: scene.mine(kind, scene.stranger) for name, kind in names.items()}
    before = len(entries(scene.world, person))
    assert send(scene, route, rule, fill(route, ids), headers=person.headers()).status_code in (403, 404)
    assert len(entries(scene.world, person)) == before


def test_an_idempotent_repeat_is_recorded_once(world: World) -> None:
    owner = world.user("owner")
    place = {
        "name": "A",
        "address": "B 1",
        "city": "C",
        "country": "NLD",
        "latitude": 52.1,
        "longitude": 5.1,
        "time_zone": "Europe/Amsterdam",
    }
    first = owner.post("/stations/locations", place, key="k")
    again = owner.post("/stations/locations", place, key="k")
    assert (again.headers["idempotency-replayed"], again.headers["etag"]) == ("true", first.headers["etag"])
    assert [item.action for item in entries(world, owner)] == ["location.create"]


def test_an_administrators_cancel_of_a_drivers_booking_says_before_and_after(world: World) -> None:
    driver, admin = world.user(), world.user("admin")
    made = driver.book(world.location(), "12:00").json()
    assert admin.post(f"/booking/bookings/{made['id']}/cancel", {"reason": "BROKEN_CHARGER"}).status_code == 200
    (found,) = entries(world, admin)
    assert (found.action, str(found.object_id)) == ("booking.change", made["id"])
    assert found.before == {"status": "RESERVED", "canceled": None, "ended_at": None}
    assert found.after["status"] == "CANCELED"
    assert found.after["canceled"]["cancellation_reason"] == "BROKEN_CHARGER"
    assert entries(world, driver) == [], "what drivers do with their own is not audited"


def test_the_log_is_read_by_administrators_with_filters_and_pages(world: World, clock: ManualClock) -> None:
    owner, other, admin = world.user("owner"), world.user("owner"), world.user("admin")
    places = {}
    for person in (owner, other):
        world.owner_id = person.id
        places[person.id] = world.location(name=str(person.id))
    start = clock.now()
    for number, person in enumerate((owner, other, owner)):
        clock.advance(timedelta(minutes=1))
        body = {"name": f"Name {number}"}
        assert person.patch(f"/stations/locations/{places[person.id]}", body, if_match="*").status_code == 200
    clock.advance(timedelta(minutes=1))
    terms = {"booking_horizon_days": 3}
    assert owner.put(f"/stations/locations/{places[owner.id]}/booking-terms", terms, if_match="*").status_code == 200

    def read(**filters: Any) -> list[dict[str, Any]]:
        answer = admin.get("/accounts/audit", **filters)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    found = read()
    assert [item["action"] for item in found] == ["location.booking_terms", *["location.update"] * 3], "newest first"
    assert found[0]["before"] == {"booking_terms.booking_horizon_days": 14}
    assert found[0]["after"] == {"booking_terms.booking_horizon_days": 3}
    assert found[1]["before"] == {"proposed.name": "Name 0"}
    assert found[1]["actor_role"] == "owner"
    assert found[1]["address"] == "testclient"
    assert len(read(actor_id=str(other.id))) == 1
    assert len(read(actor_role="admin")) == 0
    assert len(read(action="location.update")) == 3
    assert len(read(action="location.")) == 4
    assert len(read(action="evse.")) == 0
    assert len(read(object_type="location", object_id=places[owner.id])) == 3
    minute = timedelta(minutes=1)
    span = {"from": (start + minute).isoformat(), "to": (start + 3 * minute).isoformat()}
    assert [item["after"] for item in read(**span)] == [{"proposed.name": "Name 1"}, {"proposed.name": "Name 0"}]
    page = admin.get("/accounts/audit", limit=3).json()
    rest = admin.get("/accounts/audit", limit=3, cursor=page["next_cursor"]).json()
    assert page["items"] + rest["items"] == found
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"actor_id": "x"}, 422, "actor_id"),
        ({"action": "a b'--"}, 422, "action"),
        ({"from": "2026-03-02T10:00:00"}, 422, "from"),
        ({"since": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:00:00Z"}, 422, "to"),
        ({"since": "2026-03-02T10:00:00Z", "from": "2026-03-02T10:00:00Z"}, 422, "since"),
        ({"cursor": "x"}, 400, None),
        ({"limit": 101}, 422, "limit"),
    ],
)
def test_bad_filters_name_the_field(world: World, params: dict[str, Any], status: int, field: str | None) -> None:
    answer = world.user("admin").get("/accounts/audit", **params)
    assert answer.status_code == status
    if field is not None:
        assert [item["field"] for item in answer.json()["errors"]] == [field]


def test_a_percent_sign_in_a_prefix_is_no_wildcard(world: World) -> None:
    owner, admin = world.user("owner"), world.user("admin")
    world.owner_id = owner.id
    owner.patch(f"/stations/locations/{world.location()}", {"name": "New"}, if_match="*")
    assert admin.get("/accounts/audit", action="l_cation.").json()["items"] == []


def test_secrets_are_blotted_out_however_deep() -> None:
    said = {"name": "x", "new_password": "hunter2", "list": [{"refresh_token": "t", "kept": 1}], "secret": None}
    assert without_secrets(said) == {
        "name": "x",
        "new_password": REDACTED,
        "list": [{"refresh_token": REDACTED, "kept": 1}],
        "secret": None,
    }


def _secrets(value: Any) -> list[str]:
    if isinstance(value, dict):
        named = [item for name, item in value.items() if re.search("password|token|secret", name) and isinstance(item, str)]
        return [item for item in named if len(item) > 6] + [text for item in value.values() for text in _secrets(item)]
    return [text for item in value for text in _secrets(item)] if isinstance(value, list) else []


def test_no_code_changes_or_deletes_an_entry() -> None:
    """The table is used in INSERTs and SELECTs alone; what writes SQL by hand does not name it."""
    used = []
    for folder in ("functions", "shared", "devhost", "cities", "training"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.parent.name == "versions":
                continue
            text = path.read_text()
            if "audit_entry" not in text:
                continue
            tree = ast.parse(text)
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and any("audit_entry" in ast.unparse(item) for item in node.args[:1]):
                    used.append((path.name, ast.unparse(node.func)))
    assert used, "the test looks in the wrong place"
    allowed = {"sa.insert", "sa.select", "sa.Table", "sa.Index"}
    assert {name for _, name in used if name.rsplit(".", 1)[-1] in ("update", "delete", "text", "exec_driver_sql")} == set()
    assert {name for path, name in used if path == "audit.py" and name.startswith("sa.")} <= allowed


@pytest.mark.parametrize("statement", [sa.update(audit_entry).values(action="x"), sa.delete(audit_entry)])
def test_the_database_refuses_to_change_an_entry(world: World, statement: Any) -> None:
    world.platform.transact(lambda tx: tx.audit("x.y", object_type="x", object_id=new_id()))
    with pytest.raises(sa.exc.DatabaseError, match="append only"):
        world.platform.transact(lambda tx: tx.execute(statement))
    assert world.scalar(sa.select(sa.func.count()).select_from(audit_entry)) == 1


def test_what_an_owner_does_as_anybody_is_recorded_without_values(world: World) -> None:
    owner = world.user("owner")
    assert owner.patch("/accounts/me", {"name": "Olga"}).status_code == 200
    (found,) = entries(world, owner)
    assert (found.action, found.object_type, found.object_id) == ("accounts.update_me", "call", owner.id)
    assert found.after == {"call": f"PATCH {API}/accounts/me", "fields": ["name"]}
