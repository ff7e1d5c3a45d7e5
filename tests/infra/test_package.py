"""The release: the same bytes for the same commit, whole, and such as the Functions host runs."""

import json
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest

from infra.package import LIBRARIES, PLACE, Release, build, copy_installed, pinned
from shared.revision import head

ROOT = Path(__file__).parents[2]
HEAVY = {"onnxruntime", "numpy", "stripe", "pillow", "cryptography", "flatbuffers", "protobuf"}
"""Left out of this test's package, since the app must index without them: its first instance starts so much sooner."""

pytestmark = pytest.mark.slow


def nothing(_target: Path) -> None:
    """No libraries."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of this commit, without what is heavy."""
    return build("0.0.0-test", tmp_path_factory.mktemp("release"), install=partial(copy_installed, without=HEAVY))


@pytest.fixture(scope="module")
def unpacked(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release as it lies on an instance."""
    folder = tmp_path_factory.mktemp("wwwroot")
    with zipfile.ZipFile(release.path) as archive:
        archive.extractall(folder)
    return folder


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (build("1", tmp_path / name, install=nothing) for name in ("a", "b"))
    assert first.sha256 == second.sha256


def indexed(*options: str, paths: list[Path]) -> list[str]:
    """The functions that a process of its own indexes: an app can be asked for them once."""
    script = (
        f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}; import function_app, json; "
        "print(json.dumps(sorted(each.get_function_name() for each in function_app.app.get_functions())))"
    )
    done = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def test_it_indexes_alone_with_the_same_functions(unpacked: Path) -> None:
    alone = indexed("-I", "-S", paths=[unpacked, unpacked / LIBRARIES])
    assert alone == indexed(paths=[ROOT])
    assert len(alone) > 10


def test_it_says_what_it_is(release: Release, unpacked: Path) -> None:
    inside = json.loads((unpacked / "release.json").read_text())
    beside = json.loads(release.path.with_suffix(".json").read_text())
    assert inside["version"] == "0.0.0-test"
    assert inside["revision"] == head()
    assert set(inside["models"]) == {"charge-policy", "availability-forecast"}
    assert {name: beside[name] for name in inside} == inside
    assert beside["sha256"] == release.sha256


def test_nothing_but_what_runs_is_in_it(unpacked: Path) -> None:
    top = {path.name for path in unpacked.iterdir()} - {"__pycache__"}
    assert top == {".python_packages", "app", "function_app.py", "functions", "host.json", "infra", "release.json", "shared"}
    assert not list(unpacked.rglob("tests"))


def test_each_file_of_ours_has_byte_code_that_needs_no_check_of_times(unpacked: Path) -> None:
    for source in unpacked.glob("shared/*.py"):
        code = (source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc").read_bytes()
        assert int.from_bytes(code[4:8], "little") == 0b01, source.name
        assert PLACE.encode() in code, source.name


def test_the_size_of_each_library_is_listed(release: Release) -> None:
    assert release.libraries_mb["our code"] > 1
    assert sum(release.libraries_mb.values()) == pytest.approx(release.size_mb, rel=0.1)


def test_every_library_is_pinned() -> None:
    lines = [line for line in Path("requirements.txt").read_text().splitlines() if line]
    assert len(pinned()) == len(lines)
