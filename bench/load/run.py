"""One run: the processes, the calibration, the arrivals, and what came of it."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from bench.harness import drivers, stack
from bench.harness.drivers import Act, Crowd, Visit
from bench.harness.stack import Server
from bench.harness.wire import Wire
from bench.load.memory import Growth, Watch
from shared.outbox import PENDING, SENT, inbox_message, outbox_message
from shared.platform import Platform

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What a run is. Visits come at `share` of the capacity, at `least_rate` a second at least; `clients` make the
    calibration's closed loop, `hands` visits may be under way at once in the run; `pause_s` is the mean pause between a visit's
    acts; `settle_s` what the queues may take to empty after the last visit. `app` is what the servers serve: tests give one
    with faults."""

    minutes: float = 15.0
    calibrate_s: float = 30.0
    share: float = 0.8
    least_rate: float = 0.5
    servers: int = 2
    places: int = 400
    people: int = 500
    clients: int = 12
    hands: int = 128
    pause_s: float = 0.5
    settle_s: float = 120.0
    seed: int = 5
    app: str = "function_app:api"


@dataclass
class Outcome:
    """What came of a run: visits a second that the platform can take and that came, seconds and visits of the run, every act,
    memory by process. `wrong` says what must not be; it is empty where all was well."""

    capacity: float
    rate: float
    seconds: float
    visits: int
    acts: list[Act]
    growths: list[Growth]
    samples: dict[str, list[tuple[float, float]]]
    messages: int
    wrong: list[str] = field(default_factory=list)


@dataclass
class Site:
    """The processes of a run, and the crowd."""

    options: Options
    platform: Platform
    crowd: Crowd
    servers: Sequence[Server]
    pids: dict[str, int]


@contextmanager
def site(options: Options, say: Say) -> Iterator[Site]:
    """Everything up, and a town to drive in. Raises NotThere where a component is not installed."""
    with stack.started() as found:
        broker = found.start_broker()
        platform = found.platform("evcharging")
        crowd = drivers.found_town(platform, places=options.places, drivers=options.people, seed=options.seed)
        url = found.mariadb.create("evcharging")
        servers = [found.serve(url, name=f"server {number + 1}", app=options.app) for number in range(options.servers)]
        deliverer = found.deliver(url)
        pids = {server.child.name: server.pid for server in servers} | {
            "deliverer": deliverer.process.pid, "broker": broker.pid, "MariaDB": found.mariadb.pid,
        }  # fmt: skip
        say(f"{options.places} places, {options.people:,} drivers; {', '.join(pids)} are up")
        yield Site(options, platform, crowd, servers, pids)


class Hands:
    """Threads that serve visits, each with a connection to every server."""

    def __init__(self, site: Site, count: int, *, begun: float, pause_s: float) -> None:
        self._site, self._begun, self._pause_s = site, begun, pause_s
        self._due: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.acts: list[Act] = []
        self.failures: list[str] = []
        self.done = 0
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def visit_at(self, due: float) -> None:
        """A driver comes at `due` seconds since the begin, or as soon as a hand is free after that."""
        self._due.put(due)

    def _work(self, number: int) -> None:
        rng = random.Random(self._site.options.seed * 1000 + number)
        wires = [server.wire() for server in self._site.servers]
        while (due := self._due.get()) is not None:
            self._one(rng, rng.choice(wires), due)
        for wire in wires:
            wire.close()

    def _one(self, rng: random.Random, wire: Wire, due: float) -> None:
        acts: list[Act] = []
        try:
            driver = self._site.crowd.borrow()
            Visit(driver, wire, rng, acts.append, begun=self._begun, due=due, pause_s=self._pause_s).run()
            self._site.crowd.give_back(driver)
        except Exception as error:  # noqa: BLE001 - whatever a visit raises is the run's failure, and the run goes on
            with self._lock:
                self.failures.append(f"a visit broke off: {type(error).__name__}: {error}")
        with self._lock:
            self.acts += acts
            self.done += 1

    def finish(self) -> None:
        """Waits for the visits that are under way or due."""
        for _ in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join()


def calibrate(site: Site, say: Say) -> float:
    """Visits a second that a closed loop without pauses reaches, the time counted until every queue is empty too. The first
    visits, which open connections and load the policy, are not counted."""
    closed_loop(site, site.options.calibrate_s / 5)
    visits, acts, took = closed_loop(site, site.options.calibrate_s)
    say(f"capacity: {visits} visits, {acts:,} acts in {took:.0f} s: {visits / took:.1f} visits a second")
    return visits / took


