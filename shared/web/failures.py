"""Which errors an operation may answer: what its route declares, and what its dependencies and parameters bring along.

A route says `responses=errors(SlotTaken, WrongState)`; a dependency is marked `@raises(Unauthenticated)`. The OpenAPI document
and the tests read both here; a test fails where an answer has a code that its operation does not declare.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.errors import (
    AppError,
    BadCursor,
    BadRequest,
    CommitUnknown,
    ConfirmationNeeded,
    Invalid,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    SlotTaken,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
    every_error,
)

F = TypeVar("F", bound=Callable[..., Any])
Responses = dict[int | str, dict[str, Any]]
ALWAYS = (AppError, Unavailable, TooManyRequests, Invalid)
"""What any operation may answer."""
OF_A_BODY = (BadRequest, PayloadTooLarge, UnsupportedMediaType, Invalid)
OF_PARAMETERS = {
    "cursor": (BadCursor,),
    "If-Match": (PreconditionFailed, PreconditionRequired),
    "confirmation": (ConfirmationNeeded, SlotTaken),
}
"""What comes with a parameter, by its name. A confirmed change moves bookings, which a race for a slot may prevent."""
KEY_HEADER = "Idempotency-Key"
"""Read by every route; told of by those that make something."""
_CODES = "x-codes"
_MARK = "__raises__"


def errors(*kinds: type[AppError]) -> Responses:
    """The `responses` of a route that may answer these errors, beside those of its dependencies and parameters."""
    statuses = sorted({kind.status for kind in kinds})
    return {status: {"description": "", _CODES: [kind.code for kind in kinds if kind.status == status]} for status in statuses}


def raises(*kinds: type[AppError]) -> Callable[[F], F]:
    """Marks a dependency with the errors it raises."""

    def mark(dependency: F) -> F:
        setattr(dependency, _MARK, kinds)
        return dependency

    return mark


def errors_of(route: APIRoute) -> set[type[AppError]]:
    """Every error that an operation may answer."""
    kinds: set[type[AppError]] = {*ALWAYS, *_declared(route)}
    body = route.body_field is not None or "requestBody" in (route.openapi_extra or {})
    if body:
        kinds |= set(OF_A_BODY)
    if route.methods != {"GET"}:
        kinds.add(CommitUnknown)
    for dependant in dependants(route.dependant):
        kinds |= set(getattr(dependant.call, _MARK, ()))
        if dependant.path_params:
            kinds |= {NotFound, Invalid}
        for parameter in (*dependant.query_params, *dependant.header_params):
            if parameter.alias != KEY_HEADER or route.methods == {"POST"}:
                kinds |= {Invalid, *OF_PARAMETERS.get(parameter.alias, ())}
    return kinds


def _declared(route: APIRoute) -> Iterator[type[AppError]]:
    known = {kind.code: kind for kind in every_error()}
    for response in route.responses.values():
        yield from (known[code] for code in response.get(_CODES, ()))


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    """A dependant and all it depends on."""
    yield dependant
    for child in dependant.dependencies:
        yield from dependants(child)
