"""What a month on Azure costs: `python -m bench.cost [--bookings N] [--prices FILE.json]`.

Work is counted (what one charge request that becomes a booking makes the platform do); prices are assumptions to be replaced.
Nobody looked one up for this table: take your own from Azure's price pages and give them by `--prices`.
"""

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

SECONDS_A_MONTH = 30 * 86_400
WORST_HOUR_SHARE = 0.12
"""Of a day's requests in its worst hour; `python -m bench.scale --city` takes a city's own."""
SURGE = 3.0
"""The worst second over the mean of that hour: holidays, a match that ends."""
PEAK_FACTOR = WORST_HOUR_SHARE * 24 * SURGE
MEMORY_GB = 2.0
"""Of an instance: instance_memory_in_mb of infra/terraform."""
LEAST_BILLED_S = 1.0
"""What a run of a function is billed at least on Flex Consumption, s."""
TIMER_RUNS = {
    "every_ten_seconds": 6 * 60 * 24 * 30,
    "every_minute": 60 * 24 * 30,
    "every_five_minutes": 12 * 24 * 30,
    "nightly": 30,
}
"""By timer function: runs a month."""


@dataclass(frozen=True)
class Prices:
    """US dollars, assumed. A field's unit ends its name."""

    execution_per_gb_s: float = 0.000_026
    million_executions: float = 0.40
    ready_per_gb_s: float = 0.000_004
    database_vcore_hour: float = 0.13
    database_gb_month: float = 0.12
    bus_base_month: float = 10.0
    million_bus_operations: float = 0.80
    blob_gb_month: float = 0.02
    log_gb: float = 2.50
    mail: float = 0.000_25
    sms: float = 0.05
    edge_month: float = 35.0
    edge_million_requests: float = 1.0


@dataclass(frozen=True)
class Work:
    """What one charge request that becomes a booking makes: counted once, on the embedded parts of an earlier revision."""

    calls: int = 10
    """HTTP calls of its driver, searches and reads among them"""
    read_statements: int = 40
    write_statements: int = 60
    rows: int = 30
    commits: int = 12
    messages: int = 3
    kept_kb: float = 41.0
    """until retention takes decisions and contents of messages, in the database"""
    stays_kb: float = 9.0
    """what of it stays for years: booking, quote, sessions, documents"""
    call_s: float = 0.015
    decide_s: float = 0.1
    tell_s: float = 0.25
    tellings: int = 2
    tell_at_once: int = 8
    mails: int = 2
    sms: int = 1
    log_kb: float = 15.0


@dataclass(frozen=True)
class Shape:
    """What an installation keeps for a demand: instances kept warm, days of warm rows, years of cold ones."""

    ready_instances: int = 3
    warm_days: int = 35
    years: float = 3.0
    executions_at_once: float = 4.0
    """calls that an instance serves at the same time in the mean: active seconds are shared by them"""
    cores_high_availability: int = 2
    """a zone-redundant server is billed twice"""


def database_cores(statements_per_s: float) -> int:
    """Cores of the database for a rate of statements: 8 at 3,300 a second, in the steps that Azure sells."""
    wanted = max(2.0, statements_per_s / 412.0)
    return next((size for size in (2, 4, 8, 16, 32, 48, 64, 96) if size >= wanted), math.ceil(wanted))


def stored_gb(bookings: float, work: Work, shape: Shape) -> float:
    """GB in the database in its steady state."""
    warm = bookings * shape.warm_days / 30 * (work.kept_kb - work.stays_kb)
    return (warm + bookings * 12 * shape.years * work.stays_kb) / 1e6


def month(
    bookings: float, *, peak_per_s: float, prices: Prices, work: Work = Work(), shape: Shape = Shape()
) -> dict[str, float]:
    """The bill of a month by part, in dollars, for `bookings` a month and a worst second of `peak_per_s` of them."""
    run_s = bookings * (
        work.calls * work.call_s / shape.executions_at_once + work.decide_s + work.tellings * work.tell_s / work.tell_at_once
    )
    timer_s = sum(TIMER_RUNS.values()) * LEAST_BILLED_S
    executions = bookings * (work.calls + work.messages) + sum(TIMER_RUNS.values())
    cores = database_cores(peak_per_s * (work.read_statements + work.write_statements))
    return {
        "functions, running": (run_s + timer_s) * MEMORY_GB * prices.execution_per_gb_s
        + executions / 1e6 * prices.million_executions,
        "functions, kept warm": shape.ready_instances * SECONDS_A_MONTH * MEMORY_GB * prices.ready_per_gb_s,
        "database, cores": cores * shape.cores_high_availability * prices.database_vcore_hour * 24 * 30,
        "database, storage": stored_gb(bookings, work, shape) * prices.database_gb_month,
        "bus": prices.bus_base_month + bookings * work.messages * 3 / 1e6 * prices.million_bus_operations,
        "blobs": bookings * 17 / 1e6 * 6 * prices.blob_gb_month,
        "logs": bookings * work.log_kb / 1e6 * prices.log_gb,
        "mail": bookings * work.mails * prices.mail,
        "sms": bookings * work.sms * prices.sms,
        "edge": prices.edge_month + bookings * work.calls / 1e6 * prices.edge_million_requests,
    }


def read_prices(path: Path | None) -> Prices:
    """The assumed prices, those of a file of JSON in place of some. Raises ValueError that names a field which is no price."""
    if path is None:
        return Prices()
    known = {field.name for field in dataclasses.fields(Prices)}
    given = json.loads(path.read_text())
    if not isinstance(given, dict):
        raise ValueError(f"{path}: must be an object of prices")
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{name}: must be one of {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"{name}: must be a price of 0 or more")
    return Prices(**given)


def bill(numbers: list[float], *, prices: Prices, peak_factor: float) -> str:
    """The bills as a table of markdown: a row a part, a column a number of bookings a month; last a booking's share."""
    months = [month(n, peak_per_s=n / SECONDS_A_MONTH * peak_factor, prices=prices) for n in numbers]
    lines = ["| part | " + " | ".join(f"{n:,.0f} bookings" for n in numbers) + " |", "|---|" + "---:|" * len(numbers)]
    lines += [f"| {part} | " + " | ".join(f"{each[part]:,.0f}" for each in months) + " |" for part in months[0]]
    totals = [sum(each.values()) for each in months]
    lines.append("| **a month** | " + " | ".join(f"**{total:,.0f}**" for total in totals) + " |")
    lines.append("| a booking | " + " | ".join(f"{total / n:,.4f}" for total, n in zip(totals, numbers, strict=True)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Prints the bill of one number of bookings, or of three. Exits 2 for a price that is none."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--bookings", type=float, help="a month; without it 1,000, 100,000 and 10,000,000")
    parser.add_argument("--prices", type=Path, help="a file of JSON with prices in place of the assumed ones")
    given = parser.parse_args()
    if given.bookings is not None and not 1 <= given.bookings <= 1e10:
        parser.error("--bookings: must be 1 to 10,000,000,000")
    try:
        prices = read_prices(given.prices)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(bill([given.bookings] if given.bookings else [1e3, 1e5, 1e7], prices=prices, peak_factor=PEAK_FACTOR))


if __name__ == "__main__":
    main()
