"""The unit tests that a change may break, for `make check`: those that import a changed file, by whatever way.

    python -m devhost.changed [BASE]      one path a line; `tests/unit` where everything may be concerned

Changed is what differs from where the branch left BASE (main), committed or not. A file that is read by code and is no
Python (a template, a table of golden values, pyproject.toml) concerns every test.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALL = "tests/unit"
HARMLESS = (".md", ".txt", ".in", ".svg", ".png", ".yaml", ".yml", ".gitignore", ".codespellwords", "Makefile", ".ci/run")
"""Ends of files that no code reads, but only the tests of documents."""
READERS = ("tests/unit/test_docs.py", "tests/unit/test_owner_docs.py", "tests/unit/test_security_docs.py")
"""What reads the repository rather than imports it: run for every change."""
WHOLE = ("tests/unit/test_walls.py", "tests/unit/devhost/test_contract.py")
"""What looks at all the code: run for every change of code."""


def imports(path: Path) -> set[str]:
    """The modules that a file names in its imports, wherever in it; `from a import b` names a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_of(path: str) -> str:
    """`functions/booking/service.py` as `functions.booking.service`; a package by its folder."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def unit_tests_reaching(changed: Iterable[str], graph: dict[str, set[str]]) -> list[str]:
    """The unit tests among `graph`'s files (path to the modules it names) that reach a changed path."""
    paths = {module_of(path): path for path in graph}
    users: dict[str, set[str]] = {}
    for path, names in graph.items():
        for name in names & paths.keys():
            users.setdefault(paths[name], set()).add(path)
    reached, waiting = set(), [path for path in changed if path in graph]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += users.get(path, ())
            if path.endswith("conftest.py"):  # a fixture is used without an import
                folder = path.removesuffix("conftest.py")
                waiting += [other for other in graph if other.startswith(folder)]
    return sorted(path for path in reached if path.startswith(f"{ALL}/") and Path(path).name.startswith("test_"))


def select(changed: set[str]) -> list[str]:
    """What to run for these changes."""
    code = {path for path in changed if path.endswith(".py")}
    if any(not path.endswith(HARMLESS) for path in changed - code):
        return [ALL]
    if not code:
        return list(READERS) if changed else []
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "*.py").split()
    graph = {path: imports(ROOT / path) for path in listed if (ROOT / path).exists()}
    selected = {*unit_tests_reaching(code, graph), *READERS, *WHOLE}
    return sorted(path for path in selected if (ROOT / path).exists())


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main(base: str = "main") -> None:
    """Prints the selection; all where git cannot tell what changed."""
    try:
        start = _git("merge-base", base, "HEAD").strip()
        changed = _git("diff", "--name-only", start).split() + _git("ls-files", "--others", "--exclude-standard").split()
    except (subprocess.CalledProcessError, FileNotFoundError):
        print(ALL)
        return
    print("\n".join(select(set(changed))))


if __name__ == "__main__":
    main(*sys.argv[1:2])
