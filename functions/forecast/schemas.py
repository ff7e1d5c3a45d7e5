"""Answers about forecasts."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from functions.forecast.model import Source
from shared.web.fields import Output


class ForecastOut(Output):
    """What is expected of a location's points of one power class at an instant."""

    power_class: str
    horizon_minutes: int
    target_time: datetime
    p_free: float = Field(description="Probability that at least one point of the class is free then")
    occupancy: float = Field(description="Expected share of its points that are taken then")
    generated_at: datetime
    model_version: str | None = Field(description="The model's version; null where the table or the last observation answers")
    source: Source = Field(
        description="MODEL; TABLE where no model serves or the points are not heard (long enough); LAST_OBSERVATION where the "
        "feed is silent"
    )


class LocationForecast(Output):
    """The newest forecasts of a location."""

    location_id: uuid.UUID
    generated_at: datetime | None = Field(description="When the newest was made; null where none is current")
    items: list[ForecastOut]


class ForecastModel(Output):
    """The forecast model that serves; `refused` says why the store's pointer is not followed."""

    version: str | None
    loaded_at: datetime | None
    refused: str | None
    metrics: dict[str, Any] | None


class ReliabilityBin(Output):
    """Forecasts with p_free in [p_from, p_to): their mean, and the share that came true."""

    p_from: float
    p_to: float
    forecasts: int
    p_free_mean: float
    came_free: float


class ReliabilityRow(Output):
    """Forecasts of one horizon, rung and version: Brier score and expected calibration error of p_free, root mean squared
    error of the occupancy."""

    horizon_minutes: int
    source: Source
    model_version: str | None
    forecasts: int
    brier: float
    rmse: float
    ece: float
    bins: list[ReliabilityBin]


class Reliability(Output):
    """What was forecast since a day against what came true."""

    since: datetime
    generated_at: datetime
    model: ForecastModel
    items: list[ReliabilityRow]
