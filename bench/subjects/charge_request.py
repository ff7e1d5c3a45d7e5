"""A charge request from the POST to the commit that reserves, on a server process, a queue worker, MariaDB and the broker.

One at a time, so that none waits behind another. Both processes read the same monotonic clock.

Stages: `accept` until the 202; `queue` from then to the handler (outbox, relay, broker, receiver); `look` reads stations
and bookings around the driver; `candidates` lists them with their features; `score` is the network; `reserve` claims and
books; `record` stores the whole decision; `commit`; `other` is what is left of the handler.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.harness import fixtures, stack, stats
from bench.harness.results import Figure
from bench.harness.stack import STAGES_FILE
from bench.harness.subject import Sample
from bench.harness.wire import request
from shared.web.call import PREFIX

ROUNDS = 5
ASKED, WARM = 40, 15
PLACES, DRIVERS = 200, 300
STAGES = ("accept", "queue", "look", "candidates", "score", "reserve", "record", "commit", "other")
COSTS = {
    "p50_ms": "a charge request from POST to reservation, p50, ms",
    "p95_ms": "a charge request from POST to reservation, p95, ms",
    "deciding_ms": "of it the queue trigger's handler, ms",
}


def charge_needs(rng: random.Random, number: int) -> dict[str, Any]:
    """A charge request for one of the next days, from somewhere in Utrecht."""
    latitude, longitude = fixtures.UTRECHT.point(rng)
    departure = datetime.now(UTC) + timedelta(hours=3 + number % 200)
    return {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [fixtures.TYPE2, fixtures.CCS],
        "max_power_kw": 100,
        "energy_kwh": rng.choice((6, 12, 20, 30)),
        "origin": {"latitude": latitude, "longitude": longitude},
        "earliest_departure": departure.isoformat(),
    }


class DecisionLines:
    """What the queue worker writes of each charge request, read as it comes."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self._decisions: dict[str, dict[str, Any]] = {}
        self._pause = threading.Event()

    def of(self, request_id: str, *, seconds: float = 30.0) -> dict[str, Any]:
        """The line of a charge request, once it is there. Raises TimeoutError where it does not come."""
        deadline = time.monotonic() + seconds
        while request_id not in self._decisions:
            if time.monotonic() > deadline:
                raise TimeoutError(f"charge request {request_id} was not decided in {seconds:.0f} s")
            if not self._more():
                self._pause.wait(0.001)
        return self._decisions.pop(request_id)

    def _more(self) -> bool:
        if not self._path.exists() or self._path.stat().st_size <= self._read:
            return False
        with self._path.open() as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole.encode())
        for line in whole.splitlines():
            decision = json.loads(line)
            self._decisions[decision["id"]] = decision
        return bool(whole)


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Locations in Utrecht, both processes and the broker."""
    rng = random.Random(3)
    with stack.started() as running:
        running.start_broker()
        platform = running.platform("evcharging")
        records = [
            fixtures.place(number, *fixtures.UTRECHT.point(rng), standard=kind, power_kw=kw)
            for number in range(PLACES)
            for kind, kw in [((fixtures.TYPE2, 22.0), (fixtures.CCS, 50.0))[number % 2]]
        ]
        fixtures.build(platform, records)
        tokens = [fixtures.token(platform, user_id) for user_id in fixtures.people(platform, DRIVERS)]
        url = running.mariadb.create("evcharging")
        path = running.folder / "decided.jsonl"
        running.start_queue_worker(url, **{STAGES_FILE: str(path)})
        wire, decisions = running.serve(url).wire(), DecisionLines(path)
        numbers = iter(range(10_000_000))

        def ask() -> dict[str, float]:
            number = next(numbers)
            content = request(
                "POST", f"{PREFIX}/optimizer/charge-requests", token=tokens[number % DRIVERS], body=charge_needs(rng, number)
            )
            began = time.perf_counter()
            answer = wire.send(content)
            accepted = time.perf_counter()
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {answer.body.decode()[:500]}")
            line = decisions.of(answer.json()["id"])
            return line["seconds"] | {
                "accept": accepted - began,
                "queue": line["began"] - accepted,
                "deciding": line["ended"] - line["began"],
                "whole": line["ended"] - began,
            }

        def measure(asked: int = ASKED) -> Sample:
            rows = [ask() for _ in range(asked)]
            sample = {f"{name}_ms": stats.mean([row.get(name, 0.0) for row in rows]) * 1000 for name in (*STAGES, "deciding")}
            whole = [row["whole"] * 1000 for row in rows]
            return sample | {"p50_ms": stats.percentile(whole, 0.5), "p95_ms": stats.percentile(whole, 0.95)}

        measure(WARM)
        yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Both percentiles, and each stage's share of the mean."""
    figures = {}
    for key in ("p50_ms", "p95_ms"):
        values = [sample[key] for sample in samples]
        what = f"{key[:3]} from POST to the commit that reserves, MariaDB and broker, one at a time; {stats.spread(values)}"
        figures[f"charge_request.{key}"] = Figure(stats.median(values), "ms", what)
    means = {name: stats.median([sample[f"{name}_ms"] for sample in samples]) for name in STAGES}
    whole = sum(means.values())
    for name, mean in means.items():
        what = f"of a charge request's mean of {whole:.1f} ms: {name}"
        figures[f"charge_request.share_{name}"] = Figure(mean / whole, "share", what)
    return figures
