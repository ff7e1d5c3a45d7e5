"""Reports of EVSE states over HTTP by station key, a real server process on MariaDB: how many a second are taken, and what
that is against the same statements and commits by bare PyMySQL.

Every report changes its EVSE's status, the dearest kind: key, feed and EVSE are read, the report is put in force by
comparing, the history and what everybody reads are written. Each is made twice, in two databases that began alike, as
`bench.subjects.booking` does; the two sides take turns within each round. `python -m bench.subjects.feed` measures this subject alone.
"""

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from app.asgi import create_app
from bench.harness import fixtures, stack, stats
from bench.harness.results import Figure
from bench.harness.sql_recording import Player, Tape, recording
from bench.harness.subject import Sample
from bench.harness.wire import Wire, request
from functions.stations import service as stations
from functions.stations.feed import service as feed
from functions.stations.feed import station_keys
from shared.platform import Platform
from shared.tx import Actor, Tx
from shared.web.auth import STATION_KEY, station_key_hash
from shared.web.call import PREFIX

ROUNDS = 9
ALONE, TURNS, CLIENTS, TOGETHER = 64, 8, 8, 400
"""Reports of a round by one client, the turns they are taken in; clients and reports of a round side by side."""
BATCHES, BATCH = 8, 10
WARM = 64
PLACES, EVSES = 80, 10
COSTS = {
    "http_ms": "a report over HTTP, 1 client, ms",
    "http_8_ms": "a report over HTTP, 8 clients, ms a report",
    "server_cpu_ms": "processor time of the server process a report, ms",
    "batch_ms": f"a batch of {BATCH} reports over HTTP, 1 client, ms a report",
}


@dataclass(frozen=True)
class Place:
    """A location with its key and its EVSEs."""

    id: uuid.UUID
    key: str
    evses: tuple[uuid.UUID, ...]


