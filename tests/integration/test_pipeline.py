"""The training pipeline from database to pointer: who becomes champion and who challenger, and what a failure leaves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from app.migrate import upgrade
from app.process import make_platform
from functions.optimizer.models.climatology import Tables
from functions.optimizer.models.manifest import Manifest, challenger_path, champion_path
from functions.optimizer.models.registry import ModelRegistry, stored
from shared.adapters.blobs import BlobStore
from shared.errors import Conflict
from shared.platform import Platform
from shared.settings import Settings
from tests.support import policies
from tests.support.recorded import fulfilled_days
from tests.support.training_child import TINY
from tests.support.world import CCS, World
from training.evaluation.policy_registry import champion
from training.pipeline import PipelinePlan, fetch_champion, main, of_city, reported, run_pipeline, settle
from training.release import publish
from training.release.export import write_rule
from training.release.promotion import Verdict
from training.release.recorded_demand import TooFewDaysError, record_city
from training.release.step_log import without_secrets

VERSION = "20260302-0800"
"""What the test's clock makes of it."""


@pytest.fixture
def plan(tmp_path: Path) -> PipelinePlan:
    """An untrained network, judged on days of a few requests: as good as greedy, far better than the nearest station."""
    return PipelinePlan(args=replace(TINY, out=tmp_path / "out"), requests=12, baselines="greedy")


def pointer(blobs: BlobStore, path: str) -> str | None:
    blob = blobs.read(path)
    return None if blob is None else json.loads(blob[0])["version"]


def manifest(blobs: BlobStore, version: str) -> Manifest:
    text = stored(blobs, version)("manifest.json")
    assert text is not None
    return Manifest.model_validate_json(text)


def nearest(platform: Platform, folder: Path, **values: Any) -> None:
    """Makes the nearest station, whatever it costs, the champion."""
    write_rule(folder, version="old", rule="nearest", **values)
    publish.publish(platform.blobs, folder)


