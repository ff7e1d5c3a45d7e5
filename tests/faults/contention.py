"""The scenarios: clients fight for a day's EVSEs while one thing after another is broken; then every promise is checked."""

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
from tests.faults.cluster import Arena, wait_until
from tests.faults.drivers import Attempt, Driver, Progress
from tests.faults.invariants import Books, Broken, check_all, poison_is_visible
from tests.support.world import API

CLIENTS = 32
_seeds = itertools.count(1)
Break = Callable[[Arena, Progress], int]
"""Breaks things while attempts are made; returns how many server processes it killed."""


@dataclass
class Row:
    """A line of the table."""

    scenario: str
    attempts: int
    won: int
    refused: int
    retried: int
    killed: int
    late: int
    poison: int
    seconds: float
    broken: list[Broken]
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """Rows that show something lost."""
        return sum(item.kind == "lost" for item in self.broken)

    @property
    def doubled(self) -> int:
        """Rows that show something doubled."""
        return sum(item.kind == "doubled" for item in self.broken)


@dataclass(frozen=True)
class Scenario:
    """A name and what is broken."""

    name: str
    break_things: Break


def nothing(arena: Arena, progress: Progress) -> int:
    """All stays well."""
    progress.wait(1.0)
    return 0


def kill_servers(times: int) -> Break:
    """SIGKILL for one server after the other, in turn, spread over the attempts; each is started again at once."""

    def kill(arena: Arena, progress: Progress) -> int:
        for number in range(times):
            progress.wait((number + 1) / (times + 1))
            server = arena.servers[number % 2]
            server.kill()
            server.start(wait=False)
            wait_until(server.answers, seconds=120, what=f"{server.url} answers again")
        return times

    return kill


def restart_database(arena: Arena, progress: Progress) -> int:
    """Once as a crash (SIGKILL), once in order; away for some seconds each time, as a failover is."""
    for share, end in ((0.3, arena.database.kill), (0.6, arena.database.stop)):
        progress.wait(share)
        end()
        threading.Event().wait(6)
        arena.database.start()
    return 0


def restart_broker(arena: Arena, progress: Progress) -> int:
    """Once as a crash, once in order; away for some seconds each time."""
    for share, end in ((0.3, arena.broker.kill), (0.6, arena.broker.stop)):
        progress.wait(share)
        end()
        threading.Event().wait(6)
        arena.broker.start()
    return 0


def blob_gone(wait_for_policy: bool) -> Break:
    """Blob Storage goes; a server is killed and must start without its policy; Blob comes back, and so does the policy."""

    def gone(arena: Arena, progress: Progress) -> int:
        progress.wait(0.2)
        arena.blobs.stop()
        progress.wait(0.4)
        server = arena.servers[0]
        server.kill()
        server.start()
        progress.wait(0.7)
        arena.blobs.start()
        if wait_for_policy:
            for each in arena.servers:
                url = f"{each.url}{API}/optimizer/model"
                wait_until(
                    lambda url=url: _version(url) is not None, seconds=120, what=f"the policy serves again: {url}", every=2
                )
        return 1

    return gone


def _version(url: str) -> str | None:
    try:
        found: str | None = httpx.get(url, timeout=10).json()["version"]
    except httpx.TransportError:
        return None
    return found


def everything(kills: int) -> Break:
    """One after the other in one fight: servers killed, the database crashed, the broker crashed, Blob gone and back."""

    def break_all(arena: Arena, progress: Progress) -> int:
        for number in range(kills):
            progress.wait(0.1 + 0.2 * number / kills)
            server = arena.servers[number % 2]
            server.kill()
            server.start(wait=False)
        progress.wait(0.4)
        arena.database.kill()
        threading.Event().wait(3)
        arena.database.start()
        progress.wait(0.6)
        arena.broker.kill()
        threading.Event().wait(3)
        arena.broker.start()
        progress.wait(0.75)
        arena.blobs.stop()
        progress.wait(0.9)
        arena.blobs.start()
        for server in arena.servers:
            wait_until(server.answers, seconds=120, what=f"{server.url} answers again")
        return kills

    return break_all


