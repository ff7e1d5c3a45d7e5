"""`make faults`: every contention scenario at full length, a table, and exit status 1 with each violation."""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devhost.stack.process import ComponentError, ComponentMissingError
from tests.faults.cluster import Cluster
from tests.faults.contention import Poison, ScenarioResult, fault_scenarios, run
from tests.faults.drivers import ContendingDriver

COLUMNS = ("attempts", "won", "refused", "retried", "killed", "lost", "doubled")


def table(rows: list[ScenarioResult]) -> Table:
    """The figures by scenario."""
    figures_by_scenario = Table(title="32 clients, 2 server processes, 8 EVSEs, one day")
    figures_by_scenario.add_column("scenario")
    for column in (*COLUMNS, "found late", "poison", "a second"):
        figures_by_scenario.add_column(column, justify="right")
    for row in rows:
        figures = [f"{getattr(row, column):,}" for column in COLUMNS]
        figures_by_scenario.add_row(row.scenario, *figures, str(row.late), str(row.poison), f"{row.attempts / row.seconds:.0f}")
    return figures_by_scenario


def main() -> None:
    """Runs them one after the other on one cluster; bookings of earlier ones must stand after later ones."""
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
    rows: list[ScenarioResult] = []
    drivers: list[ContendingDriver] = []
    poison = Poison()
    with tempfile.TemporaryDirectory(prefix="evcharging-faults-") as temporary:
        folder = chosen.keep or Path(temporary)
        try:
            with Cluster(folder) as cluster:
                for scenario in fault_scenarios(chosen.kills):
                    if chosen.only and chosen.only not in scenario.name:
                        continue
                    console.print(f"{scenario.name} ...", style="dim")
                    rows.append(run(cluster, scenario, attempts=chosen.attempts, drivers=drivers, poison=poison))
                    done = rows[-1]
                    figures = ", ".join(f"{getattr(done, column):,} {column}" for column in COLUMNS)
                    console.print(f"  {figures}, {len(done.violations)} violations, {done.seconds:.0f} s", style="dim")
                    if chosen.verbose:
                        console.print(", ".join(f"{name}: {count}" for name, count in sorted(rows[-1].seen.items())))
                    for item in rows[-1].violations[:50]:
                        console.print(f"VIOLATED {item}", style="red", markup=False)
        except (ComponentMissingError, ComponentError, TimeoutError) as error:
            console.print(str(error), style="red", markup=False)
            sys.exit(1)
    console.print(table(rows))
    violations = sum(len(row.violations) for row in rows)
    console.print(
        "every invariant held" if not violations else f"{violations} violations", style="green" if not violations else "red"
    )
    sys.exit(1 if violations or not rows else 0)


if __name__ == "__main__":
    main()
