"""A reservation and a search with a year's 1,000,000 bookings and 10,000,000 claims against 10,000 and 100,000 at the same
places: two databases on one MariaDB of 64 MB, a server process each, the same requests in turns.

The databases are loaded once, into a kept folder: BENCH_DATA, or .bench/growth. What is older than a week is loaded anew.
"""

import itertools
import json
import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.harness import fixtures, stack, stats
from bench.harness.growth_data import YearOfBookings, counts
from bench.harness.results import Figure
from bench.harness.stack import Stack
from bench.harness.subject import Sample
from bench.harness.wire import Wire, request
from functions.stations.tables import location
from shared.web.call import PREFIX

ROUNDS = 5
CALLS, WARM = 100, 150
SIZES = {"many": 1_000_000, "few": 10_000}
PLACES, EVSES, DAYS, DRIVERS = 400, 4, 10, 700
FRESH_FOR = timedelta(days=7)
COSTS = {
    "reserve_many_ms": "reserve over HTTP, 1,000,000 bookings, p50, ms",
    "search_many_ms": "search with a period over HTTP, 1,000,000 bookings, p50, ms",
}


def folder() -> Path:
    """Where the loaded databases are kept."""
    return Path(os.environ.get("BENCH_DATA") or Path.cwd() / ".bench" / "growth").resolve()


def loaded_at(kept: Path) -> datetime | None:
    """When the folder was loaded, None where it is not, not whole, or too old."""
    note = kept / "loaded.json"
    if not note.exists():
        return None
    loaded = datetime.fromisoformat(json.loads(note.read_text())["at"])
    return loaded if datetime.now(UTC) - loaded < FRESH_FOR else None


def load(kept: Path) -> None:
    """Makes both databases."""
    shutil.rmtree(kept, ignore_errors=True)
    rng, now = random.Random(5), datetime.now(UTC)
    records = [fixtures.place(number, *fixtures.UTRECHT.point(rng), evses=EVSES) for number in range(PLACES)]
    with stack.started(kept) as running:
        for name, count in SIZES.items():
            platform = running.platform(name)
            places = fixtures.build(platform, records)
            (driver,) = fixtures.people(platform, 1, prefix="model")
            year = YearOfBookings(platform, running.mariadb.port, name)
            year.load(count, places=places, driver=driver, now=now)
            year.close()
            print(f"growth: {name}: %d bookings, %d claims" % counts(platform), flush=True)
    (kept / "loaded.json").write_text(json.dumps({"at": now.isoformat()}))


class Side:
    """A database, a server on it, and drivers of this run."""

    def __init__(self, running: Stack, name: str) -> None:
        platform = running.platform(name)
        statement = sa.select(location.c.id).order_by(location.c.name)
        self.places: list[uuid.UUID] = platform.read(lambda tx: list(tx.execute(statement).scalars()))
        ids = fixtures.people(platform, DRIVERS, prefix=f"run{time.time_ns()}-")
        self.tokens = [fixtures.token(platform, user_id) for user_id in ids]
        self.wire: Wire = running.serve(running.mariadb.create(name), name=name).wire()

    def timed(self, content: bytes, status: int) -> float:
        """Seconds until the answer. Raises RuntimeError where it is another."""
        began = time.perf_counter()
        answer = self.wire.send(content)
        seconds = time.perf_counter() - began
        if answer.status != status:
            raise RuntimeError(f"{answer.status}: {answer.body.decode()[:500]}")
        return seconds


class Requests:
    """The same requests for both sides: an hour at a place and time that nobody had in this run, and a search for one."""

    def __init__(self, run: str) -> None:
        self._rng, self._run, self._taken = random.Random(run), run, set[tuple[int, int]]()
        self._begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        self._numbers = itertools.count()

    def reservation(self) -> Callable[[Side], bytes]:
        """An hour at one of the places."""
        number = next(self._numbers)
        spot = self._rng.randrange(PLACES), self._rng.randrange(DAYS * 24)
        while spot in self._taken:
            spot = self._rng.randrange(PLACES), self._rng.randrange(DAYS * 24)
        self._taken.add(spot)
        body: dict[str, Any] = {"connector": fixtures.TYPE2, "duration_minutes": 60}
        body["start"] = (self._begin + timedelta(hours=spot[1])).isoformat()

        def of(side: Side) -> bytes:
            token, place = side.tokens[number % DRIVERS], {"location_id": str(side.places[spot[0]])}
            return request("POST", f"{PREFIX}/booking/bookings", token=token, body=body | place, key=f"{self._run}-{number}")

        return of

    def search(self) -> bytes:
        """The twenty nearest with a place over an hour."""
        latitude, longitude = fixtures.UTRECHT.point(self._rng)
        start = self._begin + timedelta(hours=self._rng.randrange(DAYS * 24))
        period = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={start + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        place = f"latitude={latitude}&longitude={longitude}&radius_km=10&limit=20"
        return request("GET", f"{PREFIX}/stations/locations?{place}&{period}")


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Both databases, loaded where they are not, and a server on each."""
    kept = folder()
    if loaded_at(kept) is None:
        load(kept)
    with stack.started(kept) as running:
        sides = {name: Side(running, name) for name in SIZES}
        asked = Requests(uuid.uuid4().hex)

        def measure(calls: int = CALLS) -> Sample:
            seconds: dict[str, list[float]] = {f"{kind}_{name}": [] for kind in ("reserve", "search") for name in SIZES}
            for number in range(calls):
                reservation, search = asked.reservation(), asked.search()
                for name in sorted(sides, reverse=bool(number % 2)):
                    seconds[f"reserve_{name}"].append(sides[name].timed(reservation(sides[name]), 201))
                    seconds[f"search_{name}"].append(sides[name].timed(search, 200))
            return {f"{name}_ms": stats.percentile(values, 0.5) * 1000 for name, values in seconds.items()}

        measure(WARM)
        yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Both ratios of the medians, and the milliseconds behind them."""
    figures = {}
    sizes = f"{SIZES['many']:,} bookings and {SIZES['many'] * 10:,} claims over {SIZES['few']:,} and {SIZES['few'] * 10:,}"
    for kind, what in (("reserve", "a reservation"), ("search", "a search with a period")):
        ratios = [sample[f"{kind}_many_ms"] / sample[f"{kind}_few_ms"] for sample in samples]
        meaning = f"p50 of {what} over HTTP with {sizes} at the same places, MariaDB of 64 MB; {stats.spread(ratios)}"
        figures[f"growth.{kind}"] = Figure(stats.median(ratios), "ratio", meaning)
        for name, count in SIZES.items():
            values = [sample[f"{kind}_{name}_ms"] for sample in samples]
            meaning = f"p50 of {what} with {count:,} bookings; {stats.spread(values)}"
            figures[f"growth.{kind}_{name}_ms"] = Figure(stats.median(values), "ms", meaning)
    return figures
