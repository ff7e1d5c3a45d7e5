"""What it takes to serve many bookings a month, and what breaks first: `python -m bench.scale [--city DIR] [--figures FILE]`.

Instances come from a simulated queue of each group of functions in the worst second of a month; every other line is
arithmetic on what one booking was counted to do (`bench.cost.Work`). docs/scale.md says where each limit is from.
"""

import argparse
import dataclasses
import heapq
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from bench.cost import PEAK_FACTOR, SECONDS_A_MONTH, SURGE, WORST_HOUR_SHARE, Shape, Work, database_cores, stored_gb
from shared.errors import AppError

WAIT_P95_S = 0.1
"""How long 95 of 100 may wait for an instance."""
POOL = 10
"""Connections of an instance: DATABASE_POOL_SIZE."""
SIMULATED = 20_000
SESSION_H, BOOKINGS_AN_EVSE, EVSES_A_POOL = 1.5, 60.0, 3.0
"""A session's mean, bookings a month that an EVSE has, EVSEs of a pool (Dundee: 2 to 4)."""


@dataclass(frozen=True)
class Group:
    """Functions that scale together: jobs a booking, seconds of each, how many an instance does at once."""

    name: str
    jobs: float
    service_s: float
    at_once: int


def groups(work: Work) -> list[Group]:
    """HTTP, deciding and telling."""
    return [
        Group("http", work.calls, work.call_s, 1),
        Group("deciding", 1, work.decide_s, 1),
        Group("telling", work.tellings, work.tell_s, work.tell_at_once),
    ]


def waits(rate: float, service_s: float, servers: int, *, seed: int = 1) -> np.ndarray:
    """Seconds that each of SIMULATED jobs waits for one of `servers`: arrivals by chance, service times log-normal."""
    rng = np.random.default_rng(seed)
    arrive = np.cumsum(rng.exponential(1.0 / rate, SIMULATED))
    spread = 0.8
    service = rng.lognormal(math.log(service_s) - spread**2 / 2, spread, SIMULATED)
    free = [0.0] * servers
    waited = np.empty(SIMULATED)
    for job in range(SIMULATED):
        begins = max(arrive[job], heapq.heappop(free))
        waited[job] = begins - arrive[job]
        heapq.heappush(free, begins + service[job])
    return waited


