"""HTTP of the optimizer: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.optimizer import service
from functions.optimizer.domain import ChargeRequest as Record
from functions.optimizer.domain import ChargeRequestStatus
from functions.optimizer.payloads import Accept, ChargeRequestCreate, RecommendationRequest
from functions.optimizer.schemas import ChargeRequest, Model, ModelUsage, Recommendations, WholeDecision
from functions.stations import service as stations
from shared.errors import (
    Conflict,
    IdempotencyKeyReused,
    LimitReached,
    NotFound,
    PaymentNeeded,
    PriceNotKnown,
    SlotTaken,
    TermsChanged,
    WrongState,
)
from shared.tx import Tx
from shared.web.call import Admin, Public, SignedIn, counted_caller, limited_anyone, limited_caller
from shared.web.failures import errors
from shared.web.pagination import Page, PageSize, cursor_id, page
from shared.web.waiting import Prefer, waited_for

router = APIRouter(prefix="/optimizer", tags=["optimizer"])


@router.post(
    "/charge-requests",
    status_code=202,
    response_model=ChargeRequest,
    dependencies=[limited_caller("ask"), limited_caller("book")],
    responses=errors(NotFound, TermsChanged, IdempotencyKeyReused),
)
def create_charge_request(request_in: ChargeRequestCreate, call: SignedIn) -> Response:
    """Asks for a charge; the answer is QUEUED and its Location tells what became of it."""
    return call.create(
        lambda tx: ChargeRequest.of(service.create_charge_request(tx=tx, request_in=request_in)),
        status=202,
        location="optimizer/charge-requests/{id}",
    )


@router.get("/charge-requests", response_model=Page[ChargeRequest])
def list_charge_requests(
    call: SignedIn, cursor: Annotated[str | None, Query(max_length=200)] = None, limit: PageSize = 20
) -> Page[ChargeRequest]:
    """Your charge requests, newest first."""
    requests = call.read(lambda tx: service.list_charge_requests(tx=tx, before=cursor_id(cursor), limit=limit + 1))
    return page(requests, limit, ChargeRequest.of)


@router.get("/charge-requests/{request_id}", response_model=ChargeRequest)
async def get_charge_request(request_id: uuid.UUID, call: SignedIn, response: Response, prefer: Prefer = None) -> ChargeRequest:
    """What became of one of your charge requests. With `Prefer: wait=5` the answer to one that is not decided waits for its
    decision, so many seconds at most."""

    def read() -> ChargeRequest:
        return call.read(lambda tx: _answer(tx, service.get_owned(tx=tx, request_id=request_id)))

    request, applied = await waited_for(
        read, done=lambda answer: answer.status is not ChargeRequestStatus.QUEUED, prefer=prefer
    )
    if applied is not None:
        response.headers["Preference-Applied"] = f"wait={applied}"
    if request.status is ChargeRequestStatus.QUEUED:
        response.headers["Retry-After"] = "1"
    return request


def _answer(tx: Tx, request: Record) -> ChargeRequest:
    return ChargeRequest.of(request, stations.summaries(tx=tx, location_ids=[offer.location_id for offer in request.offers]))


@router.get("/charge-requests/{request_id}/decision", response_model=WholeDecision)
def get_decision(request_id: uuid.UUID, call: SignedIn) -> WholeDecision:
    """All that was weighed for one of your charge requests: every candidate, its terms, its score, and the reason."""
    return call.read(lambda tx: service.get_decision(tx=tx, request_id=request_id))


@router.post(
    "/charge-requests/{request_id}/accept",
    response_model=ChargeRequest,
    responses=errors(PaymentNeeded, SlotTaken, PriceNotKnown, TermsChanged, WrongState, LimitReached, IdempotencyKeyReused),
)
def accept_offer(request_id: uuid.UUID, call: SignedIn, accept: Accept | None = None) -> Response:
    """Takes an offer: the held one is confirmed; another is reserved if it is still free."""
    offer = (accept or Accept()).offer
    return call.create(lambda tx: _answer(tx, service.accept_offer(tx=tx, request_id=request_id, offer=offer)), status=200)


@router.post(
    "/charge-requests/{request_id}/cancel",
    response_model=ChargeRequest,
    dependencies=[counted_caller("book")],
    responses=errors(Conflict, WrongState, IdempotencyKeyReused),
)
def cancel_charge_request(request_id: uuid.UUID, call: SignedIn) -> Response:
    """Withdraws a charge request; what it held or booked is cancelled under the booking's terms."""
    return call.create(lambda tx: ChargeRequest.of(service.cancel_charge_request(tx=tx, request_id=request_id)), status=200)


@router.post(
    "/recommendations", response_model=Recommendations, dependencies=[limited_anyone("ask")], responses=errors(NotFound)
)
def recommend(
    request_in: RecommendationRequest, call: Public, limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> Recommendations:
    """The ranked list at once; nothing is held. Needs no account, unless it names a vehicle of yours; within your limits where
    you are signed in."""
    return service.recommend(platform=call.platform, actor=call.actor, request_in=request_in, limit=limit)


@router.get("/model", response_model=Model)
def get_model(call: Public) -> Model:
    """The policy that decides now."""
    return service.describe_model(platform=call.platform)


@router.get("/model/usage", response_model=ModelUsage)
def get_model_usage(call: Admin) -> ModelUsage:
    """How often the policy decided in a week and how often the rule did instead, and what its challenger would have chosen."""
    return call.read(lambda tx: service.model_usage(tx=tx, platform=call.platform))
