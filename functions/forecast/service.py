"""Reading forecasts: of a location, of search results at an instant, and how reliable the last weeks' were."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.forecast import repository
from functions.forecast.features import HORIZONS, STEP_MINUTES
from functions.forecast.model import Source
from functions.forecast.repository import Forecast, Tally
from functions.forecast.schemas import ForecastModel, ForecastOut, LocationForecast, Reliability, ReliabilityBin, ReliabilityRow
from functions.forecast.sweep import BINS, forecast_registry
from functions.stations import service as stations
from shared.errors import Invalid
from shared.platform import Platform
from shared.tx import Tx

FARTHEST = timedelta(minutes=HORIZONS[-1])
NEAR = timedelta(minutes=STEP_MINUTES)
"""How far a forecast's instant may be from the one asked for; the nearest one counts."""


def forecast_of(*, tx: Tx, location_id: uuid.UUID, horizon: int | None) -> LocationForecast:
    """The newest forecast of each class of a location for each horizon, or one, of those for instants to come; none where
    the timer has made none in the last hour. Raises NotFound for a location that the caller may not see."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    newest: dict[tuple[str, int], Forecast] = {}
    for forecast in repository.of_locations(tx, [location.id], after=tx.now):
        key = (forecast.power_class, forecast.horizon_minutes)
        if key not in newest or newest[key].generated_at < forecast.generated_at:
            newest[key] = forecast
    wanted = [forecast for forecast in newest.values() if horizon in (None, forecast.horizon_minutes)]
    forecasts = sorted(wanted, key=lambda forecast: (forecast.power_class, forecast.horizon_minutes))
    return LocationForecast(
        location_id=location.id,
        generated_at=max((forecast.generated_at for forecast in forecasts), default=None),
        items=[ForecastOut.model_validate(forecast) for forecast in forecasts],
    )


def check_instant(*, tx: Tx, at: datetime, field: str) -> None:
    """Raises Invalid naming the field for an instant that no forecast is for."""
    if not tx.now <= at <= tx.now + FARTHEST:
        raise Invalid.one(
            field, f"must be within the next {HORIZONS[-1]} minutes; it is {tx.now.isoformat(timespec='seconds')}"
        )


def chances_at(*, tx: Tx, location_ids: Sequence[uuid.UUID], at: datetime) -> dict[tuple[uuid.UUID, str], Forecast]:
    """For each location and power class the forecast whose instant is nearest to `at`, the newest of those; absent where
    none is within NEAR."""
    nearest: dict[tuple[uuid.UUID, str], Forecast] = {}
    if not location_ids:
        return nearest
    for forecast in repository.of_locations(tx, location_ids, after=at - NEAR, until=at + NEAR):
        key = (forecast.location_id, forecast.power_class)
        best = nearest.get(key)
        if best is None or _rank(forecast, at) < _rank(best, at):
            nearest[key] = forecast
    return nearest


def _rank(forecast: Forecast, at: datetime) -> tuple[timedelta, int]:
    return abs(forecast.target_time - at), forecast.horizon_minutes


def reliability(*, platform: Platform, weeks: int) -> Reliability:
    """How what was forecast in the last weeks compares with what came true, by horizon, rung and model version."""
    now = platform.clock.now()
    since = (now - timedelta(weeks=weeks)).replace(hour=0, minute=0, second=0, microsecond=0)
    groups: dict[tuple[int, str, str], list[Tally]] = {}
    for tally in platform.read(lambda tx: repository.tallies_since(tx, since)):
        groups.setdefault((tally.horizon_minutes, tally.source, tally.model_version), []).append(tally)
    return Reliability(
        since=since,
        generated_at=now,
        model=describe_forecast(platform=platform),
        items=[_row(*key, tallies) for key, tallies in sorted(groups.items())],
    )


@dataclass(frozen=True)
class Accuracy:
    """How right forecasts were, of all horizons and rungs together; None where nothing came true yet."""

    forecasts: int
    brier: float | None
    """Mean squared error of the chance that a point is free."""
    rmse: float | None
    """Root mean squared error of the occupancy."""
    ece: float | None
    """Expected calibration error of the chance."""


def accuracy(*, tx: Tx, since: datetime, until: datetime) -> Accuracy:
    """Of what was forecast for the days in [since, until)."""
    tallies = repository.tallies_since(tx, since, until=until)
    total = sum(tally.forecasts for tally in tallies)
    if not total:
        return Accuracy(0, None, None, None)
    return Accuracy(
        forecasts=total,
        brier=sum(tally.brier_sum for tally in tallies) / total,
        rmse=(sum(tally.squared_error_sum for tally in tallies) / total) ** 0.5,
        ece=sum(abs(tally.p_free_sum - tally.came_free) for tally in tallies) / total,
    )


def _row(horizon: int, source: str, version: str, tallies: list[Tally]) -> ReliabilityRow:
    total = sum(tally.forecasts for tally in tallies)
    bins = [
        ReliabilityBin(
            p_from=tally.bin / BINS,
            p_to=(tally.bin + 1) / BINS,
            forecasts=tally.forecasts,
            p_free_mean=tally.p_free_sum / tally.forecasts,
            came_free=tally.came_free / tally.forecasts,
        )
        for tally in tallies
    ]
    return ReliabilityRow(
        horizon_minutes=horizon,
        source=Source(source),
        model_version=version or None,
        forecasts=total,
        brier=sum(tally.brier_sum for tally in tallies) / total,
        rmse=(sum(tally.squared_error_sum for tally in tallies) / total) ** 0.5,
        ece=sum(abs(tally.p_free_sum - tally.came_free) for tally in tallies) / total,
        bins=bins,
    )


def describe_forecast(*, platform: Platform) -> ForecastModel:
    """The forecast model that serves, and why a later one does not."""
    registry = forecast_registry(platform)
    model = registry.current()
    if model is None:
        return ForecastModel(version=None, loaded_at=None, refused=registry.refusal, metrics=None)
    manifest = model.manifest
    return ForecastModel(
        version=manifest.version, loaded_at=model.loaded_at, refused=registry.refusal, metrics=manifest.metrics
    )
