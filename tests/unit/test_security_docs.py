"""docs/security.md against the code: every line of ASVS 5.0 level 2 has its row, and every test it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
LINES = {
    "V1": (("1", 2), ("2", 9), ("3", 11), ("4", 3), ("5", 2)),
    "V2": (("1", 3), ("2", 3), ("3", 4), ("4", 1)),
    "V3": (("2", 2), ("3", 4), ("4", 6), ("5", 5), ("7", 2)),
    "V4": (("1", 3), ("2", 1), ("3", 2), ("4", 4)),
    "V5": (("1", 1), ("2", 3), ("3", 2), ("4", 3)),
    "V6": (("1", 3), ("2", 12), ("3", 4), ("4", 4), ("5", 5), ("6", 3), ("8", 4)),
    "V7": (("1", 3), ("2", 4), ("3", 2), ("4", 5), ("5", 2), ("6", 2)),
    "V8": (("1", 2), ("2", 3), ("3", 1), ("4", 1)),
    "V9": (("1", 3), ("2", 4)),
    "V10": (("1", 2), ("2", 2), ("3", 4), ("4", 11), ("5", 5), ("6", 2), ("7", 3)),
    "V11": (("1", 2), ("2", 3), ("3", 3), ("4", 4), ("5", 1), ("6", 1)),
    "V12": (("1", 3), ("2", 2), ("3", 4)),
    "V13": (("1", 1), ("2", 5), ("3", 2), ("4", 5)),
    "V14": (("1", 2), ("2", 4), ("3", 3)),
    "V15": (("1", 3), ("2", 3), ("3", 7)),
    "V16": (("1", 1), ("2", 5), ("3", 4), ("4", 3), ("5", 3)),
    "V17": (("1", 1), ("2", 4), ("3", 2)),
}
"""Chapters, sections and how many lines of each are of level 1 or 2 (ASVS 5.0.0; those of level 3 come after them)."""
STATES = ("met", "not met", "n.a.")
TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")


def rows() -> list[tuple[str, str, str, str]]:
    """(number, level, state, last cell) of every row of the tables."""
    found = []
    for line in PAGE.read_text().splitlines():
        if re.match(r"^\| V\d", line):
            number, level, _, state, shown = (cell.strip() for cell in line.strip("|").split(" | ", 4))
            found.append((number, level, state, shown.rstrip("| ")))
    return found


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's test functions, methods included."""
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def test_every_line_of_level_two_has_one_row() -> None:
    wanted = {
        f"{chapter}.{section}.{n}" for chapter, parts in LINES.items() for section, last in parts for n in range(1, last + 1)
    }
    numbers = [number for number, *_ in rows()]
    assert len(numbers) == len(set(numbers)), "a line stands twice"
    assert {number for number in numbers if number.split(".")[0] in LINES} == wanted


def test_every_state_is_a_known_one_and_has_its_reason_or_its_test() -> None:
    for number, level, state, shown in rows():
        assert level in ("1", "2"), number
        assert state in STATES, f"{number}: {state!r}"
        if state == "met":
            assert TEST.search(shown), f"{number} is said to be met and names no test"
        if state in ("not met", "n.a."):
            assert len(shown) > 10, f"{number}: say why"


def test_every_test_that_the_page_names_exists() -> None:
    named = [pair for *_, shown in rows() for pair in TEST.findall(shown)]
    for path, name in named:
        assert (ROOT / path).exists(), f"{path} is gone"
        assert name in names_in(path), f"{path}::{name} is gone"
