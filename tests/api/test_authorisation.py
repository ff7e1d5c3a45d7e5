"""Every route of the app, with every role, without a token, with an expired one, and with another tenant's ids.

The rules are one readable table, tests/support/authorisation_rules.py. A route that has no rule fails here.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from app.asgi import create_app
from shared.clock import ManualClock
from shared.db import metadata, new_id
from tests.support.authorisation_objects import OBJECTS, Scene, StationKeyHolder
from tests.support.authorisation_rules import MOUNTS, OPEN_OBJECTS, RULES, SIGNED_IN, Rule
from tests.support.world import API, Person, World

HOSTILE = {"id": str(new_id()), "role": "admin", "is_admin": True, "user_id": str(new_id()), "owner_id": str(new_id()), "x": 1}
"""Fields an attacker would like to set. A schema that has one of them by right is not tried with it."""


def routes_of(app: FastAPI) -> Iterator[str]:
    """`METHOD /path` of every route, those outside the OpenAPI document too."""
    for context in iter_route_contexts(app.routes):
        path = str(context.path).removeprefix(API)
        if not isinstance(context.original_route, Mount):
            yield from (f"{method} {path}" for method in sorted(context.methods or ()))


def mounts_of(app: FastAPI) -> set[str]:
    return {str(route.path).removeprefix(API) for route in app.routes if isinstance(route, Mount)}


@pytest.fixture
def scene(world: World) -> Scene:
    """A driver, an owner, an administrator and the holder of a station key, and a stranger whose things are none of theirs."""
    people: dict[str, Person] = {role: world.user(role) for role in sorted(SIGNED_IN)}
    return Scene(world, people | {"station_key": StationKeyHolder(world)}, world.user("owner"))


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    app = create_app(lambda: None)  # type: ignore[arg-type, return-value]
    found = list(routes_of(app))
    without = sorted(set(found) - set(RULES))
    assert not without, f"add a rule to tests/support/authorisation_rules.py for {', '.join(without)}"
    assert sorted(set(RULES) - set(found)) == [], "these rules have no route"
    assert len(found) == len(set(found)), "two routes answer the same path"
    assert mounts_of(app) == MOUNTS


def test_a_route_added_anywhere_is_seen() -> None:
    app, outer, inner = create_app(lambda: None), APIRouter(), APIRouter(prefix="/b")  # type: ignore[arg-type, return-value]
    inner.add_api_route("/c", lambda: None, methods=["POST", "DELETE"], include_in_schema=False)
    outer.include_router(inner)
    app.include_router(outer, prefix="/a")
    assert set(routes_of(app)) - set(RULES) == {"POST /a/b/c", "DELETE /a/b/c"}


def parameters(route: str) -> list[str]:
    return re.findall(r"{(\w+)}", route)


def fill(route: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], route.split(" ", 1)[1])


def kinds(route: str, rule: Rule) -> dict[str, str]:
    """Which object fills each parameter."""
    return {name: rule.ids.get(name) or OBJECTS[name] for name in parameters(route)}


def fingerprint(world: World) -> dict[str, str]:
    """What the database holds, table by table; what counts or marks a call by itself is left out."""

    def read(tx: Any) -> dict[str, str]:
        found = {}
        for table in metadata.sorted_tables:
            if table.name not in BOOKKEEPING:
                rows = sorted(repr(tuple(row)) for row in tx.execute(sa.select(table)))
                found[table.name] = f"{len(rows)} {hashlib.sha256(''.join(rows).encode()).hexdigest()[:12]}"
        return found

    return world.platform.read(read)


BOOKKEEPING = {"rate_limit"}


def send(
    scene: Scene, route: str, rule: Rule, path: str, *, headers: dict[str, str] | None, person: Person | None = None
) -> httpx.Response:
    body = rule.body(scene, person or scene.stranger) if callable(rule.body) else rule.body
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    return scene.world.client.request(
        route.split(" ")[0], API + path, params=dict(rule.query), headers={**(headers or {}), **rule.headers}, **sent
    )


def told(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Status and body without what differs by nature: the ids asked for and the invocation's."""
    text = re.sub(r'"invocation_id":"[^"]*"', "", answer.text)
    for object_id in ids.values():
        text = text.replace(object_id, "ID")
    return answer.status_code, text


