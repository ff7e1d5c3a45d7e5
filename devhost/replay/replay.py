"""Replays a day of charge requests through the real API, queue and functions, and first come, first served to compare with.

A discrete-event simulation: the clock jumps to the next event, and nothing waits for real time.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx

from cities.demand import CONSUMPTION, SyntheticRequest
from devhost.host.delivery import EmbeddedDelivery
from devhost.host.server import Host
from functions.accounts import service as accounts
from functions.booking.domain import REVEAL_BEFORE
from functions.optimizer.core.candidates import DETOUR, MAX_WAIT_MIN, RESERVE_KWH, SPEED_KMH
from functions.optimizer.core.city import REFERENCE_PRICE_UNIT, CityFolder
from functions.optimizer.core.objective import DEFAULT_WEIGHTS, REJECTION_COST
from functions.tariffs.pricing import SessionPeriod, price_session
from shared.clock import ManualClock
from shared.geo import great_circle_km
from shared.money import to_major
from shared.platform import Platform

API = "/api/v1"
TOKEN_FOR = timedelta(minutes=14)
REQUESTS_A_DRIVER = 4
PASSWORD = "a replayed driver"


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


class ReplayDriver:
    """A driver's account and tokens, renewed by the simulated clock."""

    def __init__(self, platform: Platform, client: httpx.Client, clock: ManualClock, number: int) -> None:
        self._client, self._clock = client, clock
        email = f"driver{number}@replay.test"
        platform.transact(
            lambda tx: accounts.ensure_user(
                tx=tx, email=email, password=PASSWORD, name=f"Driver {number}", role="driver", accepts=True
            )
        )
        self._take(client.post(f"{API}/accounts/login", json={"email": email, "password": PASSWORD}))

    def _take(self, answer: httpx.Response) -> None:
        answer.raise_for_status()
        tokens = answer.json()
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]
        self._until = self._clock.now() + TOKEN_FOR

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A call as this driver."""
        if self._clock.now() >= self._until:
            self._take(self._client.post(f"{API}/accounts/refresh", json={"refresh_token": self._refresh}))
        return self._client.request(method, f"{API}{path}", json=body, headers={"Authorization": f"Bearer {self._access}"})


class Replay:
    """A day through the platform of `host`, whose clock is `clock` and whose bus is the embedded one."""

    def __init__(self, host: Host, clock: ManualClock, client: httpx.Client) -> None:
        assert isinstance(host.delivery, EmbeddedDelivery)
        self._host, self._clock, self._client, self._delivery = host, clock, client, host.delivery
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._timers_ran = clock.now()
        self.calls = self.deliveries = 0

    def _at(self, when: datetime, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def _settle(self) -> None:
        """Runs each timer that fell due since the last time once, then everything the queues hold."""
        now = self._clock.now()
        due = dict.fromkeys(
            name for _, name in self._host.timers.due_between(max(self._timers_ran, now - timedelta(minutes=2)), now)
        )
        self._timers_ran = now
        for name in due:
            self._host.timers.run(name)
        self.deliveries += self._delivery.drain()

    def run(self, requests: Sequence[SyntheticRequest], *, progress: Callable[[int, int], None]) -> Tally:
        """Serves the requests in order of booking, starting and stopping each session as booked."""
        tally = Tally("platform")
        drivers = [
            ReplayDriver(self._host.platform, self._client, self._clock, number)
            for number in range(-(-len(requests) // REQUESTS_A_DRIVER))
        ]
        for number, request in enumerate(requests):
            driver = drivers[number % len(drivers)]
            self._at(
                max(request.book_time, self._clock.now()),
                partial(self._ask_and_tally, request, driver, tally),
            )
        while self._events:
            when, _, what = heapq.heappop(self._events)
            self._clock.jump(max(when, self._clock.now()))
            self._settle()
            what()
            progress(len(tally.outcomes), len(requests))
        tally.notes = {"HTTP calls": self.calls, "queue deliveries": self.deliveries}
        return tally

    def _call(self, driver: ReplayDriver, method: str, path: str, body: Any = None) -> httpx.Response:
        self.calls += 1
        return driver.call(method, path, body)

    def _ask_and_tally(self, request: SyntheticRequest, driver: ReplayDriver, tally: Tally) -> None:
        tally.outcomes.append(self._ask(request, driver))

    def _ask(self, request: SyntheticRequest, driver: ReplayDriver) -> RequestOutcome:
        body = {
            "battery_kwh": request.battery_kwh,
            "soc": request.soc,
            "consumption_kwh_per_km": CONSUMPTION,
            "connectors": list(request.standards),
            "max_power_kw": request.max_power_kw,
            "origin": {"latitude": request.latitude, "longitude": request.longitude},
            "earliest_departure": max(request.earliest_departure, self._clock.now()).isoformat(),
            "energy_kwh": request.energy_kwh,
        }
        answer = self._call(driver, "POST", "/optimizer/charge-requests", body)
        answer.raise_for_status()
        self.deliveries += self._delivery.drain()
        charge_request = self._call(driver, "GET", f"/optimizer/charge-requests/{answer.json()['id']}").json()
        if charge_request["status"] != "RESERVED":
            return RequestOutcome(False, reason=charge_request["reason"] or charge_request["status"])
        chosen = charge_request["decision"]["offers"][0]
        start, booking_id = datetime.fromisoformat(chosen["start"]), charge_request["booking_id"]
        self._at(start - REVEAL_BEFORE, lambda: None)
        self._at(start, lambda: self._expect(driver, f"/booking/bookings/{booking_id}/start"))
        stop = start + timedelta(minutes=chosen["duration_minutes"])
        self._at(stop, lambda: self._expect(driver, f"/booking/bookings/{booking_id}/stop"))
        return RequestOutcome(
            True,
            wait_min=chosen["wait_minutes"],
            km=chosen["distance_km"],
            price=to_major(chosen["price_minor"], chosen["currency"]),
            duration_min=chosen["duration_minutes"],
            cost=chosen["cost"],
        )

    def _expect(self, driver: ReplayDriver, path: str) -> None:
        self._call(driver, "POST", path).raise_for_status()


def first_come(city: CityFolder, requests: Sequence[SyntheticRequest], *, price_unit: float = REFERENCE_PRICE_UNIT) -> Tally:
    """The same requests first come, first served, without a platform.

    Each driver goes to the nearest station with their connector and takes the first EVSE that is or comes free, in order of
    arrival; after two hours of waiting they give up.
    """
    tally = Tally("first come, nearest station")
    free_at: dict[str, datetime] = {}
    arrivals = []
    for request in requests:
        options = [
            (great_circle_km(request.latitude, request.longitude, site.latitude, site.longitude) * DETOUR, number)
            for number, site in enumerate(city.locations)
            if any(plug.standard in request.standards for _, plugs in site.evses for plug in plugs)
        ]
        km, number = min(options, default=(float("inf"), -1))
        arrive = max(request.earliest_departure, request.book_time) + timedelta(hours=min(km, 1e6) / SPEED_KMH)
        arrivals.append((arrive, km, number, request))
    for arrive, km, number, request in sorted(arrivals, key=lambda item: item[0]):
        if number < 0 or km * CONSUMPTION > request.soc * request.battery_kwh - RESERVE_KWH:
            tally.outcomes.append(RequestOutcome(False, reason="OUT_OF_REACH"))
            continue
        plugs = [
            (max(free_at.get(evse, arrive), arrive), -plug.max_power_kw, evse, plug)
            for evse, connectors in city.locations[number].evses
            for plug in connectors
            if plug.standard in request.standards
        ]
        begin, _, evse, plug = min(plugs, key=lambda item: item[:3])
        wait = (begin - arrive) / timedelta(minutes=1)
        if wait > MAX_WAIT_MIN:
            tally.outcomes.append(RequestOutcome(False, reason="ALL_FULL"))
            continue
        hours = request.energy_kwh / (0.9 * min(plug.max_power_kw, request.max_power_kw))
        end = begin + timedelta(hours=hours)
        free_at[evse] = end
        tariff = city.tariff_of(evse, plug.connector_id)
        price = 0.0
        if tariff is not None:
            quote = price_session(tariff, time_zone=city.time_zone, periods=[SessionPeriod(begin, end, request.energy_kwh)])
            price = to_major(quote.total_minor, quote.currency)
        a, b, c, d = DEFAULT_WEIGHTS
        cost = a * wait / 60 + b * price / price_unit + c * km / 10 + d * hours
        tally.outcomes.append(RequestOutcome(True, wait, km, price, hours * 60, cost))
    return tally
