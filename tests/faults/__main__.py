"""`make faults`: every scenario at full length, a table, and exit status 1 with the rows where a promise is broken."""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devhost.stack.process import Failed, NotThere
from tests.faults.cluster import Arena
from tests.faults.contention import Poison, Row, run, scenarios
from tests.faults.drivers import Driver

COLUMNS = ("attempts", "won", "refused", "retried", "killed", "lost", "doubled")


def table(rows: list[Row]) -> Table:
    """The figures by scenario."""
    made = Table(title="32 clients, 2 server processes, 8 EVSEs, one day")
    made.add_column("scenario")
    for column in (*COLUMNS, "found late", "poison", "a second"):
        made.add_column(column, justify="right")
    for row in rows:
        figures = [f"{getattr(row, column):,}" for column in COLUMNS]
        made.add_row(row.scenario, *figures, str(row.late), str(row.poison), f"{row.attempts / row.seconds:.0f}")
    return made


def main() -> None:
    """Runs them one after the other on one arena; bookings of earlier ones must stand after later ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=5000, help="attempts a scenario")
    parser.add_argument("--kills", type=int, default=10, help="how often a server is killed")
    parser.add_argument("--only", help="run the scenarios whose name holds this")
    parser.add_argument("--keep", type=Path, help="folder for data and logs, kept; a temporary one otherwise")
    parser.add_argument("--verbose", action="store_true", help="every kind of answer, counted")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    logging.getLogger("uamqp").setLevel(logging.CRITICAL)
    console = Console(width=150, highlight=False)
    rows: list[Row] = []
    drivers: list[Driver] = []
    poison = Poison()
    with tempfile.TemporaryDirectory(prefix="evcharging-faults-") as temporary:
        folder = chosen.keep or Path(temporary)
        try:
            with Arena(folder) as arena:
                for scenario in scenarios(chosen.kills):
                    if chosen.only and chosen.only not in scenario.name:
                        continue
                    console.print(f"{scenario.name} ...", style="dim")
                    rows.append(run(arena, scenario, attempts=chosen.attempts, drivers=drivers, poison=poison))
                    done = rows[-1]
                    figures = ", ".join(f"{getattr(done, column):,} {column}" for column in COLUMNS)
                    console.print(f"  {figures}, {len(done.broken)} rows break a promise, {done.seconds:.0f} s", style="dim")
                    if chosen.verbose:
                        console.print(", ".join(f"{name}: {count}" for name, count in sorted(rows[-1].seen.items())))
                    for item in rows[-1].broken[:50]:
                        console.print(f"BROKEN {item}", style="red", markup=False)
        except (NotThere, Failed, TimeoutError) as error:
            console.print(str(error), style="red", markup=False)
            sys.exit(1)
    console.print(table(rows))
    broken = sum(len(row.broken) for row in rows)
    console.print(
        "every promise held" if not broken else f"{broken} rows break a promise", style="green" if not broken else "red"
    )
    sys.exit(1 if broken or not rows else 0)


if __name__ == "__main__":
    main()
