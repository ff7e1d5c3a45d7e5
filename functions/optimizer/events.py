"""What happens to charge requests."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from functions.booking.events import BookingSnapshot
from shared.events import Event


@dataclass(frozen=True)
class ChargeRequested(Event):
    """A charge request is stored and waits for its decision."""

    TYPE: ClassVar[str] = "charge_requested"
    charge_request_id: uuid.UUID


@dataclass(frozen=True)
class ChargeRequestOffered(Event):
    """A place is held for the driver until `expires_at`, unless they accept it before."""

    TYPE: ClassVar[str] = "charge_request_offered"
    user_id: uuid.UUID
    charge_request_id: uuid.UUID
    offer: BookingSnapshot
    expires_at: datetime


@dataclass(frozen=True)
class ChargeRequestUnsatisfiable(Event):
    """Nothing could be reserved; `reason` is the decision core's word, `explanation` the sentence of then."""

    TYPE: ClassVar[str] = "charge_request_unsatisfiable"
    user_id: uuid.UUID
    charge_request_id: uuid.UUID
    reason: str
    explanation: str | None = None


@dataclass(frozen=True)
class ChargeRequestFailed(ChargeRequestUnsatisfiable):
    """The platform could not decide it: nothing was weighed, nothing is reserved, and nothing will be."""

    TYPE: ClassVar[str] = "charge_request_failed"


@dataclass(frozen=True)
class ChargeRequestExpired(Event):
    """The offer was not accepted in time, and its place is free again; or the operator took the place away."""

    TYPE: ClassVar[str] = "charge_request_expired"
    user_id: uuid.UUID
    charge_request_id: uuid.UUID
    reason: str = "OFFER_EXPIRED"
