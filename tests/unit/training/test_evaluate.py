"""The command a stranger judges us with: what it prints and writes, on which days, and what it says when something is wrong."""

import csv
import io
import json
import math
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

import onnxruntime  # noqa: E402
import typer  # noqa: E402
from typer.testing import CliRunner, Result  # noqa: E402

from cities.generated import generate_city  # noqa: E402
from functions.optimizer.models.climatology import AS_LEARNT  # noqa: E402
from functions.optimizer.models.registry import SHIPPED  # noqa: E402
from training import evaluate  # noqa: E402
from training.evaluation.baselines import FAST  # noqa: E402
from training.evaluation.policy_registry import GuardedPolicy, RegisteredPolicy, build_policy, scores_by_model  # noqa: E402
from training.evaluation.reporting import METRICS  # noqa: E402
from training.evaluation.rollout import run_days  # noqa: E402
from training.learning.hindsight import climatology  # noqa: E402
from training.learning.network import ResidualQ  # noqa: E402
from training.problem.scenario import Split, day  # noqa: E402
from training.release.export import to_onnx  # noqa: E402
from training.scenarios.reference import reference  # noqa: E402

pytestmark = pytest.mark.slow

SMALL = ("--days", "3", "--seeds", "2", "--requests", "25", "--table-days", "2", "--workers", "0")
app = typer.Typer()
app.command()(evaluate.main)


def invoke(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*SMALL, "--out", str(out), *arguments])


