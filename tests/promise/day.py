"""The busy day: what happens when, the steps in which it passes, what is broken meanwhile, and the judgement after each step.

The clock stands still between steps; everything takes the time that it takes. In a step what is due leaves the
outbox, drivers and stations act, everything is delivered, the rows are judged; then the minute's sweeps run on one of the
servers, what they say is delivered, and the rows are judged again.
"""

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.subscriptions import EVENTS, SUBSCRIPTIONS
from app.sweeps import Cadence
from functions.accounts.tables import user
from shared.errors import Unavailable
from shared.outbox import PENDING, inbox_message, outbox_message
from tests.faults.cluster import Cluster, wait_until
from tests.faults.invariants import Violation
from tests.promise.clock import LeapingClock
from tests.promise.invariants import DaySnapshot, judge
from tests.promise.people import MANNERS, MINUTE, Manner, People, Trip
from tests.promise.server import CLOCK
from tests.promise.town import Calls, Place, Town, build
from tests.support.world import Person

SETTLE_S = 120.0
SPRING, AUTUMN = datetime(2026, 3, 28, 20, 0, tzinfo=UTC), datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
"""Evenings before a night in which the clocks change, at 01:00 UTC."""


@dataclass(frozen=True)
class DayOptions:
    """What a day is."""

    begin: datetime = SPRING
    hours: float = 12.0
    step_minutes: int = 3
    places: int = 6
    chargers: int = 3
    """At each place."""
    drivers: int = 40
    bookings_an_hour: float = 26.0
    kills: int = 5
    """Server processes that are killed; the database and the broker are each crashed once where there are two or more."""
    seed: int = 1


@dataclass
class DayResult:
    """What came of a day."""

    options: DayOptions
    town: Town
    trips: list[Trip]
    injected: Counter[str]
    steps: int
    killed: int
    calls: int
    retried: int
    seconds: float
    snapshot: DaySnapshot
    violations: list[tuple[datetime, Violation]] = field(default_factory=list)
    """Each once, with the step in which it was first seen."""


