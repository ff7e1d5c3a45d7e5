"""Two revisions in one run: the working tree against a git worktree of another, round by round in turns."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness import stats
from bench.harness.subject import Sample, subject
from bench.harness.worker import Worker

ROOT = Path(__file__).parents[2]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """A worktree of a revision in a temporary folder, with this tree's bench/ in it: the same measuring code runs over
    both. Raises ValueError for what git does not know."""
    commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="evcharging-base-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            shutil.rmtree(tree / "bench", ignore_errors=True)
            shutil.copytree(ROOT / "bench", tree / "bench", ignore=shutil.ignore_patterns("__pycache__", "results.json"))
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


@dataclass(frozen=True)
class Comparison:
    """A cost here over the same at the base: the median of the rounds' ratios, its 95 % interval, both medians."""

    name: str
    what: str
    ratio: float
    low: float
    high: float
    here: float
    base: float

    @property
    def verdict(self) -> str:
        """What may be said of it."""
        if self.high < 1.0:
            return "better"
        return "worse" if self.low > 1.0 else "no difference shown"


def compare(name: str, tree: Path, *, rounds: int) -> list[Comparison]:
    """Measures a subject here and in `tree` in turns; who goes first changes with each round."""
    here: list[Sample] = []
    base: list[Sample] = []
    with Worker(name, ROOT) as mine, Worker(name, tree) as theirs:
        for number in range(rounds):
            pairs = [(mine, here), (theirs, base)]
            for worker, samples in pairs if number % 2 else reversed(pairs):
                samples.append(worker.round())
    return compared(subject(name).COSTS, here, base, prefix=name)


def compared(costs: dict[str, str], here: Sequence[Sample], base: Sequence[Sample], *, prefix: str) -> list[Comparison]:
    """The ratios of paired rounds."""
    found = []
    for key, what in costs.items():
        ratios = [mine[key] / theirs[key] for mine, theirs in zip(here, base, strict=True)]
        low, high = stats.median_interval(ratios)
        found.append(
            Comparison(
                f"{prefix}.{key}", what, stats.median(ratios), low, high,
                stats.median([sample[key] for sample in here]), stats.median([sample[key] for sample in base]),
            )
        )  # fmt: skip
    return found


def table(found: Sequence[Comparison], revision: str) -> str:
    """The comparison as a markdown table."""
    lines = [
        f"| what (smaller is better) | here | {revision} | here over {revision}, 95 % interval | |",
        "|---|---|---|---|---|",
    ]
    for item in found:
        ratio = f"{item.ratio:.3f} [{item.low:.3f}, {item.high:.3f}]"
        lines.append(f"| {item.what} | {item.here:.4g} | {item.base:.4g} | {ratio} | {item.verdict} |")
    return "\n".join(lines)
