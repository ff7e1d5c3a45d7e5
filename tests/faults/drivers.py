"""The clients: drivers who reserve, move, cancel and ask, and remember every answer, by which the database is judged."""

import functools
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2 as httpx

from functions.accounts import service as accounts
from functions.accounts.schemas import VehicleCreate
from functions.stations.enums import ConnectorType
from shared.web.idempotency import DECIDED
from tests.support.world import API, TYPE2, Person

QUARTER = timedelta(minutes=15)
HURRIED_S = 0.03
"""Timeout of a client whose connection breaks while they wait: the answer is lost, whatever the server does."""
GIVE_UP_S = 120.0


@dataclass
class Attempt:
    """One thing a driver tried, and its last answer."""

    driver: uuid.UUID
    action: str
    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The Idempotency-Key of every sending."""
    sends: int = 0
    """How often it was sent."""
    lost: int = 0
    """How often its answer was lost."""
    status: int | None = None
    """None where no answer came."""
    answer: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False
    """Whether the answer was the stored one of an earlier sending."""

    @property
    def won(self) -> bool:
        """Whether the answer said that it is done."""
        return self.status is not None and self.status < 300

    @property
    def decided(self) -> bool:
        """Whether the answer is the one that the key keeps."""
        return self.won or self.status in DECIDED

    @property
    def unknown(self) -> bool:
        """Whether nobody knows what happened: no answer came, or only that a component was away."""
        return self.status is None or self.status == 503

    def __str__(self) -> str:
        said = f"{self.status} {self.answer.get('code', '')}".strip()
        return f"{self.action} {self.path} {json.dumps(self.body)} (key {self.key}, sent {self.sends} times): {said}"


@dataclass
class BookingAnswer:
    """What the last answer said of one of a driver's bookings."""

    status: str
    start: str
    end: str


class AttemptCounter:
    """How many attempts are done, for the fault injection that waits for a share of them."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.stopped = total, 0, False
        self._changed = threading.Condition()

    def step(self) -> None:
        """One more."""
        with self._changed:
            self.done += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody goes on: the run was interrupted."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def wait(self, share: float) -> None:
        """Until this share of the attempts is done."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.stopped or self.done >= share * self.total, timeout=7200):
                raise TimeoutError(f"only {self.done} of {self.total} attempts were made")