def cluster_of(folder: Path, begin: datetime) -> Cluster:
    """Two servers, MariaDB, broker, Azurite and Communication Services' endpoint, all by one leaping clock."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "clock"
    clock = LeapingClock(path)
    clock.leap(begin)
    return Cluster(folder, module="tests.promise.server", clock=clock, environment={CLOCK: str(path)})


class BusyDay:
    """A day on a cluster that is up. It is the schedule of its people."""

    def __init__(self, cluster: Cluster, options: DayOptions, say: Callable[[str], None] = lambda _: None) -> None:
        clock = cluster.platform.clock
        assert isinstance(clock, LeapingClock)
        self._cluster, self._options, self._say, self._clock = cluster, options, say, clock
        self._rng = random.Random(options.seed)
        self._acts: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._calls = Calls([server.url for server in cluster.servers], self._rng)
        self._town = build(cluster.world, self._calls, places=options.places, chargers=options.chargers)
        self.people = People(self._town, self, self._rng)
        self._drivers = [self._driver(number) for number in range(options.drivers)]
        self._violations: dict[str, tuple[datetime, Violation]] = {}
        self._restarts: list[threading.Thread] = []
        self._killed = self._steps = 0

    def now(self) -> datetime:
        """The instant."""
        return self._clock.now()

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Does something at an instant, or in the step after it."""
        heapq.heappush(self._acts, (when, next(self._numbers), act))

    def _driver(self, number: int) -> tuple[Person, str]:
        """Somebody with a car; every third has a proven number, every sixth one that they never proved."""
        person = self._cluster.world.user(phone=f"+316{number:08d}" if number % 3 == 0 else None)
        if number % 6 == 1:
            unproven = sa.update(user).where(user.c.id == person.id).values(phone=f"+317{number:08d}")
            self._cluster.platform.database.transact(lambda conn: conn.execute(unproven))
        return person, person.car()

    def run(self) -> DayResult:
        """Lets the day pass."""
        begun, options = time.monotonic(), self._options
        end = options.begin + timedelta(hours=options.hours)
        self._plan(end)
        step = timedelta(minutes=options.step_minutes)
        while self.now() < end:
            self._step()
            self._clock.leap(self.now() + step)
        for thread in self._restarts:
            thread.join()
        self._calls.send("POST", f"/promise/sweeps/{Cadence.EVERY_MINUTE}", {})
        self._settle()
        self._judge()
        self._calls.close()
        return DayResult(
            options=options,
            town=self._town,
            trips=self.people.trips,
            injected=self.people.injected,
            steps=self._steps,
            killed=self._killed,
            calls=self._calls.count,
            retried=self._calls.retried,
            seconds=time.monotonic() - begun,
            snapshot=self._snapshot(),
            violations=list(self._violations.values()),
        )

    def _plan(self, end: datetime) -> None:
        """What will happen, by the seed."""
        begin, hours, rng = self._options.begin, self._options.hours, self._rng
        for place in self._town.places:
            for charger in place.chargers.values():
                place.reports(charger, self.now())
        for _ in range(round(self._options.bookings_an_hour * hours)):
            self._in(begin, end, self._somebody_wants)
        for _ in range(round(1.5 * hours)):
            self._in(begin, end, lambda: self.people.walks_in(*rng.choice(self._drivers), rng.choice(self._town.places)))
            self._in(begin, end, lambda: self.people.charges_unasked(rng.choice(self._town.places)))
        for _ in range(max(2, round(0.8 * hours))):
            self._in(begin, end, self._breaks)
        for number in range(max(1, round(hours / 9))):
            self._in(begin, end, self._site_breaks if number % 2 == 0 else self._falls_silent)
        for _ in range(max(1, round(hours / 6))):
            self._in(begin, end, self._operator_ends_one)
        for number in range(self._options.kills):
            share = (number + 0.5) / self._options.kills
            self.at(begin + (end - begin) * share, partial(self._kill, number))
        if self._options.kills >= 2:
            self.at(begin + (end - begin) * 0.4, partial(self._crash, "database", self._cluster.database))
            self.at(begin + (end - begin) * 0.7, partial(self._crash, "broker", self._cluster.broker))

    def _in(self, begin: datetime, end: datetime, act: Callable[[], None]) -> None:
        self.at(begin + (end - begin) * self._rng.random(), act)

    def _somebody_wants(self) -> None:
        rng, (driver, vehicle_id) = self._rng, self._rng.choice(self._drivers)
        lead = rng.choice((20, 40, 60, 90, 150, 240))
        start = (self.now() + lead * MINUTE).replace(second=0) + rng.choice((0, 0, 1, 4)) * MINUTE
        manner = rng.choices(list(MANNERS), list(MANNERS.values()))[0]
        self.people.wants(
            Trip(driver, vehicle_id, rng.choice(self._town.places), start, rng.choice((30, 45, 60, 90)), Manner(manner))
        )

    def _breaks(self, place: Place | None = None, uid: str | None = None, minutes: int | None = None) -> None:
        place = place or self._rng.choice(self._town.places)
        charger = place.chargers[uid or self._rng.choice(sorted(place.chargers))]
        if charger.broken:
            return
        now = self.now()
        if uid is None:
            self.people.injected["charger breaks"] += 1
        if charger.car is not None:
            place.unplug(charger, now)
        charger.broken = True
        place.reports(charger, now + timedelta(seconds=1))
        mended = now + (minutes or self._rng.choice((10, 40, 120))) * MINUTE
        self._town.faults.append((charger.evse_id, now, mended))

        def works() -> None:
            charger.broken = False
            place.reports(charger, self.now())

        self.at(mended, works)

    def _site_breaks(self) -> None:
        self.people.injected["site breaks"] += 1
        place = self._rng.choice(self._town.places)
        for uid in place.chargers:
            self._breaks(place, uid, 60)

    def _falls_silent(self) -> None:
        place = self._rng.choice(self._town.places)
        if place.is_heard:
            self.people.injected["feed falls silent"] += 1
            place.falls_silent()
            self.at(self.now() + 40 * MINUTE, place.is_heard_again)

    def _operator_ends_one(self) -> None:
        """An owner ends a booking at their place: the next that is reserved."""
        place = self._rng.choice(self._town.places)
        answer = self._calls.of(place.owner, "GET", "/booking/hosted?status=RESERVED").json()
        ahead = [item for item in answer["items"] if datetime.fromisoformat(item["period"]["start"]) > self.now()]
        if ahead:
            self.people.injected["owner ends a booking"] += 1
            self._calls.of(place.owner, "POST", f"/booking/hosted/{ahead[0]['id']}/cancel", {"reason": "BLOCKED"})

    def _kill(self, number: int) -> None:
        """SIGKILL for a server while the step goes on; it is started again at once."""
        self.people.injected["server killed"] += 1
        self._killed += 1
        server = self._cluster.servers[number % 2]

        def kill_and_start() -> None:
            threading.Event().wait(self._rng.uniform(0.0, 0.2))
            server.kill()
            server.start(wait=False)

        self._meanwhile(kill_and_start)

    def _crash(self, what: str, component: Any) -> None:
        self.people.injected[f"{what} crashed"] += 1

        def crash_and_start() -> None:
            component.kill()
            component.start()

        self._meanwhile(crash_and_start)

    def _meanwhile(self, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act, daemon=True)
        self._restarts.append(thread)
        thread.start()

    def _step(self) -> None:
        self._steps += 1
        self._sweep(Cadence.EVERY_TEN_SECONDS)
        now = self._clock.now()
        if self._steps % max(1, 9 // self._options.step_minutes) == 1:
            for place in self._town.places:
                self._speak(place)
        while self._acts and self._acts[0][0] <= now:
            heapq.heappop(self._acts)[2]()
        self._settle()
        self._judge(delivered=True)
        self._sweep(Cadence.EVERY_MINUTE)
        self._settle()
        self._judge()
        if self._steps % 20 == 0:
            self._say(f"{self.now():%d %b %H:%M} UTC: {len(self.people.trips)} wishes, {len(self._violations)} violations")

    def _speak(self, place: Place) -> None:
        place.heartbeat()
        for charger in place.chargers.values():
            if charger.car is not None:
                place.meters(charger, self.now())

    def _sweep(self, cadence: Cadence) -> None:
        for thread in self._restarts:
            thread.join()
        self._restarts.clear()
        for server in self._cluster.servers:
            wait_until(server.answers, seconds=120, what=f"{server.url} answers") if self._killed else None
        # The broker's dead letters are asked for at the end alone: each look waits some seconds for them.
        answer = self._calls.send("POST", f"/promise/sweeps/{cadence}?but=keep_dead_letters", {})
        if answer.status_code != 200:
            self._see(Violation("broken", "every sweep runs", f"{cadence}: {answer.text[:300]}"))

    def _settle(self) -> None:
        """Waits until everything that is due had its effect."""
        deadline, pause, looked = time.monotonic() + SETTLE_S, threading.Event(), 0
        while waiting := self._waiting():
            looked += 1
            if looked % 50 == 0:  # what a killed process left is taken up some seconds later
                self._clock.leap(self.now() + timedelta(seconds=1))
                self._calls.send("POST", f"/promise/sweeps/{Cadence.EVERY_TEN_SECONDS}", {})
            if time.monotonic() > deadline:
                raise TimeoutError(f"without effect after {SETTLE_S:.0f} s: {waiting[:5]}")
            pause.wait(0.04)

    def _waiting(self) -> list[str]:
        """Messages that are due and had no effect, and letters that are not sent."""
        table, now = outbox_message.c, self._clock.now()

        def read(conn: sa.Connection) -> list[str]:
            pending = sa.select(table.type).where(table.state == PENDING, table.available_at <= now)
            waiting = [f"{kind} is due" for kind in conn.execute(pending).scalars()]
            sent = conn.execute(sa.select(table.id, table.type, table.queue).where(table.state == "SENT")).all()
            consumed = conn.execute(sa.select(inbox_message.c.consumer, inbox_message.c.message_id)).all()
            seen = {(row.consumer, row.message_id) for row in consumed}
            for row in sent:
                handlers = [handler for queue, handler in SUBSCRIPTIONS[EVENTS[row.type]] if queue == row.queue]
                if any((handler.name, str(row.id)) not in seen for handler in handlers) and row.type != "message_due":
                    waiting.append(f"{row.type} {row.id} is sent")
            unsent = conn.execute(sa.text("SELECT count(*) FROM delivery WHERE status = 'PENDING'")).scalar()
            return waiting + [f"{unsent} letters"] * bool(unsent)

        try:
            return self._cluster.platform.database.read(read)
        except (sa.exc.DBAPIError, Unavailable):
            return ["the database is away"]

    def _snapshot(self) -> DaySnapshot:
        return self._cluster.platform.database.read(partial(DaySnapshot.read, now=self._clock.now()))

    def _judge(self, *, delivered: bool = False) -> None:
        accepted = self._cluster.communication.accepted
        mailed = dict.fromkeys(accepted.emails, 1)
        for violation in judge(self._snapshot(), mailed=mailed, sms=accepted.sms, delivered=delivered):
            self._see(violation)
        for said in self._calls.violations:
            self._see(Violation("broken", "every answer is one that should be", said))
        self._calls.violations.clear()

    def _see(self, violation: Violation) -> None:
        if str(violation) not in self._violations:
            self._violations[str(violation)] = (self.now(), violation)
            self._say(f"VIOLATED {self.now():%H:%M} {violation}")
