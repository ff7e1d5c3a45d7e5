"""`python -m bench [NAME ...] [--base REV] [--rounds N]`: measures, records, and prints the rows of docs/figures.md."""

import argparse
import sys
import time

from bench.harness import compare, results, table
from bench.harness.subject import NAMES, Sample, subject
from bench.harness.worker import Worker, WorkerError


def measure(name: str, rounds: int | None) -> dict[str, results.Figure]:
    """One subject in a process of its own: its figures."""
    measured = subject(name)
    count = rounds or measured.ROUNDS
    began = time.monotonic()
    with Worker(name, compare.ROOT) as worker:
        samples: list[Sample] = [worker.round() for _ in range(count)]
    print(f"{name}: {count} rounds in {time.monotonic() - began:.0f} s", flush=True)
    return measured.figures(samples)


def _against(names: list[str], revision: str, rounds: int | None) -> None:
    comparisons: list[compare.Comparison] = []
    with compare.base_of(revision) as base:
        if base.missing:
            print(f"{revision} is measured by its own bench/: it lacks {len(base.missing)} names, such as {base.missing[0]}")
        for name in names:
            began = time.monotonic()
            comparisons += compare.compare(name, base.tree, rounds=rounds or subject(name).ROUNDS)
            print(f"{name}: compared in {time.monotonic() - began:.0f} s", flush=True)
    wanted = [f"{name}.{key}" for name in names for key in subject(name).COSTS]
    unmeasured = [name for name in wanted if name not in {item.name for item in comparisons}]
    if unmeasured:
        print(f"left out, since {revision} does not measure it: {', '.join(unmeasured)}")
    print(f"\n{compare.table(comparisons, revision)}")


def main() -> None:
    """Measures what was asked for. Exits 2 for an unknown name or revision, 1 where a subject could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--base", metavar="REV", help="compare with this revision instead of recording")
    parser.add_argument("--rounds", type=int, help="rounds of each subject, in place of its own number")
    given = parser.parse_args()
    for name in given.names:
        if name not in NAMES:
            parser.error(f"{name}: must be one of {', '.join(NAMES)}")
    names = given.names or list(NAMES)
    try:
        if given.base:
            _against(names, given.base, given.rounds)
            return
        for name in names:
            figures = measure(name, given.rounds)
            results.record(figures)
            for key, figure in figures.items():
                print(f"  {key:34} {figure.value:12,.4g} {figure.unit:12} {figure.what}")
    except ValueError as error:
        parser.error(str(error))
    except WorkerError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print(f"\n| what else | figure | command |\n|---|---|---|\n{table.rows(results.load())}")


if __name__ == "__main__":
    main()
