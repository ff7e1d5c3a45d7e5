"""Memory of a server process: idle, after its first answer, and after 8 clients have done everything drivers do. A fresh
process on MariaDB each round; charge requests wait in the outbox, recommendations load the network into the process."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from bench.harness import drivers, stack, stats
from bench.harness.results import Figure
from bench.harness.stack import ServerProcess, Stack, resident_mb
from bench.harness.subject import Sample

ROUNDS = 3
CLIENTS, REQUESTS = 8, 2000
COSTS = {"idle_mb": "memory of an idle server process, MB", "busy_mb": "memory of a busy server process, MB"}


def _client(server: ServerProcess, driver_pool: drivers.DriverPool, number: int) -> None:
    """Makes visits until this client's share of the requests is made. Raises RuntimeError at the first error."""
    rng, wire, acts = random.Random(number), server.wire(), list[drivers.Act]()
    while len(acts) < REQUESTS // CLIENTS:
        driver = driver_pool.borrow()
        visit = drivers.Visit(driver, wire, rng, acts.append, begun=time.monotonic(), due=0.0, pause_s=0.0)
        visit.without_waiting()
        driver_pool.give_back(driver)
    wire.close()
    wrong = next((act for act in acts if act.error is not None), None)
    if wrong is not None:
        raise RuntimeError(f"{wrong.kind}: {wrong.status} {wrong.error}")


def measure(running: Stack, url: str, driver_pool: drivers.DriverPool) -> Sample:
    """A process, idle and busy."""
    server = running.serve(url)
    idle = resident_mb(server.pid)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(partial(_client, server, driver_pool), range(CLIENTS)))
    busy = resident_mb(server.pid)
    server.child.stop()
    return {"idle_mb": idle, "busy_mb": busy}


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Locations and drivers on MariaDB."""
    with stack.started() as running:
        platform = running.platform("evcharging")
        driver_pool = drivers.populate(platform, places=200, drivers=1000, seed=4)
        yield partial(measure, running, running.mariadb.create("evcharging"), driver_pool)


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Both, in MB of 10^6 bytes."""
    figures = {}
    for key, meaning in (
        ("idle_mb", "resident memory of a server process after its first answer"),
        ("busy_mb", f"after {REQUESTS:,} requests of all kinds by {CLIENTS} clients"),
    ):
        values = [sample[key] for sample in samples]
        figures[f"memory.{key}"] = Figure(stats.median(values), "MB", f"{meaning}; {stats.spread(values)}")
    return figures
