"""Importing 60,000 OCPI locations against parsing the same file whole by `json`: fresh processes, in turns. The processor's
time, and the most memory that was resident."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.harness import stats
from bench.harness.results import Figure
from bench.harness.subject import Sample
from cities.generated_ocpi import write_locations

ROUNDS = 3
LOCATIONS = 60_000
COSTS = {"seconds": "import of 60,000 OCPI locations, s of processor time", "resident_mb": "most memory of that import, MB"}
IMPORT = """
from pathlib import Path
from cities.importing import import_city
report = import_city(Path(sys.argv[1]), Path(sys.argv[2]), progress=lambda *_: None)
assert report.kept == int(sys.argv[3]), report
"""
PARSE = "assert len(json.load(open(sys.argv[1] + '/locations.json'))['data']) == int(sys.argv[3])"
USAGE = """
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "resident_mb": used.ru_maxrss * 1024 / 1e6}))
"""


def used_by(code: str, *arguments: str) -> dict[str, float]:
    """`seconds` of processor time and `resident_mb` of a process that runs the code."""
    whole = f"import json, resource, sys\n{code}\n{USAGE}"
    done = subprocess.run([sys.executable, "-c", whole, *arguments], check=True, capture_output=True, text=True)
    usage: dict[str, float] = json.loads(done.stdout)
    return usage


def measure(folder: Path, locations: int) -> Sample:
    """One process of each."""
    arguments = (str(folder / "in"), str(folder / "out"), str(locations))
    imported, parsed = used_by(IMPORT, *arguments), used_by(PARSE, *arguments)
    return imported | {f"parse_{name}": value for name, value in parsed.items()}


@contextmanager
def opened(locations: int = LOCATIONS) -> Iterator[Callable[[], Sample]]:
    """The files."""
    with tempfile.TemporaryDirectory() as folder:
        write_locations(Path(folder) / "in", locations)
        yield partial(measure, Path(folder), locations)


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Both, and what they are of parsing the file whole."""
    figures = {}
    for key, unit, meaning in (
        ("seconds", "s", "processor time"),
        ("resident_mb", "MB", "most resident memory"),
    ):
        values = [sample[key] for sample in samples]
        ratios = [sample[key] / sample[f"parse_{key}"] for sample in samples]
        what = f"{meaning} of importing {LOCATIONS:,} OCPI locations"
        figures[f"city_import.{key}"] = Figure(stats.median(values), unit, f"{what}; {stats.spread(values)}")
        figures[f"city_import.{key}_over_json"] = Figure(
            stats.median(ratios), "ratio", f"{what} over that of `json.load` of the same file; {stats.spread(ratios)}"
        )
    return figures
