"""A batch of charge requests as arrays: what drivers ask of the decision core."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from functions.optimizer.core.objective import DEFAULT_WEIGHTS
from shared.energy import CONSUMPTION_KWH_PER_KM


@dataclass(frozen=True)
class Requests:
    """A batch of charge requests, one value a request: shapes [B], weights [B, 4].

    `soc_kwh` is what the battery holds at departure; `standards` a bit mask (city.standard_bits); `latest_min` and
    `radius_km` are infinite where the driver gave none; the charging curve, where the vehicles give one, is
    `curve_soc` and `curve_kw` [B, C] with rising states of charge (shares of 1). `to_latitude` and `to_longitude` are where
    drivers are going, where any say so; NaN of those who don't.
    """

    book_min: np.ndarray
    depart_min: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    soc_kwh: np.ndarray
    battery_kwh: np.ndarray
    need_kwh: np.ndarray
    vehicle_kw: np.ndarray
    standards: np.ndarray
    consumption: np.ndarray
    weights: np.ndarray
    latest_min: np.ndarray
    radius_km: np.ndarray
    env: np.ndarray
    curve_soc: np.ndarray | None = None
    curve_kw: np.ndarray | None = None
    to_latitude: np.ndarray | None = None
    to_longitude: np.ndarray | None = None

    @classmethod
    def build(cls, *, size: int, **values: object) -> "Requests":
        """A batch from arrays or single values; what is left out has its default. Raises ValueError (field named)."""
        defaults: dict[str, object] = {
            "consumption": CONSUMPTION_KWH_PER_KM,
            "weights": DEFAULT_WEIGHTS,
            "latest_min": np.inf,
            "radius_km": np.inf,
            "env": 0,
        }
        for name in ("need_kwh", "vehicle_kw", "battery_kwh", "consumption"):
            given = np.asarray(values.get(name, defaults.get(name)), dtype=np.float64)
            if not (np.isfinite(given) & (given > 0)).all():
                raise ValueError(f"{name}: must be a number above 0")
        made: dict[str, Any] = {}
        for name, value in (defaults | values).items():
            if value is None:
                continue
            kind = np.int64 if name in ("env", "standards") else np.float64
            array = np.asarray(value, dtype=kind)
            if name == "weights" or name.startswith("curve_"):
                made[name] = np.broadcast_to(array, (size, array.shape[-1]))
            else:
                made[name] = np.broadcast_to(array, (size,))
        return cls(**made)

    def __len__(self) -> int:
        return len(self.depart_min)

    def take(self, rows: np.ndarray) -> "Requests":
        """The requests at `rows`."""
        taken: dict[str, Any] = {name: None if value is None else value[rows] for name, value in vars(self).items()}
        return Requests(**taken)
