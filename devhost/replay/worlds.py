"""A day without a platform, to compare with: first come, first served; and drivers with a live map."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cities.demand import CONSUMPTION, SyntheticRequest
from functions.optimizer.core.candidates import DETOUR, MAX_WAIT_MIN, RESERVE_KWH, SPEED_KMH
from functions.optimizer.core.city import CityFolder
from functions.optimizer.core.objective import DEFAULT_WEIGHTS, REJECTION_COST
from functions.stations.domain import Connector
from functions.tariffs.domain import chosen
from functions.tariffs.pricing import SessionPeriod, price_session
from shared.energy import CHARGE_EFFICIENCY
from shared.geo import great_circle_km
from shared.money import to_major

DRIVES_ON = 3
"""How often a driver with a live map drives on to another place."""


class Stay(StrEnum):
    """How long a car keeps its EVSE."""

    FULL = "until full"
    RECORDED = "recorded stays"


@dataclass
class RequestOutcome:
    """What became of a charge request."""

    served: bool
    wait_min: float = 0.0
    km: float = 0.0
    """By road."""
    price: float = 0.0
    """Major currency units."""
    duration_min: float = 0.0
    """Of charging."""
    cost: float = REJECTION_COST
    """PROBLEM.md's objective."""
    reason: str | None = None
    """Why it was not served."""


@dataclass
class Tally:
    """Outcomes of one way to serve the day."""

    name: str
    outcomes: list[RequestOutcome] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def served(self) -> list[RequestOutcome]:
        """Those that were served."""
        return [item for item in self.outcomes if item.served]

    def mean(self, name: str) -> float:
        """Mean of a figure over the served ones."""
        return sum(getattr(item, name) for item in self.served) / max(1, len(self.served))

    def quantile(self, name: str, share: float) -> float:
        """Quantile of a figure over the served ones."""
        values = sorted(getattr(item, name) for item in self.served)
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0

    @property
    def cost(self) -> float:
        """Mean cost over all requests; one not served costs 3."""
        return sum(item.cost for item in self.outcomes) / max(1, len(self.outcomes))


@dataclass
class _Trip:
    """A driver on the way."""

    request: SyntheticRequest
    latitude: float
    longitude: float
    km: float = 0.0
    """Driven so far, by road."""
    moves: int = 0
    """How often they drove on."""


