"""The OpenAPI document: what FastAPI derives, with the failures of every operation as they really are.

Every failure is a Problem (RFC 9457). Which statuses an operation may answer follows from what it takes: a token, a body,
a path parameter, a cursor, If-Match. A test sends what schemathesis makes of the document and compares.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from app.examples import add_examples
from shared.errors import every_error
from shared.web.call import PREFIX, public

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM = "Problem"
TITLES = {
    400: "The request cannot be understood",
    401: "No valid token",
    403: "The role does not allow it",
    404: "No such thing, or not one this account may see",
    409: "The state of things does not allow it",
    412: "It was changed meanwhile",
    413: "The body is too large",
    415: "The body is not of a type that is taken",
    422: "A field is wrong; `errors` names it",
    428: "If-Match is needed",
    429: "Too many requests",
    500: "A fault of ours",
    503: "A component is away for the moment",
}


def make_document(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once and kept."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        made["components"].setdefault("schemas", {})[PROBLEM] = _problem()
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        open_to_all, schemas = _public(app), made["components"]["schemas"]
        for path, method, operation in operations(made):
            _complete(operation, path=path, method=method, anonymous=(path, method) in open_to_all, schemas=schemas)
        add_examples(made, prefix=PREFIX)
        app.openapi_schema = made
    return app.openapi_schema


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of a document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _public(app: FastAPI) -> set[tuple[str, str]]:
    """(path, method) of the operations to which a token may come but need not."""
    found = set()
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and any(item.call is public for item in route.dependant.dependencies):
            found |= {(str(context.path), method.lower()) for method in context.methods or ()}
    return found


def _complete(operation: dict[str, Any], *, path: str, method: str, anonymous: bool, schemas: dict[str, Any]) -> None:
    parameters = operation.get("parameters", [])
    if method != "post":  # the header is read by every route and does something where things are made
        parameters = [item for item in parameters if item["name"] != "Idempotency-Key"]
        operation["parameters"] = parameters
    names = {item["name"].lower() for item in parameters}
    takes_token = bool(operation.get("security"))
    if takes_token and anonymous:
        operation["security"] = [{}, *operation["security"]]
    statuses = {500, 503}
    if takes_token:
        statuses |= {401} if anonymous else {401, 403}
    if "{" in path or _names_things(operation, schemas):
        statuses.add(404)
    if "cursor" in names:
        statuses.add(400)
    if "requestBody" in operation:
        statuses |= {400, 413, 415}
    if method != "get":
        statuses.add(409)
    if parameters or "requestBody" in operation:
        statuses.add(422)
    if "if-match" in names:
        statuses |= {412, 428}
    known = {kind.status for kind in every_error()}
    if 429 in known:
        statuses.add(429)
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted(statuses & known):
        responses.setdefault(str(status), {}).update(_failure(status))
    for status, response in responses.items():
        if not status.startswith(("2", "3")) and "content" not in response:
            response["content"] = _content()
        response.setdefault("headers", {})["X-Invocation-Id"] = {"schema": {"type": "string"}}
    operation["responses"] = dict(sorted(responses.items()))


def _names_things(operation: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether the body has the id of something that may not be there."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    names = [part.get("$ref", "").rpartition("/")[2] for part in (content, *content.get("anyOf", ()))]
    return any(field.endswith("_id") for name in names for field in schemas.get(name, {}).get("properties", ()))


def _failure(status: int) -> dict[str, Any]:
    failure: dict[str, Any] = {"description": TITLES[status], "content": _content()}
    if status == 503:
        failure["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return failure


def _content() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}


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