@pytest.mark.parametrize("route", sorted(RULES))
def test_a_route_lets_in_whom_its_rule_names(scene: Scene, clock: ManualClock, route: str) -> None:
    rule = RULES[route]
    named = kinds(route, rule)
    others = {name: scene.mine(kind, scene.stranger) for name, kind in named.items()}
    missing = {name: str(new_id()) for name in named}
    mine = {role: {name: scene.mine(kind, person) for name, kind in named.items()} for role, person in scene.people.items()}
    late = {role: person.headers() for role, person in scene.people.items() if role in SIGNED_IN}
    if callable(rule.body):
        rule = Rule(**vars(rule) | {"body": rule.body(scene, scene.stranger)})
    before = fingerprint(scene.world)

    garbage = {"Authorization": "Bearer not.a.token"}
    if not rule.blind:
        answer = send(scene, route, rule, fill(route, others), headers=garbage)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), "a token that is not ours"
    if "nobody" not in rule.who:
        for ids in (others, missing):
            answer = send(scene, route, rule, fill(route, ids), headers=None)
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), "without a token"
            assert answer.headers["www-authenticate"] == "Bearer"
    for role, person in scene.people.items():
        if role not in rule.who:
            for ids in (mine[role], others, missing):
                answer = send(scene, route, rule, fill(route, ids), headers=person.headers())
                assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), role
    for role in ("nobody", *scene.people):
        if named and role in rule.who:
            headers = None if role == "nobody" else scene.people[role].headers()
            absent = told(send(scene, route, rule, fill(route, missing), headers=headers), missing)
            assert absent[0] == 404, f"{role}: an id that does not exist"
            if role not in rule.sees_all:
                found = told(send(scene, route, rule, fill(route, others), headers=headers), others)
                assert found == absent, f"{role}: another tenant's id must look like none"
    assert fingerprint(scene.world) == before, "a refused call had an effect"

    rule = RULES[route]
    for role, person in scene.people.items():
        if role in rule.who:
            answer = send(scene, route, rule, fill(route, mine[role]), headers=person.headers(), person=person)
            assert answer.status_code == rule.status, f"{role}, their own: {answer.text}"
            if named and role in rule.sees_all:
                fresh = {name: scene.mine(kind, scene.stranger) for name, kind in named.items()}
                answer = send(scene, route, rule, fill(route, fresh), headers=person.headers(), person=person)
                assert answer.status_code == rule.status, f"{role}, another's: {answer.text}"
    if "nobody" in rule.who and (rule.public or not named):
        ids = {name: scene.mine(kind, scene.stranger) for name, kind in rule.public.items()}
        assert send(scene, route, rule, fill(route, ids), headers=None).status_code == rule.status

    clock.advance(timedelta(minutes=15))
    if not rule.blind:
        for role, headers in late.items():
            answer = send(scene, route, rule, fill(route, missing), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_EXPIRED"), role


def properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return properties(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    found = set(schema.get("properties", {}))
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        found |= properties(document, part)
    return found


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(route, schema) of everything that takes a JSON body."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                yield f"{method.upper()} {path.removeprefix(API)}", content["application/json"]["schema"]


DOCUMENT = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(("route", "schema"), list(bodies(DOCUMENT)), ids=lambda value: value if isinstance(value, str) else "")
def test_no_write_takes_a_field_it_does_not_have(scene: Scene, route: str, schema: dict[str, Any]) -> None:
    rule = RULES[route]
    hostile = {name: value for name, value in HOSTILE.items() if name not in properties(DOCUMENT, schema)}
    role = next(role for role in ("driver", "owner", "admin", "station_key") if role in rule.who)
    person = scene.people[role]
    ids = {name: scene.mine(kind, person) for name, kind in kinds(route, rule).items()}
    body = rule.body(scene, person) if callable(rule.body) else rule.body
    headers = person.headers()
    before = fingerprint(scene.world)
    answer = scene.world.client.request(
        route.split(" ")[0],
        API + fill(route, ids),
        json=(body or {}) | hostile,
        params=dict(rule.query),
        headers=headers,
    )
    assert answer.status_code == 422, answer.text
    assert {item["field"] for item in answer.json()["errors"]} == set(hostile)
    assert fingerprint(scene.world) == before


def test_every_object_of_every_payload_is_closed() -> None:
    """Nested objects too: `additionalProperties: false` all the way down, but for the exceptions of the rules."""
    open_objects: set[str] = set()
    seen: set[str] = set()

    def walk(name: str, schema: Any) -> None:
        if isinstance(schema, list):
            for part in schema:
                walk(name, part)
        elif isinstance(schema, dict):
            if "$ref" in schema:
                target = schema["$ref"].rsplit("/", 1)[1]
                if target not in seen:
                    seen.add(target)
                    walk(target, DOCUMENT["components"]["schemas"][target])
                return
            if "properties" in schema and schema.get("additionalProperties") is not False:
                open_objects.add(name)
            for key, part in schema.items():
                if key == "properties":
                    for found in part.values():
                        walk(name, found)
                elif key in ("items", "anyOf", "allOf", "oneOf", "additionalProperties", "prefixItems"):
                    walk(name, part)

    for route, schema in bodies(DOCUMENT):
        walk(route, schema)
    assert open_objects == OPEN_OBJECTS