class Streets:
    """A day of drivers who ask nobody: each goes to a station and takes the first EVSE there that is or comes free, in order
    of arrival; after two hours of waiting they give up.

    Without a live map they go to the nearest station with their connector. With one they go to the nearest that has an EVSE
    free now, and where it is taken when they come they look again and drive on, three times at most.
    """

    def __init__(self, city: CityFolder, *, live_map: bool, stay: Stay, price_unit: float) -> None:
        self._city, self._live_map, self._stay, self._price_unit = city, live_map, stay, price_unit
        self._free_at: dict[str, datetime] = {}
        self._events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = itertools.count()
        name = "live map" if live_map else "first come"
        self.tally = Tally(name if stay is Stay.FULL else f"{name}, {stay.value}")

    def run(self, requests: Sequence[SyntheticRequest]) -> Tally:
        """The outcomes, in the order in which they came about."""
        for request in requests:
            trip = _Trip(request, request.latitude, request.longitude)
            departs = max(request.earliest_departure, request.book_time)
            self._at(departs, lambda now, trip=trip: self._set_out(trip, now))  # type: ignore[misc]
        while self._events:
            at, _, happens = heapq.heappop(self._events)
            happens(at)
        return self.tally

    def _at(self, when: datetime, happens: Callable[[datetime], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), happens))

    def _set_out(self, trip: _Trip, now: datetime) -> None:
        nearest = self._nearest(trip, lambda _: True)
        if nearest is None:
            self.tally.outcomes.append(RequestOutcome(False, reason="OUT_OF_REACH"))
            return
        free = self._nearest(trip, lambda site: self._has_free(site, trip, now)) if self._live_map else None
        self._drive(trip, free or nearest, now)

    def _drive(self, trip: _Trip, there: tuple[float, int], now: datetime) -> None:
        km, site = there
        trip.km += km
        trip.latitude, trip.longitude = self._city.locations[site].latitude, self._city.locations[site].longitude
        self._at(now + timedelta(hours=km / SPEED_KMH), lambda at: self._arrive(trip, site, at))

    def _arrive(self, trip: _Trip, site: int, now: datetime) -> None:
        if self._live_map and trip.moves < DRIVES_ON and not self._has_free(site, trip, now):
            free = self._nearest(trip, lambda other: self._has_free(other, trip, now))
            if free is not None:
                trip.moves += 1
                self._drive(trip, free, now)
                return
        begin, _, evse, plug = min(
            (
                (max(self._free_at.get(evse, now), now), -plug.max_power_kw, evse, plug)
                for evse, plug in self._plugs(site, trip)
            ),
            key=lambda item: item[:3],
        )
        wait = (begin - now) / timedelta(minutes=1)
        if wait > MAX_WAIT_MIN:
            self.tally.outcomes.append(RequestOutcome(False, reason="ALL_FULL"))
            return
        self._charge(trip, site, evse, plug, begin, wait)

    def _charge(self, trip: _Trip, site: int, evse: str, plug: Connector, begin: datetime, wait: float) -> None:
        request, city = trip.request, self._city
        hours = request.energy_kwh / (CHARGE_EFFICIENCY * min(plug.max_power_kw, request.max_power_kw))
        end = begin + timedelta(hours=hours)
        recorded = request.session.end - request.session.start
        self._free_at[evse] = max(end, begin + recorded) if self._stay is Stay.RECORDED else end
        tariffs, price = city.tariffs_of(evse, plug.connector_id), 0.0
        number = chosen(tariffs, begin)
        if number is not None:
            zone = city.locations[site].time_zone or city.time_zone
            periods = [SessionPeriod(begin, end, request.energy_kwh)]
            quote = price_session(tariffs[number], time_zone=zone, periods=periods)
            price = to_major(quote.total_minor, quote.currency)
        a, b, c, d = DEFAULT_WEIGHTS
        cost = a * wait / 60 + b * price / self._price_unit + c * trip.km / 10 + d * hours
        self.tally.outcomes.append(RequestOutcome(True, wait, trip.km, price, hours * 60, cost))

    def _plugs(self, site: int, trip: _Trip) -> list[tuple[str, Connector]]:
        return [
            (evse, plug)
            for evse, connectors in self._city.locations[site].usable()
            for plug in connectors
            if plug.standard in trip.request.standards
        ]

    def _has_free(self, site: int, trip: _Trip, now: datetime) -> bool:
        return any(self._free_at.get(evse, now) <= now for evse, _ in self._plugs(site, trip))

    def _nearest(self, trip: _Trip, wanted: Callable[[int], bool]) -> tuple[float, int] | None:
        """(km by road, number) of the nearest station within reach that fits the vehicle and is wanted."""
        request = trip.request
        reach = (request.soc * request.battery_kwh - RESERVE_KWH) / CONSUMPTION - trip.km
        ways = sorted(
            (great_circle_km(trip.latitude, trip.longitude, site.latitude, site.longitude) * DETOUR, number)
            for number, site in enumerate(self._city.locations)
        )
        for km, number in ways:
            if km > reach:
                return None
            if self._plugs(number, trip) and wanted(number):
                return km, number
        return None


def without_platform(city: CityFolder, requests: Sequence[SyntheticRequest], *, price_unit: float) -> list[Tally]:
    """The same requests in the worlds without a platform: a live map and first come, each with cars that leave when they are
    full and with cars that stay as long as in the records."""
    return [
        Streets(city, live_map=live_map, stay=stay, price_unit=price_unit).run(requests)
        for stay in Stay
        for live_map in (True, False)
    ]
