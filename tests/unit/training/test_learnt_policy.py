"""A network that has learnt something: its ONNX form answers alike for any number of rows, serves, and changes choices."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from functions.optimizer.core.features import FEATURE_NAMES, features  # noqa: E402
from functions.optimizer.models.manifest import POLICY_NAME  # noqa: E402
from functions.optimizer.models.policy import RULES, choose, rank  # noqa: E402
from functions.optimizer.models.registry import ModelRegistry  # noqa: E402
from shared.adapters.blobs import FolderBlobs  # noqa: E402
from shared.clock import ManualClock  # noqa: E402
from training.learning.network import ResidualQ  # noqa: E402
from training.release import export  # noqa: E402
from training.scenarios.reference import reference  # noqa: E402
from training.simulation.replay_states import replay, unknown  # noqa: E402


def awake(seed: int = 1) -> ResidualQ:
    """A network whose advantage is not zero."""
    torch.manual_seed(seed)
    network = ResidualQ()
    torch.nn.init.normal_(network.head.weight, std=0.3)
    torch.nn.init.normal_(network.head.bias, std=0.3)
    return network


def rows(count: int, size: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.uniform(0, 2, (size, len(FEATURE_NAMES))).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("size", [1, 7, 256])
def test_a_network_that_has_learnt_something_passes_the_gate_for_any_number_of_rows(size: int) -> None:
    network = awake()
    found = export.parity(network, export.to_onnx(network), rows(20, size))
    assert found.states == 20
    assert found.argmax_equal
    assert 0 < found.max_relative_error <= export.TOLERANCE, "an advantage of zero would prove nothing"


@pytest.mark.slow
@pytest.mark.research_data
def test_what_is_written_serves_and_says_what_it_is(tmp_path: Path) -> None:
    manifest = export.write(awake(), tmp_path, version="7-test", trained=True, seeds=[1, 2], states=500)
    assert manifest.parity is not None
    assert manifest.parity.states >= 500
    assert manifest.scenario_hash is not None
    assert len(manifest.scenario_hash) == 64
    folder = tmp_path / "models" / POLICY_NAME
    assert json.loads((folder / "champion.json").read_text()) == {"version": "7-test"}
    assert sorted(path.name for path in (folder / "7-test").iterdir()) == ["manifest.json", "model.onnx"]

    clock = ManualClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    model = ModelRegistry(FolderBlobs(tmp_path), clock).current()
    assert model is not None
    assert (model.manifest.version, model.manifest.trained, model.manifest.seeds) == ("7-test", True, [1, 2])
    other = 0
    scenario = reference("overload")
    for wish, occupancy, found in replay(scenario, 1, requests=150):
        if found.mask.any():
            seen = features(scenario.city, wish, occupancy, found, unknown(scenario))
            ranking = rank(model, found, seen, clock=clock, deadline_ms=200)
            other += ranking.fallback is None and ranking.order[0] != choose(RULES["greedy"], found)[0]
    assert other > 0, "the advantage reaches the choice"
