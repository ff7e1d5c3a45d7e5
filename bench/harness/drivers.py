"""What drivers do, as requests: search, ask for a charge, book, change, cancel, read their messages. Each act says which
answers are as they should be; any other is an error.

A driver is one person: they make one visit at a time and know what they have booked.
"""

import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bench.harness import fixtures
from bench.harness.wire import Answer, Wire, request
from shared.platform import Platform
from shared.web.call import PREFIX

TOKEN_S = 600.0
"""A token is used so long; it is good for 900 seconds."""
MAX_OPEN = 3
"""A driver with so many bookings cancels before they book again, so that the load stays even over a run."""
AHEAD_H = (4, 150)
"""Bookings begin so many hours from now: late enough to be moved and cancelled freely, early enough for every horizon."""
DECIDED_WITHIN_S = 60.0
POLL_S = 0.1
EXPECTED: dict[str, frozenset[tuple[int, str | None]]] = {
    "search": frozenset({(200, None)}),
    "ask": frozenset({(202, None)}),
    "answer": frozenset({(200, None)}),
    "recommend": frozenset({(200, None)}),
    "book": frozenset({(201, None), (409, "SLOT_TAKEN"), (409, "LIMIT_REACHED")}),
    "change": frozenset({(200, None), (409, "SLOT_TAKEN"), (409, "LIMIT_REACHED")}),
    "cancel": frozenset({(200, None)}),
    "messages": frozenset({(200, None)}),
    "bookings": frozenset({(200, None)}),
}
"""Status and problem code of every act's right answers. A driver's one car may be elsewhere at that time."""
DECIDED = "decided"
"""Not a request: from asking for a charge to seeing what became of it."""
SHARES = {"asks": 0.45, "books": 0.3, "changes": 0.1, "reads": 0.15}
"""Kinds of visits, by share."""


@dataclass(frozen=True)
class Act:
    """One request of a driver, and its answer."""

    kind: str
    """A key of EXPECTED, or DECIDED."""
    due_s: float
    """When it should have begun, seconds since the run's begin."""
    seconds: float
    """From then until the answer."""
    status: int
    code: str | None = None
    """The problem's code, where the answer is one."""
    error: str | None = None
    """What was wrong with the answer; None where it is one of EXPECTED."""


@dataclass
class LoadDriver:
    """A driver with a token and the ids of their bookings."""

    id: uuid.UUID
    token: str = ""
    token_until: float = float("-inf")
    bookings: deque[str] = field(default_factory=deque)


class DriverPool:
    """Drivers who are not in a visit now. Safe to share between threads."""

    def __init__(self, platform: Platform, ids: Sequence[uuid.UUID], seed: int) -> None:
        self._platform = platform
        self._idle = deque(LoadDriver(driver_id) for driver_id in ids)
        self._rng = random.Random(seed)
        self._idle_lock = threading.Lock()
        self._rng.shuffle(self._idle)

    def borrow(self) -> LoadDriver:
        """A driver, with a token that is good for the visit. Raises IndexError where all are busy."""
        with self._idle_lock:
            driver = self._idle.popleft()
        if time.monotonic() > driver.token_until:
            driver.token = fixtures.token(self._platform, driver.id)
            driver.token_until = time.monotonic() + TOKEN_S
        return driver

    def give_back(self, driver: LoadDriver) -> None:
        """The driver may come again, after all the others."""
        with self._idle_lock:
            self._idle.append(driver)


