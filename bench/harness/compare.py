"""Two revisions in one run: the working tree against a git worktree of another, round by round in turns.

This tree's bench/ measures both where the base has all that it imports. Otherwise the base keeps its own bench/, run by its own
worker, and figures are compared by name.
"""

import ast
import shutil
import subprocess
import symtable
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness import stats
from bench.harness.subject import NAMES, Sample, subject
from bench.harness.worker import Worker

ROOT = Path(__file__).parents[2]
PLATFORM = ("app", "cities", "devhost", "functions", "shared", "training")
"""Top-level packages that a subject measures."""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def imported_names() -> set[tuple[str, str]]:
    """(module, name) of everything of the platform that the harness and the subjects import."""
    files = [*(ROOT / "bench" / "harness").glob("*.py"), *(ROOT / "bench" / "subjects" / f"{name}.py" for name in NAMES)]
    return {
        (node.module, alias.name)
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] in PLATFORM
        for alias in node.names
    }


def has_name(tree: Path, module: str, name: str) -> bool:
    """Whether a module of `tree` has a name: one that it assigns, defines or imports, or a module inside it."""
    folder = tree.joinpath(*module.split("."))
    if (folder / f"{name}.py").is_file() or (folder / name).is_dir():
        return True
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    if not file.is_file():
        return False
    symbols = symtable.symtable(file.read_text(), str(file), "exec")
    return any(symbol.get_name() == name and (symbol.is_assigned() or symbol.is_imported()) for symbol in symbols.get_symbols())


def missing_names(tree: Path) -> list[str]:
    """`module.name` of everything that this tree's bench/ imports and `tree` does not have."""
    return sorted(f"{module}.{name}" for module, name in imported_names() if not has_name(tree, module, name))


@dataclass(frozen=True)
class Base:
    """A worktree of the revision to compare with. `missing` is empty where this tree's bench/ measures it."""

    tree: Path
    missing: list[str]


@contextmanager
def base_of(revision: str) -> Iterator[Base]:
    """A worktree of a revision in a temporary folder, with this tree's bench/ in it where that fits. Raises ValueError for
    what git does not know."""
    commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="evcharging-base-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            base = Base(tree, missing_names(tree))
            if not base.missing:
                shutil.rmtree(tree / "bench", ignore_errors=True)
                shutil.copytree(ROOT / "bench", tree / "bench", ignore=shutil.ignore_patterns("__pycache__", "results.json"))
            yield base
        finally:
            _git("worktree", "remove", "--force", str(tree))


@dataclass(frozen=True)
class Comparison:
    """A cost here over the same at the base, from paired rounds."""

    name: str
    what: str
    ratio: float
    """Median of the rounds' ratios."""
    low: float
    high: float
    """Ends of the ratio's 95 % interval."""
    here: float
    base: float
    """Medians, in the cost's own unit."""

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
    """The ratios of paired rounds, for the costs that both sides measure."""
    comparisons = []
    for key, what in costs.items():
        if any(key not in sample for sample in (*here, *base)):
            continue
        ratios = [mine[key] / theirs[key] for mine, theirs in zip(here, base, strict=True)]
        low, high = stats.median_interval(ratios)
        comparisons.append(
            Comparison(
                name=f"{prefix}.{key}",
                what=what,
                ratio=stats.median(ratios),
                low=low,
                high=high,
                here=stats.median([sample[key] for sample in here]),
                base=stats.median([sample[key] for sample in base]),
            )
        )
    return comparisons


def table(comparisons: Sequence[Comparison], revision: str) -> str:
    """The comparisons as a markdown table."""
    lines = [
        f"| what (smaller is better) | here | {revision} | here over {revision}, 95 % interval | |",
        "|---|---|---|---|---|",
    ]
    for item in comparisons:
        ratio = f"{item.ratio:.3f} [{item.low:.3f}, {item.high:.3f}]"
        lines.append(f"| {item.what} | {item.here:.4g} | {item.base:.4g} | {ratio} | {item.verdict} |")
    return "\n".join(lines)
