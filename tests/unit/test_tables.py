"""Every table is known to the migrations: a module that makes one is among those that they load."""

import ast
from pathlib import Path

from app.migrate import TABLES

ROOT = Path(__file__).parents[2]


def makes_a_table(path: Path) -> bool:
    """Whether the module calls `sa.Table`."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any(isinstance(func, ast.Attribute) and ast.unparse(func) == "sa.Table" for func in calls)


def test_the_migrations_load_every_module_that_makes_a_table() -> None:
    making = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for top in ("functions", "shared", "app")
        for path in (ROOT / top).rglob("*.py")
        if "versions" not in path.parts and makes_a_table(path)
    }
    assert making == set(TABLES)
