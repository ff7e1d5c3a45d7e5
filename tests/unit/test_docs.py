"""The documents against the code: every setting, error code and environment of the docs exists, and the other way."""

import ast
import re
from pathlib import Path

from shared.errors import AppError, every_error
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_error_code_is_documented_with_its_status() -> None:
    text = (DOCS / "errors.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", text, flags=re.M))
    assert documented == {(kind.code, str(kind.status)) for kind in every_error()}


def test_error_codes_are_unique() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(codes) == len(set(codes))


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    import shared.errors

    drawn = set(re.findall(r"^[\s│├└─]*([A-Z]\w+) +(\d{3})  ([A-Z_]+)$", shared.errors.__doc__ or "", flags=re.M))
    assert drawn == {(kind.__name__, str(kind.status), kind.code) for kind in every_error()}


def test_no_detail_of_an_error_is_named_like_a_member_of_the_shape() -> None:
    """`status=location.status` once answered `"status": "SUBMITTED"` in place of 409."""
    members = set(AppError().problem()) | {"errors", "invocation_id"}
    kinds = {kind.__name__ for kind in every_error()}
    for path in [*ROOT.glob("functions/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds:
                assert not {item.arg for item in node.keywords} & (members - {"detail"}), f"{path}:{node.lineno}"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "settings.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text.split("## Of the devhost")[0], flags=re.M))
    assert documented == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"


def test_every_module_that_a_command_runs_can_be_run() -> None:
    """`python -m module` of a module that nothing ends in is silence with exit code 0."""
    pages = [ROOT / "Makefile", *DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    named = {name for page in pages for name in re.findall(r"python3? -m ([a-z_.]+[a-z_])", page.read_text())}
    silent = []
    for name in sorted(own for own in named if own.split(".")[0] in ours):
        path = ROOT / name.replace(".", "/")
        file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.exists() or (not path.is_dir() and '__name__ == "__main__"' not in file.read_text()):
            silent.append(name)
    assert silent == []


MADE_LATER = {"bench/results.json", "web/src/api"}
"""What a command writes and git does not keep."""
CODE_PATH = re.compile(r"`((?:app|functions|shared|training|bench|devhost|cities|tests)/[\w/.{},<>*-]+?)(?::(\w+))?`")


def test_every_file_and_function_that_a_document_names_is_there() -> None:
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    missing = []
    for page in pages:
        for path, name in CODE_PATH.findall(page.read_text()):
            if any(mark in path for mark in "{<*") or path in MADE_LATER:
                continue
            target = ROOT / path
            if not target.exists() or (
                name and not re.search(rf"^(?:def |class |async def )?{name}\b", target.read_text(), re.M)
            ):
                missing.append(f"{page.relative_to(ROOT)}: {path}{':' + name if name else ''}")
    assert missing == []
