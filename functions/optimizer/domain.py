"""What a driver asks for and the states his charge request goes through. Pure."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.errors import WrongState


class ChargeRequestStatus(StrEnum):
    """The life of a charge request."""

    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    RESERVED = "RESERVED"
    UNSATISFIABLE = "UNSATISFIABLE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


_S = ChargeRequestStatus
TRANSITIONS: dict[ChargeRequestStatus, frozenset[ChargeRequestStatus]] = {
    _S.QUEUED: frozenset({_S.OFFERED, _S.RESERVED, _S.UNSATISFIABLE, _S.CANCELED, _S.FAILED}),
    _S.OFFERED: frozenset({_S.RESERVED, _S.CANCELED, _S.EXPIRED}),
    _S.RESERVED: frozenset({_S.CANCELED}),
    _S.UNSATISFIABLE: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.FAILED: frozenset(),
}


def check_transition(old: ChargeRequestStatus, new: ChargeRequestStatus) -> None:
    """Raises WrongState unless `new` may follow `old`."""
    if new not in TRANSITIONS[old]:
        raise WrongState(f"A charge request that is {old} cannot become {new}.", charge_request_status=old.value)


class Wish(BaseModel):
    """A charge request's wishes in full: defaults filled in, the vehicle's figures copied. Stored as JSON.

    `soc` is a share of 1; weights are those of PROBLEM.md's objective.
    """

    model_config = ConfigDict(frozen=True)

    latitude: float
    longitude: float
    earliest_departure: datetime
    latest_finish: datetime | None = None
    battery_kwh: float
    soc: float
    consumption_kwh_per_km: float
    max_power_kw: float
    standards: tuple[str, ...]
    energy_kwh: float
    weights: tuple[float, float, float, float]
    radius_km: float | None = None
    auto_book: bool = True


@dataclass(frozen=True)
class ChargeRequest:
    """A stored charge request."""

    id: uuid.UUID
    user_id: uuid.UUID
    vehicle_id: uuid.UUID | None
    status: ChargeRequestStatus
    wish: Wish
    booking_id: uuid.UUID | None
    decision: dict[str, Any] | None
    policy: str | None
    fallback: str | None
    reason: str | None
    explanation: str | None
    offer_expires_at: datetime | None
    decided_at: datetime | None
    created_at: datetime
    updated_at: datetime = field(repr=False)

    def at(self, now: datetime) -> "ChargeRequest":
        """As it is at `now`: an offer whose time has run out is EXPIRED, whether or not the timer has been."""
        lapsed = self.status is _S.OFFERED and self.offer_expires_at is not None and self.offer_expires_at <= now
        return replace(self, status=_S.EXPIRED) if lapsed else self
