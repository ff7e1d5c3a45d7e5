"""Charge requests, their states, and what is offered on them. Pure."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.optimizer.needs import ChargingNeeds
from shared.errors import WrongState


class ChargeRequestStatus(StrEnum):
    """The life of a charge request. Once something is reserved it follows its booking: FULFILLED, NO_SHOW, CANCELED."""

    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    RESERVED = "RESERVED"
    FULFILLED = "FULFILLED"
    NO_SHOW = "NO_SHOW"
    UNSATISFIABLE = "UNSATISFIABLE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


_S = ChargeRequestStatus
TRANSITIONS: dict[ChargeRequestStatus, frozenset[ChargeRequestStatus]] = {
    _S.QUEUED: frozenset({_S.OFFERED, _S.RESERVED, _S.UNSATISFIABLE, _S.CANCELED, _S.FAILED}),
    _S.OFFERED: frozenset({_S.RESERVED, _S.CANCELED, _S.EXPIRED}),
    _S.RESERVED: frozenset({_S.CANCELED, _S.FULFILLED, _S.NO_SHOW}),
    _S.FULFILLED: frozenset(),
    _S.NO_SHOW: frozenset(),
    _S.UNSATISFIABLE: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.FAILED: frozenset(),
}


def check_transition(old: ChargeRequestStatus, new: ChargeRequestStatus) -> None:
    """Raises WrongState unless `new` may follow `old`."""
    if new not in TRANSITIONS[old]:
        raise WrongState(f"A charge request that is {old} cannot become {new}.", charge_request_status=old.value)


@dataclass(frozen=True)
class Offer:
    """One way to charge as it is offered: every term of its cost in units that people read. Stored as JSON."""

    location_id: uuid.UUID
    location_name: str
    address: str
    """Street and city."""
    connector: str
    """The connector standard, OCPI's word."""
    power_class: str
    power_kw: float
    start: datetime
    end: datetime
    """Of the booking; charging may be over before."""
    distance_km: float
    """By road; with a destination the detour."""
    travel_minutes: float
    arrival: datetime
    wait_minutes: float
    """From the arrival to the start."""
    duration_minutes: float
    """How long charging takes."""
    price_minor: int
    """The expected price in minor units of `currency`."""
    currency: str
    cost: float
    """The objective's value: the sum of `cost_terms`."""
    cost_terms: dict[str, float]
    score: float
    """The policy's score; higher is better."""
    why: str
    """Why it stands where it does, as a sentence."""

    def to_json(self) -> dict[str, Any]:
        """As it is stored in a decision."""
        instants = {name: getattr(self, name).isoformat() for name in ("start", "end", "arrival")}
        return vars(self) | {"location_id": str(self.location_id)} | instants

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Offer":
        """Reads what `to_json` wrote."""
        instants = {name: datetime.fromisoformat(stored[name]) for name in ("start", "end", "arrival")}
        return cls(**stored | {"location_id": uuid.UUID(stored["location_id"])} | instants)


@dataclass(frozen=True)
class ChargeRequest:
    """A stored charge request."""

    id: uuid.UUID
    user_id: uuid.UUID
    vehicle_id: uuid.UUID | None
    """None: the driver gave figures instead of one of their vehicles."""
    status: ChargeRequestStatus
    needs: ChargingNeeds
    booking_id: uuid.UUID | None
    """The booking that is held or reserved."""
    decision: dict[str, Any] | None
    """What was offered and how it came about; None while it is not decided, or forgotten."""
    policy: str | None
    """The policy or rule that decided."""
    fallback: str | None
    """Why a rule decided instead of the champion."""
    reason: str | None
    """Why nothing is reserved: the decision core's word, LIMIT_REACHED, TOO_LATE, PLATFORM, OFFER_EXPIRED, OFFER_WITHDRAWN."""
    explanation: str | None
    """The choice or the reason as a sentence."""
    offer_expires_at: datetime | None
    expected_by: datetime | None
    """By when it is decided, or has failed; None of those that older code stored."""
    decided_at: datetime | None
    created_at: datetime
    updated_at: datetime = field(repr=False)
    wait_minutes: float | None = None
    """From the arrival to the start of what was given; None where nothing was, or older code decided."""
    saved_minutes: float | None = None
    """How much earlier charging is over than at the nearest place."""

    @property
    def offers(self) -> list[Offer]:
        """What the decision offers, the held one first."""
        return [Offer.from_json(stored) for stored in (self.decision or {}).get("offers", [])]

    def at(self, now: datetime) -> "ChargeRequest":
        """As it is at `now`: an offer whose time has run out is EXPIRED, whether or not the timer has been."""
        lapsed = self.status is _S.OFFERED and self.offer_expires_at is not None and self.offer_expires_at <= now
        return replace(self, status=_S.EXPIRED) if lapsed else self
