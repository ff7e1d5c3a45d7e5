"""Payloads and answers of the optimizer."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, Field, model_validator

from functions.optimizer.domain import ChargeRequest as Record
from functions.optimizer.domain import ChargeRequestStatus
from shared.web.fields import Input, Instant, Output

Share = Annotated[float, Field(ge=0, le=1, description="A share between 0 and 1")]


class Origin(Input):
    """Where the driver sets out, WGS-84 degrees."""

    latitude: float = Field(ge=-90, le=90, validation_alias=AliasChoices("latitude", "lat"), examples=[52.09])
    longitude: float = Field(ge=-180, le=180, validation_alias=AliasChoices("longitude", "lon"), examples=[5.12])


class Weights(Input):
    """What matters to the driver; the defaults are the platform's. Only their proportion counts: they are scaled to 1."""

    wait: float = Field(0.4, ge=0, le=1000, description="per hour of waiting")
    price: float = Field(0.3, ge=0, le=1000, description="per three median session prices of the city")
    distance: float = Field(0.2, ge=0, le=1000, description="per 10 km")
    duration: float = Field(0.1, ge=0, le=1000, description="per hour of charging")

    @model_validator(mode="after")
    def _something_matters(self) -> "Weights":
        if self.wait + self.price + self.distance + self.duration <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class RecommendationRequest(Input):
    """A wish to charge: which vehicle, from where, when, how much, and what matters."""

    vehicle_id: uuid.UUID | None = Field(None, description="One of yours; or give the vehicle's figures below")
    battery_kwh: Annotated[float, Field(ge=0.1, le=1000, examples=[60.0])] | None = None
    soc: Share = Field(description="State of charge when setting out", examples=[0.3])
    consumption_kwh_per_km: Annotated[float, Field(gt=0.01, le=5, examples=[0.18])] | None = Field(
        None, validation_alias=AliasChoices("consumption_kwh_per_km", "consumption")
    )
    connectors: (
        Annotated[list[Annotated[str, Field(min_length=1, max_length=32)]], Field(min_length=1, max_length=10)] | None
    ) = Field(
        None,
        validation_alias=AliasChoices("connectors", "connector_standards", "standards"),
        examples=[["IEC_62196_T2", "IEC_62196_T2_COMBO"]],
        description="OCPI ConnectorType words",
    )
    max_power_kw: Annotated[float, Field(ge=0.1, le=1000, examples=[100.0])] | None = None
    origin: Origin
    earliest_departure: Instant | None = Field(None, description="Unset: now")
    latest_finish: Instant | None = Field(None, description="Charging must be over by then")
    target_soc: Share | None = None
    energy_kwh: Annotated[float, Field(ge=0.1, le=1000, examples=[20.0])] | None = None
    weights: Weights = Weights()
    radius_km: Annotated[float, Field(gt=0, le=200)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "RecommendationRequest":
        if self.vehicle_id is None:
            needed = ("battery_kwh", "connectors", "max_power_kw")
            missing = [name for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"give vehicle_id, or {' and '.join(missing)}")
        if (self.target_soc is None) == (self.energy_kwh is None):
            raise ValueError("give either target_soc or energy_kwh")
        if self.target_soc is not None and self.target_soc <= self.soc:
            raise ValueError(f"target_soc: must be above soc ({self.soc})")
        return self


class ChargeRequestCreate(RecommendationRequest):
    """A wish to charge, to be decided and booked."""

    auto_book: bool = Field(True, description="Book the best at once; false: hold it for 2 minutes as an offer")


class Accept(Input):
    """Which offer is taken; 0 is the one that is held, the others are tried."""

    offer: int = Field(0, ge=0, le=20)


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


class Recommendations(Output):
    """The ranked list, who ranked it, and the reason where it is empty."""

    items: list[Option]
    policy: str
    fallback: str | None
    reason: str | None
    explanation: str | None
    generated_at: datetime


class ChargeRequest(Output):
    """A charge request and what became of it. `decision` says what was weighed."""

    id: uuid.UUID
    status: ChargeRequestStatus
    booking_id: uuid.UUID | None
    reason: str | None
    explanation: str | None
    offers: list[Option]
    offer_expires_at: datetime | None
    policy: str | None
    fallback: str | None
    decision: dict[str, Any] | None
    wish: dict[str, Any]
    created_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, record: Record) -> "ChargeRequest":
        """The answer for a stored charge request."""
        decision = record.decision or {}
        return cls(
            id=record.id,
            status=record.status,
            booking_id=record.booking_id,
            reason=record.reason,
            explanation=record.explanation,
            offers=decision.get("offers", []) if record.status is ChargeRequestStatus.OFFERED else [],
            offer_expires_at=record.offer_expires_at,
            policy=record.policy,
            fallback=record.fallback,
            decision=record.decision,
            wish=record.wish.model_dump(mode="json"),
            created_at=record.created_at,
            decided_at=record.decided_at,
        )


class Columns(Output):
    """Every row that was weighed, cheapest first, in columns of equal length: `pool` indexes the decision's `pools`; `start`
    and `length` are slots of 15 minutes from its `begins_at` on; `price` in major units, `km` by road; `score` is the
    policy's, higher is better."""

    pool: list[int]
    start: list[int]
    length: list[int]
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
    locations: list[dict[str, str]]
    pools: list[dict[str, Any]]
    candidates: Columns
    shadow: Shadow | None


class Model(Output):
    """The policy that decides and how often it did, and the challenger that is watched beside it."""

    name: str
    version: str | None
    kind: str
    trained: bool
    loaded_at: datetime | None
    feature_version: int
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
