"""Importing the whole app against importing what it cannot do without: azure.functions and fastapi; fresh processes, in turns.
The processor's time, so that what else runs counts less; byte code is compiled beforehand."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.harness import stats
from bench.harness.results import Figure
from bench.harness.subject import Sample

ROUNDS = 15
APP, BASE = "import function_app", "import azure.functions, fastapi"
COSTS = {"app_ms": "import function_app, ms", "beyond_ms": "import function_app beyond azure.functions and fastapi, ms"}


def _seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": "/usr/bin:/bin"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure() -> Sample:
    """One process of each, and an empty one, which is taken off both."""
    empty, app, base = _seconds("pass"), _seconds(APP), _seconds(BASE)
    return {"app_ms": (app - empty) * 1000, "base_ms": (base - empty) * 1000, "beyond_ms": (app - base) * 1000}


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """Once unmeasured, for the byte code and the page cache."""
    measure()
    yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """The ratio, and the milliseconds of both."""
    ratios = [sample["app_ms"] / sample["base_ms"] for sample in samples]
    what = f"processor time of `{APP}` over that of `{BASE}`, fresh processes"
    figures = {"import.over_base": Figure(stats.median(ratios), "ratio", f"{what}; {stats.spread(ratios)}")}
    for key, meaning in (("app_ms", f"`{APP}`"), ("base_ms", f"`{BASE}`")):
        values = [sample[key] for sample in samples]
        what = f"processor time of {meaning} beyond an empty process; {stats.spread(values)}"
        figures[f"import.{key}"] = Figure(stats.median(values), "ms", what)
    return figures
