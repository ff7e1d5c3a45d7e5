"""One run: the processes, the calibration, the arrivals, and what came of it."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from bench.harness import drivers, stack
from bench.harness.drivers import Act, DriverPool, Visit
from bench.harness.stack import ServerProcess
from bench.harness.wire import Wire
from bench.load.memory import Growth, MemoryWatch
from devhost.stack.ingestion import Ingestion, Row
from shared.outbox import PENDING, SENT, inbox_message, outbox_message
from shared.platform import Platform

Say = Callable[[str], None]


@dataclass(frozen=True)
class LoadOptions:
    """What a run is."""

    minutes: float = 15.0
    calibrate_s: float = 30.0
    """Seconds of the closed loop that finds the capacity."""
    share: float = 0.8
    """Visits come at this share of the capacity."""
    least_rate: float = 0.5
    """Visits a second at least, whatever the capacity."""
    servers: int = 2
    """Server processes."""
    places: int = 400
    people: int = 500
    clients: int = 12
    """Visits under way at once in the closed loop."""
    concurrent_visits: int = 128
    """Visits that may be under way at once in the run."""
    pause_s: float = 0.5
    """Mean pause between a visit's acts."""
    settle_s: float = 120.0
    """What the queues may take to empty after the last visit."""
    seed: int = 5
    app: str = "function_app:api"
    """What the servers serve: tests give one with faults."""
    has_telemetry: bool = False
    """Whether the processes send their telemetry to a loopback ingestion."""


@dataclass
class LoadResult:
    """What came of a run."""

    capacity: float
    """Visits a second that the platform can take."""
    rate: float
    """Visits a second that came."""
    seconds: float
    visits: int
    acts: list[Act]
    growths: list[Growth]
    samples: dict[str, list[tuple[float, float]]]
    """Memory by process: (seconds since the begin, MB)."""
    messages: int
    """Messages that had their effect."""
    telemetry: dict[str, list[Row]] | None = None
    """What was ingested, rows by table of the workspace; None where nothing was sent."""
    wrong: list[str] = field(default_factory=list)
    """What must not be; empty where all was well."""


@dataclass
class LoadSite:
    """The processes of a run, and its drivers."""

    options: LoadOptions
    platform: Platform
    driver_pool: DriverPool
    servers: Sequence[ServerProcess]
    pids: dict[str, int]
    ingestion: Ingestion | None


@contextmanager
def site(options: LoadOptions, say: Say) -> Iterator[LoadSite]:
    """Everything up, with locations and drivers. Raises ComponentMissingError where a component is not installed."""
    with ExitStack() as exits, stack.started() as running:
        broker = running.start_broker()
        platform = running.platform("evcharging")
        driver_pool = drivers.populate(platform, places=options.places, drivers=options.people, seed=options.seed)
        url = running.mariadb.create("evcharging")
        ingestion = exits.enter_context(Ingestion()) if options.has_telemetry else None
        own = {} if ingestion is None else ingestion.environment()
        names = [f"server {number + 1}" for number in range(options.servers)]
        servers = [running.serve(url, name=name, app=options.app, **own) for name in names]
        queue_worker = running.start_queue_worker(url, **own)
        pids = {server.child.name: server.pid for server in servers} | {
            # The name is in published figures: load.growth_deliverer_mb_per_min.
            "deliverer": queue_worker.process.pid,
            "broker": broker.pid,
            "MariaDB": running.mariadb.pid,
        }
        say(f"{options.places} places, {options.people:,} drivers; {', '.join(pids)} are up")
        yield LoadSite(options, platform, driver_pool, servers, pids, ingestion)


class VisitThreads:
    """Threads that make visits, each with a connection to every server."""

    def __init__(self, site: LoadSite, count: int, *, begun: float, pause_s: float) -> None:
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
        """A driver comes at `due` seconds since the begin, or as soon as a thread is free after that."""
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
            driver = self._site.driver_pool.borrow()
            Visit(driver, wire, rng, acts.append, begun=self._begun, due=due, pause_s=self._pause_s).run()
            self._site.driver_pool.give_back(driver)
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