@pytest.mark.research_data
def test_a_better_version_becomes_the_champion(
    platform: Platform, plan: PipelinePlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A climatology of its own: nothing was recorded, so that it goes on.
    pool = Tables(("5209000,512000,IEC_62196_T2,FAST",), np.zeros((1, 2, 3, 96), dtype=np.float32))
    nearest(platform, tmp_path / "old", climatology=pool)
    outcome = run_pipeline(platform, replace(plan, seeds=(1, 2)), quiet=True)
    assert reported(outcome) == 0
    assert (outcome.version, outcome.against) == (VERSION, [])
    assert (pointer(platform.blobs, champion_path()), pointer(platform.blobs, challenger_path())) == (VERSION, None)
    serving = ModelRegistry(platform.blobs, platform.clock).current()
    assert serving is not None
    assert (serving.manifest.version, serving.manifest.parent) == (VERSION, "old")
    assert serving.tables is not None
    assert serving.tables.keys == pool.keys
    metrics = serving.manifest.metrics
    assert metrics is not None
    assert set(metrics) == {"slack", "busy", "overload"}
    assert {"self", "champion", "greedy", "bound"} <= set(metrics["busy"]["policies"])
    said = capsys.readouterr().out
    for step in (
        "champion: old",
        "recorded demand: ",
        "training: ",
        "climatology: ",
        "export: ",
        "evaluation: ",
        "promotion: ",
    ):
        assert f" s  {step}" in said
    assert "no approved location with an EVSE; none is used, reference scenarios alone" in said
    assert "seed-1 is the best of 2 on validation days" in said
    assert "overload" in said.split("promotion: ")[1], "the table"


@pytest.mark.research_data
def test_a_version_that_is_not_better_is_watched_and_the_champion_stays(
    world: World, plan: PipelinePlan, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [world.location(evses=2), world.location(latitude=52.10, standard=CCS, power_kw=50.0, evses=2)]
    fulfilled_days(world, places, 35)
    plan = replace(plan, args=replace(plan.args, rounds=1))
    outcome = run_pipeline(world.platform, plan, quiet=True)
    assert reported(outcome) == 1
    blobs = world.platform.blobs
    assert (pointer(blobs, champion_path()), pointer(blobs, challenger_path())) == (None, VERSION)
    assert [(item.scenario, item.days) for item in outcome.verdicts] == [
        ("slack", 20),
        ("busy", 20),
        ("overload", 20),
        ("Utrecht slack", 7),
        ("Utrecht busy", 7),
        ("Utrecht overload", 7),
    ]
    assert any(line.startswith("busy: ") for line in outcome.against)
    model = ModelRegistry(blobs, world.platform.clock)
    assert model.current() is None
    assert model.challenger is not None
    assert model.challenger.tables is not None
    assert len(model.challenger.tables.keys) == 2, "the climatology of the recorded city"
    trained_on = manifest(blobs, VERSION).training
    assert trained_on is not None
    assert {name.rpartition(":")[2] for name in trained_on["scenario_hashes"]} == {"varied-17", "busy", "overload"}
    said = capsys.readouterr().out
    assert "champion: greedy (there is no champion in the store)" in said
    assert "105 sessions of 35 days at 2 locations" in said
    assert f"{VERSION} is not promoted: busy: " in said


@pytest.fixture
def exported_version(tmp_path: Path) -> Path:
    """An exported version."""
    folder = tmp_path / "export" / "new"
    folder.mkdir(parents=True)
    for file, data in policies.version("new").items():
        (folder / file).write_bytes(data)
    return folder


def test_who_became_champion_meanwhile_is_not_overwritten(platform: Platform, exported_version: Path, tmp_path: Path) -> None:
    nearest(platform, tmp_path / "old")
    serving = fetch_champion(platform, tmp_path / "store")
    policies.put(platform.blobs, "theirs", policies.version("theirs"))
    with pytest.raises(Conflict, match="changed by somebody else meanwhile"):
        settle(platform.blobs, exported_version, serving, [])
    assert pointer(platform.blobs, champion_path()) == "theirs"
    assert pointer(platform.blobs, challenger_path()) is None


def test_the_first_version_that_holds_becomes_champion_unless_somebody_was_quicker(
    platform: Platform, exported_version: Path, tmp_path: Path
) -> None:
    serving = fetch_champion(platform, tmp_path / "store")
    assert (serving.version, serving.name) == (None, "greedy (there is no champion in the store)")
    assert settle(platform.blobs, exported_version, serving, []) == "the rule holds; new is the champion"
    with pytest.raises(Conflict, match="changed by somebody else"):
        settle(platform.blobs, exported_version, serving, [])
    assert pointer(platform.blobs, champion_path()) == "new"


def test_a_dry_run_uploads_nothing(platform: Platform, exported_version: Path, tmp_path: Path) -> None:
    serving = fetch_champion(platform, tmp_path / "store")
    for against in ([], ["busy: worse"]):
        assert "nothing was uploaded" in settle(platform.blobs, exported_version, serving, against, dry_run=True)
    assert platform.blobs.names("") == []


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (policies.version("v1"), "v1"),
        (policies.version("v1", trained=False), "v1 (untrained: it is greedy)"),
        (policies.rule_version("v1", "cheapest"), "v1 (rule cheapest)"),
        (policies.version("v1", feature_hash="0" * 64), "greedy (v1 must not serve: "),
        ({}, "greedy (v1 must not serve: version v1 is not complete"),
    ],
)
def test_what_serves_is_what_has_to_be_beaten(platform: Platform, tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    policies.put(platform.blobs, "v1", files)
    for _ in range(2):  # what an earlier run left there is replaced
        serving = fetch_champion(platform, tmp_path / "store")
        assert serving.name.startswith(name)
        assert serving.version == "v1"
        judged = champion(serving.folder).folder
        assert judged is not None
        assert judged.name == ("greedy" if name.startswith("greedy") else "v1")


def test_few_days_are_refused_before_anything_is_done(platform: Platform, plan: PipelinePlan) -> None:
    with pytest.raises(ValueError, match="days: promotion needs at least 20, not 19"):
        run_pipeline(platform, replace(plan, days=19), quiet=True)
    with pytest.raises(ValueError, match="seeds: must be different numbers"):
        run_pipeline(platform, replace(plan, seeds=(1, 1)), quiet=True)
    assert not plan.args.out.exists()


def test_without_recorded_demand_there_is_no_training_where_that_is_not_allowed(platform: Platform, plan: PipelinePlan) -> None:
    with pytest.raises(TooFewDaysError, match="no approved location") as caught:
        run_pipeline(platform, replace(plan, allow_reference=False), quiet=True)
    assert caught.value.__notes__ == ["recorded demand"]
    assert platform.blobs.names("") == []


@pytest.mark.parametrize(
    ("days", "low", "difference", "why"),
    [
        (20, -0.02, -0.01, None),
        (20, -0.02, 0.01, "the rule's own"),
        (7, -0.02, 0.01, None),
        (7, 0.005, 0.01, "worse, the interval is wholly above 0"),
    ],
)
def test_a_young_city_may_object_and_not_commend(days: int, low: float, difference: float, why: str | None) -> None:
    own = "the rule's own" if difference > 0 or days < 20 else None
    assert of_city(Verdict("busy", days, difference, low, 0.02, own), "Utrecht").why == why


def run_command(*options: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(main)
    invoked = CliRunner().invoke(app, list(options))
    return invoked.exit_code, invoked.stderr


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the environment with an empty database."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    platform = make_platform(Settings())
    upgrade(platform.database)
    platform.close()
    return tmp_path


def test_the_command_says_in_one_line_what_failed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(here / "out")
    code, said = run_command("--out", out, "--no-allow-reference")
    assert (code, said) == (2, "recorded demand: the database has no approved location with an EVSE\n")
    code, said = run_command("--out", out, "--days", "19")
    assert (code, said) == (2, "days: promotion needs at least 20, not 19; fewer go with --dry-run\n")
    code, said = run_command("--out", out, "--seeds", "one")
    assert code == 2
    assert "'one'" in said
    code, said = run_command("--out", out, "--no-allow-reference", "--debug")
    assert code == 2
    assert said.startswith("Traceback")
    monkeypatch.setenv("DATABASE_POOL_SIZE", "many")
    code, said = run_command("--out", out)
    assert code == 2
    assert said.startswith("DATABASE_POOL_SIZE: ")
    assert len(said.splitlines()) == 1


def test_no_secret_is_printed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://trainer:hunter22@127.0.0.1:9/evcharging")
    for options in ((), ("--debug",)):
        code, said = run_command("--out", str(here / "out"), *options)
        assert code == 2
        assert "hunter22" not in said
        assert "recorded demand" in said
    monkeypatch.setenv("BLOB_CONNECTION_STRING", "AccountName=shop;AccountKey=c2VjcmV0c2VjcmV0;BlobEndpoint=nowhere")
    settings = Settings()
    text = "cannot open mysql+pymysql://trainer:hunter22@127.0.0.1:9/evcharging by hunter22 or AccountKey=c2VjcmV0c2VjcmV0"
    shown = without_secrets(text, settings)
    assert shown == "cannot open (DATABASE_URL) by (DATABASE_URL) or AccountKey=(BLOB_CONNECTION_STRING)"


def test_recorded_demand_of_mariadb_is_that_of_sqlite(mariadb_world: World, tmp_path: Path) -> None:
    locations = [mariadb_world.location(), mariadb_world.location(latitude=52.10)]
    fulfilled_days(mariadb_world, locations, 6)
    demand = record_city(mariadb_world.platform, tmp_path / "city", least_days=6, page=4)
    assert (demand.sessions, len(demand.days), demand.locations) == (18, 6, 2)
