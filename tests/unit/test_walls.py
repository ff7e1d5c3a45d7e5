"""The walls of the house: who may import whom, and what may never be imported at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAINS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__")
SOURCES = [
    path
    for folder in ("functions", "shared", "devhost", "cities", "training", "bench")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
LAZY = (
    "azure.servicebus", "azure.storage", "azure.communication", "azure.monitor", "stripe", "onnxruntime", "authlib",
    "requests", "zxcvbn", "PIL",
)  # fmt: skip


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Dotted names a module imports, `from a import b` as `a.b`."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{item.name}" for item in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    where = path.relative_to(ROOT).parts
    for name in imports(path):
        parts = name.split(".")
        if where[0] in ("functions", "shared"):
            assert parts[0] not in ("torch", "training", "devhost", "cities", "tests", "httpx"), f"{path} imports {name}"
        if where[0] == "functions" and parts[0] == "functions" and len(parts) > 2 and parts[1] != where[1]:
            rooms = set(parts[2].split("_"))  # feed_repository and repository_history are repositories too
            assert not rooms & {"repository", "tables", "routes", "triggers"}, f"{path} reaches into {name}"
        if where[0] == "functions" and where[-1] in ("service.py", "domain.py", "repository.py"):
            layer = parts[2] if len(parts) > 2 and parts[:2] == ["functions", where[1]] else ""
            assert layer not in ("routes", "triggers"), f"{path} imports upwards: {name}"
        if where[-1] == "domain.py":
            assert parts[0] not in ("sqlalchemy", "fastapi", "azure"), f"{path} is pure and imports {name}"
        if where[0] == "shared" and parts[0] == "functions":
            assert path.name in ("asgi.py", "migrate.py"), f"{path} imports {name}"
        if parts[0] == "torch":
            assert where[0] == "training", f"{path} imports torch"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("functions", "shared")])
def test_sdks_are_imported_inside_functions(path: Path) -> None:
    for name in imports(path, top_level_only=True):
        assert not name.startswith(LAZY), f"{path} imports {name} at its top"


def test_every_domain_has_its_rooms() -> None:
    assert DOMAINS == ["accounts", "booking", "notify", "optimizer", "payments", "stations"]
    for domain in DOMAINS:
        for room in ("__init__", "routes", "service", "schemas"):
            assert (ROOT / "functions" / domain / f"{room}.py").exists(), f"{domain} lacks {room}.py"


def test_nobody_reads_the_clock_of_the_database_or_the_machine() -> None:
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] not in ("functions", "shared") or path.name == "clock.py":
            continue
        text = path.read_text()
        for word in ("datetime.now(", "utcnow(", "time.time(", "func.now(", "time.monotonic("):
            assert word not in text, f"{path} uses {word} instead of the injected clock"
