"""Replays a day of charge requests through the real API, queue and functions.

A discrete-event simulation: the clock jumps to the next event, and nothing waits for real time.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx

from app.host.delivery import EmbeddedDelivery
from cities.demand import CONSUMPTION, SyntheticRequest
from devhost.host.server import Host
from devhost.replay.worlds import RequestOutcome, Tally
from functions.accounts import service as accounts
from functions.booking.domain import REVEAL_BEFORE
from functions.optimizer.core.objective import DEFAULT_WEIGHTS
from shared.clock import ManualClock
from shared.money import to_major
from shared.platform import Platform

API = "/api/v1"
TOKEN_FOR = timedelta(minutes=14)
REQUESTS_A_DRIVER = 4
PASSWORD = "a replayed driver"


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
        self._events: list[tuple[datetime, bool, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._timers_ran = clock.now()
        self.calls = self.deliveries = 0

    def _at(self, when: datetime, what: Callable[[], None], *, frees: bool = False) -> None:
        """Does something at an instant; first, of one instant, what `frees` an EVSE: the next may be booked from then on."""
        heapq.heappush(self._events, (when, not frees, next(self._numbers), what))

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
            when, _, _, what = heapq.heappop(self._events)
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
        vehicle = {
            "battery_kwh": request.battery_kwh,
            "consumption_kwh_per_km": CONSUMPTION,
            "max_power_kw": request.max_power_kw,
            "standards": list(request.standards),
        }
        added = self._call(driver, "POST", "/accounts/me/vehicles", vehicle)  # each has a car; a driver here stands for several
        added.raise_for_status()
        body = {
            "vehicle_id": added.json()["id"],
            "soc": request.soc,
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
        outcome = RequestOutcome(
            True,
            wait_min=chosen["wait_minutes"],
            km=chosen["distance_km"],
            price=to_major(chosen["price_minor"], chosen["currency"]),
            duration_min=chosen["duration_minutes"],
            cost=chosen["cost"],
        )
        booking = self._call(driver, "GET", f"/booking/bookings/{booking_id}").json()
        arrival = datetime.fromisoformat(chosen["arrival"])
        comes = max(arrival, start - timedelta(minutes=booking["terms"]["early_start_minutes"]))
        self._at(comes, partial(self._plug_in, driver, booking_id, start, outcome))
        return outcome

    def _plug_in(self, driver: ReplayDriver, booking_id: str, start: datetime, outcome: RequestOutcome) -> None:
        """The driver begins when they come, as far as the terms let them and the EVSE is free; else as it was booked."""
        path, now = f"/booking/bookings/{booking_id}", self._clock.now()
        answer = self._call(driver, "POST", f"{path}/start")
        if answer.status_code == 409 and now < start:
            self._at(start, partial(self._plug_in, driver, booking_id, start, outcome))
            return
        answer.raise_for_status()
        sooner = max(0.0, (start - now) / timedelta(minutes=1))
        outcome.wait_min -= sooner
        outcome.cost -= DEFAULT_WEIGHTS[0] * sooner / 60
        self._at(now + timedelta(minutes=outcome.duration_min), lambda: self._expect(driver, f"{path}/stop"), frees=True)

    def _expect(self, driver: ReplayDriver, path: str) -> None:
        self._call(driver, "POST", path).raise_for_status()
