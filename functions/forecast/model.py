"""From features to chances, and the ladder below: the model where a city's own days bear it out, the free-count table, the
last observation. No I/O but the table that ships."""

import json
import logging
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.forecast.features import FORECAST_FEATURES, FORECAST_HASH, FORECAST_VERSION, HORIZONS
from functions.optimizer.models.manifest import Expected
from functions.optimizer.models.policy import LoadedModel

log = logging.getLogger(__name__)
FORECAST_NAME = "availability-forecast"
FORECAST_PROBLEM = 1
"""Version of what is forecast: docs/forecast.md."""
FORECAST = Expected(FORECAST_NAME, FORECAST_PROBLEM, FORECAST_VERSION, FORECAST_FEATURES, FORECAST_HASH)
TABLE = Path(__file__).parent / "free_count.json"
"""P(one is free | points free now), by horizon, of the city the shipped model learnt from."""
WARM = 12
"""Steps a group must have been seen without a gap before the model may speak: the last hour is among its features."""


class Source(StrEnum):
    """The rung of the ladder a forecast comes from."""

    MODEL = "MODEL"
    """The published model, on states that are heard now."""
    TABLE = "TABLE"
    """There is no model that may serve, or none that the city's own days bear out at this horizon; or the group has no feed,
    or not for an hour yet."""
    LAST_OBSERVATION = "LAST_OBSERVATION"
    """The feed is silent: what was known when it was last heard. Or no point of the group can be used."""


@dataclass(frozen=True)
class Chances:
    """Of groups: chance that a point is free and expected busy share at each horizon, [G, horizons]."""

    p_free: np.ndarray
    occupancy: np.ndarray


class Ladder(BaseModel):
    """What a city's validation days made of a model, by horizon: where it is surely better than the city's own free-count
    table it serves, else the table does. A version's manifest carries it under metrics."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    p_free: tuple[Source, ...] = Field(min_length=len(HORIZONS), max_length=len(HORIZONS))
    """MODEL or TABLE for the chance that one is free"""
    occupancy: tuple[Source, ...] = Field(min_length=len(HORIZONS), max_length=len(HORIZONS))
    """likewise for the busy share, which the table leaves as it is now"""
    table: tuple[tuple[float, ...], ...] = Field(min_length=len(HORIZONS), max_length=len(HORIZONS))
    """the city's own P(one is free | 0, 1, 2 ... points are free now), by horizon"""

    def serves(self, model: Chances, table: Chances) -> Chances:
        """Of two answers to the same groups, at each horizon the one that is borne out."""
        by_model = [np.array([source is Source.MODEL for source in rungs]) for rungs in (self.p_free, self.occupancy)]
        return Chances(
            np.where(by_model[0], model.p_free, table.p_free), np.where(by_model[1], model.occupancy, table.occupancy)
        )


def ladder_of(metrics: dict[str, Any] | None) -> Ladder | None:
    """The ladder in a manifest's metrics; None where it has none that can be read: then the model is believed throughout, as
    versions before this had it."""
    if metrics is None or "ladder" not in metrics:
        return None
    try:
        return Ladder.model_validate(metrics["ladder"])
    except ValidationError as error:
        log.error("the forecast version's ladder is not readable: %s", error.errors()[0]["msg"])
        return None


def score(model: LoadedModel | None, inputs: np.ndarray) -> Chances | None:
    """The model's answer to features [G, F]; None where there is no model, it fails, or its answer is not chances."""
    if model is None or model.session is None:
        return None
    ahead = len(HORIZONS)
    try:
        (output,) = model.session.run(None, {"features": np.ascontiguousarray(inputs)})
    except Exception:
        log.exception("forecast model %s failed; the table answers", model.manifest.version)
        return None
    answer = np.asarray(output, dtype=np.float64)
    if answer.shape != (len(inputs), 2 * ahead) or not np.isfinite(answer).all():
        log.error("forecast model %s gave no chance to each group; the table answers", model.manifest.version)
        return None
    answer = np.clip(answer, 0.0, 1.0)
    return Chances(answer[:, :ahead], answer[:, ahead:])


@lru_cache(maxsize=1)
def shipped_table() -> np.ndarray:
    """P(one is free | 0, 1, 2 ... are free now), [horizons, counts]; the last count stands for all above."""
    p_free = json.loads(TABLE.read_text())["p_free"]
    return np.array([p_free[str(minutes)] for minutes in HORIZONS])


def by_table(table: np.ndarray, points: np.ndarray, free: np.ndarray, booked: np.ndarray) -> Chances:
    """The table's answer by usable points and free points now [G]; points that bookings claim at a horizon [G, horizons]
    are not free then."""
    left = np.clip(free[:, None] - booked, 0, None).astype(np.int64)
    p_free = table[np.arange(len(HORIZONS)), np.minimum(left, table.shape[1] - 1)]
    p_free = np.where((booked >= points[:, None]) & (points[:, None] > 0), 0.0, p_free)
    return Chances(p_free, 1.0 - left / np.maximum(points, 1)[:, None])


def by_last_observation(points: np.ndarray, free: np.ndarray, booked: np.ndarray) -> Chances:
    """As it was: a point is free if one was that no booking claims."""
    left = np.clip(free[:, None] - booked, 0, None)
    occupancy = np.where(points[:, None] > 0, 1.0 - left / np.maximum(points, 1)[:, None], 1.0)
    return Chances((left > 0).astype(np.float64), occupancy)
