"""Every operation of the OpenAPI document, by every role, with what schemathesis makes of its schema, right and wrong:
no 5xx, no status, header or body that the document does not tell, and nothing taken that the schema refuses.

`make test` runs few, always the same; `make fuzz` (FUZZ=examples) runs many, new ones each time.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.stack.stripe import LoopbackStripe
from shared.clock import ManualClock
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT
from tests.support.authorisation_objects import StationKeyHolder
from tests.support.world import API, TYPE2, Person, World

load_all_checks()
EXAMPLES = int(os.environ.get("FUZZ", "0"))
DOCUMENT = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]


def operations(document: dict[str, Any], *, signed_in: bool) -> dict[str, Any]:
    """The operations by label; for people with a token those without its header, which they have always."""
    copy = json.loads(json.dumps(document))
    if signed_in:
        for item in copy["paths"].values():
            for operation in item.values():
                operation.pop("security", None)
    results = schemathesis.openapi.from_dict(copy).get_all_operations()
    return {result.ok().label: result.ok() for result in results if isinstance(result, Ok)}


OPERATIONS = {signed_in: operations(DOCUMENT, signed_in=signed_in) for signed_in in (False, True)}
ROLES = ("nobody", "driver", "owner", "admin")
BY_KEY = {
    f"{method.upper()} {path}"
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if any("StationKey" in way for way in operation.get("security", ()))
}
"""What a station key opens."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
NEGATIVE = [*CHECKS, openapi_checks.negative_data_rejection]


class Cast:
    """People of every role, and the ids of things that are there, by the name of the parameter that takes them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people: dict[str, Person] = {}
        place, other = world.location(evses=40), world.location(name="Museumplein", latitude=52.1, evses=4)
        self.known: dict[str, list[str]] = {"location_id": [place, other]}
        for role in ROLES[1:]:
            self.person(role)
        key = StationKeyHolder(world)
        self.people[key.role] = key
        self.known["location_id"].append(key.location)
        feed = world.client.get(f"{API}/stations/locations/{key.location}/feed", headers=key.headers()).json()
        self.known["evse_id"] = [item["evse_id"] for item in feed["evses"]]

    def person(self, role: str) -> Person:
        """Somebody of a role; a new one where the last was signed out or deleted by an earlier request."""
        found = self.people.get(role)
        if found is None or found.get("/accounts/me").status_code == 401:
            found = self.people[role] = self.world.user(role)
            self.furnish(found)
        return found

    def furnish(self, person: Person) -> None:
        """Gives a person a vehicle, a booking, a charge request and a letter."""
        car = person.post("/accounts/me/vehicles", {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]})
        booked = person.book(self.known["location_id"][0], "10:00", vehicle_id=car.json()["id"])
        wish = {"battery_kwh": 60, "soc": 0.3, "connectors": [TYPE2], "max_power_kw": 22, "energy_kwh": 12, "auto_book": False}
        asked = person.post("/optimizer/charge-requests", wish | {"origin": {"lat": 52.09, "lon": 5.12}})
        self.world.drain()
        (letter, *_) = person.get("/notify/inbox").json()["items"]
        found = {"vehicle_id": car, "booking_id": booked, "request_id": asked}
        for name, answer in found.items():
            self.known.setdefault(name, []).append(answer.json()["id"])
        self.known.setdefault("notification_id", []).append(letter["id"])

    def place_ids(self, values: Any) -> None:
        """Puts ids that are there in three of four places where the schema asks for one of any kind."""
        if not isinstance(values, dict):
            return
        for name, value in values.items():
            known = self.known.get(name)
            if known and isinstance(value, str):
                number = hash(value) if not _is_uuid(value) else uuid.UUID(value).int
                if number % 4:
                    values[name] = known[number % len(known)]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    clock = ManualClock(MONDAY_EIGHT)
    with LoopbackStripe(clock) as stripe:
        own_settings = {"data_dir": tmp_path_factory.mktemp("fuzz"), "rate_limits": False} | stripe.settings()
        platform = make_platform(Settings.model_validate(own_settings), clock)
        upgrade(platform.database)
        with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
            yield Cast(World(platform, client))
        platform.close()


def send(cast: Cast, case: Case[Any], role: str) -> Any:
    """The case as a request by somebody of `role`."""
    arguments = case.as_transport_kwargs(base_url="http://testserver")
    if cookies := arguments.pop("cookies", None):
        cast.world.client.cookies.update(cookies)
    headers = {str(name): value for name, value in (arguments.pop("headers", None) or {}).items()}
    if role != "nobody":
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers |= cast.people[role].headers()
    if "data" in arguments:
        arguments["content"] = arguments.pop("data")
    arguments["headers"] = {name: str(value).encode("latin-1", "replace") for name, value in headers.items()}
    try:
        return cast.world.client.request(**arguments)
    finally:
        cast.world.client.cookies.clear()


def check(cast: Cast, case: Case[Any], role: str, mode: GenerationMode) -> None:
    """Sends one case and holds the answer to the document."""
    if mode is GenerationMode.POSITIVE:
        for values in (case.path_parameters, case.query, case.body):
            cast.place_ids(values)
    response = send(cast, case, role)
    refused_by_its_size = response.status_code == 413  # which schemathesis does not count among the refusals
    try:
        case.validate_response(
            response, checks=NEGATIVE if mode is GenerationMode.NEGATIVE and not refused_by_its_size else CHECKS
        )
    except FailureGroup as group:
        said = "; ".join(f"{type(item).__name__}: {item.message}" for item in group.exceptions)
        sent = f"{case.method} {case.formatted_path} query={case.query} body={str(case.body)[:600]} headers={case.headers}"
        pytest.fail(f"{role} ({mode.value}) was answered {response.status_code}: {said}\n{sent}\n{response.text[:800]}")


def run(cast: Cast, label: str, role: str, mode: GenerationMode) -> None:
    """Some cases of an operation by a role."""
    try:
        strategy = OPERATIONS[role != "nobody"][label].as_strategy(generation_mode=mode)
    except hypothesis.errors.InvalidArgument:
        return  # nothing about it can be wrong

    @hypothesis.settings(
        max_examples=EXAMPLES or 4,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategy)
    def attempt(case: Case[Any]) -> None:
        check(cast, case, role, mode)

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        attempt()


@pytest.mark.parametrize("label", OPERATIONS[True])
def test_the_document_tells_every_answer(cast: Cast, label: str) -> None:
    for role in (*ROLES, "station_key") if label in BY_KEY else ROLES:
        if role in ROLES[1:]:
            cast.person(role)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            run(cast, label, role, mode)
