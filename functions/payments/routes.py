"""HTTP of payments: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from functions.booking.paying import PaymentState
from functions.booking.quotes import quote_for
from functions.payments import checkout, methods, transactions, webhooks
from functions.payments.domain import Purpose
from functions.payments.repository import PaymentFilter
from functions.payments.schemas import (
    Pay,
    Paying,
    PaymentMethod,
    PaymentMethods,
    PaymentSetup,
    QuoteRequest,
    SetupCreate,
    Transaction,
    TransactionDetail,
)
from functions.tariffs.quotes import Quote
from shared.errors import Conflict, NotFound, PaymentDeclined, PriceNotKnown, SlotTaken, WrongState
from shared.web.call import Anonymous, Public, SignedIn, limited, limited_caller
from shared.web.failures import errors
from shared.web.fields import Instant
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/payments", tags=["payments"])


@router.post(
    "/quotes", response_model=Quote, dependencies=[limited("search")], responses=errors(NotFound, SlotTaken, PriceNotKnown)
)
def quote(quote_in: QuoteRequest, call: Public) -> Quote:
    """What a booking is expected to cost, what it costs at most, element by element, and its fees. Nothing is held."""
    return call.read(
        lambda tx: quote_for(
            tx=tx,
            location_id=quote_in.location_id,
            standard=quote_in.connector,
            power_class=quote_in.power_class,
            start=quote_in.start,
            duration_minutes=quote_in.duration_minutes,
            energy_kwh=quote_in.energy_kwh,
            vehicle_kw=quote_in.max_power_kw,
            battery_kwh=quote_in.battery_kwh,
            energy_limit_kwh=quote_in.energy_limit_kwh,
        )
    )


@router.post("/setups", status_code=201, response_model=PaymentSetup, dependencies=[limited_caller("book")])
def set_up_method(setup_in: SetupCreate, call: SignedIn) -> PaymentSetup:
    """Opens the provider's page on which you save a card; no card number ever comes here."""
    page = methods.set_up(platform=call.platform, actor=call.actor, return_url=setup_in.return_url)
    return PaymentSetup(url=page.url, expires_at=page.expires_at)


@router.get("/methods", response_model=PaymentMethods)
def list_methods(call: SignedIn) -> PaymentMethods:
    """Your saved cards, the default first."""
    cards = call.read(lambda tx: methods.list_cards(tx=tx))
    return PaymentMethods(items=[PaymentMethod.of(card) for card in cards])


@router.put("/methods/{method_id}/default", response_model=PaymentMethod)
def make_method_default(method_id: uuid.UUID, call: SignedIn) -> PaymentMethod:
    """Makes a card the one that is charged first."""
    return PaymentMethod.of(call.write(lambda tx: methods.make_default(tx=tx, method_id=method_id)))


@router.delete("/methods/{method_id}", status_code=204, responses=errors(Conflict))
def remove_method(method_id: uuid.UUID, call: SignedIn) -> None:
    """Forgets a card, here and at the provider. 409 where a booking counts on it."""
    methods.remove(platform=call.platform, actor=call.actor, method_id=method_id)


@router.post(
    "/bookings/{booking_id}/pay",
    response_model=Paying,
    dependencies=[limited_caller("book")],
    responses=errors(PaymentDeclined, WrongState),
)
def pay_booking(booking_id: uuid.UUID, pay_in: Pay, call: SignedIn) -> Paying:
    """Pays for a booking of yours by a saved card, or opens the provider's page (`pay_url`); asked again the same."""
    paying = checkout.pay(
        platform=call.platform,
        actor=call.actor,
        booking_id=booking_id,
        method_id=pay_in.method_id,
        return_url=pay_in.return_url,
    )
    return Paying.model_validate(paying)


@router.get("/transactions", response_model=Page[Transaction])
def list_transactions(
    call: SignedIn,
    from_: Annotated[Instant | None, Query(alias="from", description="Begin of the period")] = None,
    to: Annotated[Instant | None, Query(description="End of the period")] = None,
    kind: Purpose | None = None,
    status: PaymentState | None = None,
    booking_id: uuid.UUID | None = None,
    location_id: uuid.UUID | None = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Transaction]:
    """Payments, newest first: a driver's own, an owner's at their locations, an administrator's of all."""
    wanted = PaymentFilter(from_, to, kind, status, booking_id, location_id)
    before = cursor_id(cursor)
    payments = call.read(lambda tx: transactions.list_payments(tx=tx, wanted=wanted, before=before, limit=limit + 1))
    return page(payments, limit, Transaction.of)


@router.get("/transactions/{payment_id}", response_model=TransactionDetail)
def get_transaction(payment_id: uuid.UUID, call: SignedIn) -> TransactionDetail:
    """One payment with what happened to it."""
    payment, events = call.read(lambda tx: transactions.get_visible(tx=tx, payment_id=payment_id))
    return TransactionDetail.with_events(payment, events)


@router.post("/webhooks/stripe", status_code=204, response_class=Response, include_in_schema=False)
def take_webhook(call: Anonymous, signature: Annotated[str, Header(alias="Stripe-Signature", max_length=4096)]) -> Response:
    """For the payment provider alone: what it signs is kept, and handled in the queue."""
    webhooks.take(platform=call.platform, body=call.body, signature=signature)
    return Response(status_code=204)
