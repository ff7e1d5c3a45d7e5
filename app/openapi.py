"""The OpenAPI document: what FastAPI derives, with the failures of every operation as they really are.

Every failure is a Problem (RFC 9457). `shared.web.failures` finds of its route what an operation may answer. Each stands
once under `components.responses`, as do the parameters that many operations take. A test sends what schemathesis makes of
the document and compares. It is committed as `openapi.json` by `make openapi`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

from app.examples import add_examples
from shared.errors import AppError, every_error
from shared.web.call import PREFIX, public
from shared.web.failures import KEY_HEADER, errors_of

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM = "Problem"
SHARED_FROM = 5
"""Operations that take the same parameter before it is written once for all."""
INVOCATION_ID = {"X-Invocation-Id": {"schema": {"type": "string"}}}
Operation = tuple[str, str]
"""The path and the method, in small letters."""


def make_document(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once and kept."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document["components"]
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        routes = _routes(app)
        for path, method, operation in operations(document):
            _complete(operation, method=method, route=routes[path, method])
        _tell_stored(components["schemas"])
        add_examples(document, prefix=PREFIX)
        _slim(document["paths"])
        _slim(components["schemas"])
        components["schemas"][PROBLEM] = _problem()
        components["responses"] = {status: _failure(kind) for status, kind in sorted(_first_of_status().items())}
        components["parameters"] = _share_parameters(document)
        app.openapi_schema = document
    return app.openapi_schema


def _tell_stored(schemas: dict[str, Any]) -> None:
    """Tells the types of stored documents that are answered to the letter: FastAPI leaves references to nowhere where a
    dataclass stands in a union of an answer."""
    from functions.notify.schemas import NotificationData  # with the first document: an import of the app needs no domain

    stored: dict[tuple[str, str], Any] = {("Notification", "data"): NotificationData}
    for (answer, member), kind in stored.items():
        shape = TypeAdapter(kind).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        for name, schema in shape.pop("$defs").items():
            schemas.setdefault(name, schema)
        schemas[answer]["properties"][member] = shape


def error_codes(app: FastAPI) -> dict[Operation, frozenset[str]]:
    """The codes that each operation may answer."""
    return {operation: frozenset(kind.code for kind in errors_of(route)) for operation, route in _routes(app).items()}


def resolve(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The parameter, response or schema itself, where `item` refers to one of the document's components."""
    if "$ref" not in item:
        return item
    _, _, kind, name = item["$ref"].split("/")
    component: dict[str, Any] = document["components"][kind][name]
    return component | {key: value for key, value in item.items() if key != "$ref"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of a document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _routes(app: FastAPI) -> dict[Operation, APIRoute]:
    """The route of each operation."""
    routes: dict[Operation, APIRoute] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            routes |= {(str(context.path), method.lower()): route for method in context.methods or ()}
    return routes


def _complete(operation: dict[str, Any], *, method: str, route: APIRoute) -> None:
    if method != "post":  # the header is read by every route and does something where things are made
        parameters = [item for item in operation.get("parameters", ()) if item["name"] != KEY_HEADER]
        operation["parameters"] = parameters
    if operation.get("security") and any(item.call is public for item in route.dependant.dependencies):
        operation["security"] = [{}, *operation["security"]]  # a token may come but need not
    successes = {status: answer for status, answer in operation["responses"].items() if status[0] in "23"}
    for answer in successes.values():
        if answer["description"] == "Successful Response":
            answer["description"] = "Done"
    operation["responses"] = dict(sorted((successes | _failures(errors_of(route))).items()))


def _failures(kinds: set[type[AppError]]) -> dict[str, Any]:
    """A reference to the failure of each status, with the codes of a conflict."""
    failures: dict[str, Any] = {}
    for status in {_status(kind) for kind in kinds}:
        failures[status] = {"$ref": f"#/components/responses/{status}"}
    if "409" in failures:  # what stands in the way differs most
        failures["409"]["description"] = ", ".join(sorted(kind.code for kind in kinds if kind.status == 409))
    return failures


def _first_of_status() -> dict[str, type[AppError]]:
    """Of each status that is answered the class that all others of it are kinds of."""
    first: dict[str, type[AppError]] = {}
    for kind in every_error():
        first.setdefault(_status(kind), kind)
    return first


def _status(kind: type[AppError]) -> str:
    """The status as the document names it: those from 500 on are one, which every operation may answer."""
    return str(kind.status) if kind.status < 500 else "5XX"


def _failure(kind: type[AppError]) -> dict[str, Any]:
    headers: dict[str, Any] = dict(INVOCATION_ID)
    if kind.status in (429, 500):
        headers["Retry-After"] = {"schema": {"type": "integer"}, "description": "Seconds"}
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    title = "Something failed on our side, or (503) a component is away" if kind.status == 500 else kind.title
    return {"description": title, "headers": headers, "content": content}


def _slim(schema: Any) -> None:
    """Says the same in less: no titles made of names, which stand beside them, and `type: [string, "null"]` for two schemas."""
    if isinstance(schema, list):
        for item in schema:
            _slim(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        match schema.get("anyOf"):
            case [{"type": str(kind)} as only, {"type": "null"}] if "enum" not in only and "const" not in only:
                del schema["anyOf"]
                schema |= only | {"type": [kind, "null"]}
        for name, value in schema.items():
            if name not in ("example", "examples", "default", "enum", "const"):
                _slim(value)


def _share_parameters(document: dict[str, Any]) -> dict[str, Any]:
    """Puts references where many operations take the same parameter. Returns the shared ones by name."""
    takers = Counter(_text(item) for *_, operation in operations(document) for item in operation.get("parameters", ()))
    shared: dict[str, Any] = {}
    for *_, operation in operations(document):
        for index, item in enumerate(operation.get("parameters", ())):
            if takers[_text(item)] < SHARED_FROM:
                continue
            name = next((name for name, known in shared.items() if _text(known) == _text(item)), None)
            if name is None:
                name = item["name"] if item["name"] not in shared else f"{item['name']}-2"
                shared[name] = item
            operation["parameters"][index] = {"$ref": f"#/components/parameters/{name}"}
    return shared


def _text(parameter: dict[str, Any]) -> str:
    """What a parameter is, whatever its example."""
    return json.dumps({name: value for name, value in parameter.items() if name != "example"}, sort_keys=True)


def _problem() -> dict[str, Any]:
    field = {
        "type": "object",
        "required": ["field", "message"],
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
    }
    return {
        "title": PROBLEM,
        "type": "object",
        "description": "RFC 9457 problem details; docs/errors.md explains each `code` and the members it adds.",
        "required": ["type", "title", "status", "code", "detail", "invocation_id"],
        "properties": {
            "type": {"type": "string", "pattern": "^urn:evcharging:error:[a-z-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "enum": sorted({kind.code for kind in every_error()})},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": field, "description": "The fields that are wrong"},
            "invocation_id": {"type": "string"},
        },
    }
