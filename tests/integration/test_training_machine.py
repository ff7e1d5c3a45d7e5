"""The training machine without Azure: its unit's script, and its pipeline on MariaDB and Azurite, killed at each step."""

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from devhost.stack.azurite import Azurite
from functions.optimizer.models.manifest import challenger_path, champion_path
from functions.optimizer.models.registry import ModelRegistry
from shared.adapters.blobs import AzureBlobs
from tests.infra.test_configuration import rendered_cloud_init
from tests.support.recorded import fulfilled_days
from tests.support.stack_fixtures import DATA_KEY, SECRET
from tests.support.world import CCS, World
from training.release.export import write_rule
from training.release.publish import publish

ROOT = Path(__file__).parents[2]
STEPS = ("champion", "recorded demand", "training", "climatology", "export", "evaluation")
CONTAINER = "training"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureBlobs]:
    """A container with a champion that any network beats: the nearest station, whatever it costs."""
    blobs = AzureBlobs(azurite.connection_string, CONTAINER)
    folder = tmp_path_factory.mktemp("nearest")
    write_rule(folder, version="old", rule="nearest")
    publish(blobs, folder)
    yield blobs
    blobs.close()


def pointer(store: AzureBlobs, path: str) -> str | None:
    """The version that a pointer names."""
    blob = store.read(path)
    return None if blob is None else json.loads(blob[0])["version"]


def test_killed_at_each_step_it_leaves_the_champion_and_the_next_run_ends(
    mariadb_world: World, mariadb_url: str, azurite: Azurite, store: AzureBlobs, tmp_path: Path
) -> None:
    places = [mariadb_world.location(evses=2), mariadb_world.location(latitude=52.10, standard=CCS, power_kw=50.0, evses=2)]
    fulfilled_days(mariadb_world, places, 35)
    environment = os.environ | {
        "DATABASE_URL": mariadb_url,
        "BLOB_CONNECTION_STRING": azurite.connection_string,
        "BLOB_CONTAINER": CONTAINER,
        "DATA_DIR": str(tmp_path / "data"),
        "JWT_SECRET": SECRET,
        "DATA_KEYS": DATA_KEY,
    }

    def run(dies: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tests.support.training_child", str(tmp_path / "runs"), dies]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)

    for dies in (*STEPS, "write 2"):
        done = run(dies)
        assert done.returncode == -signal.SIGKILL, f"{dies}: {done.stdout}{done.stderr}"
        assert pointer(store, champion_path()) == "old", f"killed at {dies}"
        serving = ModelRegistry(store, mariadb_world.platform.clock).current()
        assert serving is not None, f"killed at {dies}"
        assert serving.manifest.version == "old"
    done = run("never")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    moved = champion_path() if done.returncode == 0 else challenger_path()
    assert (pointer(store, moved) or "").startswith("20"), "a version named by its time"
    assert "promotion: " in done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The machine's files in a folder, and a release whose pipeline says what it was called with and ends with 1."""
    told = yaml.safe_load(rendered_cloud_init())
    files = {each["path"]: each["content"] for each in told["write_files"]}
    code = tmp_path / "code" / "training"
    code.mkdir(parents=True)
    (code / "__init__.py").touch()
    (code / "pipeline.py").write_text("import sys\nprint('trained with', sys.argv[1:])\nsys.exit(1)\n")
    (tmp_path / "code" / "requirements-train.txt").touch()
    (tmp_path / "code" / "wheelhouse").mkdir()
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as archive:
        for each in (tmp_path / "code").iterdir():
            archive.add(each, each.name)
    # The fetch itself, by identity and with its checksum, is tested in tests/infra/test_configuration.py.
    fetch = f"import shutil, sys\nshutil.copy({str(tmp_path / 'release.tar.gz')!r}, sys.argv[3])\n"
    (tmp_path / "fetch_release.py").write_text(fetch)
    script = files["/opt/evcharging/run.sh"].replace("/opt/evcharging", str(tmp_path))
    (tmp_path / "run.sh").write_text(script)
    (tmp_path / "state").mkdir()
    return tmp_path


def lines(machine: Path) -> list[str]:
    """The script's lines that do something."""
    return [line for line in (machine / "run.sh").read_text().splitlines() if line.strip()]


def run_script(machine: Path, script: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script as the unit does."""
    environment = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(machine / "state")}
    return subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_the_units_script_ends_as_the_pipeline_does_and_says_so(machine: Path) -> None:
    done = run_script(machine, "\n".join(lines(machine)))
    assert done.returncode == 1, done.stderr
    assert "trained with ['--out', 'runs']" in done.stdout
    assert "pipeline ended: 1" in done.stdout, "what the alert training-late looks for"


def test_the_units_script_killed_after_each_line_starts_over(machine: Path) -> None:
    whole = lines(machine)
    for killed_after in range(3, len(whole) - 3):
        done = run_script(machine, "\n".join([*whole[:killed_after], "kill -9 $$"]))
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert run_script(machine, "\n".join(whole)).returncode == 1
