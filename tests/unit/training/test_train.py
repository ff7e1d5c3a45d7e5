"""The training script: the same bits for a seed, also when it was stopped on the way; what it leaves; what it refuses."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.evaluation.policy_registry import WEIGHTS, load_weights
from training.learning.arguments import Args
from training.learning.checkpoint import gathered
from training.learning.hindsight import Labels
from training.learning.network import ResidualQ, from_onnx
from training.learning.workers import Workers
from training.release.export import to_onnx
from training.train import Trainer, train

pytestmark = pytest.mark.slow

TINY = Args(
    workers=0,
    scenarios=("varied-13",),
    varied=1,
    rounds=1,
    label_days=1,
    varied_days=1,
    table_days=2,
    half_days=1.0,
    steps=20,
    half_steps=10,
    refit_steps=10,
    gain_days=2,
    gains=(0.5, 1.0),
    iterations=1,
    run_days=1,
    updates=4,
    batch_decisions=32,
    batch_requests=32,
    validation_days=1,
)


def same(one: Trainer, other: Trainer) -> bool:
    mine, theirs = one.state.network.arrays(), other.state.network.arrays()
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run from end to end."""
    return train(replace(TINY, out=tmp_path_factory.mktemp("whole")), quiet=True)


@pytest.mark.research_data
def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_bits(whole: Trainer, tmp_path: Path) -> None:
    args = replace(TINY, out=tmp_path)
    for stop in (1, 2, 3, 4):  # after the tables, the round, the correction, the gains
        train(args, quiet=True, until=stop, resume=stop > 1)
    resumed = train(args, quiet=True, resume=True)
    assert resumed.state.unit == len(whole.plan) == 5
    assert same(resumed, whole)
    assert [line["score"] for line in resumed.state.curve] == [line["score"] for line in whole.state.curve]
    best, other = resumed.state.best, whole.state.best
    assert best is not None
    assert other is not None
    assert all(np.array_equal(best[name], other[name]) for name in best)


def test_a_run_goes_on_from_an_exported_network(tmp_path: Path) -> None:
    exported = ResidualQ(8)
    with torch.no_grad():
        exported.head.weight += 0.1
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(exported))
    begun = Trainer(replace(TINY, out=tmp_path, start=path), Workers(0))
    own = exported.arrays()
    assert all(np.array_equal(value, own[name]) for name, value in begun.state.network.arrays().items())
    assert begun.args.identity() != TINY.identity(), "no checkpoint of another beginning is gone on from"
    path.write_bytes(to_onnx(ResidualQ(8, features=3), width=3))
    with pytest.raises(ValueError, match="is not a network of"):
        from_onnx(path)


@pytest.mark.research_data
def test_another_seed_learns_from_other_days(whole: Trainer, tmp_path: Path) -> None:
    other = train(replace(TINY, out=tmp_path, seed=2), quiet=True, until=2)
    assert not np.array_equal(other.labels[0].features, whole.labels[0].features)
    assert other.shared.known.keys() == whole.shared.known.keys()


@pytest.mark.research_data
def test_what_a_run_leaves(whole: Trainer) -> None:
    out = whole.args.out
    weights = load_weights(out / WEIGHTS)
    assert whole.state.best is not None
    assert all(np.array_equal(weights[name], value) for name, value in whole.state.best.items())
    report = json.loads((out / "training.json").read_text())
    assert report["seeds"] == [1]
    assert report["labelled_rows"] == sum(len(item.opportunity) for item in whole.labels) > 0
    with (out / "learning_curve.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["phase"] for line in lines] == ["greedy", "regression 1", "midpoint", "gains 1", "Q-learning 1"]
    assert all(float(line["varied-13"]) >= 1.0 - 1e-6 for line in lines), "no policy is better than the bound"
    assert float(lines[0]["score"]) >= report["validation"], "the best is never worse than greedy, the first of the curve"
    assert (out / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.research_data
def test_a_checkpoint_of_other_arguments_is_refused(whole: Trainer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other arguments"):
        train(replace(whole.args, n_step=5), quiet=True, resume=True)
    with pytest.raises(ValueError, match="no checkpoint"):
        train(replace(TINY, out=tmp_path), quiet=True, resume=True)


def test_the_budget_scales_days_and_steps_and_never_to_nothing() -> None:
    assert replace(Args(), budget=Args.budget * 2).scaled(10) == 20
    assert replace(Args(), budget=0.001).scaled(10) == 1
    names = Args(scenarios=("busy", "slack", "city:somewhere:busy"), varied=1)
    assert [names.days_of(name) for name in names.names] == [Args.label_days, Args.quiet_days, Args.city_days, Args.varied_days]


def test_gathered_labels_keep_their_order_and_weights() -> None:
    parts = [Labels(*(np.full(shape, number, dtype=np.float32) for shape in ((2, 3), 1, 2, 2, 1, 1))) for number in (1, 2)]
    found = gathered(parts)
    assert found.features.dtype == np.float16
    assert found.features[:, 0].tolist() == [1, 1, 2, 2]
    assert found.weight.tolist() == [1, 2]