class Work:
    """Reports yet to make: each EVSE in turn, charging and free by turns, a moment later each time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        points = [(52.0 + number / 1000, 5.0) for number in range(PLACES)]
        ids = fixtures.build(platform, [fixtures.place(number, *at, evses=EVSES) for number, at in enumerate(points)])
        self.places = [platform.transact(partial(self._furnish, location_id=id)) for id in ids]
        self._turns = itertools.count()
        self._now = platform.clock.now() - timedelta(hours=1)
        for _ in range(PLACES * EVSES):  # the first report of an EVSE is another kind, and comes once
            self._first(*self._next())

    @staticmethod
    def _furnish(tx: Tx, *, location_id: uuid.UUID) -> Place:
        _, key = station_keys.create_key(tx=tx, location_id=location_id, name="bench")
        location = stations.get_location(tx=tx, location_id=location_id)
        return Place(location_id, key, tuple(evse.id for evse in location.evses))

    def _next(self) -> tuple[Place, uuid.UUID, str, datetime]:
        number = next(self._turns)
        place = self.places[number % PLACES]
        turn, at = divmod(number // PLACES, EVSES)
        status = "CHARGING" if turn % 2 else "AVAILABLE"
        return place, place.evses[at], status, self._now + timedelta(milliseconds=10 * number)

    def _first(self, place: Place, evse_id: uuid.UUID, status: str, at: datetime) -> None:
        actor = Actor(STATION_KEY, key_hash=station_key_hash(place.key))
        self._platform.transact(lambda tx: feed.put_status(tx=tx, evse_id=evse_id, status=status, last_updated=at), actor=actor)

    def take(self, count: int) -> tuple[list[bytes], list[Tape]]:
        """The next requests as bytes, and what the platform sends to the database for each."""
        return self._written([self._single(*self._next()) for _ in range(count)])

    def take_batches(self, count: int) -> list[bytes]:
        """The next requests of several EVSEs of a place each."""
        found: dict[uuid.UUID, tuple[Place, list[dict[str, str]]]] = {}
        made: list[bytes] = []
        while len(made) < count:
            place, evse_id, status, at = self._next()
            _, reports = found.setdefault(place.id, (place, []))
            reports.append({"evse_id": str(evse_id), "status": status, "last_updated": at.isoformat()})
            if len(reports) == BATCH:
                path = f"{PREFIX}/stations/locations/{place.id}/status"
                made.append(request("PUT", path, token=place.key, body={"evses": found.pop(place.id)[1]}))
        return made

    @staticmethod
    def _single(place: Place, evse_id: uuid.UUID, status: str, at: datetime) -> bytes:
        body = {"status": status, "last_updated": at.isoformat()}
        return request("PUT", f"{PREFIX}/stations/evses/{evse_id}/status", token=place.key, body=body)

    def _written(self, requests: list[bytes]) -> tuple[list[bytes], list[Tape]]:
        tapes = []
        with stack.served_here(create_app(lambda: self._platform)) as wire:
            wire.send(request("GET", f"{PREFIX}/health"))
            with recording(self._platform.database.engine) as steps:
                for content in requests:
                    steps.clear()
                    report(wire, [content])
                    tapes.append(tuple(steps))
        return requests, tapes


def report(wire: Wire, requests: Sequence[bytes]) -> float:
    """Seconds that reporting over HTTP takes. Raises RuntimeError where one is not taken."""
    began = time.perf_counter()
    for content in requests:
        answer = wire.send(content)
        if answer.status != 200 or b'"applied":false' in answer.body:
            raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
    return time.perf_counter() - began


def processor_s(pid: int) -> float:
    """Processor time a process has had, seconds. What else runs on the machine does not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Field:
    """Both sides, with connections open, and what is left to report."""

    def __init__(self, server: stack.Server, bare_url: str, work: Work) -> None:
        self.work, self.pid = work, server.pid
        self.wires = [server.wire() for _ in range(CLIENTS)]
        self.players = [Player(bare_url) for _ in range(CLIENTS)]
        self.pool = ThreadPoolExecutor(CLIENTS)
        self.rounds = itertools.count()

    def round(self) -> Sample:
        """One client in turns, eight clients in turns, and batches."""
        http, sql = self.alone()
        before = processor_s(self.pid)
        http_8, sql_8 = self.together()
        processor = processor_s(self.pid) - before
        batches = self.work.take_batches(BATCHES)
        batched = report(self.wires[0], batches)
        return {
            "http_ms": http / ALONE * 1000, "sql_ms": sql / ALONE * 1000,
            "http_8_ms": http_8 / TOGETHER * 1000, "sql_8_ms": sql_8 / TOGETHER * 1000,
            "batch_ms": batched / (BATCHES * BATCH) * 1000, "server_cpu_ms": processor / TOGETHER * 1000,
        }  # fmt: skip

    def warm_up(self) -> None:
        """A few reports on both sides, which none of the figures counts."""
        requests, tapes = self.work.take(WARM)
        report(self.wires[0], requests)
        self.players[0].timed(tapes)

    def alone(self) -> tuple[float, float]:
        """Seconds of a round's reports by one client: over HTTP, by PyMySQL."""
        http = sql = 0.0
        all_requests, all_tapes = self.work.take(ALONE)
        size = ALONE // TURNS
        for turn in range(TURNS):
            part = slice(turn * size, (turn + 1) * size)
            if turn % 2:
                http += report(self.wires[0], all_requests[part])
                sql += self.players[0].timed(all_tapes[part])
            else:
                sql += self.players[0].timed(all_tapes[part])
                http += report(self.wires[0], all_requests[part])
        return http, sql

    def together(self) -> tuple[float, float]:
        """Seconds of a round's reports by eight clients side by side. An EVSE reports once in a round: any order will do."""
        requests, tapes = self.work.take(TOGETHER)

        def over_http() -> float:
            began = time.perf_counter()
            list(self.pool.map(lambda number: report(self.wires[number], requests[number::CLIENTS]), range(CLIENTS)))
            return time.perf_counter() - began

        def by_sql() -> float:
            began = time.perf_counter()
            list(self.pool.map(lambda number: self.players[number].timed(tapes[number::CLIENTS]), range(CLIENTS)))
            return time.perf_counter() - began

        if next(self.rounds) % 2:
            return over_http(), by_sql()
        sql = by_sql()
        return over_http(), sql

    def close(self) -> None:
        """Ends the connections."""
        self.pool.shutdown()
        for wire in self.wires:
            wire.close()
        for player in self.players:
            player.close()


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Three databases that begin alike, a server, and the connections to them."""
    with stack.started() as found:
        work = Work(found.platform("written"))
        urls = {name: found.copy("written", name) for name in ("http", "bare")}
        field = Field(found.serve(urls["http"]), urls["bare"], work)
        try:
            field.warm_up()
            yield field.round
        finally:
            field.close()


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Reports a second, the two ratios, and the milliseconds behind them."""
    rates = [1000 / sample["http_8_ms"] for sample in samples]
    batched = [1000 / sample["batch_ms"] for sample in samples]
    alone = [sample["sql_ms"] / sample["http_ms"] for sample in samples]
    together = [sample["sql_8_ms"] / sample["http_8_ms"] for sample in samples]
    what = "reports of a changed EVSE state a second over HTTP on MariaDB"
    bare = f"{what} over the same statements and commits by bare PyMySQL"
    found = {
        "feed.updates_per_s": Figure(
            stats.median(rates), "1/s", f"{what}, 1 server process, {CLIENTS} clients; {stats.spread(rates)}"
        ),
        "feed.batch_updates_per_s": Figure(
            stats.median(batched), "1/s", f"{what}, {BATCH} EVSEs a call, 1 client; {stats.spread(batched)}"
        ),
        "feed.http_over_sql": Figure(stats.median(alone), "ratio", f"{bare}, 1 client; {stats.spread(alone)}"),
        "feed.http_over_sql_8": Figure(stats.median(together), "ratio", f"{bare}, {CLIENTS} clients; {stats.spread(together)}"),
    }
    for key, words in (
        ("http_ms", "a report over HTTP, 1 client"),
        ("sql_ms", "the same by bare PyMySQL"),
        ("server_cpu_ms", f"processor time of the server process a report, {CLIENTS} clients"),
    ):
        values = [sample[key] for sample in samples]
        found[f"feed.{key}"] = Figure(stats.median(values), "ms", f"{words}; {stats.spread(values)}")
    return found