def calibrate(site: LoadSite, say: Say) -> float:
    """Visits a second that a closed loop without pauses reaches, the time counted until every queue is empty too. The first
    visits, which open connections and load the policy, are not counted."""
    closed_loop(site, site.options.calibrate_s / 5)
    visits, acts, took = closed_loop(site, site.options.calibrate_s)
    say(f"capacity: {visits} visits, {acts:,} acts in {took:.0f} s: {visits / took:.1f} visits a second")
    return visits / took


def closed_loop(site: LoadSite, seconds: float) -> tuple[int, int, float]:
    """Clients that make one visit after the other for a while: visits, acts, seconds until all of it had its effect."""
    clients, waiting = site.options.clients, threading.Event()
    begun = time.monotonic()
    threads = VisitThreads(site, clients, begun=begun, pause_s=0.0)
    started = 0
    while (now := time.monotonic() - begun) < seconds:
        while started < threads.done + clients:
            threads.visit_at(now)
            started += 1
        waiting.wait(0.005)
    threads.finish()
    settle(site)
    return threads.done, len(threads.acts), time.monotonic() - begun


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


def settle(site: LoadSite) -> int:
    """Waits until every message had its effect. How many are still waiting when the time is up."""
    deadline, pause = time.monotonic() + site.options.settle_s, threading.Event()
    while (left := waiting_messages(site.platform)) and time.monotonic() < deadline:
        pause.wait(0.2)
    return left


def arrivals(rate: float, seconds: float, rng: random.Random) -> Iterator[float]:
    """Instants of a Poisson process, seconds since its begin."""
    due = rng.expovariate(rate)
    while due < seconds:
        yield due
        due += rng.expovariate(rate)


def run(options: LoadOptions, say: Say) -> LoadResult:
    """Calibrates, runs, and says what came of it."""
    with site(options, say) as there:
        capacity = calibrate(there, say)
        rate, seconds = max(options.least_rate, capacity * options.share), options.minutes * 60
        say(f"{options.minutes:g} minutes at {rate:.1f} visits a second")
        begun, pause = time.monotonic(), threading.Event()
        with MemoryWatch(there.pids, every_s=max(0.1, min(1.0, seconds / 100))) as watch:
            threads = VisitThreads(there, options.concurrent_visits, begun=begun, pause_s=options.pause_s)
            minute = 0
            for due in arrivals(rate, seconds, random.Random(options.seed)):
                pause.wait(max(0.0, begun + due - time.monotonic()))
                threads.visit_at(due)
                if due // 60 > minute:
                    minute = int(due // 60)
                    say(
                        f"minute {minute}: {threads.done:,} visits, {sum(act.error is not None for act in threads.acts)} errors"
                    )
            threads.finish()
            took = time.monotonic() - begun
        left = settle(there)
        result = LoadResult(
            capacity, rate, took, threads.done, threads.acts, watch.growths(), watch.samples, _messages(there.platform)
        )
        result.telemetry = None if there.ingestion is None else there.ingestion.tables
        result.wrong = wrong(result, ended=watch.ended, failures=threads.failures, left=left)
        return result


def _messages(platform: Platform) -> int:
    count = sa.select(sa.func.count()).select_from(inbox_message)
    return platform.database.read(lambda conn: int(conn.execute(count).scalar_one()))


def wrong(result: LoadResult, *, ended: set[str], failures: list[str], left: int) -> list[str]:
    """What must not be: errors, lost messages, processes that ended or grew."""
    faults = [f"{name} ended during the run" for name in sorted(ended)]
    errors = [act for act in result.acts if act.error is not None]
    if errors:
        faults.append(f"{len(errors)} of {len(result.acts):,} acts had an answer they should not have")
    if failures:
        faults.append(f"{len(failures)} visits broke off; the first: {failures[0]}")
    if left:
        faults.append(f"{left} messages did not have their effect")
    faults += [
        f"{item.name} grew by {item.grown_mb:.1f} MB over the second half ({item.allowed_mb:.1f} MB are allowed)"
        for item in result.growths
        if item.leaks
    ]
    return faults