class ContendingDriver:
    """One client. Nobody else changes their bookings, so the last answer they got must stand."""

    def __init__(
        self,
        person: Person,
        urls: list[str],
        place: tuple[str, float, float],
        day: datetime,
        seed: int,
        hours: int = 24,
        client: httpx.Client | None = None,
    ) -> None:
        self.hours = hours
        self.person, self.place, self.day = person, place, day
        self.rng = random.Random(seed)
        self.urls = urls
        self.attempts: list[Attempt] = []
        self.bookings: dict[str, BookingAnswer] = {}
        self.unresolved: set[str] = set()
        """Bookings with a change of which no answer came: left alone until all is quiet."""
        self.requests: dict[str, dict[str, Any]] = {}
        """Charge requests by id, as they were last told."""
        self.quotes: dict[str, tuple[str, dict[str, Any]]] = {}
        """Of a booking: the start for which a quote was frozen, and the quote."""
        self.violations: list[str] = []
        """Invariants that an answer itself violated."""
        self.seen: Counter[str] = Counter()
        self._hint: dict[str, Any] | None = None
        self._client = client or httpx.Client(timeout=30)
        self._hurries = client is None
        self._cars = [self._car() for _ in range(8)]
        self._headers: tuple[float, dict[str, str]] = (-1e9, {})
        self._pause = threading.Event()

    def _car(self) -> str:
        """One of several cars, so that a driver can want several places at once."""
        vehicle_in = VehicleCreate(battery_kwh=60, max_power_kw=22, standards=[ConnectorType(TYPE2)])
        person = self.person
        add = functools.partial(accounts.add_vehicle, vehicle_in=vehicle_in, user_id=person.id)
        return str(person.world.platform.transact(lambda tx: add(tx=tx)).id)

    def close(self) -> None:
        """Ends the driver's connections."""
        self._client.close()

    def run(self, count: int, progress: AttemptCounter) -> None:
        """Makes `count` attempts, one after the other."""
        for _ in range(count):
            if progress.stopped:
                return
            self.attempt()
            progress.step()

    def attempt(self) -> None:
        """One attempt of the mix."""
        dice, mine = (
            self.rng.random(),
            [booking_id for booking_id, answer in self.bookings.items() if self._free(booking_id, answer)],
        )
        if mine and (dice < 0.2 or len(mine) > 40):
            booking_id = self.rng.choice(mine)
            self.send(Attempt(self.person.id, "cancel", f"/booking/bookings/{booking_id}/cancel", {}), about=booking_id)
        elif mine and dice < 0.42:
            booking_id = self.rng.choice(mine)
            self.send(
                Attempt(self.person.id, "reschedule", f"/booking/bookings/{booking_id}/reschedule", self._when()),
                about=booking_id,
            )
        elif dice < 0.55:
            self._ask()
        elif dice < 0.65 and self.requests:
            self._follow_up()
        else:
            self._reserve()

    def _free(self, booking_id: str, answer: BookingAnswer) -> bool:
        return answer.status == "RESERVED" and booking_id not in self.unresolved

    def _when(self) -> dict[str, Any]:
        start = self.day + QUARTER * self.rng.randrange(4 * self.hours) + timedelta(minutes=self.rng.choice((0, 0, 1, 5)))
        return {"start": start.isoformat(), "duration_minutes": self.rng.choice((15, 30, 45, 60, 90))}

    def _reserve(self) -> None:
        body = {"location_id": self.place[0], "connector": TYPE2, "vehicle_id": self.rng.choice(self._cars)}
        body |= self._hint or self._when()
        self._hint = None
        self.send(Attempt(self.person.id, "reserve", "/booking/bookings", body))

    def _ask(self) -> None:
        departure = self.day + timedelta(minutes=self.rng.randrange(max(1, self.hours - 3) * 60))
        body = {
            "vehicle_id": self.rng.choice(self._cars),
            "soc": 0.4,
            "radius_km": 2.0,
            "energy_kwh": self.rng.choice((4, 8, 15)),
            "earliest_departure": departure.isoformat(),
            "latest_finish": (departure + timedelta(hours=3)).isoformat(),
            "origin": {"latitude": self.place[1], "longitude": self.place[2]},
            "auto_book": self.rng.random() < 0.6,
        }
        self.send(Attempt(self.person.id, "ask", "/optimizer/charge-requests", body))

    def _follow_up(self) -> None:
        """Reads one of the driver's charge requests; takes an offer, or withdraws it."""
        request_id = self.rng.choice([*self.requests])
        if request_id in self.unresolved:
            self._reserve()
            return
        request = self._look(f"/optimizer/charge-requests/{request_id}")
        if request is None or request["status"] in ("UNSATISFIABLE", "EXPIRED", "CANCELED"):
            self._reserve()
        elif request["status"] == "OFFERED" and self.rng.random() < 0.7:
            offer = self.rng.choice((0, 0, 0, 1)) if len(request["offers"]) > 1 else 0
            self.send(
                Attempt(self.person.id, "accept", f"/optimizer/charge-requests/{request_id}/accept", {"offer": offer}),
                about=request_id,
            )
        else:
            self.send(
                Attempt(self.person.id, "withdraw", f"/optimizer/charge-requests/{request_id}/cancel", {}), about=request_id
            )

    def _look(self, path: str) -> dict[str, Any] | None:
        for _ in range(3):
            try:
                answer = self._client.get(self.rng.choice(self.urls) + API + path, headers=self._authorised())
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return answer.json()
            if answer.status_code != 503:
                self.violations.append(f"an answer that is not 503 while something is away: GET {path}: {answer.text[:200]}")
        return None

    def _authorised(self) -> dict[str, str]:
        made_at, headers = self._headers
        if time.monotonic() - made_at > 300:
            self._headers = (time.monotonic(), self.person.headers())
        return headers or self._headers[1]

    def send(self, attempt: Attempt, *, about: str | None = None) -> None:
        """Sends it until an answer comes, with the same key to either server; remembers what was said."""
        self.attempts.append(attempt)
        hurried = self._hurries and self.rng.random() < 0.04
        self._until_answered(attempt, hurried=hurried)
        if not attempt.decided:
            if about is not None:
                self.unresolved.add(about)
            return
        self._remember(attempt)
        if self.rng.random() < 0.04:
            self._repeat(attempt)

    def _until_answered(self, attempt: Attempt, *, hurried: bool = False) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            attempt.sends += 1
            try:
                answer = self._post(attempt, hurried=hurried)
            except httpx.TransportError:
                attempt.lost += 1
                answer = None
            hurried = False
            if answer is not None:
                attempt.status, attempt.answer = answer.status_code, _document(answer)
                attempt.replayed = answer.headers.get("idempotency-replayed") == "true"
                if answer.status_code != 503:
                    return
                attempt.lost += attempt.answer.get("code") == "COMMIT_UNKNOWN"
            if time.monotonic() > deadline:
                return
            self._pause.wait(self.rng.uniform(0.05, 0.4))

    def _post(self, attempt: Attempt, *, hurried: bool = False) -> httpx.Response:
        headers = self._authorised() | {"Idempotency-Key": attempt.key}
        url = self.rng.choice(self.urls) + API + attempt.path
        patience: dict[str, Any] = {"timeout": HURRIED_S} if hurried else {}
        return self._client.post(url, json=attempt.body, headers=headers, **patience)

    def _repeat(self, attempt: Attempt) -> None:
        """The same key once more: the same answer, and no second effect (which the snapshot will show)."""
        try:
            answer = self._post(attempt)
        except httpx.TransportError:
            return
        if answer.status_code == 503:
            return
        same = (answer.status_code, kept(_document(answer))) == (attempt.status, kept(attempt.answer))
        if not same or answer.headers.get("idempotency-replayed") != "true":
            self.violations.append(f"a repeat with the same key got another answer: {attempt}, then {answer.text[:200]}")

    def find_out(self) -> int:
        """When all is quiet: asks again for everything whose outcome is not known. Returns how many were decided after all."""
        late = 0
        for attempt in self.attempts:
            if attempt.decided:
                continue
            self._until_answered(attempt)
            if attempt.unknown:
                self.violations.append(f"no answer even when all was quiet: {attempt}")
                continue
            late += attempt.replayed
            self._remember(attempt)
        return late

    def _remember(self, attempt: Attempt) -> None:
        self.seen[f"{attempt.action} {attempt.status} {attempt.answer.get('code', '')}".strip()] += 1
        answer = attempt.answer
        if attempt.won:
            if attempt.action in ("reserve", "reschedule", "cancel"):
                booking = BookingAnswer(answer["reservation_status"], answer["period"]["start"], answer["period"]["end"])
                self.bookings[answer["id"]] = booking
                self.quotes[answer["id"]] = (booking.start, answer["quote"])
            else:
                self.requests[answer["id"]] = answer
            return
        code = answer.get("code")
        if attempt.status == 409 and code == "SLOT_TAKEN":
            self._check_alternatives(attempt)
        elif not (attempt.status == 409 and (code in self._fair(attempt) or self._too_late(attempt))):
            self.violations.append(f"an answer that should not be: {attempt} {answer.get('detail', '')}")

    def _fair(self, attempt: Attempt) -> frozenset[str]:
        """The refusals, other than a taken slot, that an attempt may meet."""
        if attempt.action in ("reserve", "reschedule"):
            return frozenset({"LIMIT_REACHED"})
        if attempt.action in ("accept", "withdraw"):  # the offer may have run out between the look and the click
            return frozenset({"WRONG_STATE", "LIMIT_REACHED"})
        return frozenset()

    def _too_late(self, attempt: Attempt) -> bool:
        """Whether a change is refused because its deadline, before the booking's start, has indeed passed.

        An alternative that the driver took may begin sooner than its terms allow changes.
        """
        until, booking = attempt.answer.get("change_until"), self.bookings.get(attempt.path.split("/")[-2])
        if attempt.action != "reschedule" or attempt.answer.get("code") != "TERMS_REFUSE" or until is None or booking is None:
            return False
        now = self.person.world.platform.clock.now()
        return datetime.fromisoformat(until) < datetime.fromisoformat(booking.start) and datetime.fromisoformat(until) <= now

    def _check_alternatives(self, attempt: Attempt) -> None:
        alternatives = attempt.answer.get("alternatives")
        if not alternatives:
            self.violations.append(f"a loser without alternatives: {attempt}")
            return
        for item in alternatives:
            start = datetime.fromisoformat(item["period"]["start"])
            asked = attempt.body.get("start")
            same = item["location_id"] == self.place[0] and asked is not None and start == datetime.fromisoformat(asked)
            if (
                same
                or start <= self.person.world.platform.clock.now()
                or datetime.fromisoformat(item["period"]["end"]) <= start
            ):
                self.violations.append(f"an alternative that is none: {item} for {attempt}")
        here = [item["period"] for item in alternatives if item["location_id"] == self.place[0]]
        if here and self.rng.random() < 0.5:
            begin, end = (datetime.fromisoformat(here[0][name]) for name in ("start", "end"))
            self._hint = {"start": begin.isoformat(), "duration_minutes": int((end - begin).total_seconds() // 60)}


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {"code": f"NOT_JSON {answer.text[:100]!r}"}
    return document if isinstance(document, dict) else {"code": "NOT_AN_OBJECT"}


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """What a key keeps of an answer: all but the invocation that gave it."""
    return {name: value for name, value in document.items() if name != "invocation_id"}