def judged(out: Path, *arguments: str) -> dict[str, Any]:
    result = invoke(out, "--format", "json", *arguments)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "generated"
    generate_city(folder, seed=3, stations=6, days=20)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with two seeds."""
    folder = tmp_path_factory.mktemp("training") / "mine"
    for seed in (1, 2):
        torch.manual_seed(seed)
        network = ResidualQ()
        torch.nn.init.normal_(network.head.weight, std=0.3 * seed)
        (folder / f"seed-{seed}").mkdir(parents=True)
        np.savez(folder / f"seed-{seed}" / "policy.npz", **dict[str, Any](network.arrays()))
    return folder


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("fast")
    return judged(out, "--decline"), out


@pytest.mark.research_data
def test_every_policy_has_every_metric_with_an_interval_around_it(fast: tuple[dict[str, Any], Path]) -> None:
    report, _ = fast
    assert set(report["policies"]) == {*FAST, "champion", "bound"}, "the champion and the bound are always in"
    for table in ("policies", "declining"):
        for name, one in report[table].items():
            assert one["ci95"][0] <= one["ratio"] <= one["ci95"][1]
            assert one["ratio"] == pytest.approx(np.mean(one["ratios"]))
            assert len(one["ratios"]) == report["days"] == 3
            assert min(one["ratios"]) >= 1.0 - 1e-4, f"{name} is better than perfect foresight"
            for metric in METRICS:
                value, between = one[metric], one["intervals"][metric]
                assert value is None or math.isfinite(value), (name, metric)
                if between is not None:
                    assert between[0] <= between[1]
                if metric in ("mean_cost", "mcwt_min", "mcp", "km", "duration_min", "cfr", "tsf") and name != "bound":
                    assert between[0] <= value <= between[1], (name, metric)
    assert report["policies"]["bound"]["ratio"] == 1.0
    assert report["policies"]["nearest_balking"]["tsf"] == 0.0, "it is what the others are compared with"
    assert report["policies"]["champion"]["fallback_share"] == 0.0
    assert report["policies"]["champion"]["latency_p99_ms"] >= report["policies"]["champion"]["latency_p50_ms"] > 0


@pytest.mark.research_data
def test_the_champion_is_paired_with_all_others(fast: tuple[dict[str, Any], Path]) -> None:
    policies = fast[0]["policies"]
    assert policies["champion"]["paired"] is None
    for name in set(policies) - {"champion"}:
        gap = policies[name]["paired"]
        assert gap["difference"] == pytest.approx(policies[name]["ratio"] - policies["champion"]["ratio"])
        assert gap["ci95"][0] <= gap["difference"] <= gap["ci95"][1]


@pytest.mark.research_data
def test_tables_and_pictures_are_written(fast: tuple[dict[str, Any], Path]) -> None:
    report, out = fast
    assert json.loads((out / "table.json").read_text()) == report
    text = (out / "table.txt").read_text()
    assert "DECLINING ALLOWED" in text
    assert f"source: {report['source']}" in text.replace("\n", " ").replace("  ", " ")
    rows = list(csv.DictReader(io.StringIO((out / "table.csv").read_text())))
    assert {row["policy"] for row in rows} == set(report["policies"])
    assert [float(row["ratio"]) for row in rows if row["declining"] == "0"] == sorted(
        one["ratio"] for one in report["policies"].values()
    )
    for name in ("cost.png", "waiting.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.research_data
def test_the_same_command_gives_the_same_figures_and_keeps_the_bounds(fast: tuple[dict[str, Any], Path]) -> None:
    report, out = fast
    kept = sorted((out / "cache").rglob("*.json"))
    assert len(kept) == 3
    kept[0].write_text(json.dumps(1e9))
    again = judged(out, "--as-learnt", "--policies", "greedy")
    assert again["bounds"][0] == 1e9, "what was found before is not sought again"
    kept[0].write_text(json.dumps(report["bounds"][0]))
    again = judged(out, "--policies", "greedy,random")
    for name in ("greedy", "random", "champion"):
        assert again["policies"][name]["ratios"] == report["policies"][name]["ratios"]


@pytest.mark.research_data
def test_a_table_and_csv_can_be_printed(tmp_path: Path) -> None:
    shown = invoke(tmp_path, "--policies", "greedy", "--as-learnt")
    assert shown.exit_code == 0
    assert "champion" in shown.stdout
    assert "static" not in shown.stdout, "only what was asked for"
    printed = invoke(tmp_path, "--policies", "greedy", "--as-learnt", "--format", "csv")
    assert printed.stdout.splitlines()[0].startswith("scenario,declining,policy")


@pytest.mark.research_data
def test_a_training_is_shown_as_its_mean_with_each_seed_and_the_worst(tmp_path: Path, runs: Path) -> None:
    report = judged(tmp_path, "--as-learnt", "--policies", str(runs))
    policies = report["policies"]
    assert set(policies) == {"champion", "bound", "mine", "mine/seed-1", "mine/seed-2"}
    each = [policies[f"mine/seed-{seed}"]["ratio"] for seed in (1, 2)]
    assert policies["mine"]["ratio"] == pytest.approx(np.mean(each))
    assert policies["mine"]["training_seeds"]["worst_ratio"] == max(each)
    one = judged(tmp_path, "--as-learnt", "--policies", str(runs / "seed-1"))["policies"]
    assert one["seed-1"]["ratios"] == policies["mine/seed-1"]["ratios"]


@pytest.mark.research_data
def test_an_exported_version_decides_as_the_network_it_came_from(runs: Path) -> None:
    network = ResidualQ()
    with np.load(runs / "seed-2" / "policy.npz") as arrays:
        network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
        weights = {name: arrays[name] for name in arrays.files}
    session = onnxruntime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    scenario = reference("busy")
    days = [day(scenario, Split.TEST.seed(number), requests=60) for number in range(2)]
    exported = GuardedPolicy(partial(scores_by_model, cast(Any, SimpleNamespace(session=session)), AS_LEARNT), declines=False)
    known = climatology(scenario, 1).weekday
    one = run_days(scenario, days, exported, climatology=known)
    own = build_policy(RegisteredPolicy("mine", weights=weights), known, seed=0, declines=False)
    other = run_days(scenario, days, own, climatology=known)
    np.testing.assert_allclose(one.costs, other.costs, rtol=1e-9)
    assert one.decisions.tolist() == [60, 60]


@pytest.mark.research_data
@pytest.mark.parametrize("option", ["--own-weights", "--rough"])
def test_what_is_not_the_plain_case_is_labelled(tmp_path: Path, option: str) -> None:
    report = judged(tmp_path, "--as-learnt", "--policies", "greedy", option)
    if option == "--rough":
        assert report["disturbances"] == "rough"
        assert any("calm" in note for note in report["notes"]), "the bound knows of no disturbance"
    else:
        drivers = report["policies"]["greedy"]["drivers"]
        assert drivers["price"]["care_most"] < drivers["price"]["care_least"], "a driver's own weights are served"


def test_a_city_folder_is_judged_on_days_training_never_sees(tmp_path: Path, city: Path) -> None:
    report = judged(tmp_path, "--city", str(city), "--policies", "greedy")
    assert report["source"].startswith("generated city")
    assert "recorded sessions" in report["source"]
    assert "synthetic" in report["source"]
    assert report["currency"] == "EUR"
    assert any("training never sees" in note for note in report["notes"])


@pytest.mark.research_data
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "hectic"], "scenario: must be one of slack, busy, overload or varied-N, not 'hectic'"),
        (["--policies", "greedy,clever"], "policies: 'clever' is neither a folder nor one of fast, slow, champion, random"),
        (["--days", "0"], "days: must be at least 1, not 0"),
        (["--seeds", "0"], "seeds: must be at least 1, not 0"),
        (["--requests", "0"], "requests: must be at least 1, not 0"),
        (["--format", "yaml"], "format: must be one of table, json, csv, not 'yaml'"),
        (["--days", "10001"], "days: 10001 are asked for, reference busy has 10000 test days"),
        (["--locations", "3"], "locations: needs --city"),
        (["--city", "{tmp}"], "city.toml: is not in"),
        (["--city", "{city}", "--days", "5"], "days: 5 are asked for, Voorbeeldstad (generated) has 4 recorded days"),
        (["--city", "{city}", "--scenario", "varied-1"], "must be one of slack, busy, overload, recorded, not 'varied-1'"),
        (["--policies", "{tmp}"], "holds no policy.npz"),
        (["--store", "{tmp}"], "champion: there is none in"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, city: Path, arguments: list[str], said: str) -> None:
    result = invoke(tmp_path, *(item.format(tmp=tmp_path, city=city) for item in arguments))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1, "one line, no traceback"
    assert result.stdout == ""


def test_a_champion_that_must_not_serve_is_not_judged(tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(SHIPPED, store)
    for model in store.rglob("model.onnx"):
        model.write_bytes(b"not a model")
    result = invoke(tmp_path, "--store", str(store))
    assert result.exit_code == 2
    assert "must not serve: sha256 of the model" in result.stderr
    assert result.stderr.count("\n") == 1


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    arrays = ResidualQ(features=3).arrays()
    np.savez(tmp_path / "policy.npz", **dict[str, Any](arrays))
    result = invoke(tmp_path, "--policies", str(tmp_path))
    assert result.exit_code == 2
    assert "body.0.weight: has shape (128, 3)" in result.stderr
