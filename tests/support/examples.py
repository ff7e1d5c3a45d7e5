"""The examples of the OpenAPI document, recorded from real calls.

Each route of tests/support/authorisation_rules.py is called by somebody who may, with the rule's body and objects, and what
went out and came back is kept. `make examples` writes app/examples.json; tests/api/test_examples.py records anew and compares.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.openapi import operations
from app.process import make_platform
from devhost.stack.oidc import OidcIssuer
from devhost.stack.stripe import LoopbackStripe
from functions.accounts.passwords import hash_password
from functions.accounts.tables import user as user_table
from functions.forecast.repository import Tally, add_tallies
from functions.forecast.sweep import forecast_availability
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.db import new_id
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT
from tests.support import people
from tests.support.authenticator import equip
from tests.support.authorisation_objects import OBJECTS, Scene, StationKeyHolder
from tests.support.authorisation_rules import RULES, Rule
from tests.support.world import API, TYPE2, Person, World

FILE = Path(__file__).parents[2] / "app" / "examples.json"
JSON = "application/json"
ROLES = ("driver", "owner", "admin", "station_key", "nobody")
SHOWN = 2
"""Items of a list that an example shows."""
WHOLE = 4
"""Numbers that stay together: the four weights."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SVG = re.compile(r"<svg .*?</svg>")
CODE = re.compile(r'"code": "\d{6}"')
SECRET = re.compile(
    r"((?<![A-Z2-7])[A-Z2-7]{32}(?![A-Z2-7])|[a-z2-7]{6}(-[a-z2-7]{6}){3}"
    r"|evcsk_\w{38}|eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<![\w-])[\w-]{43}(?![\w-]))"
)
PASSWORD = "a horse of 4 batteries"

Example = dict[str, Any]
Make = Callable[[World], dict[str, Any]]


def _account(world: World) -> str:
    """The address of a new account with PASSWORD."""
    person = world.user()
    hashed = hash_password(PASSWORD)
    world.platform.transact(
        lambda tx: tx.execute(user_table.update().where(user_table.c.id == person.id).values(password_hash=hashed))
    )
    email: str = world.scalar(user_table.select().with_only_columns(user_table.c.email).where(user_table.c.id == person.id))
    return email


def _refresh(world: World) -> dict[str, Any]:
    tokens = world.client.post(f"{API}/accounts/login", json={"email": _account(world), "password": PASSWORD}).json()
    return {"refresh_token": tokens["refresh_token"]}


def _challenge(world: World) -> dict[str, Any]:
    email = _account(world)
    user_id = world.scalar(user_table.select().with_only_columns(user_table.c.id).where(user_table.c.email == email))
    app = equip(world, Person(world, user_id, "driver"))
    asked = world.client.post(f"{API}/accounts/login", json={"email": email, "password": PASSWORD}).json()
    return {"challenge": asked["challenge"], "code": app.code()}


def _verification(world: World) -> dict[str, Any]:
    assert people.register(world.client, email=f"{new_id()}@example.org").status_code == 202
    world.drain()
    return {"token": people.link(world.platform)[1], "password": people.PASSWORD}


def _reset(world: World) -> dict[str, Any]:
    world.client.post(f"{API}/accounts/password/forgot", json={"email": _account(world)})
    world.drain()
    return {"token": people.link(world.platform)[1], "password": "another horse of 4"}


def _new_address(world: World) -> dict[str, Any]:
    tokens = world.client.post(f"{API}/accounts/login", json={"email": _account(world), "password": PASSWORD}).json()
    wanted = {"email": f"{new_id()}@example.org", "password": PASSWORD}
    world.client.post(f"{API}/accounts/me/email", json=wanted, headers=people.bearer(tokens))
    world.drain()
    return {"token": people.link(world.platform)[1]}


def _from_provider(world: World) -> dict[str, Any]:
    begun = world.client.post(f"{API}/accounts/oidc/start").json()
    return people.visit(begun) | {"binding": begun["binding"]}


WISH = {
    "battery_kwh": 60,
    "soc": 0.3,
    "connectors": [TYPE2],
    "max_power_kw": 22,
    "energy_kwh": 12,
    "origin": {"latitude": 52.091, "longitude": 5.121},
    "latest_finish": "2026-03-02T12:00:00Z",
}
BODIES: dict[str, Make] = {
    "POST /accounts/login": lambda world: {"email": _account(world), "password": PASSWORD},
    "POST /accounts/login/second-factor": _challenge,
    "POST /accounts/refresh": _refresh,
    "POST /accounts/verify": _verification,
    "POST /accounts/password/reset": _reset,
    "POST /accounts/email/confirm": _new_address,
    "POST /accounts/oidc/finish": _from_provider,
    "POST /optimizer/charge-requests": lambda _: WISH,
    "POST /optimizer/recommendations": lambda _: WISH,
}
"""Bodies in place of the rules': theirs show only that everybody may try, or use the short names of fields."""


def _booked_at(scene: Scene, place: str) -> None:
    booked = scene.world.user().book(place, "10:00")
    assert booked.status_code == 201, booked.text


def _hosted(scene: Scene, person: Person, ids: dict[str, str]) -> None:
    _booked_at(scene, ids.get("location_id") or scene.mine("location", person))


