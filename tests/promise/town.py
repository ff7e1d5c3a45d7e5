"""The town of the day: places with chargers and what stands at them, and the one way by which everybody calls the servers.

What happens at a charger happens here, whatever the platform thinks: a car is at it or not, it is broken or not. Stations and
drivers are simulated; the servers, the database, the broker and what is called are real.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2 as httpx

from functions.stations.domain import BookingTerms
from functions.tariffs.domain import Tariff
from tests.support.stations_feed import Station
from tests.support.world import API, Person, World

GIVE_UP_S = 120.0
POWER_KW, TAKES_KW = 22.0, 19.8
"""What a charger delivers at most, and what the cars of the day take of it."""
ENERGY_MINOR_A_KWH, OVERTIME_MINOR_A_MINUTE = 48.4, 24.2
"""The tariff's prices with tax, as TARIFF says them."""
TARIFF = Tariff.model_validate(
    {
        "id": "day",
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.40, "vat": 21}]},
            {
                "price_components": [{"type": "FLAT", "price": 5, "vat": 21}],
                "restrictions": {"booking": "BOOKING_EXPIRES"},
            },
            {
                "price_components": [{"type": "FLAT", "price": 2, "vat": 21}],
                "restrictions": {"booking": "BOOKING_CANCELLATION_FEES"},
            },
            {
                "price_components": [{"type": "TIME", "price": 12, "vat": 21, "step_size": 60}],
                "restrictions": {"booking": "BOOKING_OVERTIME"},
            },
        ],
    }
)
TERMS = (
    BookingTerms(open_bookings_per_driver=20),
    BookingTerms(open_bookings_per_driver=20, late_stop_allowed=True, idle_grace_minutes=5),
    BookingTerms(open_bookings_per_driver=20, noshow_fee=False, cancel_until_minutes=120, give_up_minutes=30),
)


@dataclass(eq=False)
class Car:
    """A car at a charger."""

    ref: str
    """The station's name for the session."""
    since: datetime
    needs_kwh: float
    booking_id: str | None
    """None of one that nobody booked for."""

    def kwh(self, now: datetime) -> float:
        """What it has taken by now."""
        return round(min(self.needs_kwh, TAKES_KW * max(0.0, (now - self.since) / timedelta(hours=1))), 3)


@dataclass(eq=False)
class Charger:
    """An EVSE as it stands in the street."""

    uid: str
    evse_id: str
    car: Car | None = None
    broken: bool = False

    @property
    def is_free(self) -> bool:
        """Whether a car can be plugged in."""
        return self.car is None and not self.broken


@dataclass(eq=False)
class Town:
    """Its places and its calls. `now` is told by whoever lets the day pass."""

    places: list["Place"]
    calls: "Calls"
    faults: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    """(EVSE id, from, until) of every charger that was broken."""

    def place(self, location_id: str) -> "Place":
        """A place by its id."""
        return next(place for place in self.places if place.location_id == location_id)

    def charger(self, location_id: str, uid: str) -> Charger:
        """A charger by its place and its name there."""
        return self.place(location_id).chargers[uid]


