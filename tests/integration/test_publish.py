"""Publishing against a folder and Azurite: what is proven becomes champion or challenger, what is not changes nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from devhost.stack.azurite import Azurite
from functions.optimizer.models.climatology import Tables
from functions.optimizer.models.manifest import MANIFEST, MODEL, Refused, challenger_path, champion_path, version_path
from functions.optimizer.models.policy import STATIC_BID_PRICE
from functions.optimizer.models.registry import ModelRegistry
from shared.adapters.blobs import AzureBlobs, BlobStore, FolderBlobs
from shared.clock import ManualClock
from shared.db import new_id
from shared.errors import Conflict
from tests.support import policies
from training.release import publish
from training.release.publish import app


@pytest.fixture(params=["folder", "azurite"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "folder":
        yield FolderBlobs(tmp_path / "store")
        return
    server: Azurite = request.getfixturevalue("azurite")
    store = AzureBlobs(server.connection_string, f"test-{new_id()}")
    yield store
    store.close()


Exporter = Callable[..., Path]


@pytest.fixture
def exported(tmp_path: Path) -> Exporter:
    """Makes a version's folder as an export would."""

    def make(name: str, **values: Any) -> Path:
        folder = tmp_path / "exports" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in policies.version(name, **values).items():
            (folder / file).write_bytes(data)
        return folder

    return make


def pointed(blobs: BlobStore, path: str = champion_path()) -> str | None:
    blob = blobs.read(path)
    return None if blob is None else json.loads(blob[0])["version"]


def serving(blobs: BlobStore, clock: ManualClock) -> str:
    model = ModelRegistry(blobs, clock).current()
    assert model is not None
    return model.manifest.version


def parent(blobs: BlobStore, name: str) -> str | None:
    blob = blobs.read(version_path(name, MANIFEST))
    assert blob is not None
    return json.loads(blob[0])["parent"]


def test_a_version_is_published_and_knows_whom_it_replaced(blobs: BlobStore, exported: Exporter, clock: ManualClock) -> None:
    assert publish.publish(blobs, exported("1")).parent is None
    assert serving(blobs, clock) == "1"
    assert publish.publish(blobs, exported("2")).parent == "1"
    assert (serving(blobs, clock), parent(blobs, "2")) == ("2", "1")
    assert publish.publish(blobs, exported("2")).parent == "1", "again changes nothing"


class Overtaken:
    """A store in which somebody else moves a pointer just before it is written."""

    def __init__(self, blobs: BlobStore, path: str) -> None:
        self._blobs, self._path = blobs, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    def write(self, name: str, data: bytes, **conditions: Any) -> str:
        """The other one comes first."""
        if name == self._path:
            self._blobs.write(name, b'{"version": "theirs"}')
        return self._blobs.write(name, data, **conditions)


@pytest.mark.parametrize("first", [True, False])
def test_a_lost_race_changes_nothing(blobs: BlobStore, exported: Exporter, first: bool) -> None:
    if not first:
        publish.publish(blobs, exported("1"))
    for act, path in ((publish.publish, champion_path()), (publish.challenge, challenger_path())):
        with pytest.raises(Conflict, match=f"{Path(path).name} was changed by somebody else"):
            act(Overtaken(blobs, path), exported("2"))
        assert pointed(blobs, path) == "theirs"


def test_a_lost_race_of_a_rollback_changes_nothing(blobs: BlobStore, exported: Exporter) -> None:
    for name in ("1", "2"):
        publish.publish(blobs, exported(name))
    with pytest.raises(Conflict, match="somebody else"):
        publish.roll_back(Overtaken(blobs, champion_path()))
    assert pointed(blobs) == "theirs"


def spoilt(folder: Path, case: str) -> str:
    """Spoils an export; what the refusal says."""
    model, manifest = folder / MODEL, json.loads((folder / MANIFEST).read_text())
    if case == "truncated":
        model.write_bytes(model.read_bytes()[:-50])
        return "sha256"
    if case == "tampered":
        data = model.read_bytes()
        model.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        return "sha256"
    if case == "features":
        manifest["feature_hash"] = "0" * 64
        (folder / MANIFEST).write_text(json.dumps(manifest))
        return "feature version"
    model.unlink()
    return "lacks model.onnx"


