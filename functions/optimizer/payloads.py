"""Payloads of the optimizer: what drivers ask for."""

import uuid
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from shared.web.fields import Input, Instant, old_names

Share = Annotated[float, Field(ge=0, le=1, description="A share between 0 and 1")]


class Origin(Input):
    """Where the driver sets out, WGS-84 degrees."""

    model_config = ConfigDict(json_schema_extra=old_names(lat="latitude", lon="longitude"))

    latitude: float = Field(ge=-90, le=90, validation_alias=AliasChoices("latitude", "lat"), examples=[52.09])
    longitude: float = Field(ge=-180, le=180, validation_alias=AliasChoices("longitude", "lon"), examples=[5.12])


class Destination(Origin):
    """Where the driver is going, WGS-84 degrees."""


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
    destination: Destination | None = Field(
        None, description="Charge on the way there: distance is then the detour, and the battery must last to the end"
    )
    earliest_departure: Instant | None = Field(None, description="Unset: now")
    latest_finish: Instant | None = Field(None, description="Charging must be over by then")
    target_soc: Share | None = None
    energy_kwh: Annotated[float, Field(ge=0.1, le=1000, examples=[20.0])] | None = None
    energy_limit_kwh: Annotated[float, Field(ge=0.1, le=1000)] | None = Field(
        None, description="The most you accept to be delivered: it bounds the total of the booking's quote"
    )
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
    join_waitlist: bool = Field(
        False, description="Where all is full wait for it: what becomes free in this time is held for you, and you are told"
    )


class Accept(Input):
    """Which offer is taken; 0 is the one that is held, the others are tried."""

    offer: int = Field(0, ge=0, le=20)