def _rejected(scene: Scene, person: Person, ids: dict[str, str]) -> None:
    draft = scene.mine("location_draft", person)
    answer = scene.world.client.post(f"{API}/stations/locations/{draft}/submit", headers=person.headers() | {"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    ids["location_id"] = draft


def _came_true(scene: Scene, *_: Any) -> None:
    day = MONDAY_EIGHT.replace(hour=0)
    tally = Tally(day, 15, "MODEL", "1-dundee", 18, 40, 37, 37.2, 2.9, 0.6)
    scene.world.platform.transact(lambda tx: add_tallies(tx, [tally]))


PROFILE = {"name": "Ada Fleet BV", "address": "Plein 1, Utrecht", "country": "NL", "vat_id": "NL004495445B01"}


def _held(scene: Scene, person: Person, ids: dict[str, str]) -> None:
    """A booking that waits to be paid for."""
    booked = person.book(scene.world.location(terms=BookingTerms(payment="HOLD")), "11:00").json()
    scene.world.drain()
    ids["booking_id"] = booked["id"]


BEFORE: dict[str, Callable[[Scene, Person, dict[str, str]], Any]] = {
    "GET /accounts/me/vehicles": lambda scene, person, _: scene.mine("vehicle", person),
    "GET /booking/bookings": lambda scene, person, _: scene.mine("booking", person),
    "GET /booking/hosted": _hosted,
    "GET /booking/locations/{location_id}/calendar": _hosted,
    "GET /notify/inbox": lambda scene, person, _: scene.mine("notification", person),
    "GET /notify/dead-letters": lambda scene, person, _: scene.mine("dead_letter", person),
    "GET /optimizer/charge-requests": lambda scene, person, _: scene.mine("charge_request", person),
    "GET /optimizer/forecasts/{location_id}": lambda scene, *_: forecast_availability(scene.world.platform),
    "GET /optimizer/forecasts/reliability": _came_true,
    "POST /payments/bookings/{booking_id}/pay": _held,
    "GET /payments/billing-profile": lambda _, person, __: person.put("/payments/billing-profile", PROFILE),
    "GET /payments/documents": lambda scene, person, _: scene.mine("document", person),
    "GET /stations/managed-locations": lambda scene, person, _: scene.mine("location", person),
    "GET /stations/locations/{location_id}/blocked-times": lambda scene, person, _: scene.mine("blocked_time", person),
    "GET /stations/locations/{location_id}/submissions": _rejected,
}
"""What is made first, so that a list has something in it."""


def documented() -> list[str]:
    """`METHOD /path` of every operation of the document."""
    document = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
    return [f"{method.upper()} {path.removeprefix(API)}" for path, method, _ in operations(document)]


def record_all() -> dict[str, Example]:
    """An example of every documented operation, by its route."""
    import tempfile

    clock = ManualClock(MONDAY_EIGHT)
    with tempfile.TemporaryDirectory() as folder, OidcIssuer(clock) as issuer, LoopbackStripe(clock) as stripe:
        issuer.behaviour.claims = {"sub": "ada", "email": "ada@provider.example.org", "email_verified": True}
        own_settings = {"data_dir": Path(folder)} | issuer.settings() | stripe.settings()
        platform = make_platform(Settings.model_validate(own_settings), clock)
        upgrade(platform.database)
        with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
            examples = {route: record(World(platform, client), route) for route in documented()}
        platform.close()
    return examples


def record(world: World, route: str) -> Example:
    """Calls a route by somebody of its rule and tells what went out and what came back."""
    rule = RULES[route]
    role = next(role for role in ROLES if role in rule.who)
    cast = {name: world.user(name) for name in ("driver", "owner", "admin")}
    scene = Scene(world, cast, world.user("owner"))
    person = StationKeyHolder(world) if role == "station_key" else cast.get(role, scene.stranger)
    names = re.findall(r"{(\w+)}", route)
    kinds = (
        rule.public
        if role in ("nobody", "driver") and rule.public
        else {name: rule.ids.get(name) or OBJECTS[name] for name in names}
    )
    ids = {name: scene.mine(kinds[name], person) for name in names}
    if route in BEFORE:
        BEFORE[route](scene, person, ids)
    if route in BODIES:
        rule = replace(rule, body=BODIES[route](world))
    body = rule.body(scene, person) if callable(rule.body) else rule.body
    method, path = route.split(" ", 1)
    headers = {} if role == "nobody" else person.headers()
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = world.client.request(
        method,
        API + re.sub(r"{(\w+)}", lambda one: ids[one[1]], path),
        params=dict(rule.query),
        headers=headers | _headers(rule),
        **sent,
    )
    example: Example = {"path": ids, "query": dict(rule.query), "headers": _headers(rule), "status": answer.status_code}
    if body is not None and not isinstance(body, bytes):
        example["request"] = body
    if answer.content and answer.headers.get("content-type", "").startswith(JSON):
        example["response"] = answer.json()
    return _plain(example)


def _headers(rule: Rule) -> dict[str, str]:
    return dict(getattr(rule, "headers", {}))


def _plain(example: Example) -> Example:
    """The example with short lists, and with ids and secrets that are the same each time."""
    text = json.dumps(_short(example), ensure_ascii=False)
    seen: dict[str, str] = {}

    def stable(match: re.Match[str]) -> str:
        return seen.setdefault(match[0], f"01959a3c-7000-7000-8000-{len(seen) + 1:012d}")

    text = CODE.sub('"code": "123456"', SVG.sub("<svg/>", text))
    plain: Example = json.loads(SECRET.sub("secret", UUID.sub(stable, text)))
    return plain


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(member) for name, member in value.items()}
    if isinstance(value, list) and len(value) <= WHOLE and all(isinstance(item, float) for item in value):
        return value
    if isinstance(value, list):
        return [_short(item) for item in value[:SHOWN]]
    return value


def main() -> None:
    """Writes the file."""
    examples = dict(sorted(record_all().items()))
    failed = {route: example["status"] for route, example in examples.items() if example["status"] >= 300}
    assert not failed, f"these were refused: {failed}"
    FILE.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
