"""`python -m bench.load [--minutes 15]`: the run, its tables, its picture. Exits 1 where something was wrong."""

import argparse
import sys
from pathlib import Path

from bench.harness import results
from bench.load import picture, report
from bench.load.run import Options, run
from devhost.stack.process import Failed, NotThere

PICTURE = Path(__file__).parents[2] / "docs" / "img" / "load.png"


def main() -> None:
    """Runs and reports."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=Options.minutes)
    parser.add_argument("--calibrate", type=float, default=Options.calibrate_s, metavar="SECONDS")
    parser.add_argument("--share", type=float, default=Options.share, help="of the capacity")
    parser.add_argument("--servers", type=int, default=Options.servers, help="server processes")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    options = Options(minutes=given.minutes, calibrate_s=given.calibrate, share=given.share, servers=given.servers)
    try:
        made = run(options, lambda text: print(text, flush=True))
    except (NotThere, Failed) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(f"\n{report.summary(made)}\n\nLatency from when an act should have begun, ms:\n\n{report.table(made)}")
    print(f"\n{report.answers(made.acts)}\n\n{report.memory(made)}\n")
    results.record(report.figures(made))
    picture.draw(made, given.picture)
    print(f"drawn: {given.picture}")
    if made.wrong:
        print(f"\n{report.errors(made.acts)}\n" if any(act.error for act in made.acts) else "")
        print("NOT well:\n  " + "\n  ".join(made.wrong))
        sys.exit(1)
    print("all well: no error, no message lost, no growth of memory")


if __name__ == "__main__":
    main()
