"""HTTP of those who run locations: drafts, edits under If-Match, blocked times."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.operators import photos, service, tariffs
from functions.operators.answers import Confirmation, created, edited
from functions.operators.schemas import (
    BlockedTimeCreate,
    BlockedTimeMade,
    BlockedTimeOut,
    BookingTermsPut,
    EvseEdited,
    EvseUpdate,
    LocationUpdate,
    ManagedLocation,
    TariffPeriodOut,
    TariffPreviewOut,
    TermsInWords,
)
from functions.stations import service as stations
from functions.stations.enums import LocationStatus
from functions.stations.schemas import EvseCreate, LocationCreate, LocationOut, TariffsPut
from shared.errors import Conflict, IdempotencyKeyReused, WrongState
from shared.tx import Tx
from shared.web.call import Owner, Public
from shared.web.conditions import IfMatch
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/stations", tags=["stations"])


@router.get("/managed-locations", response_model=Page[ManagedLocation])
def list_managed_locations(
    call: Owner,
    status: LocationStatus | None = None,
    owner_id: uuid.UUID | None = None,
    proposed: Annotated[bool, Query(description="Only those of which a change waits for an administrator")] = False,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[ManagedLocation]:
    """Your locations in any state, newest first; administrators see all, or those of `owner_id`."""
    locations = call.read(
        lambda tx: stations.list_managed(
            tx=tx,
            status=status and status.value,
            owner_id=owner_id,
            proposed=proposed,
            before=cursor_id(cursor),
            limit=limit + 1,
        )
    )
    return page(locations, limit, ManagedLocation.of)


@router.post("/locations", status_code=201, response_model=LocationOut, responses=errors(Conflict, IdempotencyKeyReused))
def create_location(location_in: LocationCreate, call: Owner) -> Response:
    """Makes a draft; add EVSEs, tariffs and terms, then submit it, and an administrator approves it."""
    return created(
        call,
        lambda tx: LocationOut.of(stations.create_location(tx=tx, location_in=location_in), {}, now=tx.now),
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
    """Changes what is given. Hours that shrink concern bookings: 409 CONFIRMATION_NEEDED lists them first. Name, address and
    city of an approved place wait for an administrator; `proposed` in the answer says what does."""
    return edited(
        call,
        response,
        lambda tx: service.update_location(
            tx=tx, location_id=location_id, update=update, if_match=if_match, confirmation=confirmation
        ),
    )


@router.delete("/locations/{location_id}", status_code=204, responses=errors(WrongState))
def delete_location(location_id: uuid.UUID, call: Owner, if_match: IfMatch = None, confirmation: Confirmation = None) -> None:
    """Takes a location away for good. Bookings that stand are listed first (409), then ended at no cost to the driver."""
    photo_ids = call.write(
        lambda tx: service.delete_location(tx=tx, location_id=location_id, if_match=if_match, confirmation=confirmation)
    )
    photos.forget(call.platform.blobs, photo_ids)


@router.post(
    "/locations/{location_id}/evses",
    status_code=201,
    response_model=EvseEdited,
    responses=errors(Conflict, WrongState, IdempotencyKeyReused),
)
def add_evse(location_id: uuid.UUID, evse_in: EvseCreate, call: Owner, if_match: IfMatch = None) -> Response:
    """Adds an EVSE with its connectors. A removed EVSE of the same uid comes back."""
    return created(
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
    return edited(
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
    return edited(
        call,
        response,
        lambda tx: tariffs.put_tariffs(tx=tx, location_id=location_id, tariffs_in=tariffs_in, if_match=if_match),
    )


@router.post("/locations/{location_id}/tariffs/preview", response_model=TariffPreviewOut)
def preview_tariffs(location_id: uuid.UUID, tariffs_in: TariffsPut, call: Owner) -> TariffPreviewOut:
    """What these tariffs would have made of the last thirty days at your location, pool by pool: the same sessions, quoted and
    settled by them. Nobody says whether the same drivers would have come. Nothing is stored."""
    return TariffPreviewOut.model_validate(
        call.read(lambda tx: tariffs.preview(tx=tx, location_id=location_id, tariffs_in=tariffs_in))
    )


@router.get("/locations/{location_id}/tariffs", response_model=Page[TariffPeriodOut])
def list_tariffs(location_id: uuid.UUID, call: Owner, cursor: Cursor = None, limit: PageSize = 20) -> Page[TariffPeriodOut]:
    """Which tariff each pool had when, newest first."""

    def read(tx: Tx) -> Page[TariffPeriodOut]:
        periods = stations.tariff_history(tx=tx, location_id=location_id, before=cursor_id(cursor), limit=limit + 1)
        documents = stations.get_tariffs(tx=tx, tariff_ids=[period.tariff_id for period in periods])
        return page(periods, limit, lambda period: TariffPeriodOut.of(period, documents[period.tariff_id]))

    return call.read(read)


@router.put("/locations/{location_id}/booking-terms", response_model=LocationOut, responses=errors(WrongState))
def put_booking_terms(
    location_id: uuid.UUID, terms: BookingTermsPut, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Replaces the booking terms for bookings to come."""
    return edited(
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
    return created(
        call,
        lambda tx: BlockedTimeMade.of_edit(
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
    return page(blocked_times, limit, BlockedTimeOut.of)


@router.delete(
    "/locations/{location_id}/blocked-times/{blocked_time_id}", response_model=LocationOut, responses=errors(WrongState)
)
def unblock_time(
    location_id: uuid.UUID, blocked_time_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Ends a blocked time now, or takes it back before it begins."""
    return edited(
        call,
        response,
        lambda tx: service.unblock_time(tx=tx, location_id=location_id, blocked_time_id=blocked_time_id, if_match=if_match),
    )
