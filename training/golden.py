"""Golden vectors: 50 recorded states with candidates, costs and features to the last bit.  `python -m training.golden`.

They come from generated figures alone (no research data, no random generator of another library), so that every machine
can make and check them. Kilometres are rounded to the metre before use: that is where machines' sines could differ.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from functions.optimizer.core.candidates import Candidates, PoolRates, candidates
from functions.optimizer.core.city import STANDARD_BIT, City
from functions.optimizer.core.features import FEATURE_HASH, Climatology, features
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from shared.slots import SLOTS_A_QUARTER

PATH = Path(__file__).parents[1] / "tests" / "golden" / "decision_core_v2.npz"
STATES = 50
QUARTERS = 144
SLOTS = QUARTERS * SLOTS_A_QUARTER
STANDARDS = ("IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO")


class Lcg:
    """A 64-bit linear congruential generator (Knuth's MMIX constants): the same numbers everywhere, for ever."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def uniform(self, low: float, high: float, count: int) -> np.ndarray:
        """`count` numbers in [low, high)."""
        out = []
        for _ in range(count):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
            out.append(low + (high - low) * ((self.state >> 11) / 2**53))
        return np.array(out)

    def integers(self, high: int, count: int) -> np.ndarray:
        """`count` whole numbers below `high`."""
        return self.uniform(0, high, count).astype(np.int64)


def by_slot(quarters: np.ndarray) -> np.ndarray:
    """Values of quarter hours [..., P, QUARTERS] as those of slots [..., P, SLOTS]; each pool's quarters begin at another one,
    so that sessions meet every change."""
    slots = np.repeat(quarters, SLOTS_A_QUARTER, axis=-1)
    for pool in range(quarters.shape[-2]):
        slots[..., pool, :] = np.roll(slots[..., pool, :], pool % SLOTS_A_QUARTER, axis=-1)
    return slots


def setting() -> tuple[City, PoolRates, Climatology]:
    """The city of the golden states: 24 locations, one or two pools each."""
    rng = Lcg(7)
    locations, pools = 24, 36
    city = City.build(
        name="golden",
        time_zone="Europe/Amsterdam",
        currency="EUR",
        location_ids=[f"L{number}" for number in range(locations)],
        latitude=rng.uniform(52.0, 52.15, locations),
        longitude=rng.uniform(5.0, 5.25, locations),
        pool_location=[number % locations for number in range(pools)],
        pool_standard=[STANDARD_BIT[STANDARDS[number]] for number in rng.integers(3, pools).tolist()],
        pool_power_kw=np.array([7.4, 11.0, 22.0, 50.0, 150.0])[rng.integers(5, pools)],
        capacity=1 + rng.integers(4, pools),
        price_unit=12.0,
    )
    energy = rng.uniform(0.2, 0.7, pools)[:, None] * np.where(np.arange(SLOTS) % 288 < 96, 0.75, 1.0)
    hourly = np.where(rng.uniform(0, 1, pools) < 0.3, 1.2, 0.0)[:, None] * np.ones(SLOTS)
    rates = PoolRates.build(energy, hourly, np.where(rng.uniform(0, 1, pools) < 0.2, 0.5, 0.0))
    known = Climatology(
        *(by_slot(rng.uniform(0, high, pools * QUARTERS).reshape(pools, QUARTERS)) for high in (1.0, 2.0, 0.07))
    )
    return city, rates, known


def states() -> tuple[Requests, Occupancy]:
    """Fifty requests, each with an occupancy of its own."""
    city, _, _ = setting()
    rng = Lcg(11)
    pools = len(city.capacity)
    share = by_slot(rng.uniform(0, 1, STATES * pools * QUARTERS).reshape(STATES, pools, QUARTERS))
    load = rng.uniform(0.1, 1.3, STATES)[:, None, None]
    busy = np.minimum(np.floor(share * load * (city.capacity[:, None] + 1)), city.capacity[:, None]).astype(np.int64)
    opened = by_slot(rng.uniform(0, 1, STATES * pools * QUARTERS).reshape(STATES, pools, QUARTERS)) > 0.02
    book_min = rng.uniform(0, 600, STATES)
    battery = np.array([40.0, 60.0, 77.0])[rng.integers(3, STATES)]
    need = np.minimum(rng.uniform(4, 50, STATES), 0.7 * battery)
    masks = 1 + rng.integers(7, STATES)
    bits = [
        sum(1 << STANDARD_BIT[name] for index, name in enumerate(STANDARDS) if mask >> index & 1) for mask in masks.tolist()
    ]
    weights = rng.uniform(0, 1, STATES * 4).reshape(STATES, 4)
    bound = np.arange(STATES) % 4 == 1  # every fourth is going somewhere
    requests = Requests.build(
        size=STATES,
        book_min=book_min,
        depart_min=book_min + rng.uniform(0, 300, STATES),
        latitude=rng.uniform(51.98, 52.17, STATES),
        longitude=rng.uniform(4.95, 5.3, STATES),
        soc_kwh=np.where(rng.uniform(0, 1, STATES) < 0.1, 0.9, rng.uniform(3, 20, STATES)),
        battery_kwh=battery,
        need_kwh=need,
        vehicle_kw=np.array([11.0, 50.0, 100.0, 150.0])[rng.integers(4, STATES)],
        standards=bits,
        consumption=rng.uniform(0.14, 0.24, STATES),
        weights=weights / weights.sum(axis=1, keepdims=True),
        latest_min=np.where(rng.uniform(0, 1, STATES) < 0.3, book_min + rng.uniform(60, 500, STATES), np.inf),
        radius_km=np.where(rng.uniform(0, 1, STATES) < 0.3, rng.uniform(0.5, 8, STATES), np.inf),
        env=np.arange(STATES),
        to_latitude=np.where(bound, rng.uniform(51.0, 55.0, STATES), np.nan),
        to_longitude=np.where(bound, rng.uniform(5.0, 5.2, STATES), np.nan),
    )
    return requests, Occupancy(busy, opened, 75.0)


def compute() -> dict[str, np.ndarray]:
    """Candidates, costs and features of the golden states, as this code finds them."""
    city, rates, known = setting()
    requests, occupancy = states()
    rows = candidates(city, requests, occupancy, rates)
    seen = features(city, requests, occupancy, rows, known)
    vectors = {field.name: getattr(rows, field.name) for field in fields(Candidates)}
    return vectors | {"features": seen}


def load() -> dict[str, Any]:
    """The recorded vectors."""
    with np.load(PATH, allow_pickle=False) as stored:
        return dict(stored)


def main() -> None:
    """Records the vectors anew; a change of them is a new problem version."""
    vectors = compute()
    PATH.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"feature_hash": np.array(FEATURE_HASH), **vectors}
    np.savez_compressed(PATH, **arrays)
    summary = {"states": STATES, "rows": int(vectors["mask"].sum()), "without": int((vectors["reason"] >= 0).sum())}
    print(f"{PATH}: {json.dumps(summary)}")


if __name__ == "__main__":
    main()
