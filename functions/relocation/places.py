"""Where a booking whose charger has failed may go: the decision core's own rows around the old place, with the shift of its
start in the place of the wait."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from functions.booking.domain import Booking
from functions.booking.relocations import LOCATIONS_AT_ONCE, NewPlace
from functions.optimizer import rebooking
from functions.optimizer.core.candidates import Candidates, candidates
from functions.optimizer.core.objective import DEFAULT_WEIGHTS, cost_terms, total
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.surroundings import Surroundings, reach_km, requests_of, surroundings_of
from functions.stations.domain import Location
from shared.energy import CONSUMPTION_KWH_PER_KM
from shared.geo import great_circle_km
from shared.slots import slot_start
from shared.tx import Tx

SHIFT = timedelta(minutes=15)
"""How far the start may move."""
MINUTE = timedelta(minutes=1)
BATTERY_KWH = 1000.0
"""How far the vehicle gets is no matter within RELOCATE_KM: the core is given a battery that gets everywhere."""


def places_for(tx: Tx, booking: Booking, location: Location) -> list[NewPlace]:
    """The places for a booking of a location, best first, each location once, LOCATIONS_AT_ONCE at most.

    The same connector, power and energy no less, a start within SHIFT, at most RELOCATE_KM away and, where a charge request
    tells from where its driver comes, within their reach.
    """
    needs = _needs(tx, booking, location)
    around = surroundings_of(tx, needs)
    requests = requests_of(needs, tx.now)
    rows = candidates(around.city, requests, around.occupancy, around.rates, whole_minutes=True)
    origin = slot_start(around.slot0)
    shift = np.abs(rows.begin_min[0] - (booking.start - origin) / MINUTE)
    cost = _cost(requests.weights, rows, shift, around)
    fits = rows.mask[0] & (shift <= SHIFT / MINUTE + 1e-9)
    best: dict[uuid.UUID, NewPlace] = {}
    reach = _Reach.of(tx, booking)
    for row in np.argsort(cost, kind="stable"):
        pool, there = around.pools[int(rows.pool[0, row])], around.locations[int(rows.location[0, row])]
        if not fits[row] or there.id in best or not _strong_enough(booking, pool.power_kw) or not reach.has(there):
            continue
        km = great_circle_km(location.latitude, location.longitude, there.latitude, there.longitude)
        start = origin + timedelta(minutes=round(float(rows.begin_min[0, row])))
        best[there.id] = NewPlace(there.id, pool.power_class, start, km)
        if len(best) == LOCATIONS_AT_ONCE:
            break
    return list(best.values())


def _needs(tx: Tx, booking: Booking, location: Location) -> ChargingNeeds:
    return ChargingNeeds(
        latitude=location.latitude,
        longitude=location.longitude,
        earliest_departure=max(tx.now, booking.start - SHIFT),
        battery_kwh=max(BATTERY_KWH, booking.energy_kwh),
        soc=1.0,
        consumption_kwh_per_km=CONSUMPTION_KWH_PER_KM,
        max_power_kw=booking.vehicle_kw or booking.power_kw,
        standards=(booking.standard,),
        energy_kwh=max(0.1, booking.energy_kwh),
        weights=DEFAULT_WEIGHTS,
        radius_km=tx.settings.relocate_km,
    )


def _cost(weights: np.ndarray, rows: Candidates, shift_min: np.ndarray, around: Surroundings) -> np.ndarray:
    """The objective of each row, [K]: waiting is the shift of the start, whichever way."""
    cost: np.ndarray = total(
        cost_terms(
            weights,
            wait_h=shift_min[None, :] / 60.0,
            price=rows.price,
            km=rows.km,
            duration_h=rows.duration_min / 60.0,
            price_unit=around.city.price_unit,
        )
    )[0]
    return np.where(rows.mask[0], cost, np.inf)


def _strong_enough(booking: Booking, power_kw: float) -> bool:
    """Whether a pool charges this vehicle no slower than the old one."""
    most = booking.vehicle_kw or float("inf")
    return min(power_kw, most) >= min(booking.power_kw, most) - 1e-9


@dataclass(frozen=True)
class _Reach:
    """From where a driver comes and how far they get, where their charge request tells; km as the crow flies."""

    latitude: float = 0.0
    longitude: float = 0.0
    km: float | None = None

    @classmethod
    def of(cls, tx: Tx, booking: Booking) -> "_Reach":
        if booking.charge_request_id is None:
            return cls()
        needs = rebooking.needs_of(tx=tx, request_id=booking.charge_request_id)
        return cls() if needs is None else cls(needs.latitude, needs.longitude, reach_km(needs))

    def has(self, location: Location) -> bool:
        """Whether a location is within it."""
        if self.km is None:
            return True
        return great_circle_km(self.latitude, self.longitude, location.latitude, location.longitude) <= self.km
