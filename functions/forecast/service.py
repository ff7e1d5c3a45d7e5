"""Reading forecasts: of a location, of search results at an instant, and how reliable the last weeks' were."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.forecast import repository as repository
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
    for item in repository.of_locations(tx, [location.id], after=tx.now):
        key = (item.power_class, item.horizon_minutes)
        if key not in newest or newest[key].generated_at < item.generated_at:
            newest[key] = item
    found = [item for item in newest.values() if horizon in (None, item.horizon_minutes)]
    items = sorted(found, key=lambda item: (item.power_class, item.horizon_minutes))
    return LocationForecast(
        location_id=location.id,
        generated_at=max((item.generated_at for item in items), default=None),
        items=[ForecastOut.model_validate(item) for item in items],
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
    found: dict[tuple[uuid.UUID, str], Forecast] = {}
    if not location_ids:
        return found
    for item in repository.of_locations(tx, location_ids, after=at - NEAR, until=at + NEAR):
        key = (item.location_id, item.power_class)
        best = found.get(key)
        if best is None or _rank(item, at) < _rank(best, at):
            found[key] = item
    return found


def _rank(item: Forecast, at: datetime) -> tuple[timedelta, int]:
    return abs(item.target_time - at), item.horizon_minutes


def reliability(*, platform: Platform, weeks: int) -> Reliability:
    """How what was forecast in the last weeks compares with what came true, by horizon, rung and model version."""
    now = platform.clock.now()
    since = (now - timedelta(weeks=weeks)).replace(hour=0, minute=0, second=0, microsecond=0)
    groups: dict[tuple[int, str, str], list[Tally]] = {}
    for item in platform.read(lambda tx: repository.tallies_since(tx, since)):
        groups.setdefault((item.horizon_minutes, item.source, item.model_version), []).append(item)
    return Reliability(
        since=since,
        generated_at=now,
        model=describe_forecast(platform=platform),
        items=[_row(*key, tallies) for key, tallies in sorted(groups.items())],
    )


def _row(horizon: int, source: str, version: str, tallies: list[Tally]) -> ReliabilityRow:
    total = sum(item.forecasts for item in tallies)
    bins = [
        ReliabilityBin(
            p_from=item.bin / BINS,
            p_to=(item.bin + 1) / BINS,
            forecasts=item.forecasts,
            p_free_mean=item.p_free_sum / item.forecasts,
            came_free=item.came_free / item.forecasts,
        )
        for item in tallies
    ]
    return ReliabilityRow(
        horizon_minutes=horizon,
        source=Source(source),
        model_version=version or None,
        forecasts=total,
        brier=sum(item.brier_sum for item in tallies) / total,
        rmse=(sum(item.squared_error_sum for item in tallies) / total) ** 0.5,
        ece=sum(abs(item.p_free_sum - item.came_free) for item in tallies) / total,
        bins=bins,
    )


def describe_forecast(*, platform: Platform) -> ForecastModel:
    """The forecast model that serves, and why a later one does not."""
    source = forecast_registry(platform)
    model = source.current()
    if model is None:
        return ForecastModel(version=None, loaded_at=None, refused=source.refusal, metrics=None)
    found = model.manifest
    return ForecastModel(version=found.version, loaded_at=model.loaded_at, refused=source.refusal, metrics=found.metrics)
