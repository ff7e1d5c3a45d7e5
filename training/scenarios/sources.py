"""Where the figures of generated days are from: the research data, or the same kind of figures in the code."""

import csv
import json
import os
from pathlib import Path

import numpy as np

from cities.elaad import ARRIVAL_SHARES, NEED_DECILES_KWH
from shared.slots import SLOTS_AN_HOUR
from training.problem.scenario import DAY_SLOTS, HORIZON


def data_folder() -> Path:
    """Where the research data lies (EVCHARGING_DATA)."""
    return Path(os.environ.get("EVCHARGING_DATA", "../shared/data"))


def places(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, str]:
    """`count` stations of ST-EVCDP by seed: latitudes, longitudes, and where they are from."""
    path = data_folder() / "shenzhen_stations" / "stevcdp_stations.csv"
    rng = np.random.default_rng(seed)
    if not path.exists():
        return rng.uniform(22.50, 22.62, count), rng.uniform(113.95, 114.15, count), "generated stations"
    with path.open(encoding="utf-8-sig") as file:
        rows = [(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]
    inside = [(lat, lon) for lat, lon in rows if 22.50 <= lat <= 22.62 and 113.95 <= lon <= 114.15]
    chosen = rng.choice(len(inside), size=count, replace=False)
    points = np.array([inside[number] for number in chosen])
    return points[:, 0], points[:, 1], "ST-EVCDP stations (MIT)"


def time_of_use() -> tuple[np.ndarray, str]:
    """SCE TOU-EV-4 of March 2019, winter weekday, per kWh by slot over the horizon."""
    path = data_folder() / "tariffs" / "sce_tou_ev_4_march_2019.json"
    times, prices = [0, 8, 12, 18, 23], [0.06087, 0.07492, 0.0869, 0.07492, 0.06087]
    source = "SCE TOU-EV-4 (figures in the code)"
    if path.exists():
        schedule = json.loads(path.read_text())["schedule"]
        winter = next(item for item in schedule if item["id"] == "Winter-Weekday")
        times, prices, source = winter["times"], winter["tariffs"], "SCE TOU-EV-4 (acnportal, BSD-3)"
    hours = (np.arange(HORIZON) % DAY_SLOTS) // SLOTS_AN_HOUR
    return np.array([prices[np.searchsorted(times, hour, side="right") - 1] for hour in hours]), source


def elaad() -> tuple[np.ndarray, np.ndarray, str]:
    """ElaadNL's public charging: shares of arrivals [96], quantiles of need in kWh, and where the figures are from."""
    folder = data_folder() / "elaad_dists"
    if not folder.exists():
        arrival = np.repeat(ARRIVAL_SHARES, 4)
        need = np.interp(np.arange(101), np.arange(0, 101, 10), NEED_DECILES_KWH)
        return arrival / arrival.sum(), need, "ElaadNL public (hourly shares and deciles in the code)"
    with (folder / "distribution-of-arrival.csv").open(encoding="utf-8-sig") as file:
        arrival = np.array([float(row["public"]) for row in csv.DictReader(file)])
    with (folder / "distribution-of-energy-demand.csv").open(encoding="utf-8-sig") as file:
        need = np.array([float(row["public"]) for row in csv.DictReader(file)])
    return arrival / arrival.sum(), np.sort(need), "ElaadNL public (EV2Gym, MIT)"
