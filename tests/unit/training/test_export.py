"""Export: the untrained network is greedy, one small file, and is not written where it answers otherwise."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from functions.optimizer.features import FEATURE_NAMES, ROW_FEATURES, features
from functions.optimizer.manifest import POLICY_NAME, Manifest
from functions.optimizer.policy import SHIPPED, open_model
from training.export import parity, recorded_features, to_onnx, write
from training.network import ResidualQ
from training.scenarios import day, reference
from training.states import replay, unknown


def test_the_last_layer_is_zero_so_that_untrained_means_greedy() -> None:
    rows = torch.rand(50, len(FEATURE_NAMES))
    scores = ResidualQ()(rows)
    assert torch.equal(scores, -rows[:, ROW_FEATURES.index("regret")])


def test_an_export_opens_and_proves_itself(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = ResidualQ()
    torch.nn.init.normal_(network.head.weight)
    made = write(network, tmp_path, version="t", trained=True, seeds=[1], states=20)
    folder = tmp_path / "models" / POLICY_NAME / "t"
    session = open_model(
        (folder / "model.onnx").read_bytes(), Manifest.model_validate_json((folder / "manifest.json").read_text())
    )
    sample = np.asarray(made.canary.features, dtype=np.float32)
    (served,) = session.run(None, {"features": sample})
    assert served == pytest.approx(made.canary.scores, rel=1e-5, abs=1e-5)
    assert json.loads((tmp_path / "models" / POLICY_NAME / "champion.json").read_text()) == {"version": "t"}


def test_the_parity_gate_refuses_another_network() -> None:
    torch.manual_seed(1)
    one, other = ResidualQ(), ResidualQ()
    torch.nn.init.normal_(one.head.weight)
    states = recorded_features(5)
    assert parity(other, to_onnx(other), states).argmax_equal
    with pytest.raises(ValueError, match="parity"):
        parity(one, to_onnx(other), states)


def test_what_ships_is_what_the_code_exports() -> None:
    shipped = (SHIPPED / "models" / POLICY_NAME / "0-untrained" / "model.onnx").read_bytes()
    torch.manual_seed(0)
    made = to_onnx(ResidualQ())
    rows = np.random.default_rng(0).random((8, len(FEATURE_NAMES)), dtype=np.float32)
    import onnxruntime

    answers = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"features": rows})[0]
        for model in (shipped, made)
    ]
    assert np.array_equal(*answers)


@pytest.mark.parametrize("name", ["slack", "busy", "overload"])
def test_scenarios_are_the_same_for_a_seed(name: str) -> None:
    scenario = reference(name)
    first, again, other = day(scenario, 1), day(scenario, 1), day(scenario, 2)
    assert len(first) == scenario.requests_a_day
    assert np.array_equal(first.need_kwh, again.need_kwh)
    assert not np.array_equal(first.need_kwh, other.need_kwh)
    assert (np.diff(first.book_min) >= 0).all(), "in order of booking"
    assert (first.need_kwh <= 0.7 * first.battery_kwh + 1e-9).all()
    assert (first.soc_kwh >= 3).all()


def test_a_replay_never_books_more_than_there_is() -> None:
    scenario = reference("overload")
    for wish, book, rows in replay(scenario, 3, requests=150):
        assert (book.busy <= scenario.city.capacity[:, None]).all()
        assert len(wish) == len(rows.mask) == 1
    assert features(scenario.city, wish, book, rows, unknown(scenario)).shape[0] == 1


def test_without_the_research_data_a_stand_in_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVCHARGING_DATA", str(tmp_path))
    assert "generated stations" in reference("busy").source
    assert len(day(reference("busy"), 1)) == 500
