"""openapi.json is the document of this code, small, and breaks no client of the version before it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.openapi import operations
from devhost import contract

BYTES_AN_OPERATION = 2_360
DOCUMENT = contract.document()
BEFORE: dict[str, Any] = {
    "paths": {
        "/bookings/{id}": {
            "post": {
                "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}},
            },
            "delete": {"responses": {"204": {}}},
        }
    },
    "components": {
        "schemas": {
            "In": {"properties": {"start": {"type": "string"}, "reason": {"enum": ["ILL", "LATE"]}}, "required": ["start"]},
            "Out": {
                "properties": {
                    "id": {"type": "string"},
                    "note": {"type": ["string", "null"]},
                    "quote": {"type": "object", "additionalProperties": True},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Out"}},
                },
                "required": ["id"],
            },
        }
    },
}
Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], Any]
"""Of the operation that takes and answers, the schema it takes, and the one it answers."""


def changed(change: Change) -> dict[str, Any]:
    after = copy.deepcopy(BEFORE)
    schemas = after["components"]["schemas"]
    change(after["paths"]["/bookings/{id}"]["post"], schemas["In"], schemas["Out"])
    return after


def test_the_committed_document_is_that_of_this_code() -> None:
    assert json.loads(contract.FILE.read_text()) == DOCUMENT, "run `make openapi` and commit openapi.json"


def test_the_document_is_small() -> None:
    assert contract.FILE.stat().st_size <= BYTES_AN_OPERATION * len(list(operations(DOCUMENT)))


def test_each_failure_is_written_once() -> None:
    for path, method, operation in operations(DOCUMENT):
        for status, answer in operation["responses"].items():
            assert status[0] in "23" or answer["$ref"] == f"#/components/responses/{status}", f"{method} {path} {status}"


def test_no_client_of_the_version_before_breaks() -> None:
    known = contract.older()
    if known is None:
        pytest.skip("there is no older openapi.json in the history")
    revision, before = known
    breaking = [what for what in contract.breaking(before, DOCUMENT) if what not in contract.accepted()]
    assert not breaking, f"breaks clients of {revision}; undo it, or accept it with its reason in openapi.accepted"


def test_what_is_accepted_has_a_reason() -> None:
    assert all(contract.accepted().values())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda post, taken, given: given["properties"].pop("note"), "answer 200.note: is gone"),
        (lambda post, taken, given: given["required"].clear(), "answer 200.id: may be absent now"),
        (
            lambda post, taken, given: given["properties"].update(id={"type": "integer"}),
            "answer 200.id: was string, is integer",
        ),
        (
            lambda post, taken, given: given["properties"].update(id={"type": ["string", "null"]}),
            "answer 200.id: was string, is null or string",
        ),
        (lambda post, taken, given: taken["required"].append("reason"), "request.reason: is required now"),
        (lambda post, taken, given: taken["properties"].pop("reason"), "request.reason: is gone"),
        (lambda post, taken, given: taken["properties"]["reason"]["enum"].remove("ILL"), "request.reason: 'ILL' is gone"),
        (
            lambda post, taken, given: taken["properties"].update(start={"type": "integer"}),
            "request.start: was string, is integer",
        ),
        (lambda post, taken, given: post["parameters"].clear(), "parameter limit: is gone"),
        (lambda post, taken, given: post["parameters"][0].update(required=True), "parameter limit: is required now"),
        (lambda post, taken, given: post["requestBody"].update(required=True), "request: is required now"),
        (lambda post, taken, given: post["responses"].update({"201": post["responses"].pop("200")}), "answer 200: is gone"),
        (
            lambda post, taken, given: post["responses"]["200"].update(content={"text/plain": {}}),
            "answer 200: is no application/json any more",
        ),
    ],
)
def test_a_difference_that_breaks_a_client_is_told(change: Change, what: str) -> None:
    assert contract.breaking(BEFORE, changed(change)) == [f"POST /bookings/{{id}} {what}"]


def test_an_operation_that_is_gone_is_told() -> None:
    after = copy.deepcopy(BEFORE)
    del after["paths"]["/bookings/{id}"]["delete"]
    assert contract.breaking(BEFORE, after) == ["DELETE /bookings/{id}: is gone"]


@pytest.mark.parametrize(
    "change",
    [
        lambda post, taken, given: given["properties"].update(more={"type": "string"}),
        lambda post, taken, given: given["required"].append("note"),
        lambda post, taken, given: given["properties"].update(note={"type": "string"}),
        lambda post, taken, given: given["properties"].update(quote={"type": "object", "properties": {"cost": {}}}),
        lambda post, taken, given: taken["properties"].update(more={"type": "string"}),
        lambda post, taken, given: taken["required"].clear(),
        lambda post, taken, given: taken["properties"].update(start={"type": ["string", "null"]}),
        lambda post, taken, given: taken["properties"]["reason"]["enum"].append("COLD"),
        lambda post, taken, given: post["parameters"].append({"in": "query", "name": "more", "schema": {"type": "string"}}),
        lambda post, taken, given: post["responses"].update({"409": {}}),
    ],
)
def test_what_breaks_nobody_is_not_told(change: Change) -> None:
    assert contract.breaking(BEFORE, changed(change)) == []


def test_the_file_has_a_line_an_operation_and_is_the_document() -> None:
    written = contract.text(DOCUMENT)
    assert json.loads(written) == DOCUMENT
    assert sum(line.startswith('   "get":') for line in written.splitlines()) == sum(
        method == "get" for _, method, _ in operations(DOCUMENT)
    )