@pytest.mark.parametrize("case", ["truncated", "tampered", "features", "no model"])
@pytest.mark.parametrize("act", [publish.publish, publish.challenge])
def test_what_does_not_prove_itself_is_not_uploaded(
    blobs: BlobStore, exported: Exporter, clock: ManualClock, act: Callable[..., Any], case: str
) -> None:
    publish.publish(blobs, exported("1"))
    folder = exported("2")
    why = spoilt(folder, case)
    before = blobs.names("")
    with pytest.raises(Refused, match=why):
        act(blobs, folder)
    assert (blobs.names(""), serving(blobs, clock)) == (before, "1")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"weights": policies.weights_of(wait=float("nan"))}, "canary is not finite"),
        ({"opset": 12}, "opset 12 is not one of"),
    ],
)
def test_a_graph_that_cannot_serve_is_not_uploaded(
    blobs: BlobStore, exported: Exporter, values: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        publish.publish(blobs, exported("2", **values))
    assert blobs.names("") == []


def test_a_rule_with_its_climatology_is_published(blobs: BlobStore, tmp_path: Path, clock: ManualClock) -> None:
    values = np.ones((1, 2, 3, 96), dtype=np.float32)
    for file, data in policies.rule_version("p", STATIC_BID_PRICE, tables=Tables(("a",), values)).items():
        (tmp_path / file).write_bytes(data)
    assert publish.publish(blobs, tmp_path).rule == STATIC_BID_PRICE
    model = ModelRegistry(blobs, clock).current()
    assert model is not None
    assert model.tables is not None
    assert model.tables.keys == ("a",)


def test_what_somebody_put_there_by_hand_is_refused_and_the_old_champion_serves_on(
    blobs: BlobStore, exported: Exporter, clock: ManualClock
) -> None:
    publish.publish(blobs, exported("1"))
    source = ModelRegistry(blobs, clock)
    assert source.current() is not None
    policies.put(blobs, "2", policies.version("2") | {MODEL: policies.version("2")[MODEL][:-9]})
    source.refresh()
    model = source.current()
    assert model is not None
    assert model.manifest.version == "1"
    assert "sha256 of the model" in (source.refusal or "")


def test_a_version_never_changes(blobs: BlobStore, exported: Exporter, clock: ManualClock) -> None:
    publish.publish(blobs, exported("1"))
    publish.publish(blobs, exported("2"))
    with pytest.raises(Conflict, match="version 1 is in the store already with other content"):
        publish.publish(blobs, exported("1", weights=policies.weights_of(wait=-0.5)))
    assert serving(blobs, clock) == "2"


def test_a_challenger_is_watched_and_withdrawn(blobs: BlobStore, exported: Exporter, clock: ManualClock) -> None:
    publish.publish(blobs, exported("1"))
    publish.challenge(blobs, exported("2"))
    source = ModelRegistry(blobs, clock)
    assert source.current() is not None
    assert source.challenger is not None
    assert (serving(blobs, clock), source.challenger.manifest.version) == ("1", "2")
    assert not publish.withdraw(blobs, "1"), "it is another"
    assert publish.withdraw(blobs)
    assert not publish.withdraw(blobs)
    source.refresh()
    assert source.challenger is None


def test_a_rollback_goes_to_the_parent_or_where_it_is_told(blobs: BlobStore, exported: Exporter, clock: ManualClock) -> None:
    for name in ("1", "2", "3"):
        publish.publish(blobs, exported(name))
    assert publish.roll_back(blobs) == ("3", "2")
    assert serving(blobs, clock) == "2"
    assert publish.roll_back(blobs, "1") == ("2", "1")
    with pytest.raises(ValueError, match="1 has no parent"):
        publish.roll_back(blobs)
    with pytest.raises(ValueError, match="1 is the champion already"):
        publish.roll_back(blobs, "1")
    with pytest.raises(Refused, match="version 9 is not complete"):
        publish.roll_back(blobs, "9")
    assert serving(blobs, clock) == "1"


def test_nobody_rolls_back_to_what_no_longer_serves(blobs: BlobStore, exported: Exporter, clock: ManualClock) -> None:
    for name in ("1", "2"):
        publish.publish(blobs, exported(name))
    blobs.write(version_path("1", MODEL), b"gone bad")
    with pytest.raises(Refused, match="sha256"):
        publish.roll_back(blobs)
    assert serving(blobs, clock) == "2"
    assert publish.versions(blobs)[1] == ("2", None)
    assert "sha256" in (publish.versions(blobs)[0][1] or "")


def evaluations(folder: Path, challenger: float, *, days: int = 20) -> list[str]:
    """Evaluation files of all scenarios; the challenger's ratio differs by so much on contended days."""
    arguments = []
    for scenario in ("slack", "busy", "overload"):
        ratios = 1.1 + 0.05 * np.random.default_rng(2).standard_normal(days)
        own = ratios + (0.0 if scenario == "slack" else challenger)
        path = folder / f"{scenario}.json"
        path.write_text(
            json.dumps(
                {
                    "scenario": scenario,
                    "days": days,
                    "policies": {"1": {"ratios": ratios.tolist()}, "2": {"ratios": own.tolist()}},
                }
            )
        )
        arguments += ["--evaluation", str(path)]
    return arguments


def command(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    return answer.exit_code, answer.output


def test_the_commands_from_first_to_last(tmp_path: Path, exported: Exporter, clock: ManualClock) -> None:
    blobs, store = FolderBlobs(tmp_path / "store"), ["--store", str(tmp_path / "store")]
    first, second = str(exported("1")), str(exported("2"))
    code, said = command("promote", second, *evaluations(tmp_path, -0.01), *store)
    assert (code, "there is no champion" in said) == (1, True)
    assert command("publish", first, *store) == (0, "1 is the champion\n")
    assert command("challenge", second, *store) == (0, "2 is the challenger\n")
    code, said = command("promote", second, *evaluations(tmp_path, 0.01), *store)
    assert code == 1
    assert "busy: the interval is not wholly below 0" in said
    assert "+0.0100" in said
    code, said = command("promote", second, *evaluations(tmp_path, -0.01, days=19), *store)
    assert (code, "at least 20 are needed" in said) == (1, True)
    assert serving(blobs, clock) == "1"
    assert pointed(blobs, challenger_path()) == "2"

    code, said = command("promote", second, *evaluations(tmp_path, -0.01), *store)
    assert code == 0, said
    assert "2 is the champion; it replaced 1" in said
    assert pointed(blobs, challenger_path()) is None
    code, said = command("status", *store)
    assert code == 0
    assert "champion 2, challenger none" in said
    assert command("rollback", *store) == (0, "1 is the champion again; 2 no longer is\n")
    assert serving(blobs, clock) == "1"
    assert command("challenge", "--nobody", *store) == (0, "there was no challenger\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["publish", "nowhere"], "has neither manifest.json nor"),
        (["challenge"], "give a FOLDER, or --nobody"),
        (["rollback"], "there is no champion in the store"),
        (["promote", "nowhere", "--evaluation", "none.json"], "has neither"),
    ],
)
def test_a_command_that_cannot_be_followed_says_why(tmp_path: Path, arguments: list[str], why: str) -> None:
    code, said = command(*arguments, "--store", str(tmp_path))
    assert code == 1
    assert why in said


def test_without_a_store_it_is_the_settings(tmp_path: Path, exported: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("BLOB_CONNECTION_STRING", raising=False)
    assert command("publish", str(exported("1")))[0] == 0
    assert pointed(FolderBlobs(tmp_path / "data" / "blobs")) == "1"


def test_the_settings_may_say_azure_blob(azurite: Azurite, exported: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    container = f"test-{new_id()}"
    monkeypatch.setenv("BLOB_CONNECTION_STRING", azurite.connection_string)
    monkeypatch.setenv("BLOB_CONTAINER", container)
    assert command("publish", str(exported("1")))[0] == 0
    store = AzureBlobs(azurite.connection_string, container)
    assert pointed(store) == "1"
    store.close()
