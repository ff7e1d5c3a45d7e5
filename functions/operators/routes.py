"""HTTP of those who run locations: drafts, edits under If-Match, photos, blocked times, submissions and their fate."""

import json
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel

from functions.operators import image_sanitizer, photos, service, submissions
from functions.operators.schemas import (
    BlockedTimeCreate,
    BlockedTimeMade,
    BlockedTimeOut,
    BookingTermsPut,
    EvseEdited,
    EvseUpdate,
    LocationUpdate,
    ManagedLocation,
    PhotoAdded,
    PhotoOut,
    ReasonIn,
    SubmissionOut,
    TariffPeriodOut,
    TermsInWords,
)
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.enums import LocationStatus
from functions.stations.schemas import EvseCreate, LocationCreate, LocationOut, TariffsPut, Text
from shared.errors import Conflict, IdempotencyKeyReused, Unavailable, WrongState
from shared.tx import Tx
from shared.web.call import Admin, Call, Owner, Public
from shared.web.conditions import IfMatch, IfNoneMatch, etag_of
from shared.web.failures import errors
from shared.web.fields import one_line
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page, page_by

router = APIRouter(prefix="/stations", tags=["stations"])

Confirmation = Annotated[
    str | None,
    Query(max_length=64, description="The member `confirmation` of a 409 CONFIRMATION_NEEDED, to do what it lists"),
]
Caption = Annotated[Annotated[Text, AfterValidator(one_line)] | None, Query(description="Of the photo")]
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in image_sanitizer.MEDIA_TYPES},
    }
}
PHOTO_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "You have it already (If-None-Match)"},
}


def _full(tx: Tx, location: Location) -> LocationOut:
    return LocationOut.of(location, stations.tariffs_of(tx=tx, location=location))


def _edited(call: Call, response: Response, use_case: Callable[[Tx], Location]) -> LocationOut:
    """Runs an edit and answers with the location and its new ETag."""
    edited = call.write(lambda tx: _full(tx, use_case(tx)))
    response.headers["ETag"] = edited.etag
    return edited


def _created(call: Call, use_case: Callable[[Tx], BaseModel], *, location: str | None = None, status: int = 201) -> Response:
    """Runs a use case that creates (once, with an Idempotency-Key); the answer's `etag` is its header too."""
    return _with_etag(call.create(use_case, location=location, status=status))


def _with_etag(response: Response) -> Response:
    response.headers["ETag"] = json.loads(bytes(response.body))["etag"]
    return response


