"""HTTP of photos of locations: sent as bytes, decoded behind a bulkhead, served as pictures and nothing else."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from functions.operators import image_sanitizer, photos
from functions.operators.answers import created, edited, with_etag
from functions.operators.schemas import PhotoAdded, PhotoOut
from functions.stations.schemas import LocationOut, Text
from shared.errors import Conflict, IdempotencyKeyReused, Unavailable, WrongState
from shared.tx import Tx
from shared.web.bulkhead import Bulkhead, apart
from shared.web.call import Owner, Public, limited_caller
from shared.web.conditions import IfMatch, IfNoneMatch, etag_of
from shared.web.failures import errors
from shared.web.fields import one_line
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/stations", tags=["stations"])

DECODING = Bulkhead("photos", threads=1, waiting=6, busy="Too many photos are being looked at right now; send it again.")
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


@router.post(
    "/locations/{location_id}/photos",
    status_code=201,
    response_model=PhotoAdded,
    openapi_extra=PICTURE_BODY,
    dependencies=[limited_caller("photos")],
    responses=errors(Conflict, WrongState, IdempotencyKeyReused, Unavailable),
)
@apart(DECODING)
def add_photo(location_id: uuid.UUID, call: Owner, caption: Caption = None, if_match: IfMatch = None) -> Response:
    """Adds a photo: the body is a JPEG, PNG or WebP picture. It is painted anew, without EXIF; 10 a location."""
    first_answer = call.check(lambda tx: photos.check_room(tx=tx, location_id=location_id, if_match=if_match))
    if first_answer is not None:
        return with_etag(first_answer)
    picture = image_sanitizer.clean(call.body)
    with photos.stored(call.platform.blobs, picture) as photo_id:

        def make(tx: Tx) -> PhotoAdded:
            location, photo = photos.add_photo(
                tx=tx, location_id=location_id, photo_id=photo_id, picture=picture, caption=caption, if_match=if_match
            )
            return PhotoAdded(**PhotoOut.members(photo), etag=etag_of(location.version))

        response = created(call, make, location=f"stations/locations/{location_id}/photos/{{id}}")
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
    answer = edited(
        call,
        response,
        lambda tx: photos.remove_photo(tx=tx, location_id=location_id, photo_id=photo_id, if_match=if_match),
    )
    photos.forget(call.platform.blobs, [photo_id])
    return answer