def closed_loop(site: Site, seconds: float) -> tuple[int, int, float]:
    """Clients that make one visit after the other for a while: visits, acts, seconds until all of it had its effect."""
    clients, waiting = site.options.clients, threading.Event()
    begun = time.monotonic()
    hands = Hands(site, clients, begun=begun, pause_s=0.0)
    started = 0
    while (now := time.monotonic() - begun) < seconds:
        while started < hands.done + clients:
            hands.visit_at(now)
            started += 1
        waiting.wait(0.005)
    hands.finish()
    settle(site)
    return hands.done, len(hands.acts), time.monotonic() - begun


def waiting_messages(platform: Platform) -> int:
    """Messages that are due and did not have their effect yet, on their way or in a queue."""

    def read(conn: sa.Connection) -> int:
        table = outbox_message.c
        due = sa.and_(table.state == PENDING, table.available_at <= platform.clock.now())
        pending = conn.execute(sa.select(sa.func.count()).select_from(outbox_message).where(due)).scalar_one()
        sent = conn.execute(sa.select(sa.func.count()).select_from(outbox_message).where(table.state == SENT)).scalar_one()
        consumed = conn.execute(sa.select(sa.func.count()).select_from(inbox_message)).scalar_one()
        return int(pending + sent - consumed)

    return platform.database.read(read)


def settle(site: Site) -> int:
    """Waits until every message had its effect. How many are still waiting when the time is up."""
    deadline, pause = time.monotonic() + site.options.settle_s, threading.Event()
    while (left := waiting_messages(site.platform)) and time.monotonic() < deadline:
        pause.wait(0.2)
    return left


def arrivals(rate: float, seconds: float, rng: random.Random) -> Iterator[float]:
    """Instants of a Poisson process, seconds since its begin."""
    at = rng.expovariate(rate)
    while at < seconds:
        yield at
        at += rng.expovariate(rate)


def run(options: Options, say: Say) -> Outcome:
    """Calibrates, runs, and says what came of it."""
    with site(options, say) as found:
        capacity = calibrate(found, say)
        rate, seconds = max(options.least_rate, capacity * options.share), options.minutes * 60
        say(f"{options.minutes:g} minutes at {rate:.1f} visits a second")
        begun, pause = time.monotonic(), threading.Event()
        with Watch(found.pids, every_s=max(0.1, min(1.0, seconds / 100))) as watch:
            hands = Hands(found, options.hands, begun=begun, pause_s=options.pause_s)
            told = 0
            for at in arrivals(rate, seconds, random.Random(options.seed)):
                pause.wait(max(0.0, begun + at - time.monotonic()))
                hands.visit_at(at)
                if at // 60 > told:
                    told = int(at // 60)
                    say(f"minute {told}: {hands.done:,} visits, {sum(act.error is not None for act in hands.acts)} errors")
            hands.finish()
            took = time.monotonic() - begun
        left = settle(found)
        made = Outcome(capacity, rate, took, hands.done, hands.acts, watch.growths(), watch.samples, _messages(found.platform))
        made.wrong = wrong(made, ended=watch.ended, failures=hands.failures, left=left)
        return made


def _messages(platform: Platform) -> int:
    count = sa.select(sa.func.count()).select_from(inbox_message)
    return platform.database.read(lambda conn: int(conn.execute(count).scalar_one()))


def wrong(made: Outcome, *, ended: set[str], failures: list[str], left: int) -> list[str]:
    """What must not be: errors, lost messages, processes that ended or grew."""
    found = [f"{name} ended during the run" for name in sorted(ended)]
    errors = [act for act in made.acts if act.error is not None]
    if errors:
        found.append(f"{len(errors)} of {len(made.acts):,} acts had an answer they should not have")
    if failures:
        found.append(f"{len(failures)} visits broke off; the first: {failures[0]}")
    if left:
        found.append(f"{left} messages did not have their effect")
    found += [
        f"{item.name} grew by {item.grown_mb:.1f} MB over the second half ({item.allowed_mb:.1f} MB are allowed)"
        for item in made.growths
        if item.leaks
    ]
    return found
