"""Cities small enough to be worked out by hand: stations in a row, one slow and one fast, and requests beside them."""

from dataclasses import dataclass, replace

import numpy as np

from functions.optimizer.core.candidates import PoolRates
from functions.optimizer.core.city import STANDARD_BIT, City
from functions.optimizer.core.requests import Requests
from training.problem.scenario import CCS, HORIZON, Scenario


@dataclass(frozen=True)
class NoDemand:
    """No demand of its own: the tests bring their requests."""

    def day(self, city: City, seed: int, count: int) -> Requests:
        raise NotImplementedError

    def weekend(self, _seed: int, /) -> bool:
        return False

    def arrays(self) -> tuple[np.ndarray, ...]:
        return ()


def tiny(capacity: tuple[int, ...] = (1, 1), *, power: tuple[float, ...] = (22.0, 50.0)) -> Scenario:
    """Stations 1.1 km apart on a meridian, 0.3 and 0.5 a kWh in turn, open all day."""
    count = len(capacity)
    city = City.build(
        name="tiny",
        time_zone="UTC",
        currency="USD",
        location_ids=[f"station-{number}" for number in range(count)],
        latitude=22.5 + 0.01 * np.arange(count),
        longitude=np.full(count, 114.0),
        pool_location=np.arange(count),
        pool_standard=np.full(count, STANDARD_BIT[CCS]),
        pool_power_kw=np.array(power[:count]),
        capacity=np.array(capacity),
    )
    energy = np.broadcast_to(np.where(np.arange(count) % 2, 0.5, 0.3)[:, None], (count, HORIZON)).copy()
    return Scenario("tiny", "by hand", city, PoolRates.build(energy), NoDemand(), 1, np.ones((count, HORIZON), dtype=bool))


def requests(depart_min: list[float], *, need_kwh: object = 18.0, latitude: object = 22.5, lead_min: float = 30.0) -> Requests:
    """Requests that leave at these minutes from beside the first station and were booked `lead_min` before."""
    depart = np.array(depart_min)
    return Requests.build(
        size=len(depart),
        book_min=np.maximum(0.0, depart - lead_min),
        depart_min=depart,
        latitude=latitude,
        longitude=114.0,
        soc_kwh=20.0,
        battery_kwh=60.0,
        need_kwh=need_kwh,
        vehicle_kw=100.0,
        standards=1 << STANDARD_BIT[CCS],
    )


def one_evse_a_pool(scenario: Scenario) -> Scenario:
    """The scenario with a single EVSE in each pool."""
    return replace(scenario, city=replace(scenario.city, capacity=np.ones_like(scenario.city.capacity)))