class Calls:
    """Calls to the servers until an answer comes, with the same Idempotency-Key to whichever; a killed one answers nothing."""

    def __init__(self, urls: Sequence[str], rng: random.Random) -> None:
        self._urls, self._rng = urls, rng
        self._client = httpx.Client(timeout=60)
        self._pause = threading.Event()
        self.count = self.retried = 0
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        """Answers that should not be."""

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def send(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> httpx.Response:
        """One call. Raises TimeoutError where no server answers for two minutes."""
        keyed = headers | ({"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {})
        deadline, tries = time.monotonic() + GIVE_UP_S, 0
        self.count += 1
        while True:
            tries += 1
            try:
                answer = self._client.request(method, self._rng.choice(self._urls) + path, json=body, headers=keyed)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code != 503:
                self.retried += tries > 1
                if answer.status_code >= 500:
                    self.violations.append(f"an error: {method} {path}: {answer.text[:300]}")
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer: {method} {path}")
            self._pause.wait(self._rng.uniform(0.05, 0.3))

    def of(self, person: Person, method: str, path: str, body: Any = None) -> httpx.Response:
        """A call of a person's under the prefix."""
        return self.send(method, API + path, person.headers(), body)


@dataclass(eq=False)
class Place:
    """A location, its chargers, and its station: what it says of them and when it is heard."""

    station: Station
    calls: Calls
    terms: BookingTerms
    latitude: float
    longitude: float
    chargers: dict[str, Charger]
    is_heard: bool = True
    backlog: list[tuple[str, str, Any]] = field(default_factory=list)
    """What it could not say while it was not heard, in order."""

    @property
    def location_id(self) -> str:
        """Its id."""
        return self.station.location

    @property
    def owner(self) -> Person:
        """Who runs it."""
        return self.station.owner

    def _say(self, method: str, path: str, body: Any = None) -> None:
        if not self.is_heard:
            self.backlog.append((method, path, body))
            return
        answer = self.calls.send(method, API + path, {"Authorization": f"Bearer {self.station.key}"}, body)
        if answer.status_code not in (200, 204):
            self.calls.violations.append(f"a station is refused: {method} {path} {body}: {answer.text[:300]}")

    def heartbeat(self) -> None:
        """Says that it lives."""
        if self.is_heard:
            self._say("POST", f"/stations/locations/{self.location_id}/heartbeat")

    def falls_silent(self) -> None:
        """It is not heard from now on."""
        self.is_heard = False

    def is_heard_again(self) -> None:
        """It says all that it could not say."""
        self.is_heard, waiting = True, self.backlog
        self.backlog = []
        for said in waiting:
            self._say(*said)

    def reports(self, charger: Charger, now: datetime) -> None:
        """Says how a charger stands."""
        status = "OUTOFORDER" if charger.broken else "AVAILABLE" if charger.car is None else "CHARGING"
        self._say("PUT", f"/stations/evses/{charger.evse_id}/status", {"status": status, "last_updated": now.isoformat()})

    def meters(self, charger: Charger, now: datetime, *, over: bool = False) -> None:
        """Says what a charger's session has taken, and whether it is over."""
        car = charger.car
        assert car is not None
        said: dict[str, Any] = {
            "status": "COMPLETED" if over else "ACTIVE",
            "start_date_time": car.since.isoformat(),
            "kwh": car.kwh(now),
            "charging": not over and car.kwh(now) < car.needs_kwh,
            "last_updated": now.isoformat(),
        }
        if over:
            said["end_date_time"] = now.isoformat()
        self._say("PUT", f"/stations/evses/{charger.evse_id}/sessions/{car.ref}", said)

    def plug_in(self, charger: Charger, car: Car) -> None:
        """A car begins to charge."""
        charger.car = car
        self.reports(charger, car.since)
        self.meters(charger, car.since)

    def unplug(self, charger: Charger, now: datetime) -> None:
        """The car leaves."""
        self.meters(charger, now, over=True)
        charger.car = None
        self.reports(charger, now)


def build(world: World, calls: Calls, *, places: int, chargers: int) -> Town:
    """Places a kilometre apart, so that each has others within reach, each with an owner, a key and terms of its own."""
    built = []
    for number in range(places):
        latitude, longitude = 52.09 + 0.009 * number, 5.12
        terms = TERMS[number % len(TERMS)]
        station = Station.at(
            world,
            evses=chargers,
            latitude=latitude,
            longitude=longitude,
            name=f"Place {number}",
            terms=terms,
            tariff=TARIFF,
            power_kw=POWER_KW,
        )
        there = {uid: Charger(uid, evse_id) for uid, evse_id in station.evses.items()}
        built.append(Place(station, calls, terms, latitude, longitude, there))
    return Town(built, calls)
