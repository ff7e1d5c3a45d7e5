"""`make promise`: a busy day through the API, a table of what was injected and kept, a picture; exit status 1 with each
violation."""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from devhost.stack.process import ComponentError, ComponentMissingError
from tests.promise import ledger, picture
from tests.promise.day import AUTUMN, SPRING, BusyDay, DayOptions, cluster_of

PICTURE = Path(__file__).parents[2] / "docs" / "img" / "promise.png"


def main() -> None:
    """Lets a day pass."""
    parser = argparse.ArgumentParser(prog="python -m tests.promise", description=__doc__)
    parser.add_argument("--hours", type=float, default=DayOptions.hours)
    parser.add_argument("--seed", type=int, default=DayOptions.seed)
    parser.add_argument("--kills", type=int, default=DayOptions.kills, help="server processes killed")
    parser.add_argument(
        "--autumn", action="store_true", help="the night in which clocks go back; else that in which they go on"
    )
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--keep", type=Path, help="folder for data and logs, kept; a temporary one otherwise")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    for name in ("azure", "uamqp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    console = Console(width=140, highlight=False)
    begin = AUTUMN if chosen.autumn else SPRING
    options = DayOptions(begin=begin, hours=chosen.hours, seed=chosen.seed, kills=chosen.kills)
    with tempfile.TemporaryDirectory(prefix="evcharging-promise-") as temporary:
        try:
            with cluster_of(chosen.keep or Path(temporary), begin) as cluster:
                result = BusyDay(cluster, options, lambda text: console.print(text, style="dim", markup=False)).run()
        except (ComponentMissingError, ComponentError, TimeoutError) as error:
            console.print(str(error), style="red", markup=False)
            sys.exit(1)
    console.print(ledger.table(result))
    picture.draw(result, chosen.picture)
    console.print(f"drawn: {chosen.picture}", markup=False)
    for instant, violation in result.violations:
        console.print(f"VIOLATED {instant:%d %b %H:%M} {violation}", style="red", markup=False)
    console.print("every promise was kept or told" if not result.violations else f"{len(result.violations)} violations")
    sys.exit(1 if result.violations else 0)


if __name__ == "__main__":
    main()
