"""HTTP of bookings: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.booking import access, cancellations, moves, promises, relocations, service, sessions
from functions.booking.answers import answer
from functions.booking.domain import BookingFilter, ReservationRequest
from functions.booking.schemas import (
    Access,
    Booking,
    BookingCancel,
    BookingCreate,
    BookingReschedule,
    CancellationCost,
    From,
    MovePreview,
    Period,
    Promises,
    PromiseWeek,
    SessionStart,
    SessionStop,
    Statuses,
    To,
)
from functions.stations import service as stations
from functions.stations.domain import PlaceSummary
from shared.errors import (
    Conflict,
    IdempotencyKeyReused,
    LimitReached,
    NotFound,
    PaymentNeeded,
    PriceNotKnown,
    SlotTaken,
    TermsChanged,
    TermsRefuse,
    WrongState,
)
from shared.tx import Tx
from shared.web.call import Admin, SignedIn, counted_caller, limited_caller
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/booking", tags=["booking"])


@router.post(
    "/bookings",
    status_code=201,
    response_model=Booking,
    dependencies=[limited_caller("book")],
    responses=errors(NotFound, TermsChanged, PaymentNeeded, SlotTaken, PriceNotKnown, LimitReached, IdempotencyKeyReused),
)
def create_booking(booking_in: BookingCreate, call: SignedIn) -> Response:
    """Books a place at a location. Where its terms ask for payment it is held until that is made (`payment`).

    409 SLOT_TAKEN comes with the nearest alternatives in time and place."""
    assert call.actor.id is not None
    request = ReservationRequest(
        user_id=call.actor.id,
        location_id=booking_in.location_id,
        standard=booking_in.connector,
        start=booking_in.start,
        duration_minutes=booking_in.duration_minutes,
        energy_kwh=booking_in.energy_kwh,
        energy_limit_kwh=booking_in.energy_limit_kwh,
        power_class=booking_in.power_class,
        vehicle_id=booking_in.vehicle_id,
    )

    def reserve(tx: Tx) -> Booking:
        booking, location = service.reserve_at(tx=tx, request=request)
        return Booking.of(booking, {location.id: PlaceSummary.of(location)})

    return call.create(reserve, location="booking/bookings/{id}")


@router.get("/bookings", response_model=Page[Booking])
def list_bookings(
    call: SignedIn,
    status: Statuses = (),
    location_id: uuid.UUID | None = None,
    vehicle_id: uuid.UUID | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Booking]:
    """Your bookings, newest first; by state, location, vehicle, or those that touch a period."""
    wanted = BookingFilter(tuple(status), location_id, vehicle_id, from_, to)

    def read(tx: Tx) -> Page[Booking]:
        bookings = service.list_bookings(tx=tx, wanted=wanted, before=cursor_id(cursor), limit=limit + 1)
        places = stations.summaries(tx=tx, location_ids=[booking.location_id for booking in bookings])
        return page(bookings, limit, lambda booking: Booking.of(booking, places))

    return call.read(read)


@router.get("/bookings/{booking_id}", response_model=Booking)
def get_booking(booking_id: uuid.UUID, call: SignedIn) -> Booking:
    """One of your bookings."""
    return call.read(lambda tx: answer(tx, service.get_owned(tx=tx, booking_id=booking_id)))


@router.get("/bookings/{booking_id}/cancellation", response_model=CancellationCost, responses=errors(NotFound, WrongState))
def get_cancellation_cost(booking_id: uuid.UUID, call: SignedIn) -> CancellationCost:
    """What it would cost its driver to cancel the booking now, and until when it is free. Nothing is changed."""
    return CancellationCost.model_validate(call.read(lambda tx: cancellations.cost_of_cancelling(tx=tx, booking_id=booking_id)))


@router.post(
    "/bookings/{booking_id}/reschedule/preview",
    response_model=MovePreview,
    dependencies=[limited_caller("ask")],
    responses=errors(NotFound, SlotTaken, PriceNotKnown, TermsRefuse, WrongState, LimitReached),
)
def preview_reschedule(booking_id: uuid.UUID, booking_in: BookingReschedule, call: SignedIn) -> MovePreview:
    """What the booking would be after a move, with its price, or why it cannot be moved so. Nothing is moved or held."""

    def move(tx: Tx) -> MovePreview:
        before = service.get_owned(tx=tx, booking_id=booking_id)
        moved = moves.reschedule_booking(
            tx=tx,
            booking_id=booking_id,
            start=booking_in.start,
            duration_minutes=booking_in.duration_minutes,
            energy_limit_kwh=booking_in.energy_limit_kwh,
        )
        fees = moved.quote.fees
        return MovePreview(
            period=Period(start=moved.start, end=moved.end),
            energy_kwh=moved.energy_kwh,
            quote=moved.quote,
            difference_minor=moved.quote.total_minor - before.quote.total_minor,
            cancel_free_until=None if moved.late_since is not None or tx.now > moved.cancel_until else moved.cancel_until,
            late_cancel_minor=None if fees is None else fees.late_cancel_minor,
        )

    return call.preview(move)


@router.post(
    "/bookings/{booking_id}/reschedule",
    response_model=Booking,
    dependencies=[limited_caller("book")],
    responses=errors(SlotTaken, PriceNotKnown, TermsRefuse, WrongState, LimitReached, IdempotencyKeyReused),
)
def reschedule_booking(booking_id: uuid.UUID, booking_in: BookingReschedule, call: SignedIn) -> Response:
    """Moves a booking in time. Where the new period is taken the booking stands as it was."""
    return call.create(
        lambda tx: answer(
            tx,
            moves.reschedule_booking(
                tx=tx,
                booking_id=booking_id,
                start=booking_in.start,
                duration_minutes=booking_in.duration_minutes,
                energy_limit_kwh=booking_in.energy_limit_kwh,
            ),
        ),
        status=200,
    )


@router.post(
    "/bookings/{booking_id}/cancel",
    response_model=Booking,
    dependencies=[counted_caller("book")],
    responses=errors(WrongState, IdempotencyKeyReused),
)
def cancel_booking(booking_id: uuid.UUID, call: SignedIn, cancel: BookingCancel | None = None) -> Response:
    """Cancels a booking and frees its slot. After the terms' time it costs what they say; after the start it is a NO_SHOW. An
    administrator's cancel is the operator's side's and free."""
    reason = (cancel or BookingCancel()).reason
    return call.create(
        lambda tx: answer(tx, cancellations.cancel_booking(tx=tx, booking_id=booking_id, reason=reason)), status=200
    )


