"""Reserving over HTTP on MariaDB against the same statements and commits by bare PyMySQL.

Every reservation is made twice, in two databases that began alike: over HTTP with an Idempotency-Key, and by playing back
what the platform sends to PyMySQL for it, written down beforehand. A third time it is made by the app that somebody would write
by hand (`bench.harness.minimal_app`), on a database of its own. The three take turns within each round. Another server, with a
stopwatch around its stages, tells where the rest goes; it counts in no ratio.
"""

import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from app.asgi import create_app
from bench.harness import fixtures, stack, stats
from bench.harness.minimal import serve_minimal
from bench.harness.results import Figure
from bench.harness.sql_recording import Recording, SqlPlayer, recording
from bench.harness.stack import ServerProcess
from bench.harness.subject import Sample
from bench.harness.wire import Wire, request
from functions.booking.domain import ReservationRequest
from functions.booking.service import reserve_slot
from shared.platform import Platform
from shared.tx import Tx
from shared.web.call import PREFIX

ROUNDS = 9
ALONE, TURNS, CLIENTS, TOGETHER = 40, 8, 8, 120
"""Reservations of a round by one client, the turns they are taken in; clients and reservations of a round side by side."""
WATCHED, REFUSED = 20, 20
WARM = 50
PLACES, EVSES, DAYS, DRIVERS = 24, 4, 7, 800
"""At the end about an eighth of the EVSEs' hours is booked, as at public chargers, and a driver has two or three bookings."""
BOOKINGS = f"{PREFIX}/booking/bookings"
STAGES = {
    "server": "sockets, uvicorn's loop and HTTP parser, the client",
    "framework": "middleware, routing, FastAPI around the endpoint",
    "validate": "parameters and body",
    "auth": "the bearer token",
    "thread": "to the worker thread and back",
    "use_case": "the booking's own rules, rows to objects",
    "quote": "the price frozen with it",
    "sqlalchemy": "statements and rows by their types, connection taken and given back, transaction around the use case",
    "sql": "PyMySQL and MariaDB",
    "commit": "COMMIT",
    "pool": "the pool's reset",
    "serialise": "the answer as JSON",
}
COSTS = {
    "http_ms": "reserve over HTTP, 1 client, ms",
    "http_8_ms": "reserve over HTTP, 8 clients, ms a reservation",
    "http_cpu_ms": "processor time of the server a reservation, 1 client, ms",
    "statements": "statements and commits a reservation",
    "refused_ms": "a refusal with its alternatives over HTTP, 1 client, ms",
}


