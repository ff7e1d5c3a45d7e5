"""Answers of the optimizer."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from functions.optimizer.domain import ChargeRequest as Record
from functions.optimizer.domain import ChargeRequestStatus, Offer
from functions.optimizer.explanations import decided_by
from functions.optimizer.needs import ChargingNeeds
from functions.stations.domain import PlaceSummary as Place
from functions.stations.schemas import PlaceSummary
from shared.web.fields import AsStored, Output


class Option(Output):
    """One way to charge, every term of its cost in units a person reads."""

    location_id: uuid.UUID
    location_name: str
    address: str
    connector: str
    power_class: str
    power_kw: float
    start: datetime
    end: datetime
    distance_km: float
    travel_minutes: float
    arrival: datetime
    wait_minutes: float
    duration_minutes: float
    price_minor: int
    currency: str
    cost: float
    cost_terms: dict[str, float]
    score: float | None
    why: str
    place: PlaceSummary | None = Field(None, description="Where it is, and its time zone")

    @classmethod
    def at(cls, offer: Offer, places: Mapping[uuid.UUID, Place]) -> "Option":
        """The answer for an offer at a place."""
        place = places.get(offer.location_id)
        option = cls.model_validate(offer)
        return option if place is None else option.model_copy(update={"place": PlaceSummary.model_validate(place)})


class Recommendations(Output):
    """The ranked list, who ranked it, and the reason where it is empty."""

    items: list[Option]
    policy: str
    fallback: str | None
    reason: str | None
    explanation: str | None
    generated_at: datetime


class DecisionSummary(Output):
    """What a decision came to, as it is stored with the charge request."""

    offers: list[Option]
    candidates: int = Field(description="Rows that were weighed")
    tried: int = Field(description="Offers that somebody else took first, and the one that was reserved")
    look: int = Field(description="How often the optimizer looked for candidates, each time farther")
    model_ms: float


class ChargeRequest(Output):
    """A charge request and what became of it. `decision` says what was weighed."""

    id: uuid.UUID
    status: ChargeRequestStatus
    booking_id: uuid.UUID | None
    reason: str | None
    explanation: str | None
    offers: list[Option]
    offer_expires_at: datetime | None
    expected_by: datetime | None = Field(description="While it is QUEUED: by when it is decided, or has FAILED")
    policy: str | None
    fallback: str | None
    decided_by: str | None = Field(description="The policy, and why where it is not the champion's network")
    decision: AsStored[DecisionSummary] | None
    wish: ChargingNeeds
    created_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, record: Record, places: Mapping[uuid.UUID, Place] | None = None) -> "ChargeRequest":
        """The answer for a stored charge request; `places` has the locations of its offers."""
        offers = record.offers if record.status is ChargeRequestStatus.OFFERED else []
        return cls(
            id=record.id,
            status=record.status,
            booking_id=record.booking_id,
            reason=record.reason,
            explanation=record.explanation,
            offers=[Option.at(offer, places or {}) for offer in offers],
            offer_expires_at=record.offer_expires_at,
            expected_by=record.expected_by if record.status is ChargeRequestStatus.QUEUED else None,
            policy=record.policy,
            fallback=record.fallback,
            decided_by=decided_by(record.policy, record.fallback),
            decision=record.decision,
            wish=record.needs,
            created_at=record.created_at,
            decided_at=record.decided_at,
        )


class WeighedLocation(Output):
    """A location of a decision's pools."""

    id: str
    name: str


class WeighedPool(Output):
    """A pool that was weighed; `location` indexes the decision's `locations`."""

    location: int
    connector: str
    power_class: str
    power_kw: float


class Columns(Output):
    """Every row that was weighed, cheapest first, in columns of equal length: `pool` indexes the decision's `pools`; `start`
    and `length` are slots of `slot_minutes` from its `begins_at` on, `begin_min` minutes from it (null in decisions on quarter
    hours, which began with their slot); `price` in major units, `km` by road; `score` is the
    policy's, higher is better."""

    pool: list[int]
    start: list[int]
    length: list[int]
    begin_min: list[float] | None = None
    wait_min: list[float]
    price: list[float]
    km: list[float]
    duration_min: list[float]
    terms: dict[str, list[float]]
    cost: list[float]
    score: list[float]


class Shadow(Output):
    """What the challenger would have chosen: a row of the decision's candidates."""

    version: str
    row: int
    cost: float
    score: float
    agrees: bool


class WholeDecision(Output):
    """All that was weighed for a charge request, by whom, and why it came out so. `chosen_row` is the row that was
    reserved, null where none was; it is not the best-scored one where that was taken meanwhile."""

    charge_request_id: uuid.UUID
    decided_at: datetime
    policy: str
    version: str | None
    fallback: str | None
    latency_ms: float
    deadline_ms: float
    look: int
    chosen_row: int | None
    why: str | None
    reason: str | None
    weights: dict[str, float]
    price_unit: float
    currency: str
    begins_at: datetime
    slot_minutes: int = 15
    locations: list[WeighedLocation]
    pools: list[WeighedPool]
    candidates: Columns
    shadow: Shadow | None


class Model(Output):
    """The policy that decides."""

    name: str
    version: str | None
    kind: str
    trained: bool
    loaded_at: datetime | None
    feature_version: int


class ModelUsage(Model):
    """The policy that decides and how often it did, and the challenger that is watched beside it. Counts are at most a minute
    old."""

    metrics: dict[str, Any] | None
    climatology_pools: int
    refused: str | None
    decisions_7d: int
    share_fallback_7d: float | None
    fallbacks_7d: dict[str, int]
    challenger: str | None
    challenger_refused: str | None
    shadowed_7d: int
    share_agreed_7d: float | None
