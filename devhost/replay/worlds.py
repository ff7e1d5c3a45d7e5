"""A day without a platform, to compare with: first come, first served; and drivers with a live map."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cities import streets
from cities.demand import CONSUMPTION, SyntheticRequest
from cities.streets import StreetDriver, StreetPlug, StreetSite, StreetVisit
from functions.optimizer.core.city import CityFolder
from functions.optimizer.core.objective import DEFAULT_WEIGHTS, REJECTION_COST
from functions.optimizer.core.places import RESERVE_KWH
from functions.tariffs.domain import chosen
from functions.tariffs.pricing import SessionPeriod, price_session
from shared.money import to_major

MINUTE = timedelta(minutes=1)


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


class Streets:
    """A day of drivers who ask nobody (cities.streets), priced by the city's tariffs."""

    def __init__(self, city: CityFolder, *, live_map: bool, stay: Stay, price_unit: float) -> None:
        self._city, self._live_map, self._stay, self._price_unit = city, live_map, stay, price_unit
        self._plugs = {evse: plugs for location in city.locations for evse, plugs in location.usable()}
        self._zones = {evse: location.time_zone for location in city.locations for evse, _ in location.evses}
        name = "live map" if live_map else "first come"
        self.tally = Tally(name if stay is Stay.FULL else f"{name}, {stay.value}")

    def run(self, requests: Sequence[SyntheticRequest]) -> Tally:
        """The outcomes, in the order in which they came about."""
        if not requests:
            return self.tally
        start = min(max(item.earliest_departure, item.book_time) for item in requests)
        sites = [
            StreetSite(
                location.latitude,
                location.longitude,
                tuple(
                    StreetPlug(evse, plug.standard, plug.max_power_kw) for evse, plugs in location.usable() for plug in plugs
                ),
            )
            for location in self._city.locations
        ]
        drivers = [self._driver(item, start) for item in requests]
        for visit in streets.Streets(sites, live_map=self._live_map).run(drivers):
            self.tally.outcomes.append(self._outcome(visit, requests[visit.driver], start))
        return self.tally

    def _driver(self, request: SyntheticRequest, start: datetime) -> StreetDriver:
        stay = request.session.end - request.session.start if self._stay is Stay.RECORDED else timedelta()
        return StreetDriver(
            departs_min=(max(request.earliest_departure, request.book_time) - start) / MINUTE,
            latitude=request.latitude,
            longitude=request.longitude,
            reach_km=(request.soc * request.battery_kwh - RESERVE_KWH) / CONSUMPTION,
            need_kwh=request.energy_kwh,
            max_power_kw=request.max_power_kw,
            standards=frozenset(request.standards),
            stays_min=stay / MINUTE,
        )

    def _outcome(self, visit: StreetVisit, request: SyntheticRequest, start: datetime) -> RequestOutcome:
        if visit.reason is not None:
            return RequestOutcome(False, reason=visit.reason)
        city, price = self._city, 0.0
        plug = max(
            (plug for plug in self._plugs[visit.evse] if plug.standard == visit.standard), key=lambda plug: plug.max_power_kw
        )
        tariffs, begin = city.tariffs_of(visit.evse, plug.connector_id), start + visit.begin_min * MINUTE
        number = chosen(tariffs, begin)
        if number is not None:
            zone = self._zones[visit.evse] or city.time_zone
            period = SessionPeriod(begin, begin + visit.charge_min * MINUTE, request.energy_kwh)
            quote = price_session(tariffs[number], time_zone=zone, periods=[period])
            price = to_major(quote.total_minor, quote.currency)
        a, b, c, d = DEFAULT_WEIGHTS
        cost = a * visit.wait_min / 60 + b * price / self._price_unit + c * visit.km / 10 + d * visit.charge_min / 60
        return RequestOutcome(True, visit.wait_min, visit.km, price, visit.charge_min, cost)


def without_platform(city: CityFolder, requests: Sequence[SyntheticRequest], *, price_unit: float) -> list[Tally]:
    """The same requests in the worlds without a platform: a live map and first come, each with cars that leave when they are
    full and with cars that stay as long as in the records."""
    return [
        Streets(city, live_map=live_map, stay=stay, price_unit=price_unit).run(requests)
        for stay in Stay
        for live_map in (True, False)
    ]
