"""Contention scenarios: clients contend for a day's EVSEs under fault injection; then every invariant is checked."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx

from shared import outbox
from tests.faults.cluster import Cluster, wait_until
from tests.faults.drivers import Attempt, AttemptCounter, ContendingDriver
from tests.faults.invariants import DatabaseSnapshot, Violation, check_all, poison_is_visible
from tests.support.world import API

CLIENTS = 32
_seeds = itertools.count(1)
FaultInjection = Callable[[Cluster, AttemptCounter], int]
"""Breaks things while attempts are made; returns how many server processes it killed."""


@dataclass
class ScenarioResult:
    """What came of a scenario: a line of the table."""

    scenario: str
    attempts: int
    won: int
    refused: int
    retried: int
    """Attempts that were sent more than once."""
    killed: int
    """Server processes that were killed."""
    late: int
    """Attempts that got no answer while things were broken though an earlier sending had been decided."""
    poison: int
    """Poison messages put in."""
    seconds: float
    violations: list[Violation]
    seen: Counter[str] = field(default_factory=Counter)
    """Answers by action, status and code."""

    @property
    def lost(self) -> int:
        """Violations that show something lost."""
        return sum(item.kind == "lost" for item in self.violations)

    @property
    def doubled(self) -> int:
        """Violations that show something doubled."""
        return sum(item.kind == "doubled" for item in self.violations)


@dataclass(frozen=True)
class FaultScenario:
    """A name and what is violations."""

    name: str
    break_things: FaultInjection


def nothing(_cluster: Cluster, progress: AttemptCounter) -> int:
    """All stays well."""
    progress.wait(1.0)
    return 0


def kill_servers(times: int) -> FaultInjection:
    """SIGKILL for one server after the other, in turn, spread over the attempts; each is started again at once."""

    def kill(cluster: Cluster, progress: AttemptCounter) -> int:
        for number in range(times):
            progress.wait((number + 1) / (times + 1))
            server = cluster.servers[number % 2]
            server.kill()
            server.start(wait=False)
            wait_until(server.answers, seconds=120, what=f"{server.url} answers again")
        return times

    return kill


def restart_database(cluster: Cluster, progress: AttemptCounter) -> int:
    """Once as a crash (SIGKILL), once in order; away for some seconds each time, as a failover is."""
    for share, end in ((0.3, cluster.database.kill), (0.6, cluster.database.stop)):
        progress.wait(share)
        end()
        threading.Event().wait(6)
        cluster.database.start()
    return 0


def restart_broker(cluster: Cluster, progress: AttemptCounter) -> int:
    """Once as a crash, once in order; away for some seconds each time."""
    for share, end in ((0.3, cluster.broker.kill), (0.6, cluster.broker.stop)):
        progress.wait(share)
        end()
        threading.Event().wait(6)
        cluster.broker.start()
    return 0


def blob_gone(wait_for_policy: bool) -> FaultInjection:
    """Blob Storage goes; a server is killed and must start without its policy; Blob comes back, and so does the policy."""

    def gone(cluster: Cluster, progress: AttemptCounter) -> int:
        progress.wait(0.2)
        cluster.blobs.stop()
        progress.wait(0.4)
        server = cluster.servers[0]
        server.kill()
        server.start()
        progress.wait(0.7)
        cluster.blobs.start()
        if wait_for_policy:
            for each in cluster.servers:
                url = f"{each.url}{API}/optimizer/model"
                wait_until(
                    lambda url=url: _version(url) is not None, seconds=120, what=f"the policy serves again: {url}", every=2
                )
        return 1

    return gone


def _version(url: str) -> str | None:
    try:
        version: str | None = httpx.get(url, timeout=10).json()["version"]
    except httpx.TransportError:
        return None
    return version


def everything(kills: int) -> FaultInjection:
    """One after the other in one run: servers killed, the database crashed, the broker crashed, Blob gone and back."""

    def break_all(cluster: Cluster, progress: AttemptCounter) -> int:
        for number in range(kills):
            progress.wait(0.1 + 0.2 * number / kills)
            server = cluster.servers[number % 2]
            server.kill()
            server.start(wait=False)
        progress.wait(0.4)
        cluster.database.kill()
        threading.Event().wait(3)
        cluster.database.start()
        progress.wait(0.6)
        cluster.broker.kill()
        threading.Event().wait(3)
        cluster.broker.start()
        progress.wait(0.75)
        cluster.blobs.stop()
        progress.wait(0.9)
        cluster.blobs.start()
        for server in cluster.servers:
            wait_until(server.answers, seconds=120, what=f"{server.url} answers again")
        return kills

    return break_all


def fault_scenarios(kills: int, *, wait_for_policy: bool = True) -> list[FaultScenario]:
    """All of them."""
    return [
        FaultScenario("all well", nothing),
        FaultScenario(f"a server killed {kills} times", kill_servers(kills)),
        FaultScenario("the database restarted twice", restart_database),
        FaultScenario("the broker restarted twice", restart_broker),
        FaultScenario("Blob gone and back", blob_gone(wait_for_policy)),
    ]


class Poison:
    """Messages that nobody can work off: of ours with nonsense in them, and foreign ones put into the queues."""

    def __init__(self) -> None:
        self.ours: set[uuid.UUID] = set()
        self.foreign = 0

    def put(self, cluster: Cluster) -> int:
        """Puts four among the others. Returns how many."""
        from azure.servicebus import ServiceBusClient, ServiceBusMessage

        def emit(tx: Any) -> set[uuid.UUID]:
            return {
                tx.emit(outbox.CHARGE_REQUESTS, "nonsense", {"charge_request_id": str(uuid.uuid4())}).id,
                tx.emit(outbox.CHARGE_REQUESTS, "charge_requested", {"nothing": "in it"}).id,
                tx.emit(outbox.NOTIFY, "booking_reserved", {"user_id": str(uuid.uuid4())}).id,
            }

        self.ours |= cluster.platform.transact(emit)
        with (
            ServiceBusClient.from_connection_string(cluster.broker.connection_string) as client,
            client.get_queue_sender(outbox.NOTIFY) as sender,
        ):
            sender.send_messages(ServiceBusMessage("not JSON", message_id=f"foreign {uuid.uuid4()}"))
        self.foreign += 1
        return 4


def run(
    cluster: Cluster,
    scenario: FaultScenario,
    *,
    attempts: int,
    drivers: list[ContendingDriver],
    poison: Poison,
    hours: int = 24,
) -> ScenarioResult:
    """Runs one scenario on the cluster: its clients contend for so many hours of eight EVSEs.

    `drivers` are those of earlier scenarios, whose bookings must stand too; the new ones are added.
    """
    begun = time.monotonic()
    place = cluster.place()
    day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    urls = [server.url for server in cluster.servers]
    mine = [ContendingDriver(cluster.world.user(), urls, place, day, next(_seeds), hours) for _ in range(CLIENTS)]
    each = -(-attempts // CLIENTS)
    progress = AttemptCounter(each * CLIENTS)
    put = poison.put(cluster)
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        breaking = pool.submit(scenario.break_things, cluster, progress)
        done = [pool.submit(driver.run, each, progress) for driver in mine]
        try:
            for future in done:
                future.result()
            killed = breaking.result()
        except BaseException:
            progress.stop()
            raise
    cluster.settle()
    late = sum(driver.find_out() for driver in mine)
    cluster.settle()
    wait_until(lambda: len(_dead_letters(cluster)) >= len(poison.ours) + poison.foreign, seconds=120, what="poison is shown")
    drivers += mine
    snapshot = cluster.platform.database.read(DatabaseSnapshot.read)
    mailed = dict.fromkeys(cluster.communication.accepted.emails, 1)
    now = cluster.platform.clock.now() - timedelta(seconds=1)
    violations = check_all(snapshot, drivers, poison=frozenset(poison.ours), mailed=mailed, now=now)
    violations += poison_is_visible(frozenset(poison.ours), poison.foreign, _dead_letters(cluster))
    for driver in mine:
        driver.close()
    return _result(
        scenario, mine, killed=killed, late=late, poison=put, seconds=time.monotonic() - begun, violations=violations
    )


def _dead_letters(cluster: Cluster) -> list[dict[str, Any]]:
    """What an administrator reads."""
    admin, letters, cursor = cluster.admin, [], None
    while True:
        page = admin.get("/notify/dead-letters", limit=100, **({"cursor": cursor} if cursor else {})).json()
        letters += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return letters


def _result(
    scenario: FaultScenario,
    drivers: Sequence[ContendingDriver],
    *,
    killed: int,
    late: int,
    poison: int,
    seconds: float,
    violations: list[Violation],
) -> ScenarioResult:
    attempts: list[Attempt] = [attempt for driver in drivers for attempt in driver.attempts]
    return ScenarioResult(
        scenario=scenario.name,
        attempts=len(attempts),
        won=sum(attempt.won for attempt in attempts),
        refused=sum(attempt.status is not None and not attempt.won for attempt in attempts),
        retried=sum(attempt.sends > 1 for attempt in attempts),
        killed=killed,
        late=late,
        poison=poison,
        seconds=seconds,
        violations=violations,
        seen=sum((driver.seen for driver in drivers), Counter()),
    )