class ReservationSource:
    """Reservations yet to make: an hour at one of a few locations, spread over a week, so that none is refused.

    Each is made in this process first, on a database of its own, to record what the platform sends for it.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform, self._rng = platform, random.Random(1)
        points = [fixtures.UTRECHT.point(self._rng) for _ in range(PLACES)]
        self._places = fixtures.build(
            platform, [fixtures.place(number, *point, evses=EVSES) for number, point in enumerate(points)]
        )
        self._tokens = [fixtures.token(platform, user_id) for user_id in fixtures.people(platform, DRIVERS)]
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._begin = midnight + timedelta(days=1)
        self._taken: Counter[tuple[int, int]] = Counter()
        self._busy: set[tuple[int, int]] = set()
        """Driver and hour: a driver has one car, which is in one place at a time."""
        self._minutes = [self._rng.randrange(60) for _ in range(PLACES)]
        """After the hour, at which a place's hours begin: few reservations are of one instant."""
        self._made = 0
        self._full = self._fill(fixtures.build(platform, [fixtures.place(PLACES, *points[0], evses=1)])[0])
        self._late = [fixtures.token(platform, user_id) for user_id in fixtures.people(platform, 8, prefix="late")]

    @property
    def places(self) -> list[uuid.UUID]:
        """Where reservations are made."""
        return self._places

    def _fill(self, place: uuid.UUID) -> uuid.UUID:
        """Books every hour of the first day at a place with one EVSE."""
        for hour, driver in enumerate(fixtures.people(self._platform, 24, prefix="early")):
            request = ReservationRequest(driver, place, fixtures.TYPE2, self._begin + timedelta(hours=hour), 60)
            self._platform.transact(partial(_reserve, request=request))
        return place

    def refused(self, count: int) -> list[bytes]:
        """Requests for hours of the place that is full."""
        hours = (timedelta(hours=self._rng.randrange(1, 23)) for _ in range(count))
        return [self._request(self._full, self._begin + hour, self._late) for hour in hours]

    def _request(self, place: uuid.UUID, start: datetime, tokens: Sequence[str]) -> bytes:
        number, self._made = self._made, self._made + 1
        body = {
            "location_id": str(place),
            "connector": fixtures.TYPE2,
            "duration_minutes": 60,
            "start": start.isoformat(),
        }
        # Drivers take turns, so that the open bookings of each grow over the run as everybody's do.
        return request("POST", BOOKINGS, token=tokens[number % len(tokens)], body=body, key=f"bench-{number}")

    def _next_request(self) -> bytes:
        driver = self._made % DRIVERS
        spot = self._rng.randrange(PLACES), self._rng.randrange(DAYS * 24)
        while not self._has_room(*spot) or not self._busy.isdisjoint((driver, spot[1] + near) for near in (-1, 0, 1)):
            spot = self._rng.randrange(PLACES), self._rng.randrange(DAYS * 24)
        self._taken[spot] += 1
        self._busy.add((driver, spot[1]))
        start = self._begin + timedelta(hours=spot[1], minutes=self._minutes[spot[0]])
        return self._request(self._places[spot[0]], start, self._tokens)

    def _has_room(self, place: int, hour: int) -> bool:
        """Whether an EVSE is free in this hour and in those beside it: at their edge they share five minutes of a claim."""
        return sum(self._taken[place, hour + near] for near in (-1, 0, 1)) < EVSES

    def take(self, count: int) -> tuple[list[bytes], list[Recording]]:
        """The next requests as bytes, and what the platform sends to the database for each."""
        requests = [self._next_request() for _ in range(count)]
        recordings = []
        with stack.served_here(create_app(lambda: self._platform)) as wire:
            wire.send(request("GET", f"{PREFIX}/health"))
            with recording(self._platform.database.engine) as steps:
                for content in requests:
                    steps.clear()
                    reserve(wire, [content])
                    recordings.append(tuple(steps))
        return requests, recordings


def reserve(wire: Wire, requests: Sequence[bytes], *, status: int = 201) -> float:
    """Seconds that reserving over HTTP takes. Raises RuntimeError where one is answered otherwise."""
    began = time.perf_counter()
    for content in requests:
        answer = wire.send(content)
        if answer.status != status:
            raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
    return time.perf_counter() - began


def _reserve(tx: Tx, *, request: ReservationRequest) -> None:
    reserve_slot(tx=tx, request=request)


def claimed_rows(recording: Recording) -> int:
    """How many rows a reservation writes to the table of claims."""
    return sum(len(step.parameters) for step in recording if step.many and "INSERT INTO slot_claim" in step.text)


