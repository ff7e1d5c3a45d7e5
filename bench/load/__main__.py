"""`python -m bench.load [--minutes 15]`: the run, its tables, its picture. Exits 1 where something was wrong."""

import argparse
import sys
from pathlib import Path

from bench.harness import results
from bench.load import picture, report, workbook
from bench.load.run import LoadOptions, run
from devhost.stack.process import ComponentError, ComponentMissingError

PICTURE = Path(__file__).parents[2] / "docs" / "img" / "load.png"


def main() -> None:
    """Runs and reports."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=LoadOptions.minutes)
    parser.add_argument("--calibrate", type=float, default=LoadOptions.calibrate_s, metavar="SECONDS")
    parser.add_argument("--share", type=float, default=LoadOptions.share, help="of the capacity")
    parser.add_argument("--servers", type=int, default=LoadOptions.servers, help="server processes")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--workbook", type=Path, help="send telemetry to loopback and draw the workbook there")
    chosen = parser.parse_args()
    options = LoadOptions(
        minutes=chosen.minutes,
        calibrate_s=chosen.calibrate,
        share=chosen.share,
        servers=chosen.servers,
        has_telemetry=chosen.workbook is not None,
    )
    try:
        result = run(options, lambda text: print(text, flush=True))
    except (ComponentMissingError, ComponentError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(f"\n{report.summary(result)}\n\nLatency from when an act should have begun, ms:\n\n{report.table(result)}")
    print(f"\n{report.answers(result.acts)}\n\n{report.memory(result)}\n")
    results.record(report.figures(result))
    picture.draw(result, chosen.picture)
    print(f"drawn: {chosen.picture}")
    if result.telemetry is not None:
        workbook.draw(result.telemetry, chosen.workbook, under=report.summary(result))
        print(f"drawn: {chosen.workbook}")
    if result.wrong:
        print(f"\n{report.errors(result.acts)}\n" if any(act.error for act in result.acts) else "")
        print("NOT well:\n  " + "\n  ".join(result.wrong))
        sys.exit(1)
    print("all well: no error, no message lost, no growth of memory")


if __name__ == "__main__":
    main()
