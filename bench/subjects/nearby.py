"""The nearby search over HTTP with 100,000 locations against 1,000 in the same area: two databases on one MariaDB, a server
process each, the same searches in turns. A page is 20 locations within 25 km, from anywhere in the middle of the area."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.harness import fixtures, stack, stats
from bench.harness.results import Figure
from bench.harness.subject import Sample
from bench.harness.wire import request
from shared.web.call import PREFIX

ROUNDS = 9
SEARCHES, WARM = 120, 60
MANY, FEW = 100_000, 1_000
PAGE, RADIUS_KM = 20, 25
MIDDLE = fixtures.Box(51.9, 4.9, 52.2, 5.3)
"""Where searches begin: the radius stays within the area."""
COSTS = {
    "p95_100k_ms": "nearby search over HTTP, 100,000 locations, p95, ms",
    "p95_1k_ms": "nearby search over HTTP, 1,000 locations, p95, ms",
}


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Both databases filled, a server on each."""
    rng = random.Random(2)
    with stack.started() as running:
        wires = {}
        for name, count in (("many", MANY), ("few", FEW)):
            platform = running.platform(name)
            records = (fixtures.place(number, *fixtures.COUNTRY.point(rng), evses=1) for number in range(count))
            while batch := list(itertools.islice(records, 5000)):
                fixtures.build(platform, batch)
            wires[name] = running.serve(running.mariadb.create(name), name=name).wire()

        def measure(searches: int = SEARCHES) -> Sample:
            seconds: dict[str, list[float]] = {"many": [], "few": []}
            for number in range(searches):
                latitude, longitude = MIDDLE.point(rng)
                path = f"{PREFIX}/stations/locations?lat={latitude}&lon={longitude}&radius_km={RADIUS_KM}&limit={PAGE}"
                for name in ("many", "few") if number % 2 else ("few", "many"):
                    began = time.perf_counter()
                    answer = wires[name].send(request("GET", path))
                    seconds[name].append(time.perf_counter() - began)
                    if answer.status != 200 or len(answer.json()["items"]) != PAGE:
                        raise RuntimeError(f"{answer.status}: {answer.body.decode()[:500]}")
            return {
                f"{key}_{size}_ms": stats.percentile(seconds[name], share) * 1000
                for key, share in (("p50", 0.5), ("p95", 0.95))
                for name, size in (("many", "100k"), ("few", "1k"))
            }

        measure(WARM)
        yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """The ratio of the 95th percentiles, and the milliseconds behind it."""
    ratios = [sample["p95_100k_ms"] / sample["p95_1k_ms"] for sample in samples]
    what = f"p95 of a page of {PAGE} within {RADIUS_KM} km over HTTP, {MANY:,} locations over {FEW:,} in the same area"
    figures = {"nearby.p95_100k_over_1k": Figure(stats.median(ratios), "ratio", f"{what}; {stats.spread(ratios)}")}
    for size, count in (("100k", MANY), ("1k", FEW)):
        for key in ("p50", "p95"):
            values = [sample[f"{key}_{size}_ms"] for sample in samples]
            meaning = f"{key} of the same search with {count:,} locations; {stats.spread(values)}"
            figures[f"nearby.{key}_{size}_ms"] = Figure(stats.median(values), "ms", meaning)
    return figures
