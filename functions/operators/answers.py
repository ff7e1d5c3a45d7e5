"""What the routes of operators share: the confirmation of what displaces bookings, and answers with the location's new ETag."""

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel

from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.schemas import LocationOut
from shared.tx import Tx
from shared.web.call import Call

Confirmation = Annotated[
    str | None,
    Query(max_length=64, description="The member `confirmation` of a 409 CONFIRMATION_NEEDED, to do what it lists"),
]


def full(tx: Tx, location: Location) -> LocationOut:
    return LocationOut.of(location, stations.tariffs_of(tx=tx, locations=[location]), now=tx.now, managed=True)


def edited(call: Call, response: Response, use_case: Callable[[Tx], Location]) -> LocationOut:
    """Runs an edit and answers with the location and its new ETag."""
    answer = call.write(lambda tx: full(tx, use_case(tx)))
    response.headers["ETag"] = answer.etag
    return answer


def created(call: Call, use_case: Callable[[Tx], BaseModel], *, location: str | None = None, status: int = 201) -> Response:
    """Runs a use case that creates (once, with an Idempotency-Key); the answer's `etag` is its header too."""
    return with_etag(call.create(use_case, location=location, status=status))


def with_etag(response: Response) -> Response:
    """The answer, its member `etag` as its header too."""
    response.headers["ETag"] = json.loads(bytes(response.body))["etag"]
    return response