def scenarios(kills: int, *, wait_for_policy: bool = True) -> list[Scenario]:
    """All of them."""
    return [
        Scenario("all well", nothing),
        Scenario(f"a server killed {kills} times", kill_servers(kills)),
        Scenario("the database restarted twice", restart_database),
        Scenario("the broker restarted twice", restart_broker),
        Scenario("Blob gone and back", blob_gone(wait_for_policy)),
    ]


class Poison:
    """Messages that nobody can work off: of ours with nonsense in them, and foreign ones put into the queues."""

    def __init__(self) -> None:
        self.ours: set[uuid.UUID] = set()
        self.foreign = 0

    def put(self, arena: Arena) -> int:
        """Puts four among the others. Returns how many."""
        from azure.servicebus import ServiceBusClient, ServiceBusMessage

        def emit(tx: Any) -> set[uuid.UUID]:
            return {
                tx.emit(outbox.CHARGE_REQUESTS, "nonsense", {"charge_request_id": str(uuid.uuid4())}).id,
                tx.emit(outbox.CHARGE_REQUESTS, "charge_requested", {"nothing": "in it"}).id,
                tx.emit(outbox.NOTIFY, "booking_reserved", {"user_id": str(uuid.uuid4())}).id,
            }

        self.ours |= arena.platform.transact(emit)
        with (
            ServiceBusClient.from_connection_string(arena.broker.connection_string) as client,
            client.get_queue_sender(outbox.NOTIFY) as sender,
        ):
            sender.send_messages(ServiceBusMessage("not JSON", message_id=f"foreign {uuid.uuid4()}"))
        self.foreign += 1
        return 4


def run(arena: Arena, scenario: Scenario, *, attempts: int, drivers: list[Driver], poison: Poison, hours: int = 24) -> Row:
    """Runs one scenario on the arena: a fight for so many hours of its eight EVSEs. `drivers` are those of earlier ones,
    whose bookings must stand too; the new ones are added."""
    begun = time.monotonic()
    place = arena.place()
    day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    urls = [server.url for server in arena.servers]
    mine = [Driver(arena.world.user(), urls, place, day, next(_seeds), hours) for _ in range(CLIENTS)]
    each = -(-attempts // CLIENTS)
    progress = Progress(each * CLIENTS)
    put = poison.put(arena)
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        breaking = pool.submit(scenario.break_things, arena, progress)
        done = [pool.submit(driver.run, each, progress) for driver in mine]
        try:
            for future in done:
                future.result()
            killed = breaking.result()
        except BaseException:
            progress.stop()
            raise
    arena.settle()
    late = sum(driver.find_out() for driver in mine)
    arena.settle()
    wait_until(lambda: len(_dead_letters(arena)) >= len(poison.ours) + poison.foreign, seconds=120, what="poison is shown")
    drivers += mine
    books = arena.platform.database.read(Books.read)
    mailed = dict.fromkeys(arena.communication.accepted.emails, 1)
    now = arena.platform.clock.now() - timedelta(seconds=1)
    broken = check_all(books, drivers, poison=frozenset(poison.ours), mailed=mailed, now=now)
    broken += poison_is_visible(frozenset(poison.ours), poison.foreign, _dead_letters(arena))
    for driver in mine:
        driver.close()
    return _row(scenario, mine, killed=killed, late=late, poison=put, seconds=time.monotonic() - begun, broken=broken)


def _dead_letters(arena: Arena) -> list[dict[str, Any]]:
    """What an administrator reads."""
    admin, found, cursor = arena.admin, [], None
    while True:
        page = admin.get("/notify/dead-letters", limit=100, **({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _row(
    scenario: Scenario, drivers: Sequence[Driver], *, killed: int, late: int, poison: int, seconds: float, broken: list[Broken]
) -> Row:
    made: list[Attempt] = [attempt for driver in drivers for attempt in driver.attempts]
    return Row(
        scenario=scenario.name,
        attempts=len(made),
        won=sum(attempt.won for attempt in made),
        refused=sum(attempt.status is not None and not attempt.won for attempt in made),
        retried=sum(attempt.sends > 1 for attempt in made),
        killed=killed,
        late=late,
        poison=poison,
        seconds=seconds,
        broken=broken,
        seen=sum((driver.seen for driver in drivers), Counter()),
    )
