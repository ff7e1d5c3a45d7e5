"""Serving: what proves itself serves, everything else leaves the old champion or the greedy rule, and says why."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functions.optimizer.candidates import Candidates, candidates
from functions.optimizer.features import features
from functions.optimizer.manifest import POLICY_NAME, champion_path, version_path
from functions.optimizer.policy import (
    RULES,
    SHIPPED,
    Model,
    PolicySource,
    choose,
    install_shipped,
    rank,
)
from shared.adapters.blobs import FolderBlobs
from shared.clock import ManualClock
from shared.errors import Unavailable
from training import golden

VERSION = "0-untrained"


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    store = FolderBlobs(tmp_path)
    assert install_shipped(store)
    return store


@pytest.fixture
def source(blobs: FolderBlobs, clock: ManualClock) -> PolicySource:
    return PolicySource(blobs, clock)


def state(number: int = 0) -> tuple[Candidates, np.ndarray]:
    """A golden state with rows, and its features."""
    city, rates, known = golden.setting()
    requests, book = golden.states()
    usable = np.flatnonzero(candidates(city, requests, book, rates).reason < 0)
    wish = requests.take(usable[number : number + 1])
    rows = candidates(city, wish, book, rates)
    return rows, features(city, wish, book, rows, known)


def republish(store: FolderBlobs, change: Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]) -> None:
    """A version 1 made from the shipped one, pointed at."""
    root = SHIPPED / "models" / POLICY_NAME / VERSION
    manifest, model = change(json.loads((root / "manifest.json").read_text()), (root / "model.onnx").read_bytes())
    store.write(version_path("1", "manifest.json"), json.dumps(manifest).encode())
    store.write(version_path("1", "model.onnx"), model)
    store.write(champion_path(), b'{"version": "1"}')


def test_the_shipped_policy_is_untrained_and_says_so(source: PolicySource) -> None:
    model = source.current()
    assert model is not None
    assert (model.manifest.version, model.manifest.trained) == (VERSION, False)
    assert model.manifest.parity.states >= 500


def test_the_untrained_network_is_greedy(source: PolicySource, clock: ManualClock) -> None:
    model = source.current()
    for number in range(10):
        rows, seen = state(number)
        found = rank(model, rows, seen, clock=clock, deadline_ms=200)
        assert found.fallback is None
        assert found.order[0] == choose(RULES["greedy"], rows)[0]


def test_installing_twice_keeps_what_is_there(blobs: FolderBlobs) -> None:
    blobs.write(champion_path(), b'{"version": "mine"}')
    assert not install_shipped(blobs)
    assert blobs.read(champion_path()) is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda manifest, model: (manifest, model[:-100]), "sha256"),
        (lambda manifest, model: (manifest, model[:200] + b"x" + model[201:]), "sha256"),
        (lambda manifest, model: (manifest | {"feature_hash": "0" * 64}, model), "feature version"),
        (lambda manifest, model: (manifest | {"feature_names": ["a"]}, model), "feature names"),
        (lambda manifest, model: (manifest | {"opset": 3}, model), "opset"),
        (lambda manifest, model: (manifest | {"problem_version": 2}, model), "problem version"),
        (lambda manifest, model: ({"name": "x"}, model), "manifest.json"),
        (
            lambda manifest, model: (
                manifest | {"canary": manifest["canary"] | {"scores": [9.0] * len(manifest["canary"]["scores"])}},
                model,
            ),
            "canary",
        ),
    ],
)
def test_a_wrong_model_is_refused_and_the_old_one_serves_on(
    source: PolicySource, blobs: FolderBlobs, clock: ManualClock, change: Any, why: str
) -> None:
    assert source.current() is not None
    republish(blobs, change)
    clock.advance(timedelta(seconds=60))
    source.refresh()
    model = source.current()
    assert model is not None
    assert model.manifest.version == VERSION
    assert why in (source.refusal or "")


def test_a_model_that_is_no_graph_or_answers_nan_is_refused(blobs: FolderBlobs, clock: ManualClock) -> None:
    import hashlib

    def broken(manifest: dict[str, Any], model: bytes) -> tuple[dict[str, Any], bytes]:
        rubbish = b"not an onnx graph"
        return manifest | {"sha256": hashlib.sha256(rubbish).hexdigest()}, rubbish

    republish(blobs, broken)
    source = PolicySource(blobs, clock)
    assert source.current() is None
    assert "onnxruntime cannot run it" in (source.refusal or "")


def test_a_new_champion_is_found_in_the_background_after_a_minute(
    source: PolicySource, blobs: FolderBlobs, clock: ManualClock
) -> None:
    assert source.current() is not None
    republish(blobs, lambda manifest, model: (manifest | {"version": "1"}, model))
    first = source.current()
    assert first is not None
    assert first.manifest.version == VERSION, "not looked at again within the minute"
    clock.advance(timedelta(seconds=61))
    source.current()
    source.refresh()  # waits for the background look, if it still runs
    found = source.current()
    assert found is not None
    assert found.manifest.version == "1"


def test_a_store_that_is_away_leaves_the_champion(
    source: PolicySource, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def read(self, name: str) -> tuple[bytes, str] | None:
            raise Unavailable("Blob Storage: gone")

    assert source.current() is not None
    source._blobs = Away()  # type: ignore[assignment]
    clock.advance(timedelta(seconds=61))
    source.refresh()
    assert source.current() is not None
    assert source.refusal == "Blob Storage: gone"


class Acting:
    """A session that answers as a test wants; may take time on the clock."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray], clock: ManualClock, seconds: float = 0.0) -> None:
        self._answer, self._clock, self._seconds = answer, clock, seconds

    def run(self, names: list[str] | None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self._clock.advance(timedelta(seconds=self._seconds))
        return [self._answer(inputs["features"])]


def fails(_: np.ndarray) -> np.ndarray:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("answer", "seconds", "why"),
    [
        (lambda rows: np.zeros(len(rows)), 0.25, "DEADLINE"),
        (lambda rows: np.full(len(rows), np.nan), 0.0, "NOT_FINITE"),
        (lambda rows: np.zeros(len(rows) + 1), 0.0, "NOT_FINITE"),
        (fails, 0.0, "MODEL_FAILED"),
    ],
)
def test_guards_let_the_rule_decide(source: PolicySource, clock: ManualClock, answer: Any, seconds: float, why: str) -> None:
    loaded = source.current()
    assert loaded is not None
    model = Model(loaded.manifest, Acting(answer, clock, seconds), "x", clock.now())
    rows, seen = state()
    found = rank(model, rows, seen, clock=clock, deadline_ms=200)
    assert (found.policy, found.fallback) == ("greedy", why)
    assert found.order[0] == 0, "rows are cheapest first"


def test_a_choice_far_worse_than_greedy_is_refused(source: PolicySource, clock: ManualClock) -> None:
    loaded = source.current()
    assert loaded is not None
    rows, seen = state()
    count = int(rows.mask[0].sum())
    rows.cost[0, count - 1] = rows.cost[0, 0] + 1.6
    model = Model(loaded.manifest, Acting(lambda seen: np.arange(len(seen), dtype=float), clock), "x", clock.now())
    assert rank(model, rows, seen, clock=clock, deadline_ms=200).fallback == "GUARD"
    rows.cost[0, count - 1] = rows.cost[0, 0] + 1.4
    assert rank(model, rows, seen, clock=clock, deadline_ms=200).fallback is None


def test_rules_choose_what_their_names_say() -> None:
    rows, _ = state(3)
    real = rows.mask[0]
    assert rows.km[0, choose(RULES["nearest"], rows)[0]] == rows.km[0, real].min()
    assert rows.price[0, choose(RULES["cheapest"], rows)[0]] == pytest.approx(rows.price[0, real].min())
    finish = rows.start[0] * 15 + rows.duration_min[0]
    assert finish[choose(RULES["soonest_finish"], rows)[0]] == finish[real].min()
