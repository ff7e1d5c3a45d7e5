"""Export: the untrained network is greedy, one small file, and is not written where it answers otherwise."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from functions.optimizer.core.features import FEATURE_HASH, FEATURE_NAMES, ROW_FEATURES, features
from functions.optimizer.models.climatology import tables_of
from functions.optimizer.models.manifest import OPSET, POLICY_NAME, Manifest, Refused
from functions.optimizer.models.onnx_graph import opset_of
from functions.optimizer.models.policy import STATIC_BID_PRICE, LoadedModel, open_model
from functions.optimizer.models.registry import in_folder, open_version
from training.learning.network import ResidualQ
from training.problem.scenario import day
from training.release.export import MANIFEST_BYTES, main, parity, recorded_features, to_onnx, trained_network, write, write_rule
from training.scenarios.reference import reference
from training.simulation.replay_states import assumed, replay, unknown

app = typer.Typer()
app.command()(main)


def test_the_last_layer_is_zero_so_that_untrained_means_greedy() -> None:
    rows = torch.rand(50, len(FEATURE_NAMES))
    scores = ResidualQ()(rows)
    assert torch.equal(scores, -rows[:, ROW_FEATURES.index("regret")])


@pytest.mark.research_data
def test_an_export_opens_and_proves_itself(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = ResidualQ()
    torch.nn.init.normal_(network.head.weight)
    made = write(network, tmp_path, version="t", trained=True, seeds=[1], states=20)
    folder = tmp_path / "models" / POLICY_NAME / "t"
    session = open_model(
        (folder / "model.onnx").read_bytes(), Manifest.model_validate_json((folder / "manifest.json").read_text())
    )
    assert made.canary is not None
    sample = np.asarray(made.canary.features, dtype=np.float32)
    (served,) = session.run(None, {"features": sample})
    assert served == pytest.approx(made.canary.scores, rel=1e-5, abs=1e-5)
    assert json.loads((tmp_path / "models" / POLICY_NAME / "champion.json").read_text()) == {"version": "t"}


@pytest.mark.research_data
def test_the_parity_gate_refuses_another_network() -> None:
    torch.manual_seed(1)
    one, other = ResidualQ(), ResidualQ()
    torch.nn.init.normal_(one.head.weight)
    states = recorded_features(5)
    assert parity(other, to_onnx(other), states).argmax_equal
    with pytest.raises(ValueError, match="parity"):
        parity(one, to_onnx(other), states)


def awake(seed: int = 1, hidden: int = 128) -> ResidualQ:
    torch.manual_seed(seed)
    network = ResidualQ(hidden=hidden)
    torch.nn.init.normal_(network.head.weight, std=0.3)
    return network


def opened(target: Path, version: str) -> LoadedModel:
    return open_version(in_folder(target / "models" / POLICY_NAME / version), version, now=datetime.now(UTC))


@pytest.mark.research_data
def test_states_are_recorded_with_a_climatology_and_by_the_network_itself() -> None:
    column = ROW_FEATURES.index("demand_ahead")
    states = recorded_features(9, network=awake())
    assert len(states) == 9
    assert [bool(rows[:, column].any()) for rows in states] == [False] * 3 + [True] * 6
    days = recorded_features(60, network=awake())[40:], recorded_features(60)[40:]
    assert not all(np.array_equal(one, other) for one, other in zip(*days, strict=True)), "the network's own days"


def test_the_opset_is_read_from_the_graph() -> None:
    assert opset_of(to_onnx(ResidualQ(hidden=4))) == OPSET


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_with_weights_that_are_not_finite_is_not_exported(tmp_path: Path, value: float) -> None:
    network = awake()
    with torch.no_grad():
        network.get_parameter("body.2.weight")[3, 4] = value
    with pytest.raises(ValueError, match=r"body\.2\.weight: has weights that are not finite"):
        write(network, tmp_path, version="t", trained=True, seeds=[1], states=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.research_data
def test_everything_known_of_a_version_is_in_its_manifest_and_serves(tmp_path: Path) -> None:
    scenario = reference("busy")
    tables = tables_of(scenario.city, assumed(scenario))
    write(
        awake(),
        tmp_path,
        version="t",
        trained=True,
        seeds=[3, 4],
        states=6,
        parent="s",
        metrics={"busy": {"ratio": 1.05}},
        training={"identity": "x"},
        climatology=tables,
    )
    found = opened(tmp_path, "t")
    said = found.manifest
    assert (said.seeds, said.parent, said.metrics, said.training) == ([3, 4], "s", {"busy": {"ratio": 1.05}}, {"identity": "x"})
    assert found.tables is not None
    assert np.array_equal(found.tables.values, tables.values)
    write(awake(), tmp_path, version="t", trained=True, seeds=[3], states=6)
    assert opened(tmp_path, "t").tables is None, "no climatology is left of the export before"


@pytest.mark.research_data
def test_metrics_that_are_too_long_are_not_written(tmp_path: Path) -> None:
    metrics = {"ratios": [1.0] * MANIFEST_BYTES}
    with pytest.raises(ValueError, match="metrics: the manifest would be"):
        write(ResidualQ(hidden=4), tmp_path, version="t", trained=True, seeds=[1], states=3, metrics=metrics)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.research_data
def test_a_rule_is_exported_with_its_climatology(tmp_path: Path) -> None:
    scenario = reference("busy")
    write_rule(tmp_path, version="p", rule=STATIC_BID_PRICE, climatology=tables_of(scenario.city, assumed(scenario)))
    found = opened(tmp_path, "p")
    assert (found.session, found.manifest.rule) == (None, STATIC_BID_PRICE)
    with pytest.raises(Refused, match="needs a climatology"):
        write_rule(tmp_path, version="q", rule=STATIC_BID_PRICE)
    assert not (tmp_path / "models" / POLICY_NAME / "q").exists()


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """What a training leaves behind, of a network of 16 hidden units."""
    folder = tmp_path / "training"
    folder.mkdir()
    np.savez(folder / "policy.npz", **dict[str, Any](awake(hidden=16).arrays()))
    report = {"args": {"seed": 7}, "identity": "abc", "feature_hash": FEATURE_HASH, "curve": [{"phase": "greedy"}]}
    (folder / "training.json").write_text(json.dumps(report))
    return folder


@pytest.mark.research_data
def test_a_training_is_exported_by_the_command(training: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    judged = {"ratio": 1.0412345, "ci95": [1.04, 1.05], "paired": None, "ratios": [1.04, 1.05]}
    report = {"scenario": "busy", "city": None, "days": 2, "requests_a_day": 500, "policies": {"mine": judged}}
    metrics.write_text(json.dumps(report))
    scenario = reference("busy")
    (training / "climatology.npz").write_bytes(tables_of(scenario.city, assumed(scenario)).to_bytes())
    arguments = [
        "--from",
        str(training),
        "--version",
        "1",
        "--metrics",
        str(metrics),
        "--own",
        "mine",
        "--target",
        str(tmp_path / "out"),
    ]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    found = opened(tmp_path / "out", "1")
    said = found.manifest
    assert found.tables is not None, "the climatology beside the weights goes along"
    assert len(found.tables.keys) == 12
    assert (said.trained, said.seeds) == (True, [7])
    assert said.metrics is not None
    assert said.metrics["busy"]["policies"] == {"self": {"ratio": 1.04123, "ci95": [1.04, 1.05]}}, (
        "what each day cost stays behind"
    )
    assert CliRunner().invoke(app, [*arguments, "--own", "nobody"]).exit_code == 2
    metrics.write_text("{}")
    assert "must be the JSON of training.evaluate" in CliRunner().invoke(app, arguments).output
    assert said.training == {"identity": "abc", "feature_hash": FEATURE_HASH}, "the curve stays with the training"
    assert said.parity is not None
    assert said.parity.states >= 500


def test_a_training_that_says_little_is_exported_all_the_same(training: Path) -> None:
    (training / "training.json").unlink()
    assert trained_network(training).head.weight.shape == (1, 16)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"body.0.weight": np.zeros((16, 9), dtype=np.float32)}, "body.0.weight: must be"),
        ({"body.0.weight": None}, "is absent"),
        ({"head.bias": None}, 'Missing key(s) in state_dict: "head.bias"'),
        ({"body.2.weight": np.zeros((8, 8), dtype=np.float32)}, "size mismatch for body.2.weight"),
    ],
)
def test_arrays_that_are_no_network_are_named(training: Path, change: dict[str, Any], why: str) -> None:
    arrays = awake(hidden=16).arrays() | change
    np.savez(training / "policy.npz", **{name: value for name, value in arrays.items() if value is not None})
    answer = CliRunner().invoke(app, ["--from", str(training), "--version", "1", "--target", str(training / "out")])
    assert answer.exit_code == 2
    assert why in answer.output
    assert not (training / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["--untrained", "--rule", "greedy"], ["--rule", "dearest", "--version", "1"]])
def test_the_command_wants_one_thing_it_knows(arguments: list[str], tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, [*arguments, "--target", str(tmp_path)])
    assert answer.exit_code == 2
    assert answer.output.strip()


@pytest.mark.research_data
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


@pytest.mark.research_data
def test_a_replay_never_books_more_than_there_is() -> None:
    scenario = reference("overload")
    for wish, occupancy, rows in replay(scenario, 3, requests=150):
        assert (occupancy.busy <= scenario.city.capacity[:, None]).all()
        assert len(wish) == len(rows.mask) == 1
    assert features(scenario.city, wish, occupancy, rows, unknown(scenario)).shape[0] == 1


@pytest.mark.research_data
def test_without_the_research_data_a_stand_in_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVCHARGING_DATA", str(tmp_path))
    assert "generated stations" in reference("busy").source
    assert len(day(reference("busy"), 1)) == 500