class ReservationSides:
    """HTTP, bare PyMySQL and the hand-written app, with connections open, and the reservations they have yet to make."""

    def __init__(
        self,
        server: ServerProcess,
        watched: ServerProcess,
        minimal: ServerProcess,
        bare_url: str,
        work: ReservationSource,
    ) -> None:
        self.work, self.pid = work, server.pid
        self.minimal = [minimal.wire() for _ in range(CLIENTS)]
        self.wires = [server.wire() for _ in range(CLIENTS)]
        self.players = [SqlPlayer(bare_url) for _ in range(CLIENTS)]
        self.watched = watched.wire()
        self.pool = ThreadPoolExecutor(CLIENTS)
        self.rounds = itertools.count()

    def round(self) -> Sample:
        """One client in turns, eight clients in turns, and the stages."""
        sample = self.alone()
        http_8, sql_8, minimal_8 = self.together()
        sample |= {"http_8_ms": http_8 / TOGETHER * 1000, "sql_8_ms": sql_8 / TOGETHER * 1000}
        sample["minimal_8_ms"] = minimal_8 / TOGETHER * 1000
        sample["refused_ms"] = reserve(self.wires[0], self.work.refused(REFUSED), status=409) / REFUSED * 1000
        return sample | self.stages()

    def warm_up(self) -> None:
        """A few reservations on every side, which none of the ratios counts."""
        requests, recordings = self.work.take(WARM)
        for wire in (self.wires[0], self.watched, self.minimal[0]):
            reserve(wire, requests)
        reserve(self.wires[0], self.work.refused(REFUSED), status=409)
        self.players[0].timed(recordings)

    def alone(self) -> Sample:
        """A round's reservations by one client: milliseconds over HTTP, by PyMySQL and by the hand-written app, processor time
        of the server and of this thread, and how much the platform sends."""
        http = sql = sql_cpu = minimal = 0.0
        http_cpu = stack.processor_ms(self.pid)
        all_requests, all_recordings = self.work.take(ALONE)
        for turn in range(TURNS):
            requests, recordings = all_requests[turn::TURNS], all_recordings[turn::TURNS]
            if turn % 2:
                http += reserve(self.wires[0], requests)
            began = time.thread_time()
            sql += self.players[0].timed(recordings)
            sql_cpu += time.thread_time() - began
            minimal += reserve(self.minimal[0], requests)
            if not turn % 2:
                http += reserve(self.wires[0], requests)
        return {
            "http_ms": http / ALONE * 1000,
            "sql_ms": sql / ALONE * 1000,
            "minimal_ms": minimal / ALONE * 1000,
            "http_cpu_ms": (stack.processor_ms(self.pid) - http_cpu) / ALONE,
            "sql_cpu_ms": sql_cpu / ALONE * 1000,
            "statements": stats.mean([float(len(sent)) for sent in all_recordings]),
            "rows": stats.mean([float(claimed_rows(sent)) for sent in all_recordings]),
        }

    def together(self) -> tuple[float, float, float]:
        """Seconds of a round's reservations by eight clients side by side: HTTP, PyMySQL, the hand-written app."""
        requests, recordings = self.work.take(TOGETHER)

        def over(wires: Sequence[Wire]) -> float:
            return self._side_by_side(lambda number: reserve(wires[number], requests[number::CLIENTS]))

        def by_sql() -> float:
            return self._side_by_side(lambda number: self.players[number].timed(recordings[number::CLIENTS]))

        if next(self.rounds) % 2:
            return over(self.wires), by_sql(), over(self.minimal)
        minimal, sql = over(self.minimal), by_sql()
        return over(self.wires), sql, minimal

    def _side_by_side(self, work: Callable[[int], float]) -> float:
        began = time.perf_counter()
        list(self.pool.map(work, range(CLIENTS)))
        return time.perf_counter() - began

    def stages(self) -> Sample:
        """Milliseconds of each stage of a reservation, by one client, as its stopwatch and the client's say."""
        requests, recordings = self.work.take(WATCHED)
        self.watched.send(request("GET", "/bench/stages"))
        whole = reserve(self.watched, requests) / WATCHED
        inside = self.watched.send(request("GET", "/bench/stages")).json()
        self.players[0].timed(recordings)
        stages = {f"stage_{name}": inside.get(name, 0.0) * 1000 for name in STAGES if name != "server"}
        return stages | {"stage_server": (whole - sum(inside.values())) * 1000}

    def close(self) -> None:
        """Ends the connections."""
        self.pool.shutdown()
        for wire in (*self.wires, *self.minimal, self.watched):
            wire.close()
        for player in self.players:
            player.close()


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Databases that begin alike, a server on each, and the connections to them."""
    with stack.started() as running:
        work = ReservationSource(running.platform("written"))
        urls = {name: running.copy("written", name) for name in ("http", "bare", "watched")}
        server = running.serve(urls["http"])
        watched = running.serve(urls["watched"], name="watched", app="bench.harness.traced_app:api")
        minimal = serve_minimal(running, work.places, evses=EVSES)
        sides = ReservationSides(server, watched, minimal, urls["bare"], work)
        try:
            sides.warm_up()
            yield sides.round
        finally:
            sides.close()


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """The two ratios, the milliseconds behind them, and the share of each stage."""
    alone = [sample["sql_ms"] / sample["http_ms"] for sample in samples]
    together = [sample["sql_8_ms"] / sample["http_8_ms"] for sample in samples]
    what = "reservations a second over HTTP on MariaDB over the same statements and commits by bare PyMySQL"
    figures = {
        "booking.http_over_sql": Figure(stats.median(alone), "ratio", f"{what}, 1 client; {stats.spread(alone)}"),
        "booking.http_over_sql_8": Figure(
            stats.median(together), "ratio", f"{what}, {CLIENTS} clients; {stats.spread(together)}"
        ),
    }
    beside = "reservations a second over HTTP over those of a hand-written FastAPI app (claim and Idempotency-Key alone)"
    for name, key, clients in (("", "", 1), ("_8", "_8", CLIENTS)):
        ratios = [sample[f"minimal{key}_ms"] / sample[f"http{key}_ms"] for sample in samples]
        value, meaning = stats.median(ratios), f"{beside}, {clients} client{'s' * (clients > 1)}; {stats.spread(ratios)}"
        figures[f"booking.http_over_minimal{name}"] = Figure(value, "ratio", meaning)
    refusals = [sample["refused_ms"] / sample["http_ms"] for sample in samples]
    what = f"a refusal with alternatives over a reservation, over HTTP, 1 client; {stats.spread(refusals)}"
    figures["booking.refusal_over_success"] = Figure(stats.median(refusals), "ratio", what)
    for key, meaning in (
        ("http_ms", "a reservation over HTTP, 1 client"),
        ("sql_ms", "the same by bare PyMySQL"),
        ("http_8_ms", f"a reservation over HTTP, {CLIENTS} clients, time over number"),
        ("sql_8_ms", f"the same by bare PyMySQL, {CLIENTS} threads"),
        ("minimal_ms", "the same by the hand-written app, 1 client"),
        ("minimal_8_ms", f"the same by the hand-written app, {CLIENTS} clients, time over number"),
        ("refused_ms", "a refusal with its alternatives over HTTP, 1 client"),
        ("http_cpu_ms", "processor time of the server process a reservation, 1 client"),
        ("sql_cpu_ms", "processor time of the same by bare PyMySQL"),
    ):
        values = [sample[key] for sample in samples]
        figures[f"booking.{key}"] = Figure(stats.median(values), "ms", f"{meaning}; {stats.spread(values)}")
    sent = stats.median([sample["statements"] for sample in samples])
    figures["booking.statements"] = Figure(sent, "", "statements and commits that the platform sends for a reservation")
    rows = stats.median([sample["rows"] for sample in samples])
    figures["claims.rows_a_booking"] = Figure(rows, "rows", "claims that are written for a reservation of an hour")
    means = {name: stats.median([sample[f"stage_{name}"] for sample in samples]) for name in STAGES}
    whole = sum(means.values())
    for name, meaning in STAGES.items():
        share = means[name] / whole
        figures[f"booking.share_{name}"] = Figure(share, "share", f"of a reservation's {whole:.2f} ms, 1 client: {meaning}")
    return figures
