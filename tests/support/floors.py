"""The floors of the house: which package stands on which. The list of test_walls.py and of the drawing in
docs/architecture.md, which `python -m tests.support.floors` makes anew from the code (`make floors`).
"""

import ast
import html
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = (
    "function_app",
    "app.host",
    "app",
    "functions.privacy",
    "functions.administration",
    "functions.notify",
    "functions.operators",
    "functions.search",
    "functions.waitlist",
    "functions.relocation",
    "functions.drivers",
    "functions.forecast",
    "functions.optimizer",
    "functions.optimizer.models",
    "functions.optimizer.core",
    "functions.payments.documents",
    "functions.payments.ledger",
    "functions.payments",
    "functions.ratings",
    "functions.booking",
    "functions.accounts",
    "functions.stations.feed",
    "functions.stations",
    "functions.tariffs",
    "shared.web",
    "shared.platform",
    "shared.adapters",
    "shared",
)
"""Of what is deployed, the top floor first."""
TREES = {
    "training": (
        "training", "training.forecast", "training.release", "training.evaluation", "training.learning",
        "training.simulation", "training.scenarios", "training.optimum", "training.problem",
    ),
    "bench": ("bench", "bench.load", "bench.subjects", "bench.harness"),
    "devhost": ("devhost", "devhost.replay", "devhost.host", "devhost.stack"),
    "cities": ("cities",),
}  # fmt: skip
"""Floors of what stands beside it: each tree may import what is deployed, and of the other trees what BESIDE says."""
BESIDE = {"training": {"cities"}, "bench": {"devhost", "training", "cities"}, "devhost": {"cities"}, "cities": set()}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {
    _module(path): path
    for folder in ("app", "functions", "shared", "devhost", "cities", "training", "bench")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
} | {"function_app": ROOT / "function_app.py"}


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Dotted names a module imports, `from a import b` as `a.b`; those inside functions and TYPE_CHECKING too."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{item.name}" for item in node.names)


def _imported_modules(module: str) -> set[str]:
    modules = set()
    for name in imports(SOURCES[module]):
        while name and name not in SOURCES:
            name = name.rpartition(".")[0]
        if name:
            modules.add(name)
    return modules - {module}


EDGES = {module: _imported_modules(module) for module in SOURCES}


def package_of(module: str) -> str:
    """The package a module lies in: a folder, or `function_app`."""
    is_package = SOURCES[module].name == "__init__.py"
    return module if is_package or "." not in module else module.rpartition(".")[0]


PICTURE = ROOT / "docs" / "img" / "floors.svg"
ROW, CELL, NAME, WORDS = 30, 20, 190, 560
"""Pixels: height of a floor, of a dot's cell, width of the names and of the sentences."""
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .name { font-weight: 600 } .words { fill: #52606d; font-size: 12px }
.floor { fill: #f5f7fa; stroke: #cbd2d9 } .own { fill: #cbd2d9 } .dot { fill: #0b69a3 }
.column { font-size: 11px; fill: #52606d }
.page { fill: #ffffff }
"""


def sentence_of(package: str) -> str:
    """The first sentence of a package's docstring, without its own name before the colon."""
    doc = ast.get_docstring(ast.parse(SOURCES[package].read_text())) or ""
    first = " ".join(doc.split()).split(". ")[0].rstrip(".")
    head, colon, rest = first.partition(": ")
    if colon and head.lower() == package.rpartition(".")[2]:
        first = rest[0].upper() + rest[1:]
    return first if len(first) <= 92 else first[:91].rsplit(" ", 1)[0] + " ..."


def stands_on() -> dict[str, set[str]]:
    """By deployed package: the other packages it imports."""
    edges: dict[str, set[str]] = {}
    for module, names in EDGES.items():
        package = package_of(module)
        if package in FLOORS:
            edges.setdefault(package, set()).update({package_of(name) for name in names} & set(FLOORS) - {package})
    return edges


def drawing() -> str:
    """The floors as SVG: a row each, top floor first; a dot where the row's package imports the column's. Imports that ran
    upwards would be dots left of the diagonal."""
    edges, top = stands_on(), 150
    width, height = NAME + WORDS + CELL * len(FLOORS) + 30, top + ROW * len(FLOORS) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="The floors: each package imports only packages below it">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        '<text class="name" x="12" y="28">Floors, top first</text>',
        '<text class="words" x="12" y="48">A dot: the package of the row imports the package of the column. '
        "All lie right of the grey diagonal: downwards.</text>",
    ]
    for index, floor in enumerate(FLOORS):
        short = floor.removeprefix("functions.")
        x, y = NAME + WORDS + CELL * index + 10, top + ROW * index
        parts += [
            f'<text class="column" transform="translate({x + 14} {top - 8}) rotate(-60)">{short}</text>',
            f'<rect class="floor" x="8" y="{y}" width="{width - 16}" height="{ROW - 4}" rx="4"/>',
            f'<text class="name" x="16" y="{y + 18}">{short}</text>',
            f'<text class="words" x="{NAME}" y="{y + 18}">{html.escape(sentence_of(floor))}</text>',
            f'<rect class="own" x="{x + 4}" y="{y + 7}" width="12" height="12" rx="2"/>',
        ]
        for other in sorted(edges.get(floor, ())):
            column = NAME + WORDS + CELL * FLOORS.index(other) + 10
            parts.append(f'<circle class="dot" cx="{column + 10}" cy="{y + 13}" r="5"/>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing())
    print(f"{PICTURE.relative_to(ROOT)} is drawn anew")
