"""Payloads of payments."""

import uuid
from typing import Annotated

from pydantic import Field, model_validator

from shared.web.fields import Input, Instant


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
