"""Payloads of payments."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, model_validator

from functions.booking.paying import PaymentState
from functions.payments import domain
from functions.payments.domain import Purpose
from functions.payments.repository import SavedCard
from shared.web.fields import Input, Instant, Output

ReturnPath = Annotated[
    str,
    Field(
        max_length=255,
        pattern=r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$",
        examples=["/bookings/7"],
        description="Where the provider's page leads back to: a path of the web application",
    ),
]


class QuoteRequest(Input):
    """A period at a pool to be priced."""

    location_id: uuid.UUID
    connector: Annotated[str, Field(min_length=1, max_length=32, examples=["IEC_62196_T2"])]
    power_class: Annotated[str, Field(max_length=16)] | None = None
    start: Instant
    duration_minutes: Annotated[int, Field(gt=0, le=1440)] | None = None
    energy_kwh: Annotated[float, Field(ge=0.1, le=1000)] | None = None
    max_power_kw: Annotated[float, Field(ge=0.1, le=1000)] | None = Field(None, description="What the vehicle takes")
    battery_kwh: Annotated[float, Field(ge=0.1, le=1000)] | None = Field(None, description="What its battery holds")
    energy_limit_kwh: Annotated[float, Field(ge=0.1, le=1000)] | None = Field(None, description="The most you accept")

    @model_validator(mode="after")
    def _says_how_long(self) -> "QuoteRequest":
        if self.duration_minutes is None and self.energy_kwh is None:
            raise ValueError("give duration_minutes or energy_kwh")
        return self


class SetupCreate(Input):
    """A page on which a card is saved."""

    return_url: ReturnPath


class PaymentSetup(Output):
    """The provider's page on which a card is saved."""

    url: str
    expires_at: datetime


class PaymentMethod(Output):
    """A saved card."""

    id: uuid.UUID
    brand: str
    last4: str
    expires: str = Field(description="YYYY-MM")
    is_default: bool

    @classmethod
    def of(cls, card: SavedCard) -> "PaymentMethod":
        """The answer for a stored card."""
        return cls(id=card.id, brand=card.brand, last4=card.last4, expires=card.expires, is_default=card.is_default)


class PaymentMethods(Output):
    """Your saved cards, the default first."""

    items: list[PaymentMethod]


class Pay(Input):
    """How a booking is paid for: by a saved card, or on the provider's page."""

    method_id: uuid.UUID | None = Field(None, description="A saved card; unset: the provider's page")
    return_url: ReturnPath


class Paying(Output):
    """How far a payment is."""

    state: PaymentState
    amount_minor: int
    currency: str
    pay_url: str | None = Field(description="The provider's page; null: nothing is left to do")
    mend_until: datetime | None = Field(description="Until when it must be paid; then the place goes")


class TransactionEvent(Output):
    """Something that happened to a payment."""

    type: domain.EventType
    amount_minor: int


class Transaction(Output):
    """A payment for a booking, minor units of `currency`."""

    id: uuid.UUID
    booking_id: uuid.UUID
    location_id: uuid.UUID
    kind: Purpose
    status: PaymentState
    currency: str
    asked_minor: int = Field(description="What is held, or to be")
    due_minor: int | None = Field(description="What must have been taken in the end; null: not known yet")
    held_minor: int
    captured_minor: int
    refunded_minor: int
    failure: str | None = Field(description="Why the card was declined last, in the provider's word")
    created_at: datetime
    last_updated: datetime

    @classmethod
    def of(cls, payment: domain.Payment) -> "Transaction":
        """The answer for a stored payment."""
        return cls(**_shown(payment))


class TransactionDetail(Transaction):
    """A payment with what happened to it."""

    events: list[TransactionEvent]

    @classmethod
    def with_events(cls, payment: domain.Payment, events: list[domain.PaymentEvent]) -> "TransactionDetail":
        """The answer for a stored payment."""
        happened = [TransactionEvent(type=event.type, amount_minor=event.amount_minor) for event in events]
        return cls(**_shown(payment), events=happened)


def _shown(payment: domain.Payment) -> dict[str, Any]:
    names = ("id", "booking_id", "location_id", "currency", "asked_minor", "due_minor", "held_minor", "captured_minor")
    more = {"kind": payment.purpose, "status": payment.state, "last_updated": payment.updated_at}
    later = {name: getattr(payment, name) for name in ("refunded_minor", "failure", "created_at")}
    return {name: getattr(payment, name) for name in names} | later | more