@router.get("/managed-locations", response_model=Page[ManagedLocation])
def list_managed_locations(
    call: Owner,
    status: LocationStatus | None = None,
    owner_id: uuid.UUID | None = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[ManagedLocation]:
    """Your locations in any state, newest first; administrators see all, or those of `owner_id`."""
    locations = call.read(
        lambda tx: stations.list_managed(
            tx=tx, status=status and status.value, owner_id=owner_id, before=cursor_id(cursor), limit=limit + 1
        )
    )
    return page(locations, limit, ManagedLocation.of)


@router.post("/locations", status_code=201, response_model=LocationOut, responses=errors(Conflict, IdempotencyKeyReused))
def create_location(location_in: LocationCreate, call: Owner) -> Response:
    """Makes a draft; add EVSEs, tariffs and terms, then submit it, and an administrator approves it."""
    return _created(
        call,
        lambda tx: LocationOut.of(stations.create_location(tx=tx, location_in=location_in)),
        location="stations/locations/{id}",
    )


@router.patch("/locations/{location_id}", response_model=LocationOut, responses=errors(WrongState))
def update_location(
    location_id: uuid.UUID,
    update: LocationUpdate,
    call: Owner,
    response: Response,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> LocationOut:
    """Changes what is given. Hours that shrink concern bookings: 409 CONFIRMATION_NEEDED lists them first."""
    return _edited(
        call,
        response,
        lambda tx: service.update_location(
            tx=tx, location_id=location_id, update=update, if_match=if_match, confirmation=confirmation
        ),
    )


@router.delete("/locations/{location_id}", status_code=204, responses=errors(WrongState))
def delete_location(location_id: uuid.UUID, call: Owner, if_match: IfMatch = None, confirmation: Confirmation = None) -> None:
    """Takes a location away for good. Bookings that stand are listed first (409), then ended at no cost to the driver."""
    gone = call.write(
        lambda tx: service.delete_location(tx=tx, location_id=location_id, if_match=if_match, confirmation=confirmation)
    )
    photos.forget(call.platform.blobs, gone)


@router.post(
    "/locations/{location_id}/evses",
    status_code=201,
    response_model=EvseEdited,
    responses=errors(Conflict, WrongState, IdempotencyKeyReused),
)
def add_evse(location_id: uuid.UUID, evse_in: EvseCreate, call: Owner, if_match: IfMatch = None) -> Response:
    """Adds an EVSE with its connectors. A removed EVSE of the same uid comes back."""
    return _created(
        call,
        lambda tx: EvseEdited.of(*service.add_evse(tx=tx, location_id=location_id, evse_in=evse_in, if_match=if_match)),
    )


@router.patch("/locations/{location_id}/evses/{evse_id}", response_model=EvseEdited, responses=errors(WrongState))
def update_evse(
    location_id: uuid.UUID,
    evse_id: uuid.UUID,
    update: EvseUpdate,
    call: Owner,
    response: Response,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> EvseEdited:
    """Replaces the connectors of an EVSE. Bookings of what goes are listed first (409), then moved or cancelled."""
    evse = call.write(
        lambda tx: EvseEdited.of(
            *service.update_evse(
                tx=tx, location_id=location_id, evse_id=evse_id, update=update, if_match=if_match, confirmation=confirmation
            )
        )
    )
    response.headers["ETag"] = evse.etag
    return evse


@router.delete("/locations/{location_id}/evses/{evse_id}", response_model=LocationOut, responses=errors(WrongState))
def remove_evse(
    location_id: uuid.UUID,
    evse_id: uuid.UUID,
    call: Owner,
    response: Response,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> LocationOut:
    """Removes an EVSE. Its bookings are listed first (409), then moved within the pool or cancelled."""
    return _edited(
        call,
        response,
        lambda tx: service.remove_evse(
            tx=tx, location_id=location_id, evse_id=evse_id, if_match=if_match, confirmation=confirmation
        ),
    )


@router.put("/locations/{location_id}/tariffs", response_model=LocationOut, responses=errors(WrongState))
def put_tariffs(
    location_id: uuid.UUID, tariffs_in: TariffsPut, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Replaces the tariffs (OCPI) of the location's pools. Bookings made keep their quote."""
    return _edited(
        call,
        response,
        lambda tx: service.put_tariffs(tx=tx, location_id=location_id, tariffs_in=tariffs_in, if_match=if_match),
    )


@router.get("/locations/{location_id}/tariffs", response_model=Page[TariffPeriodOut])
def list_tariffs(location_id: uuid.UUID, call: Owner, cursor: Cursor = None, limit: PageSize = 20) -> Page[TariffPeriodOut]:
    """Which tariff each pool had when, newest first."""

    def read(tx: Tx) -> Page[TariffPeriodOut]:
        periods = stations.tariff_history(tx=tx, location_id=location_id, before=cursor_id(cursor), limit=limit + 1)
        tariffs = stations.get_tariffs(tx=tx, tariff_ids=[period.tariff_id for period in periods])
        return page(periods, limit, lambda period: TariffPeriodOut.of(period, tariffs[period.tariff_id]))

    return call.read(read)


@router.put("/locations/{location_id}/booking-terms", response_model=LocationOut, responses=errors(WrongState))
def put_booking_terms(
    location_id: uuid.UUID, terms: BookingTermsPut, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Replaces the booking terms for bookings to come."""
    return _edited(
        call,
        response,
        lambda tx: service.put_booking_terms(tx=tx, location_id=location_id, terms=terms, if_match=if_match),
    )


@router.get("/locations/{location_id}/booking-terms", response_model=TermsInWords)
def get_booking_terms(location_id: uuid.UUID, call: Public) -> TermsInWords:
    """The booking terms of a location, in plain sentences too."""
    return TermsInWords.of(*call.read(lambda tx: stations.terms_in_words(tx=tx, location_id=location_id)))


@router.post("/locations/{location_id}/booking-terms/preview", response_model=TermsInWords)
def preview_booking_terms(location_id: uuid.UUID, terms: BookingTermsPut, call: Owner) -> TermsInWords:
    """What a driver would read of these terms. Nothing is stored."""
    return TermsInWords.of(*call.read(lambda tx: stations.terms_in_words(tx=tx, location_id=location_id, terms=terms)))


@router.post(
    "/locations/{location_id}/blocked-times",
    status_code=201,
    response_model=BlockedTimeMade,
    responses=errors(Conflict, WrongState, IdempotencyKeyReused),
)
def block_time(
    location_id: uuid.UUID,
    block_in: BlockedTimeCreate,
    call: Owner,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> Response:
    """Takes an EVSE or the whole location out of booking for a time. Bookings then are listed first (409)."""
    return _created(
        call,
        lambda tx: BlockedTimeMade.of(
            *service.block_time(tx=tx, location_id=location_id, block_in=block_in, if_match=if_match, confirmation=confirmation)
        ),
    )


@router.get("/locations/{location_id}/blocked-times", response_model=Page[BlockedTimeOut])
def list_blocked_times(
    location_id: uuid.UUID, call: Owner, past: bool = False, cursor: Cursor = None, limit: PageSize = 20
) -> Page[BlockedTimeOut]:
    """The blocked times of a location; with `past` those that have ended too."""
    blocked_times = call.read(
        lambda tx: service.list_blocked_times(
            tx=tx, location_id=location_id, past=past, after=cursor_id(cursor), limit=limit + 1
        )
    )
    return page(blocked_times, limit, BlockedTimeOut.model_validate)


@router.delete(
    "/locations/{location_id}/blocked-times/{blocked_time_id}", response_model=LocationOut, responses=errors(WrongState)
)
def unblock_time(
    location_id: uuid.UUID, blocked_time_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Ends a blocked time now, or takes it back before it begins."""
    return _edited(
        call,
        response,
        lambda tx: service.unblock_time(tx=tx, location_id=location_id, blocked_time_id=blocked_time_id, if_match=if_match),
    )


@router.post(
    "/locations/{location_id}/photos",
    status_code=201,
    response_model=PhotoAdded,
    openapi_extra=PICTURE_BODY,
    responses=errors(Conflict, WrongState, IdempotencyKeyReused),
)
def add_photo(location_id: uuid.UUID, call: Owner, caption: Caption = None, if_match: IfMatch = None) -> Response:
    """Adds a photo: the body is a JPEG, PNG or WebP picture. It is painted anew, without EXIF; 10 a location."""
    first_answer = call.check(lambda tx: photos.check_room(tx=tx, location_id=location_id, if_match=if_match))
    if first_answer is not None:
        return _with_etag(first_answer)
    picture = image_sanitizer.clean(call.body)
    with photos.stored(call.platform.blobs, picture) as photo_id:

        def make(tx: Tx) -> PhotoAdded:
            location, photo = photos.add_photo(
                tx=tx, location_id=location_id, photo_id=photo_id, picture=picture, caption=caption, if_match=if_match
            )
            return PhotoAdded(**PhotoOut.members(photo), etag=etag_of(location.version))

        response = _created(call, make, location=f"stations/locations/{location_id}/photos/{{id}}")
    if "Idempotency-Replayed" in response.headers:
        photos.forget(call.platform.blobs, [photo_id])
    return response


@router.get("/locations/{location_id}/photos", response_model=Page[PhotoOut])
def list_photos(location_id: uuid.UUID, call: Public, cursor: Cursor = None, limit: PageSize = 20) -> Page[PhotoOut]:
    """The photos of a location."""
    stored = call.read(lambda tx: photos.list_photos(tx=tx, location_id=location_id, after=cursor_id(cursor), limit=limit + 1))
    return page(stored, limit, PhotoOut.of)


@router.get("/locations/{location_id}/photos/{photo_id}", response_class=Response, responses=PHOTO_ANSWER)
def get_photo(
    location_id: uuid.UUID,
    photo_id: uuid.UUID,
    call: Public,
    size: Literal["full", "thumbnail"] = "full",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A photo as JPEG."""
    location, _ = call.read(lambda tx: photos.get_visible(tx=tx, location_id=location_id, photo_id=photo_id))
    headers = photos.headers_of(location, photo_id, size)
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    stored = call.platform.blobs.read(photos.blob_name(photo_id, size))
    if stored is None:
        raise Unavailable("The picture is not there right now; try again in a moment.")
    return Response(stored[0], media_type="image/jpeg", headers=headers)


@router.delete("/locations/{location_id}/photos/{photo_id}", response_model=LocationOut, responses=errors(WrongState))
def remove_photo(
    location_id: uuid.UUID, photo_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Deletes a photo."""
    edited = _edited(
        call,
        response,
        lambda tx: photos.remove_photo(tx=tx, location_id=location_id, photo_id=photo_id, if_match=if_match),
    )
    photos.forget(call.platform.blobs, [photo_id])
    return edited


@router.post("/locations/{location_id}/submit", response_model=LocationOut, responses=errors(WrongState))
def submit_location(location_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Hands a draft, or what was rejected, to the administrators. Until they decide it cannot be changed."""
    return _edited(call, response, lambda tx: submissions.submit(tx=tx, location_id=location_id, if_match=if_match))


@router.post("/locations/{location_id}/withdraw", response_model=LocationOut, responses=errors(WrongState))
def withdraw_location(location_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Takes a submission back; the location is a draft again."""
    return _edited(call, response, lambda tx: submissions.withdraw(tx=tx, location_id=location_id, if_match=if_match))


@router.get("/locations/{location_id}/submissions", response_model=Page[SubmissionOut])
def list_submissions(location_id: uuid.UUID, call: Owner, cursor: Cursor = None, limit: PageSize = 20) -> Page[SubmissionOut]:
    """What was submitted, newest first, each with what differs from the submission before it, field by field."""

    def read(tx: Tx) -> Page[SubmissionOut]:
        before = cursor_id(cursor)
        submitted = submissions.list_submissions(tx=tx, location_id=location_id, before=before, limit=limit + 1)
        return page_by(submitted, limit, lambda row: SubmissionOut.of(*row), position=lambda row: (str(row[0].id),))

    return call.read(read)


@router.post("/locations/{location_id}/approve", response_model=LocationOut, responses=errors(WrongState))
def approve_location(location_id: uuid.UUID, call: Admin, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Lets a submitted location be searched and booked. If-Match is held where it is sent."""
    return _edited(call, response, lambda tx: submissions.approve(tx=tx, location_id=location_id, if_match=if_match))


@router.post("/locations/{location_id}/reject", response_model=LocationOut, responses=errors(WrongState))
def reject_location(
    location_id: uuid.UUID, why: ReasonIn, call: Admin, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Sends a submission back; the owner reads the reason."""
    return _edited(
        call,
        response,
        lambda tx: submissions.reject(tx=tx, location_id=location_id, reason=why.reason, if_match=if_match),
    )


@router.post("/locations/{location_id}/suspend", response_model=LocationOut, responses=errors(WrongState))
def suspend_location(
    location_id: uuid.UUID,
    why: ReasonIn,
    call: Admin,
    response: Response,
    if_match: IfMatch = None,
    confirmation: Confirmation = None,
) -> LocationOut:
    """Takes an approved location out of search and booking. Bookings there are listed first (409), then cancelled at no
    cost to the driver; sessions that run go on."""
    return _edited(
        call,
        response,
        lambda tx: submissions.suspend(
            tx=tx, location_id=location_id, reason=why.reason, if_match=if_match, confirmation=confirmation
        ),
    )


@router.post("/locations/{location_id}/lift", response_model=LocationOut, responses=errors(WrongState))
def lift_suspension(location_id: uuid.UUID, call: Admin, response: Response, if_match: IfMatch = None) -> LocationOut:
    """Ends a suspension."""
    return _edited(call, response, lambda tx: submissions.lift(tx=tx, location_id=location_id, if_match=if_match))