class Visit:
    """One visit of a driver: a few acts one after the other, with pauses between them.

    `begun` is the run's begin on the monotonic clock, `due` when the visit should begin (seconds since then): an act that
    begins late counts as slow.
    """

    def __init__(
        self,
        driver: LoadDriver,
        wire: Wire,
        rng: random.Random,
        note: Callable[[Act], None],
        *,
        begun: float,
        due: float,
        pause_s: float,
    ) -> None:
        self._driver, self._wire, self._rng, self._note = driver, wire, rng, note
        self._begun, self._due, self._pause_s = begun, due, pause_s
        self._waiting = threading.Event()

    def run(self) -> None:
        """The whole visit."""
        kinds = {"asks": self._asks, "books": self._books, "changes": self._changes, "reads": self._reads}
        (kind,) = self._rng.choices(list(SHARES), list(SHARES.values()))
        kinds[kind]()

    def without_waiting(self) -> None:
        """A visit where no queue worker runs: everything drivers do, without waiting for the decision on their request."""
        self._act("recommend", "POST", "/optimizer/recommendations", self._charge_needs())
        self._act("ask", "POST", "/optimizer/charge-requests", self._charge_needs(), key=True)
        self._books()
        self._changes()
        self._reads()

    def _act(self, kind: str, method: str, path: str, body: Any = None, *, key: bool = False) -> Answer | None:
        own_key = str(uuid.UUID(int=self._rng.getrandbits(128))) if key else None
        content = request(method, PREFIX + path, token=self._driver.token, body=body, key=own_key)
        try:
            answer = self._wire.send(content)
        except OSError as error:
            self._record(kind, 0, None, f"{type(error).__name__}: {error}")
            return None
        code = answer.json().get("code") if answer.status >= 400 else None
        fine = (answer.status, code) in EXPECTED[kind]
        self._record(kind, answer.status, code, None if fine else answer.body.decode(errors="replace")[:300])
        return answer if fine else None

    def _record(self, kind: str, status: int, code: str | None, error: str | None) -> None:
        now = time.monotonic() - self._begun
        self._note(Act(kind, self._due, now - self._due, status, code, error))
        pause = self._rng.expovariate(1 / self._pause_s) if self._pause_s else 0.0
        self._due = now + pause
        self._waiting.wait(pause)

    def _start(self) -> datetime:
        hours = self._rng.randint(*AHEAD_H)
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return now + timedelta(hours=hours, minutes=15 * self._rng.randrange(4))

    def _search(self, start: datetime, minutes: int) -> list[dict[str, Any]]:
        latitude, longitude = fixtures.UTRECHT.point(self._rng)
        query = {
            "lat": latitude,
            "lon": longitude,
            "radius_km": 10,
            "connector": self._rng.choice((fixtures.TYPE2, fixtures.CCS)),
            "free_from": start.isoformat(),
            "free_until": (start + timedelta(minutes=minutes)).isoformat(),
        }
        answer = self._act("search", "GET", f"/stations/locations?{urlencode(query)}")
        return [] if answer is None else answer.json()["items"]

    def _make_room(self) -> None:
        while len(self._driver.bookings) >= MAX_OPEN:
            booking_id = self._driver.bookings.popleft()
            self._act("cancel", "POST", f"/booking/bookings/{booking_id}/cancel", {"reason": "NO_CANCELED"}, key=True)

    def _charge_needs(self) -> dict[str, Any]:
        latitude, longitude = fixtures.UTRECHT.point(self._rng)
        return {
            "battery_kwh": self._rng.choice((40, 60, 80)),
            "soc": 0.35,
            "connectors": [fixtures.TYPE2, fixtures.CCS],
            "max_power_kw": self._rng.choice((50, 100)),
            "energy_kwh": self._rng.choice((6, 12, 20)),
            "origin": {"latitude": latitude, "longitude": longitude},
            "earliest_departure": self._start().isoformat(),
        }

    def _asks(self) -> None:
        self._make_room()
        needs = self._charge_needs()
        if self._rng.random() < 0.2:
            self._act("recommend", "POST", "/optimizer/recommendations", needs)
        asked = self._due
        answer = self._act("ask", "POST", "/optimizer/charge-requests", needs, key=True)
        if answer is None:
            return
        decided = self._decided(answer.json(), asked)
        if decided is not None and decided["booking_id"] is not None:
            self._driver.bookings.append(decided["booking_id"])
        self._act("messages", "GET", "/notify/inbox?limit=10")

    def _decided(self, charge_request: dict[str, Any], asked_at: float) -> dict[str, Any] | None:
        """Asks until the charge request is decided."""
        path = f"/optimizer/charge-requests/{charge_request['id']}"
        while charge_request["status"] == "QUEUED":
            if time.monotonic() - self._begun - asked_at > DECIDED_WITHIN_S:
                self._note(Act(DECIDED, asked_at, DECIDED_WITHIN_S, 0, None, f"not decided in {DECIDED_WITHIN_S:.0f} s"))
                return None
            self._waiting.wait(POLL_S)
            self._due = time.monotonic() - self._begun
            answer = self._act("answer", "GET", path)
            if answer is None:
                return None
            charge_request = answer.json()
        now = time.monotonic() - self._begun
        fine = charge_request["status"] in ("RESERVED", "UNSATISFIABLE")
        self._note(
            Act(
                DECIDED,
                asked_at,
                now - asked_at,
                200,
                charge_request["status"],
                None if fine else f"it is {charge_request['status']}",
            )
        )
        return charge_request

    def _books(self) -> None:
        self._make_room()
        start, minutes = self._start(), self._rng.choice((30, 45, 60, 90))
        locations = self._search(start, minutes)
        if not locations:
            return
        place = self._rng.choice(locations[:5])
        body = {
            "location_id": place["id"],
            "connector": place["pools"][0]["connector"],
            "start": start.isoformat(),
            "duration_minutes": minutes,
        }
        answer = self._act("book", "POST", "/booking/bookings", body, key=True)
        if answer is not None and answer.status == 201:
            self._driver.bookings.append(answer.json()["id"])

    def _changes(self) -> None:
        if not self._driver.bookings:
            self._reads()
            return
        booking_id = self._rng.choice(self._driver.bookings)
        body = {"start": self._start().isoformat()}
        self._act("change", "POST", f"/booking/bookings/{booking_id}/reschedule", body, key=True)

    def _reads(self) -> None:
        self._act("messages", "GET", "/notify/inbox?limit=10")
        self._act("bookings", "GET", "/booking/bookings?limit=10")


def populate(platform: Platform, *, places: int, drivers: int, seed: int) -> DriverPool:
    """Locations in Utrecht and their drivers: half of the locations AC, half DC, four EVSEs each."""
    rng = random.Random(seed)
    kinds = ((fixtures.TYPE2, 22.0), (fixtures.CCS, 50.0))
    records = []
    for number in range(places):
        standard, kw = kinds[number % 2]
        records.append(fixtures.place(number, *fixtures.UTRECHT.point(rng), standard=standard, power_kw=kw))
    fixtures.build(platform, records)
    return DriverPool(platform, fixtures.people(platform, drivers), seed)
