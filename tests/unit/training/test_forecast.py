"""The forecast's task, its training to an exported model, its report, and what is refused: on a small generated city."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cities.folder import CityConnector, CityLocation, CitySession, write_city
from cities.generated import generate_city
from functions.forecast.features import AHEAD, FORECAST_FEATURES, HORIZONS, LONGEST
from functions.forecast.model import FORECAST, FORECAST_NAME, Chances, Ladder, Source, ladder_of, score
from functions.optimizer.models.manifest import MANIFEST, MODEL, Refused, champion_path, version_path
from functions.optimizer.models.policy import LoadedModel
from functions.optimizer.models.registry import SHIPPED, ModelRegistry, in_folder, open_version
from shared.adapters.blobs import FolderBlobs
from shared.clock import ManualClock
from training.forecast import commands
from training.forecast.commands import app, write
from training.forecast.data import Sample, TooFewSessionsError, booked_ahead, load_records, replay, sample
from training.forecast.report import Figures, calibration, free_count_table, judge, ladder, last_observed
from training.release import publish

pytestmark = pytest.mark.slow

FIRST = datetime(2026, 1, 5, tzinfo=UTC)


def city(folder: Path, sessions: list[tuple[str, float, float]], **powers: float) -> Path:
    """A city of one location; sessions are (EVSE, hour, hours) from its first Monday on."""
    evses = powers or {"A": 7.0, "B": 7.0, "R": 50.0}
    write_city(
        folder,
        name="Small",
        time_zone="Europe/London",
        currency="GBP",
        country="GBR",
        locations=[CityLocation("L", "Place", "Street", 56.46, -2.97)],
        connectors=[CityConnector(evse, "1", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", kw) for evse, kw in evses.items()],
        evses=dict.fromkeys(evses, "L"),
        sessions=[
            CitySession(f"S{number}", evse, FIRST + timedelta(hours=at), FIRST + timedelta(hours=at + hours), 5.0)
            for number, (evse, at, hours) in enumerate(sessions)
        ],
        source={"what": "test"},
    )
    return folder


def daily(days: int) -> list[tuple[str, float, float]]:
    """A charges each morning, R ten times a day, B from the tenth day on each evening."""
    found = []
    for day in range(days):
        found += [("A", 24 * day + 8.0, 9.0), *(("R", 24 * day + 8 + hour, 0.5) for hour in range(10))]
        found += [("B", 24 * day + 18.0, 14.0)] if day >= 9 else []
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return city(tmp_path_factory.mktemp("small"), daily(60))


def test_points_are_grouped_by_class_and_count_from_their_first_session_on(small: Path) -> None:
    records = load_records(small)
    assert records.groups == (("L", "RAPID"), ("L", "SLOW"))
    at = 12 * 24 * 5  # 13:00 of the sixth day, since the origin is 08:00
    assert records.capacity[at].tolist() == [1, 1]
    assert records.capacity[-1].tolist() == [1, 2]
    assert records.busy[0].tolist() == [1, 1], "A and R begin at the origin"
    assert records.busy[9 * 12 + 6].tolist() == [0, 0], "17:30: both have ended"
    assert records.local[0].tolist() == [8, 0, 0]


def test_a_session_counts_for_a_day_and_a_week_without_any_is_a_hole(tmp_path: Path) -> None:
    sessions = [*daily(40), ("A", 24 * 41.0, 72.0), *((evse, at + 24 * 60, hours) for evse, at, hours in daily(10))]
    records = load_records(city(tmp_path, sessions))
    begin = (24 * 41 - 8) * 12
    group = 1
    assert records.busy[begin + LONGEST - 1, group] == 1
    assert records.busy[begin + LONGEST, group] == 0, "on the second day it is taken for left"
    assert not records.recorded[begin + 12 * 24 * 5]
    assert records.recorded[begin - 1]
    first, last = records.bounds()
    assert not set(records.rows(0, records.steps)) & set(np.flatnonzero(~records.recorded))
    assert records.recorded[:last].sum() == pytest.approx(0.8 * records.recorded.sum(), abs=1)
    assert first < last


def test_too_few_sessions_are_said_in_words(tmp_path: Path) -> None:
    folder = city(tmp_path, daily(10))
    with pytest.raises(TooFewSessionsError, match="Small: 111 recorded sessions on 10 days are too few"):
        load_records(folder)
    said = CliRunner().invoke(app, ["report", "--city", str(folder), "--format", "json"])
    assert said.exit_code == 1
    assert said.stdout == ""
    assert "too few to forecast" in said.stderr
    nowhere = CliRunner().invoke(app, ["report", "--city", str(tmp_path / "none")])
    assert nowhere.exit_code == 1
    assert "not a city folder" in nowhere.stderr


def test_targets_are_what_came_true_and_features_know_only_the_past(small: Path) -> None:
    records = load_records(small)
    steps = np.arange(12 * 24 * 16, 12 * 24 * 17, 7)  # over two weeks after the first session
    rows = sample(records, steps)
    assert rows.inputs.shape == (2 * len(steps), len(FORECAST_FEATURES))
    for number, step in enumerate(steps.tolist()):
        for group in range(2):
            row = 2 * number + group
            then = records.busy[step + AHEAD, group] / records.capacity[step + AHEAD, group]
            assert rows.share[row].tolist() == pytest.approx(then.tolist())
            assert rows.free[row].tolist() == (then < 1).tolist()
    place = FORECAST_FEATURES.index("share")
    assert rows.inputs[:, place] == pytest.approx(rows.share_now)
    cut = load_records(small)
    late = (cut.begin > steps[-1]) & (np.arange(len(cut.begin)) % 2 == 0)
    other = type(cut)(
        **{name: getattr(cut, name) for name in cut.__dataclass_fields__} | {"end": np.where(late, cut.begin, cut.end)}
    )
    changed = [found for _, found in replay(other, steps)]
    assert np.array_equal(np.concatenate(changed), rows.inputs), "what happens later is in no feature"


def test_synthetic_bookings_are_claims_from_when_they_were_made_until_they_begin(small: Path) -> None:
    records = load_records(small)
    plugged, claims = booked_ahead(records, seed=3)
    assert 0 < plugged.sum() < len(records.begin)
    for step, point in np.argwhere(plugged)[20:60]:
        group = records.group[point]
        assert claims[step - 1, group, 0] >= 1, "five minutes before, the quarter of an hour ahead is claimed"
    assert (claims <= records.capacity[:, :, None]).all()
    again = booked_ahead(records, seed=3)
    assert np.array_equal(again[0], plugged)
    step = int(np.flatnonzero(claims[:, 0, 1])[50])
    (with_bookings,) = (found for _, found in replay(records, np.array([step]), (plugged, claims)))
    assert with_bookings[0, FORECAST_FEATURES.index("booked_30")] == claims[step, 0, 1]


def test_figures_are_what_their_names_say() -> None:
    rows = Sample(
        inputs=np.zeros((4, 1), np.float32),
        share=np.full((4, 4), 0.5, np.float32),
        free=np.repeat([[True], [True], [False], [True]], 4, axis=1),
        share_now=np.array([0.5, 0.5, 1.0, 0.0], np.float32),
        free_now=np.array([1, 1, 0, 0]),
        step=np.array([0, 300, 600, 900]),
    )
    table = free_count_table(rows)
    assert table[0, :2].tolist() == [0.5, 1.0]
    assert table[0, 2] == 1.0, "a count that never was"
    own = Chances(np.repeat([[0.9], [0.8], [0.3], [0.6]], 4, axis=1), np.full((4, 4), 0.6))
    found = judge(rows, {"own": own, "last_observation": last_observed(rows)})[15]
    assert found["own"].brier == pytest.approx((0.01 + 0.04 + 0.09 + 0.16) / 4)
    assert found["own"].rmse == pytest.approx(0.1)
    assert found["own"].mae == pytest.approx(0.1)
    assert found["own"].log_loss == pytest.approx(-np.log([0.9, 0.8, 0.7, 0.6]).mean())
    assert found["own"].ece == pytest.approx((0.1 + 0.2 + 0.3 + 0.4) / 4)
    assert found["last_observation"].brier == 0.25
    assert found["own"].skill_brier[0] == pytest.approx(1 - 0.3 / 1.0)
    low, high = found["own"].skill_brier[1:]
    assert low <= found["own"].skill_brier[0] <= high
    assert found["last_observation"].skill_rmse == (0, 0, 0)
    count, mean, true = calibration(np.array([0.0, 0.51, 0.54, 1.0]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert (count[0], count[10], count[19]) == (1, 2, 1)
    assert (mean[10], true[10]) == (pytest.approx(0.525), 0.5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A city folder, and the folder of a training run on it: one narrow network, one epoch."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("forecast")
    generate_city(folder / "city", seed=3, stations=6, days=30)
    out = folder / "run"
    said = CliRunner().invoke(
        app, ["train", "--city", str(folder / "city"), "--out", str(out), "--seeds", "5", "--hidden", "8", "--epochs", "1"]
    )
    assert said.exit_code == 0, said.output
    return folder / "city", out


def test_a_run_becomes_a_version_that_opens_and_reports(
    run: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = run
    trained = json.loads((out / "training.json").read_text())
    assert set(trained["validation"]) == {str(minutes) for minutes in HORIZONS}
    said = CliRunner().invoke(
        app, ["export", "--city", str(folder), "--from", str(out), "--version", "t1", "--target", str(tmp_path)]
    )
    assert said.exit_code == 0, said.output
    version = tmp_path / "models" / FORECAST_NAME / "t1"
    model = open_version(in_folder(version), "t1", now=FIRST, expected=FORECAST)
    assert model.manifest.metrics is not None
    assert model.manifest.metrics["city"] == trained["city"]
    assert model.manifest.training is not None
    # Replaying the city takes seconds: both reports below are of one replay, apart from the export's.
    judgement = commands.judged(load_records(folder), model)
    monkeypatch.setattr(commands, "judged", lambda *_: judgement)
    picture = tmp_path / "curve.png"
    asked = ["report", "--city", str(folder), "--format", "json", "--model", str(tmp_path), "--picture", str(picture)]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    found: dict[str, Any] = json.loads(told.stdout)
    assert list(found) == ["horizons"]
    assert set(found["horizons"]) == {str(minutes) for minutes in HORIZONS}
    for by_model in found["horizons"].values():
        assert set(by_model) == {"champion", "network", "last_observation", "free_count_table"}
        assert {"rmse", "mae", "brier", "log_loss", "ece", "skill_rmse", "skill_brier"} == set(by_model["network"])
        assert set(by_model["champion"]) - set(by_model["network"]) == {"source"}
    assert found["horizons"] == model.manifest.metrics["horizons"], "the manifest has what the report says"
    assert picture.stat().st_size > 5000
    people = CliRunner().invoke(app, ["report", "--city", str(folder), "--model", str(version)])
    assert people.stdout.count("free count table") == len(HORIZONS)
    assert ladder_of(model.manifest.metrics) == judgement.ladder, "what serves climbs by the same ladder"


NEARLY_ALWAYS_FREE = 20
"""Sites of two points."""


@pytest.fixture(scope="module")
def nearly_always_free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of sites of two points that are hardly ever both taken: mostly short stays, now and then a long one."""
    rng = np.random.default_rng(8)
    evses = {f"{site:02}{point}": f"L{site:02}" for site in range(NEARLY_ALWAYS_FREE) for point in "AB"}
    sessions: list[CitySession] = []
    for evse in evses:
        at = rng.uniform(0, 12)
        while at < 24 * 32:
            hours = rng.uniform(0.2, 0.5) if rng.random() < 0.7 else rng.exponential(8)
            begin = FIRST + timedelta(hours=at)
            sessions.append(CitySession(f"S{len(sessions)}", evse, begin, begin + timedelta(hours=hours), 5.0))
            at += hours + rng.exponential(60.0)
    folder = tmp_path_factory.mktemp("free")
    write_city(
        folder,
        name="Nearly always free",
        time_zone="Europe/London",
        currency="GBP",
        country="GBR",
        locations=[
            CityLocation(site, "Place", "Street", 56.4 + int(site[1:]) / 1000, -2.97) for site in sorted(set(evses.values()))
        ],
        connectors=[CityConnector(evse, "1", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", 22.0) for evse in evses],
        evses=evses,
        sessions=sessions,
        source={"what": "test"},
    )
    return folder


def test_in_a_city_that_is_nearly_always_free_the_forecast_is_not_behind_its_table(nearly_always_free: Path) -> None:
    model = open_version(in_folder(SHIPPED / "models" / FORECAST_NAME / "1-dundee"), "1-dundee", now=FIRST, expected=FORECAST)
    judgement = commands.judged(load_records(nearly_always_free), model)
    assert 0 < 1.0 - judgement.held.free.mean() < 0.02, "both points of a site are hardly ever taken"
    for number, minutes in enumerate(HORIZONS):
        own = judgement.figures[minutes]
        assert own["champion"].brier <= own["free_count_table"].brier
        assert own["champion"].rmse <= own["free_count_table"].rmse
        if judgement.ladder.p_free[number] is Source.TABLE:
            assert own["champion"].brier == own["free_count_table"].brier
    behind = [
        minutes
        for minutes in HORIZONS
        if judgement.figures[minutes]["network"].brier > judgement.figures[minutes]["free_count_table"].brier
    ]
    assert behind, "else this city tests nothing: the network alone is behind the table somewhere"


def test_a_model_serves_where_validation_days_surely_bear_it_out() -> None:
    rows, days = 40, 10
    came = np.tile([[True], [False]], (rows * days // 2, 4))
    validation = Sample(
        inputs=np.zeros((rows * days, 1), np.float32),
        share=np.full((rows * days, 4), 0.5, np.float32),
        free=came,
        share_now=np.full(rows * days, 0.5, np.float32),
        free_now=np.ones(rows * days, dtype=np.int64),
        step=np.repeat(np.arange(days) * 288, rows),
    )
    noise = np.random.default_rng(1).normal(0.0, 0.2, days).repeat(rows)
    good = np.where(came[:, 0], 0.9, 0.1)
    once = np.where(validation.step < 288 * 5, good, 0.5)
    p_free = np.stack([good, once, 0.5 + noise, 1.0 - came[:, 0]], axis=1)
    rungs = ladder(validation, Chances(p_free, np.full((rows * days, 4), 0.5)), np.full((4, 9), 0.5))
    assert rungs.p_free == (Source.MODEL, Source.TABLE, Source.TABLE, Source.TABLE), (
        "better; in the earlier days alone; noise; worse"
    )
    assert set(rungs.occupancy) == {Source.TABLE}
    few = commands._part(validation, validation.step < 288 * 9)
    assert set(ladder(few, Chances(p_free[: len(few.step)], few.share), np.full((4, 9), 0.5)).p_free) == {Source.TABLE}


def test_a_network_is_adopted_for_another_city_with_that_citys_ladder(run: tuple[Path, Path], tmp_path: Path) -> None:
    write(run[1], tmp_path / "exports", version="own", metrics=None)
    rungs = Ladder(p_free=(Source.TABLE,) * 4, occupancy=(Source.MODEL,) * 4, table=((0.2, 0.8),) * 4)
    no_rows, nothing = Sample(*(np.zeros((0, 4), np.float32),) * 6), Figures(0, 0, 0, 0, 0, (0, 0, 0), (0, 0, 0))
    judgement = commands.Judgement(no_rows, {}, {minutes: {"champion": nothing} for minutes in HORIZONS}, rungs)
    adopted = commands.adopted(tmp_path / "exports", tmp_path / "other", version="other", city="Elsewhere", judgement=judgement)
    assert (adopted.version, adopted.parent) == ("other", "own")
    folder = tmp_path / "other" / "models" / FORECAST_NAME / "other"
    model = open_version(in_folder(folder), "other", now=FIRST, expected=FORECAST)
    assert ladder_of(model.manifest.metrics) == rungs
    assert (folder / MODEL).read_bytes() == (tmp_path / "exports" / "models" / FORECAST_NAME / "own" / MODEL).read_bytes()


def test_publishing_a_forecast_moves_its_own_pointer(run: tuple[Path, Path], tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "store")
    for name, parent in (("1", None), ("2", "1")):
        write(run[1], tmp_path / "exports", version=name, metrics=None)
        assert publish.publish(blobs, tmp_path / "exports").parent == parent
    assert publish.champion_of(blobs, FORECAST_NAME)[0] == "2"
    assert publish.champion_of(blobs)[0] is None, "the policy's pointer is another"
    assert publish.versions(blobs, FORECAST_NAME) == [("1", None), ("2", None)]
    assert publish.roll_back(blobs, name=FORECAST_NAME) == ("2", "1")
    with pytest.raises(ValueError, match="no challengers"):
        publish.challenge(blobs, tmp_path / "exports")
    status = CliRunner().invoke(publish.app, ["status", "--store", str(tmp_path / "store"), "--name", FORECAST_NAME])
    assert "champion 1" in status.stdout
    wrong = CliRunner().invoke(publish.app, ["status", "--store", str(tmp_path / "store"), "--name", "weather"])
    assert wrong.exit_code == 1


CASES = ("model_changed", "not_finite", "other_features", "wrong_canary", "other_model", "other_problem")


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_refused_and_the_old_forecast_serves_on(
    case: str, run: tuple[Path, Path], tmp_path: Path, clock: ManualClock
) -> None:
    blobs = FolderBlobs(tmp_path / "store")
    made = write(run[1], tmp_path / "exports", version="good", metrics=None)
    publish.publish(blobs, tmp_path / "exports")
    source = ModelRegistry(blobs, clock, FORECAST)
    good = source.current()
    assert good is not None
    folder = tmp_path / "exports" / "models" / FORECAST_NAME / "good"
    files = {name: (folder / name).read_bytes() for name in (MODEL, MANIFEST)}
    manifest = made.model_dump(mode="json") | {"version": "bad"}
    if case == "model_changed":
        files[MODEL] = files[MODEL][:-1] + bytes([files[MODEL][-1] ^ 1])
    elif case == "not_finite":
        import hashlib

        import onnx
        from onnx import numpy_helper

        graph = onnx.load_from_string(files[MODEL])
        weights = max(graph.graph.initializer, key=lambda item: len(item.raw_data))
        broken = numpy_helper.to_array(weights).copy()
        broken[0] = np.nan
        weights.CopyFrom(numpy_helper.from_array(broken, weights.name))
        files[MODEL] = graph.SerializeToString()
        manifest["sha256"] = hashlib.sha256(files[MODEL]).hexdigest()
    elif case == "other_features":
        manifest["feature_hash"] = "0" * 16
    elif case == "wrong_canary":
        manifest["canary"]["scores"] = [0.5] * len(manifest["canary"]["scores"])
    elif case == "other_model":
        manifest["name"] = "charge-policy"
    else:
        manifest["problem_version"] = 99
    blobs.write(version_path("bad", MODEL, FORECAST_NAME), files[MODEL])
    blobs.write(version_path("bad", MANIFEST, FORECAST_NAME), json.dumps(manifest).encode())
    blobs.write(champion_path(FORECAST_NAME), b'{"version": "bad"}')
    with pytest.raises(Refused):
        publish.prove(lambda file: files[file] if file == MODEL else json.dumps(manifest).encode(), "bad", FORECAST_NAME)
    source.refresh()
    assert source.current() is good
    assert source.refusal


def test_a_model_that_gives_nonsense_while_serving_is_not_believed(run: tuple[Path, Path], tmp_path: Path) -> None:
    write(run[1], tmp_path, version="t", metrics=None)
    folder = tmp_path / "models" / FORECAST_NAME / "t"
    model = open_version(in_folder(folder), "t", now=FIRST, expected=FORECAST)
    rows = np.zeros((3, len(FORECAST_FEATURES)), np.float32)
    assert score(model, rows) is not None
    assert score(None, rows) is None

    class Broken:
        def run(self, _names: Any, _inputs: Any) -> list[np.ndarray]:
            return [np.full((3, 2 * len(HORIZONS)), np.nan)]

    assert score(LoadedModel(model.manifest, Broken(), "", FIRST), rows) is None
