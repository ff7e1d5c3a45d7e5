"""`python -m app.ship`: the models that ship reach an empty store, and leave what somebody published alone."""

import subprocess
import sys
from pathlib import Path

from functions.forecast.model import FORECAST
from functions.optimizer.models.manifest import POLICY, champion_path
from shared.adapters.blobs import FolderBlobs

ROOT = Path(__file__).parents[2]


def ship(folder: Path) -> str:
    environment = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "app.ship"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def test_an_empty_store_gets_both_models_once(tmp_path: Path) -> None:
    assert ship(tmp_path).splitlines() == [f"{expected.name}: put into the store" for expected in (POLICY, FORECAST)]
    blobs = FolderBlobs(tmp_path / "blobs")
    assert all(blobs.read(champion_path(expected.name)) is not None for expected in (POLICY, FORECAST))
    assert ship(tmp_path).count("the store has a version that serves on") == 2
