"""Reports of EVSE states over HTTP by station key, a real server process on MariaDB: how many a second are taken, and what
that is against the same statements and commits by bare PyMySQL.

Every report changes its EVSE's status, the dearest kind: key, feed and EVSE are read, the report is put in force by
comparing, the history and the public status are written. Each is made twice, in two databases that began alike, as
`bench.subjects.booking` does; the two sides take turns within each round.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from app.asgi import create_app
from bench.harness import fixtures, stack, stats
from bench.harness.results import Figure
from bench.harness.sql_recording import Recording, SqlPlayer, recording
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
class ReportingLocation:
    """A location with its key and its EVSEs."""

    id: uuid.UUID
    key: str
    evses: tuple[uuid.UUID, ...]


class ReportSource:
    """Reports yet to make: each EVSE in turn, charging and free by turns, a moment later each time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        points = [(52.0 + number / 1000, 5.0) for number in range(PLACES)]
        ids = fixtures.build(platform, [fixtures.place(number, *at, evses=EVSES) for number, at in enumerate(points)])
        self.places = [platform.transact(partial(self._furnish, location_id=location_id)) for location_id in ids]
        self._turns = itertools.count()
        self._now = platform.clock.now() - timedelta(hours=1)
        for _ in range(PLACES * EVSES):  # the first report of an EVSE is another kind, and comes once
            self._first(*self._next())

    @staticmethod
    def _furnish(tx: Tx, *, location_id: uuid.UUID) -> ReportingLocation:
        _, key = station_keys.create_key(tx=tx, location_id=location_id, name="bench")
        location = stations.get_location(tx=tx, location_id=location_id)
        return ReportingLocation(location_id, key, tuple(evse.id for evse in location.evses))

    def _next(self) -> tuple[ReportingLocation, uuid.UUID, str, datetime]:
        number = next(self._turns)
        place = self.places[number % PLACES]
        turn, index = divmod(number // PLACES, EVSES)
        status = "CHARGING" if turn % 2 else "AVAILABLE"
        return place, place.evses[index], status, self._now + timedelta(milliseconds=10 * number)

    def _first(self, place: ReportingLocation, evse_id: uuid.UUID, status: str, reported_at: datetime) -> None:
        actor = Actor(STATION_KEY, key_hash=station_key_hash(place.key))
        self._platform.transact(
            lambda tx: feed.put_status(tx=tx, evse_id=evse_id, status=status, last_updated=reported_at), actor=actor
        )

    def take(self, count: int) -> tuple[list[bytes], list[Recording]]:
        """The next requests as bytes, and what the platform sends to the database for each."""
        return self._written([self._single(*self._next()) for _ in range(count)])

    def take_batches(self, count: int) -> list[bytes]:
        """The next requests of several EVSEs of a place each."""
        open_batches: dict[uuid.UUID, tuple[ReportingLocation, list[dict[str, str]]]] = {}
        batches: list[bytes] = []
        while len(batches) < count:
            place, evse_id, status, reported_at = self._next()
            _, reports = open_batches.setdefault(place.id, (place, []))
            reports.append({"evse_id": str(evse_id), "status": status, "last_updated": reported_at.isoformat()})
            if len(reports) == BATCH:
                path = f"{PREFIX}/stations/locations/{place.id}/status"
                batches.append(request("PUT", path, token=place.key, body={"evses": open_batches.pop(place.id)[1]}))
        return batches

    @staticmethod
    def _single(place: ReportingLocation, evse_id: uuid.UUID, status: str, reported_at: datetime) -> bytes:
        body = {"status": status, "last_updated": reported_at.isoformat()}
        return request("PUT", f"{PREFIX}/stations/evses/{evse_id}/status", token=place.key, body=body)

    def _written(self, requests: list[bytes]) -> tuple[list[bytes], list[Recording]]:
        recordings = []
        with stack.served_here(create_app(lambda: self._platform)) as wire:
            wire.send(request("GET", f"{PREFIX}/health"))
            with recording(self._platform.database.engine) as steps:
                for content in requests:
                    steps.clear()
                    report(wire, [content])
                    recordings.append(tuple(steps))
        return requests, recordings


def report(wire: Wire, requests: Sequence[bytes]) -> float:
    """Seconds that reporting over HTTP takes. Raises RuntimeError where one is not taken."""
    began = time.perf_counter()
    for content in requests:
        answer = wire.send(content)
        if answer.status != 200 or b'"applied":false' in answer.body:
            raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
    return time.perf_counter() - began


class ReportSides:
    """HTTP and bare PyMySQL, with connections open, and the reports they have yet to make."""

    def __init__(self, server: stack.ServerProcess, bare_url: str, work: ReportSource) -> None:
        self.work, self.pid = work, server.pid
        self.wires = [server.wire() for _ in range(CLIENTS)]
        self.players = [SqlPlayer(bare_url) for _ in range(CLIENTS)]
        self.pool = ThreadPoolExecutor(CLIENTS)
        self.rounds = itertools.count()

    def round(self) -> Sample:
        """One client in turns, eight clients in turns, and batches."""
        http, sql = self.alone()
        before = stack.processor_ms(self.pid)
        http_8, sql_8 = self.together()
        processor = stack.processor_ms(self.pid) - before
        batches = self.work.take_batches(BATCHES)
        batched = report(self.wires[0], batches)
        return {
            "http_ms": http / ALONE * 1000,
            "sql_ms": sql / ALONE * 1000,
            "http_8_ms": http_8 / TOGETHER * 1000,
            "sql_8_ms": sql_8 / TOGETHER * 1000,
            "batch_ms": batched / (BATCHES * BATCH) * 1000,
            "server_cpu_ms": processor / TOGETHER,
        }

    def warm_up(self) -> None:
        """A few reports on both sides, which none of the figures counts."""
        requests, recordings = self.work.take(WARM)
        report(self.wires[0], requests)
        self.players[0].timed(recordings)

    def alone(self) -> tuple[float, float]:
        """Seconds of a round's reports by one client: over HTTP, by PyMySQL."""
        http = sql = 0.0
        all_requests, all_recordings = self.work.take(ALONE)
        size = ALONE // TURNS
        for turn in range(TURNS):
            part = slice(turn * size, (turn + 1) * size)
            if turn % 2:
                http += report(self.wires[0], all_requests[part])
                sql += self.players[0].timed(all_recordings[part])
            else:
                sql += self.players[0].timed(all_recordings[part])
                http += report(self.wires[0], all_requests[part])
        return http, sql

    def together(self) -> tuple[float, float]:
        """Seconds of a round's reports by eight clients side by side. An EVSE reports once in a round: any order will do."""
        requests, recordings = self.work.take(TOGETHER)

        def over_http() -> float:
            began = time.perf_counter()
            list(self.pool.map(lambda number: report(self.wires[number], requests[number::CLIENTS]), range(CLIENTS)))
            return time.perf_counter() - began

        def by_sql() -> float:
            began = time.perf_counter()
            list(self.pool.map(lambda number: self.players[number].timed(recordings[number::CLIENTS]), range(CLIENTS)))
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
    with stack.started() as running:
        work = ReportSource(running.platform("written"))
        urls = {name: running.copy("written", name) for name in ("http", "bare")}
        sides = ReportSides(running.serve(urls["http"]), urls["bare"], work)
        try:
            sides.warm_up()
            yield sides.round
        finally:
            sides.close()


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Reports a second, the two ratios, and the milliseconds behind them."""
    rates = [1000 / sample["http_8_ms"] for sample in samples]
    batched = [1000 / sample["batch_ms"] for sample in samples]
    alone = [sample["sql_ms"] / sample["http_ms"] for sample in samples]
    together = [sample["sql_8_ms"] / sample["http_8_ms"] for sample in samples]
    what = "reports of a changed EVSE state a second over HTTP on MariaDB"
    bare = f"{what} over the same statements and commits by bare PyMySQL"
    figures = {
        "feed.updates_per_s": Figure(
            stats.median(rates), "1/s", f"{what}, 1 server process, {CLIENTS} clients; {stats.spread(rates)}"
        ),
        "feed.batch_updates_per_s": Figure(
            stats.median(batched), "1/s", f"{what}, {BATCH} EVSEs a call, 1 client; {stats.spread(batched)}"
        ),
        "feed.http_over_sql": Figure(stats.median(alone), "ratio", f"{bare}, 1 client; {stats.spread(alone)}"),
        "feed.http_over_sql_8": Figure(stats.median(together), "ratio", f"{bare}, {CLIENTS} clients; {stats.spread(together)}"),
    }
    for key, meaning in (
        ("http_ms", "a report over HTTP, 1 client"),
        ("sql_ms", "the same by bare PyMySQL"),
        ("server_cpu_ms", f"processor time of the server process a report, {CLIENTS} clients"),
    ):
        values = [sample[key] for sample in samples]
        figures[f"feed.{key}"] = Figure(stats.median(values), "ms", f"{meaning}; {stats.spread(values)}")
    return figures