def instances(group: Group, peak_per_s: float) -> tuple[int, float]:
    """How many instances keep the wait within WAIT_P95_S at 70 % of their time at most, and the p95 of the wait in seconds."""
    rate = peak_per_s * group.jobs
    count = max(1, math.ceil(rate * group.service_s / 0.7 / group.at_once))
    while True:
        p95 = float(np.quantile(waits(rate, group.service_s, count * group.at_once), 0.95))
        if p95 <= WAIT_P95_S:
            return count, p95
        count += max(1, count // 10)


@dataclass(frozen=True)
class Limit:
    """Something that ends: how much of it `bookings` a month take, in its own unit, and how much there is."""

    what: str
    unit: str
    taken: Callable[[float], float]
    there_is: float
    then: str
    """What is done then."""

    def reached_at(self) -> float:
        """Bookings a month at which nothing is left; what is taken grows with them."""
        low, high = 1.0, 1e12
        for _ in range(80):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self.taken(middle) <= self.there_is else (low, middle)
        return low


def limits(work: Work, *, peak_factor: float = PEAK_FACTOR, shape: Shape = Shape()) -> list[Limit]:
    """What may break, in no order."""

    def per_s(bookings: float) -> float:
        return bookings / SECONDS_A_MONTH * peak_factor

    def statements(bookings: float) -> float:
        return per_s(bookings) * (work.read_statements + work.write_statements)

    def jobs(bookings: float) -> float:
        return sum(math.ceil(per_s(bookings) * each.jobs * each.service_s / 0.7 / each.at_once) for each in groups(work)) + 4

    return [
        Limit(
            "bus operations, Standard",
            "a second",
            lambda n: per_s(n) * work.messages * 3,
            1_000,
            "Premium, one unit: a variable",
        ),
        Limit(
            "forecast sweep in its five minutes",
            "pools",
            lambda n: n / BOOKINGS_AN_EVSE / EVSES_A_POOL,
            150_000,
            "shard it by hash over messages",
        ),
        Limit("database, cores of one server", "cores", lambda n: statements(n) / 412, 96, "a cell more"),
        Limit(
            "database, storage of one server",
            "GB",
            lambda n: stored_gb(n, work, shape),
            16_384,
            "a cell more, or years to Blob",
        ),
        Limit(
            "database, connections",
            "connections",
            lambda n: jobs(n) * POOL,
            5_000,
            "a smaller pool an instance, then a cell more",
        ),
        Limit(
            "assigning EVSEs in its minute",
            "s of 60",
            lambda n: per_s(n) * 60 * 0.005,
            42,
            "shard it by location over messages",
        ),
        Limit(
            "watching sessions in its minute",
            "s of 60",
            lambda n: per_s(n) * SESSION_H * 3_600 * 0.000_05,
            42,
            "shard it by location over messages",
        ),
        Limit(
            "mail of one sender",
            "an hour",
            lambda n: per_s(n) * 3_600 * work.mails / SURGE,
            500_000,
            "ask Azure for more, a second domain",
        ),
    ]


def countries(bookings: float, cell: float, shares: dict[str, float]) -> dict[str, int]:
    """How many cells each country takes: a booking never crosses one."""
    return {name: max(1, math.ceil(bookings * share / cell)) for name, share in shares.items()}


EXAMPLE_COUNTRIES = {"DE": 0.28, "FR": 0.22, "GB": 0.18, "NL": 0.17, "NO": 0.08, "AT": 0.07}
"""Shares of bookings, an example."""
CELL_SHARE = 0.5
"""How full a cell is planned, of what breaks it."""


def cell_bookings(work: Work) -> float:
    """Bookings a month that a cell is planned for: half of where one database is the wall."""
    return CELL_SHARE * min(limit.reached_at() for limit in limits(work) if "a cell more" in limit.then)


def report(numbers: list[float], work: Work, *, peak_factor: float = PEAK_FACTOR) -> str:
    """Demand, instances, database and limits as tables of markdown."""
    head = "| | " + " | ".join(f"{n / 1e6:g} M" for n in numbers) + " |\n|---|" + "---:|" * len(numbers)
    peaks = [n / SECONDS_A_MONTH * peak_factor for n in numbers]
    rows = [("requests in the worst second", [f"{peak:,.0f}" for peak in peaks])]
    by_peak = [{group.name: instances(group, peak) for group in groups(work)} for peak in peaks]
    for group in groups(work):
        rows.append((f"instances, {group.name}", [f"{each[group.name][0]:,}" for each in by_peak]))
        rows.append((f"p95 of waiting for one, {group.name}, ms", [f"{1_000 * each[group.name][1]:.0f}" for each in by_peak]))
    rows.append(("connections", [f"{POOL * (sum(count for count, _ in each.values()) + 4):,}" for each in by_peak]))
    rows.append(("statements a second", [f"{peak * (work.read_statements + work.write_statements):,.0f}" for peak in peaks]))
    rows.append(
        (
            "cores of the database",
            [f"{database_cores(peak * (work.read_statements + work.write_statements)):,}" for peak in peaks],
        )
    )
    rows.append(("GB in the database", [f"{stored_gb(n, work, Shape()):,.0f}" for n in numbers]))
    ordered = sorted(limits(work, peak_factor=peak_factor), key=Limit.reached_at)
    rows.append(
        ("breaks first", [next((limit.what for limit in ordered if limit.reached_at() < n), "nothing") for n in numbers])
    )
    demand = "\n".join([head, *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows)])
    walls = ["| limit | there is | reached at, M bookings a month | then |", "|---|---:|---:|---|"]
    walls += [
        f"| {each.what} | {each.there_is:,.0f} {each.unit} | {each.reached_at() / 1e6:,.0f} | {each.then} |" for each in ordered
    ]
    cell = cell_bookings(work)
    last = numbers[-1]
    cells = ["| country | share | cells |", "|---|---:|---:|"]
    cells += [
        f"| {name} | {EXAMPLE_COUNTRIES[name]:.0%} | {count} |"
        for name, count in countries(last, cell, EXAMPLE_COUNTRIES).items()
    ]
    said = f"A cell is planned for {cell / 1e6:,.0f} M bookings a month. {last / 1e6:g} M of them, by the example's shares:"
    return "\n\n".join([demand, "\n".join(walls), said, "\n".join(cells)])


def worst_hour_share(folder: Path) -> float:
    """Of a city folder's recorded sessions: the share that begins in the busiest hour of the day, as its clocks show it.

    Raises Invalid where the folder cannot be read, ValueError where it has no session.
    """
    from cities.demand import real_sessions
    from functions.optimizer.core.city import load_city, load_sessions

    zone = ZoneInfo(load_city(folder).time_zone)
    hours = np.bincount([item.start.astimezone(zone).hour for item in real_sessions(load_sessions(folder))], minlength=24)
    if hours.sum() == 0:
        raise ValueError(f"{folder}: no recorded session")
    return float(hours.max() / hours.sum())


def measured(path: Path | None) -> Work:
    """What was counted, with the times that `make bench` measured where its results are given: a call's, a decision's."""
    if path is None:
        return Work()
    figures = json.loads(path.read_text())
    names = {"call_s": "booking.http_ms", "decide_s": "charge_request.p50_ms"}
    return dataclasses.replace(
        Work(), **{field: figures[name]["value"] / 1_000 for field, name in names.items() if name in figures}
    )


def main() -> None:
    """Prints the tables. Exits 2 for a folder or file that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--city", type=Path, help="a city folder, whose own worst hour is taken")
    parser.add_argument("--figures", type=Path, help="bench/results.json, whose times are taken")
    given = parser.parse_args()
    try:
        share = WORST_HOUR_SHARE if given.city is None else worst_hour_share(given.city)
        work = measured(given.figures)
    except (AppError, ValueError, OSError) as error:
        parser.error(str(error))
    print(report([1e6, 1e7, 1e8], work, peak_factor=share * 24 * SURGE))


if __name__ == "__main__":
    main()
