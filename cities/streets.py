"""A day without a platform: drivers who ask nobody, each going to a station and taking the first EVSE there that comes free.

First come: to the nearest station with their connector. With a live map: to where an EVSE is free now and it costs them least
(the nearest, where they weigh nothing else); where it is taken when they come they look again and drive on, three times at
most. After two hours of waiting they give up. Opening hours are not looked at, which favours these worlds. Simulated, in
minutes; the demo and the evaluation share it.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from functions.optimizer.core.candidates import MAX_WAIT_MIN
from functions.optimizer.core.places import DETOUR, SPEED_KMH
from shared.energy import CHARGE_EFFICIENCY
from shared.geo import great_circle_km

DRIVES_ON = 3
"""How often a driver with a live map drives on to another place."""


@dataclass(frozen=True)
class StreetPlug:
    """A connector of an EVSE. An EVSE serves one vehicle at a time, whatever connectors it has."""

    evse: str
    standard: str
    """OCPI ConnectorType."""
    max_power_kw: float


@dataclass(frozen=True)
class StreetSite:
    """A station."""

    latitude: float
    longitude: float
    plugs: tuple[StreetPlug, ...]


@dataclass(frozen=True)
class StreetDriver:
    """A driver who sets out to charge."""

    departs_min: float
    latitude: float
    longitude: float
    """Where they set out."""
    reach_km: float
    """What the battery drives, by road, with its reserve."""
    need_kwh: float
    max_power_kw: float
    standards: frozenset[str]
    stays_min: float = 0.0
    """How long the car keeps its EVSE at least; 0: it leaves when it is full."""
    slower: float = 1.0
    """How many times as long as planned charging takes."""
    cost_at: Callable[[float, StreetPlug], float] | None = None
    """What it costs them to charge at a plug after so many kilometres by road, as they weigh it; None: the kilometres."""


@dataclass(frozen=True)
class StreetVisit:
    """What became of a driver; `reason` is None where they charged, else OUT_OF_REACH or ALL_FULL and the rest is 0."""

    driver: int
    """Their index."""
    reason: str | None
    site: int = 0
    evse: str = ""
    standard: str = ""
    first_arrival_min: float = 0.0
    """When they came to the first station."""
    begin_min: float = 0.0
    wait_min: float = 0.0
    """At the station."""
    km: float = 0.0
    """By road."""
    charge_min: float = 0.0
    held_min: float = 0.0
    """How long the EVSE was kept from others."""


@dataclass
class _Trip:
    """A driver on the way."""

    number: int
    driver: StreetDriver
    latitude: float
    longitude: float
    km: float = 0.0
    """Driven so far, by road."""
    moves: int = 0
    """How often they drove on."""
    came_min: float | None = None
    """To the first station."""


class Streets:
    """One day of drivers in a city, with or without a live map."""

    def __init__(self, sites: Sequence[StreetSite], *, live_map: bool) -> None:
        self._sites, self._live_map = sites, live_map
        self._free_at: dict[str, float] = {}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()
        self._visits: list[StreetVisit] = []

    def run(self, drivers: Sequence[StreetDriver]) -> list[StreetVisit]:
        """What became of each, in the order in which it came about."""
        for number, driver in enumerate(drivers):
            trip = _Trip(number, driver, driver.latitude, driver.longitude)
            self._at(driver.departs_min, lambda now, trip=trip: self._set_out(trip, now))  # type: ignore[misc]
        while self._events:
            at, _, happens = heapq.heappop(self._events)
            happens(at)
        return self._visits

    def _at(self, when: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), happens))

    def _set_out(self, trip: _Trip, now: float) -> None:
        nearest = self._nearest(trip, lambda _: True)
        if nearest is None:
            self._visits.append(StreetVisit(trip.number, "OUT_OF_REACH"))
            return
        free = self._best_free(trip, now) if self._live_map else None
        self._drive(trip, free or nearest, now)

    def _drive(self, trip: _Trip, there: tuple[float, int], now: float) -> None:
        km, site = there
        trip.km += km
        trip.latitude, trip.longitude = self._sites[site].latitude, self._sites[site].longitude
        self._at(now + km / SPEED_KMH * 60.0, lambda at: self._arrive(trip, site, at))

    def _arrive(self, trip: _Trip, site: int, now: float) -> None:
        trip.came_min = now if trip.came_min is None else trip.came_min
        if self._live_map and trip.moves < DRIVES_ON and not self._has_free(site, trip, now):
            free = self._best_free(trip, now)
            if free is not None:
                trip.moves += 1
                self._drive(trip, free, now)
                return
        begin, _, _, plug = min(
            (
                (max(self._free_at.get(plug.evse, now), now), -plug.max_power_kw, plug.evse, plug)
                for plug in self._plugs(site, trip)
            ),
            key=lambda item: item[:3],
        )
        if begin - now > MAX_WAIT_MIN:
            self._visits.append(StreetVisit(trip.number, "ALL_FULL"))
            return
        self._charge(trip, site, plug, begin, now)

    def _charge(self, trip: _Trip, site: int, plug: StreetPlug, begin: float, now: float) -> None:
        driver = trip.driver
        hours = driver.need_kwh / (CHARGE_EFFICIENCY * min(plug.max_power_kw, driver.max_power_kw))
        charge = hours * 60.0 * driver.slower
        held = max(charge, driver.stays_min)
        self._free_at[plug.evse] = begin + held
        assert trip.came_min is not None
        self._visits.append(
            StreetVisit(
                driver=trip.number,
                reason=None,
                site=site,
                evse=plug.evse,
                standard=plug.standard,
                first_arrival_min=trip.came_min,
                begin_min=begin,
                wait_min=begin - now,
                km=trip.km,
                charge_min=charge,
                held_min=held,
            )
        )

    def _plugs(self, site: int, trip: _Trip) -> list[StreetPlug]:
        return [plug for plug in self._sites[site].plugs if plug.standard in trip.driver.standards]

    def _has_free(self, site: int, trip: _Trip, now: float) -> bool:
        return any(self._free_at.get(plug.evse, now) <= now for plug in self._plugs(site, trip))

    def _best_free(self, trip: _Trip, now: float) -> tuple[float, int] | None:
        """(km by road, number) of the station within reach with an EVSE free now that costs the driver least."""
        cost_at = trip.driver.cost_at
        if cost_at is None:
            return self._nearest(trip, lambda site: self._has_free(site, trip, now))
        found: list[tuple[float, float, int]] = []
        for km, number in self._by_km(trip):
            if km > trip.driver.reach_km - trip.km:
                break
            free = [plug for plug in self._plugs(number, trip) if self._free_at.get(plug.evse, now) <= now]
            if free:
                found.append((min(cost_at(trip.km + km, plug) for plug in free), km, number))
        return min(found)[1:] if found else None

    def _nearest(self, trip: _Trip, wanted: Callable[[int], bool]) -> tuple[float, int] | None:
        """(km by road, number) of the nearest station within reach that fits the vehicle and is wanted."""
        for km, number in self._by_km(trip):
            if km > trip.driver.reach_km - trip.km:
                return None
            if self._plugs(number, trip) and wanted(number):
                return km, number
        return None

    def _by_km(self, trip: _Trip) -> list[tuple[float, int]]:
        """Each station's kilometres by road from where the driver is, and its number, the nearest first."""
        return sorted(
            (great_circle_km(trip.latitude, trip.longitude, site.latitude, site.longitude) * DETOUR, number)
            for number, site in enumerate(self._sites)
        )