@router.post(
    "/bookings/{booking_id}/decline-move", response_model=Booking, responses=errors(NotFound, WrongState, IdempotencyKeyReused)
)
def decline_move(booking_id: uuid.UUID, call: SignedIn) -> Response:
    """Declines a booking that came in the place of one whose charger failed, until `decline_until`: it ends at no cost, with
    the credit that its terms name."""
    return call.create(lambda tx: answer(tx, relocations.decline_move(tx=tx, booking_id=booking_id)), status=200)


@router.post(
    "/bookings/{booking_id}/start",
    response_model=Booking,
    responses=errors(Conflict, SlotTaken, TermsRefuse, WrongState, IdempotencyKeyReused),
)
def start_session(booking_id: uuid.UUID, call: SignedIn, start: SessionStart | None = None) -> Response:
    """Says that you are at your EVSE. Where its feed lives the reservation is fulfilled once the station says that you charge,
    within five minutes; else at once. Where the EVSE is not to be had you get another of its kind, which the answer names, or
    409 SLOT_TAKEN with alternatives."""
    seen = start or SessionStart()

    def begin(tx: Tx) -> Booking:
        started = sessions.start_session(tx=tx, booking_id=booking_id, vacant=seen.vacant, occupied=seen.occupied)
        return answer(tx, started)

    return call.create(begin, status=200)


@router.post("/bookings/{booking_id}/stop", response_model=Booking, responses=errors(WrongState, IdempotencyKeyReused))
def stop_session(booking_id: uuid.UUID, call: SignedIn, stop: SessionStop | None = None) -> Response:
    """Says that you are done. Where the EVSE's feed lives the station ends the session; else it ends now, and the price is the
    one that was expected. What you read at the charger is kept and not priced."""
    claimed = None if stop is None else stop.energy_kwh
    return call.create(
        lambda tx: answer(tx, sessions.stop_session(tx=tx, booking_id=booking_id, claimed_kwh=claimed)), status=200
    )


@router.get("/bookings/{booking_id}/access", response_model=Access, responses=errors(NotFound, WrongState))
def get_access(booking_id: uuid.UUID, call: SignedIn) -> Access:
    """How you get to your EVSE, with your access code where there is one: from when the EVSE is told until the session ends."""
    way = call.read(lambda tx: access.access_of(tx=tx, booking_id=booking_id))
    return Access(
        methods=list(way.methods), access_code=way.access_code, valid_from=way.valid_from, valid_until=way.valid_until
    )


@router.get("/promises", response_model=Promises)
def get_promises(call: Admin, weeks: Annotated[int, Query(ge=1, le=53)] = 8) -> Promises:
    """How many bookings kept their promise, week by week, the present one first: whether anybody else was still at the EVSE
    after the start, and what the operator's side ended. For administrators."""
    by_week = call.read(lambda tx: promises.by_week(tx=tx, weeks=weeks))
    return Promises(weeks=[PromiseWeek.model_validate(week) for week in by_week])
