"""What happens to money at the provider: one event for each thing that has moved there, told once by its `provider_ref`."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from functions.booking.events import BookingEvent
from shared.events import Event


@dataclass(frozen=True)
class MoneyMoved(Event):
    """Money that has moved at the provider. What it moved for is named by the booking, who it concerns by their ids."""

    payment_id: uuid.UUID
    booking_id: uuid.UUID
    owner_id: uuid.UUID
    """Who owns the place."""
    user_id: uuid.UUID
    """The driver."""
    currency: str
    amount_minor: int
    """Minor units of `currency` by ISO 4217, above 0."""
    provider_ref: str
    """The provider's id of the charge, refund, transfer, dispute or balance transaction: each is told of once, whatever the
    order and number of its webhooks."""
    at: datetime
    """When we knew of it, UTC."""


@dataclass(frozen=True)
class PaymentCaptured(MoneyMoved):
    """Money of a driver has been taken: `stripe → driver`."""

    TYPE: ClassVar[str] = "payment_captured"


@dataclass(frozen=True)
class PaymentRefunded(MoneyMoved):
    """Money has been paid back to a driver: granted by who bears it, and paid `driver → stripe`."""

    TYPE: ClassVar[str] = "payment_refunded"
    borne_by: str = "OWNER"
    """OWNER, PLATFORM where a broken promise is the platform's to pay for, or DRIVER where it is theirs already: a corrected
    bill took it back."""


@dataclass(frozen=True)
class TransferPaid(MoneyMoved):
    """An owner's share has been transferred to their account at the provider: `owner → stripe`."""

    TYPE: ClassVar[str] = "transfer_paid"


@dataclass(frozen=True)
class DisputeChanged(MoneyMoved):
    """A driver's bank has taken back a payment (OPENED), or the dispute is decided (WON, LOST)."""

    TYPE: ClassVar[str] = "dispute_changed"
    state: str = "OPENED"
    """OPENED, WON or LOST; with `provider_ref` it is told of once."""


@dataclass(frozen=True)
class ProviderFee(MoneyMoved):
    """The provider has kept its fee of a charge: `platform:costs → stripe`. `provider_ref` is its balance transaction."""

    TYPE: ClassVar[str] = "provider_fee"


@dataclass(frozen=True)
class StepDue(Event):
    """The provider is to be asked something, under the key of an attempt."""

    TYPE: ClassVar[str] = "payment_step_due"
    attempt_id: uuid.UUID


@dataclass(frozen=True)
class ProviderTold(Event):
    """A webhook came: what it names is to be read again at the provider."""

    TYPE: ClassVar[str] = "provider_told"
    event_id: str
    kind: str
    """The provider's type of event."""
    object_id: str


@dataclass(frozen=True)
class PaymentActionNeeded(BookingEvent):
    """A booking's driver is to pay: their card was declined, none is saved, or they owe for what they used."""

    TYPE: ClassVar[str] = "payment_action_needed"
    owed: bool = False
    """Whether it was used already."""
    amount_minor: int = 0
    """What is to be paid, minor units of the quote's currency."""
    mend_until: datetime | None = None
    """Until when; then the booking ends at no cost. None: it was used."""
