"""The examples of the OpenAPI document are real: each request is what is sent here and taken, each answer is of its schema and
has the members of the one that comes back here."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from app.asgi import create_app
from app.openapi import operations, resolve
from tests.support.examples import Example, documented, record_all
from tests.support.world import API

DOCUMENT = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
OPERATIONS = {f"{method.upper()} {path.removeprefix(API)}": item for path, method, item in operations(DOCUMENT)}
ROUTES = documented()
JSON = "application/json"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Example]:
    """Every route called once more."""
    return record_all()


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def content(route: str, status: int | None = None) -> dict[str, Any]:
    """The media type of a request, or of an answer: schema and example."""
    operation = OPERATIONS[route]
    holder = operation.get("requestBody", {}) if status is None else operation["responses"][str(status)]
    found: dict[str, Any] = holder.get("content", {}).get(JSON, {})
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_a_request_as_documented_is_taken(recorded: dict[str, Example], route: str) -> None:
    example = recorded[route]
    assert example["status"] < 300, f"{example}"
    media = content(route)
    if not media:
        return
    assert "example" in media, "no example is recorded: run `make examples`"
    assert media["example"] == example["request"], "the example is not what is sent here: run `make examples`"
    validator(media["schema"]).validate(media["example"])
    for item in (resolve(DOCUMENT, parameter) for parameter in OPERATIONS[route].get("parameters", ())):
        if item.get("required"):
            assert "example" in item, f"{item['name']} has no example"


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_as_documented_is_of_its_schema_and_like_a_real_one(recorded: dict[str, Example], route: str) -> None:
    example = recorded[route]
    if "response" not in example:
        return
    media = content(route, example["status"])
    validator(media["schema"]).validate(example["response"])
    if "examples" in resolve(DOCUMENT, media["schema"]):  # one for the many operations that give it
        validator(media["schema"]).validate(resolve(DOCUMENT, media["schema"])["examples"][0])
        return
    assert "example" in media, "no example is recorded: run `make examples`"
    validator(media["schema"]).validate(media["example"])
    assert members(media["example"]) == members(example["response"]), "the answer has changed: run `make examples`"


def members(value: Any, path: str = "") -> set[str]:
    """The paths of every member of a document, whatever its values."""
    if isinstance(value, dict):
        return {found for name, member in value.items() for found in members(member, f"{path}.{name}")} | {path}
    if isinstance(value, list):
        return {found for item in value for found in members(item, f"{path}.*")} | {path}
    return {path}
