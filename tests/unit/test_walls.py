"""The walls of the house: which floor stands on which, and what may never be imported at all.

A floor is a package. An import goes to the same floor or to a lower one, never upwards, so packages cannot form a circle; and
no two files do either. There is no exception.
"""

from collections.abc import Mapping

import pytest

from tests.support.floors import BESIDE, EDGES, FLOORS, PICTURE, SOURCES, TREES, drawing, imports, package_of

LAZY = (
    "azure.servicebus", "azure.storage", "azure.communication", "azure.monitor", "stripe", "onnxruntime", "authlib",
    "requests", "zxcvbn", "PIL", "fpdf",
)  # fmt: skip


def circles(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """The components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set()
            while node not in component:
                component.add(stack.pop())
            if len(component) > 1:
                found.append(component)

    for node in edges:
        if node not in index:
            visit(node)
    return found


def test_every_package_stands_on_a_floor() -> None:
    floors = {*FLOORS, *(name for tree in TREES.values() for name in tree), "functions"}
    assert {package_of(module) for module in SOURCES} == floors, "a new package takes its place in FLOORS or TREES"


@pytest.mark.parametrize("module", SOURCES)
def test_imports_go_downwards(module: str) -> None:
    package = package_of(module)
    tree = TREES.get(package.split(".")[0])
    for name in EDGES[module]:
        other = package_of(name)
        if other == package or other == "functions":
            continue
        if tree is None:
            assert other in FLOORS, f"{module} imports {name}, which is not deployed"
            assert FLOORS.index(other) > FLOORS.index(package), f"{module} imports upwards: {name}"
        elif other in tree:
            assert tree.index(other) > tree.index(package), f"{module} imports upwards: {name}"
        else:
            top = other.split(".")[0]
            assert other in FLOORS or top in BESIDE[package.split(".")[0]], f"{module} imports {name}"


def test_no_circle_of_packages_and_none_of_files() -> None:
    packages: dict[str, set[str]] = {}
    for module, names in EDGES.items():
        packages.setdefault(package_of(module), set()).update(package_of(name) for name in names)
    assert circles(packages) == []
    assert circles(EDGES) == []


def test_a_circle_would_be_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]


@pytest.mark.parametrize("module", SOURCES)
def test_a_domain_reaches_another_by_its_service_or_events_alone(module: str) -> None:
    where = module.split(".")
    package = package_of(module)
    for name in EDGES[module]:
        room = name.rpartition(".")[2]
        other = package_of(name)
        if {package.split(".")[0], other.split(".")[0]} == {"functions"} and other.split(".")[1] != package.split(".")[1]:
            private = set(room.split("_")) & {"repository", "tables", "routes"}
            assert not private, f"{module} reaches into {name}"
        if where[-1] in ("service", "domain", "repository"):
            assert room != "routes", f"{module} imports upwards: {name}"


@pytest.mark.parametrize("module", SOURCES)
def test_what_must_stay_pure_or_apart(module: str) -> None:
    top, last = module.split(".")[0], module.rpartition(".")[2]
    for name in imports(SOURCES[module]):
        imported = name.split(".")[0]
        if top in ("app", "functions", "shared"):
            assert imported not in ("torch", "tests", "httpx"), f"{module} imports {name}"
        if last == "domain" or module.startswith("functions.optimizer.core."):
            assert imported not in ("sqlalchemy", "fastapi", "azure"), f"{module} is pure and imports {name}"
        if imported == "torch":
            assert top == "training", f"{module} imports torch"


@pytest.mark.parametrize("module", [name for name in SOURCES if name.split(".")[0] in ("app", "functions", "shared")])
def test_sdks_are_imported_inside_functions(module: str) -> None:
    for name in imports(SOURCES[module], top_level_only=True):
        assert not name.startswith(LAZY), f"{module} imports {name} at its top"


def test_domains_publish_events_and_address_no_queue() -> None:
    assert [name for name, path in SOURCES.items() if name.startswith("functions.") and ".emit(" in path.read_text()] == []


def test_nobody_reads_the_clock_of_the_database_or_the_machine() -> None:
    for module, path in SOURCES.items():
        if module.split(".")[0] not in ("app", "functions", "shared") or module == "shared.clock":
            continue
        text = path.read_text()
        for word in ("datetime.now(", "utcnow(", "time.time(", "func.now(", "time.monotonic("):
            assert word not in text, f"{path} uses {word} instead of the injected clock"


def test_the_drawing_of_the_floors_is_that_of_the_code() -> None:
    assert PICTURE.read_text() == drawing(), "make floors draws it anew"
