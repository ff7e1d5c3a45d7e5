"""Serving: what proves itself serves, everything else leaves the old champion or the greedy rule, and says why."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functions.optimizer.core.candidates import Candidates, candidates
from functions.optimizer.core.features import QUARTERS_VERSION, Climatology, feature_hash, features
from functions.optimizer.core.objective import QUARTERS_PROBLEM
from functions.optimizer.models.climatology import tables_of
from functions.optimizer.models.manifest import CLIMATOLOGY, MANIFEST, MODEL, POLICY_NAME, challenger_path, champion_path
from functions.optimizer.models.policy import RULES, STATIC_BID_PRICE, LoadedModel, bid_price, choose, rank
from functions.optimizer.models.registry import SHIPPED, ModelRegistry, describe, install_shipped
from shared.adapters.blobs import FolderBlobs
from shared.clock import ManualClock
from tests.support import policies
from training import golden

Files = dict[str, bytes]


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    store = FolderBlobs(tmp_path)
    policies.put(store, "0", policies.version("0"))
    return store


@pytest.fixture
def source(blobs: FolderBlobs, clock: ManualClock) -> ModelRegistry:
    return ModelRegistry(blobs, clock)


def state(number: int = 0) -> tuple[Candidates, np.ndarray]:
    """A golden state with rows, and its features."""
    city, rates, known = golden.setting()
    requests, book = golden.states()
    usable = np.flatnonzero(candidates(city, requests, book, rates).reason < 0)
    wish = requests.take(usable[number : number + 1])
    rows = candidates(city, wish, book, rates)
    return rows, features(city, wish, book, rows, known)


def about(files: Files, **changes: Any) -> Files:
    """The version with another manifest."""
    return files | {MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()}


def tampered(files: Files, name: str) -> Files:
    """One byte of a file is another."""
    data = files[name]
    return files | {name: data[:200] + bytes([data[200] ^ 1]) + data[201:]}


def without(files: Files, name: str) -> Files:
    return {file: data for file, data in files.items() if file != name}


def known() -> Climatology:
    return golden.setting()[2]


def with_climatology() -> Files:
    city, _, climatology = golden.setting()
    return policies.version("1", tables=tables_of(city, climatology))


def rubbish(files: Files) -> Files:
    data = b"not an onnx graph"
    return about(files, sha256=hashlib.sha256(data).hexdigest()) | {MODEL: data}


def test_what_ships_serves_and_is_described(tmp_path: Path, clock: ManualClock) -> None:
    store = FolderBlobs(tmp_path)
    assert install_shipped(store)
    source = ModelRegistry(store, clock)
    model = source.current()
    assert model is not None, source.refusal
    assert source.refusal is None
    root = SHIPPED / "models" / POLICY_NAME
    version = json.loads((root / "champion.json").read_text())["version"]
    manifest = json.loads((root / version / MANIFEST).read_text())
    said = describe(source)
    assert {name: said[name] for name in ("version", "trained", "metrics")} == {
        name: manifest[name] for name in ("version", "trained", "metrics")
    }
    if model.session is not None:
        assert model.manifest.parity is not None
        assert model.manifest.parity.states >= 500


def of_quarter_hours() -> dict[str, Any]:
    return {
        "problem_version": QUARTERS_PROBLEM,
        "feature_version": QUARTERS_VERSION,
        "feature_hash": feature_hash(QUARTERS_VERSION),
    }


def test_a_champion_of_quarter_hours_serves_until_one_of_five_minutes_is_promoted(
    blobs: FolderBlobs, clock: ManualClock
) -> None:
    policies.put(blobs, "old", policies.version("old", **of_quarter_hours()))
    assert not install_shipped(blobs), "it keeps its place"
    source = ModelRegistry(blobs, clock)
    model = source.current()
    assert model is not None, source.refusal
    assert model.manifest.version == "old"
    rows, seen = state()
    assert rank(model, rows, seen, clock=clock, deadline_ms=1e9).fallback is None


def test_a_published_champion_is_kept_when_what_ships_is_installed(blobs: FolderBlobs) -> None:
    before = blobs.read(champion_path())
    assert not install_shipped(blobs)
    assert blobs.read(champion_path()) == before
    blobs.write(champion_path(), b'{"version": "mine"}')
    assert not install_shipped(blobs)


@pytest.mark.parametrize("changes", [{"trained": False}, {"feature_hash": "0" * 64, "feature_version": 1}])
def test_the_untrained_and_those_of_other_features_give_way_to_what_ships(
    blobs: FolderBlobs, clock: ManualClock, changes: dict[str, Any]
) -> None:
    policies.put(blobs, "old", policies.version("old", **changes))
    assert install_shipped(blobs)
    assert ModelRegistry(blobs, clock).current() is not None
    assert not install_shipped(blobs), "once"


BROKEN: dict[str, tuple[Callable[[], Files], str]] = {
    "truncated": (lambda: policies.version("1") | {MODEL: policies.version("1")[MODEL][:-100]}, "sha256 of the model"),
    "tampered": (lambda: tampered(policies.version("1"), MODEL), "sha256 of the model"),
    "other features": (lambda: policies.version("1", feature_hash="0" * 64), "feature version"),
    "other names": (lambda: policies.version("1", feature_names=["a"]), "feature names"),
    "other problem": (lambda: policies.version("1", problem_version=3), "problem version"),
    "features of quarter hours for this problem": (
        lambda: policies.version("1", feature_version=QUARTERS_VERSION, feature_hash=feature_hash(QUARTERS_VERSION)),
        "feature version",
    ),
    "opset in the manifest": (lambda: policies.version("1", opset=3), "opset 3 is not one of"),
    "opset in the graph": (lambda: about(policies.version("1", opset=12), opset=17), "the graph is of opset 12"),
    "no manifest": (lambda: without(policies.version("1"), MANIFEST), "lacks manifest.json"),
    "no model": (lambda: without(policies.version("1"), MODEL), "lacks model.onnx"),
    "half a manifest": (lambda: policies.version("1") | {MANIFEST: b'{"name": "x"}'}, "manifest.json, version"),
    "no canary": (lambda: policies.version("1", canary=None), "must have canary"),
    "another answer": (
        lambda: policies.version("1", canary={"features": [[0.0] * len(policies.weights_of())], "scores": [9.0]}),
        "canary is not the one",
    ),
    "NaN weights": (lambda: policies.version("1", policies.weights_of(wait=float("nan"))), "canary is not finite"),
    "no graph": (lambda: rubbish(policies.version("1")), "not a readable ONNX file"),
    "no climatology": (lambda: without(with_climatology(), CLIMATOLOGY), "lacks climatology.npz"),
    "tampered climatology": (lambda: tampered(with_climatology(), CLIMATOLOGY), "sha256 of the climatology"),
    "unknown rule": (lambda: policies.rule_version("1", "dearest"), "rule: 'dearest' is not one of"),
    "no rule": (lambda: about(policies.rule_version("1", "greedy"), rule=None), "a rule must have rule"),
    "price without prices": (lambda: policies.rule_version("1", STATIC_BID_PRICE), "needs a climatology"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_refused_and_the_old_champion_serves_on(source: ModelRegistry, blobs: FolderBlobs, case: str) -> None:
    make, why = BROKEN[case]
    assert source.current() is not None
    policies.put(blobs, "1", make())
    source.refresh()
    model = source.current()
    assert model is not None
    assert model.manifest.version == "0"
    assert why in (source.refusal or "")
    assert describe(source)["refused"] == source.refusal


@pytest.mark.parametrize("case", BROKEN)
def test_a_refused_challenger_does_not_touch_the_champion(source: ModelRegistry, blobs: FolderBlobs, case: str) -> None:
    make, why = BROKEN[case]
    policies.put(blobs, "1", make(), path=challenger_path())
    model = source.current()
    assert model is not None
    assert (model.manifest.version, source.refusal, source.challenger) == ("0", None, None)
    assert why in (source.challenger_refusal or "")


def test_a_challenger_is_loaded_and_withdrawn(source: ModelRegistry, blobs: FolderBlobs) -> None:
    policies.put(blobs, "1", policies.version("1"), path=challenger_path())
    source.current()
    assert source.challenger is not None
    assert describe(source)["challenger"] == "1"
    blobs.write(challenger_path(), b'{"version": null}')
    source.refresh()
    assert [source.challenger, source.challenger_refusal] == [None, None]


def test_the_champion_is_not_its_own_challenger(source: ModelRegistry, blobs: FolderBlobs) -> None:
    blobs.write(challenger_path(), b'{"version": "0"}')
    source.current()
    assert source.challenger is None


def test_a_new_champion_is_found_in_the_background_after_a_minute(
    source: ModelRegistry, blobs: FolderBlobs, clock: ManualClock
) -> None:
    assert source.current() is not None
    policies.put(blobs, "1", policies.version("1"))
    first = source.current()
    assert first is not None
    assert first.manifest.version == "0", "not looked at again within the minute"
    clock.advance(timedelta(seconds=61))
    source.current()
    source.refresh()  # waits for the background look, if it still runs
    found = source.current()
    assert found is not None
    assert found.manifest.version == "1"


class Acting:
    """A session that answers as a test wants; may take time on the clock."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray], clock: ManualClock, seconds: float = 0.0) -> None:
        self._answer, self._clock, self._seconds = answer, clock, seconds

    def run(self, _names: list[str] | None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
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
def test_guards_let_the_rule_decide(source: ModelRegistry, clock: ManualClock, answer: Any, seconds: float, why: str) -> None:
    loaded = source.current()
    assert loaded is not None
    model = LoadedModel(loaded.manifest, Acting(answer, clock, seconds), "x", clock.now())
    rows, seen = state()
    found = rank(model, rows, seen, clock=clock, deadline_ms=200)
    assert (found.policy, found.fallback) == ("greedy", why)
    assert found.order[0] == 0, "rows are cheapest first"


@pytest.mark.slow
def test_a_network_that_weighs_regret_alone_is_greedy(source: ModelRegistry, clock: ManualClock) -> None:
    model = source.current()
    for number in range(10):
        rows, seen = state(number)
        found = rank(model, rows, seen, clock=clock, deadline_ms=200)
        assert (found.policy, found.version, found.fallback) == ("0", "0", None)
        assert found.order[0] == choose(RULES["greedy"], rows)[0]


@pytest.mark.parametrize("rule", ["greedy", "soonest_finish"])
def test_a_rule_can_be_the_champion(blobs: FolderBlobs, clock: ManualClock, rule: str) -> None:
    policies.put(blobs, "r", policies.rule_version("r", rule))
    source = ModelRegistry(blobs, clock)
    rows, seen = state(3)
    found = rank(source.current(), rows, seen, clock=clock, deadline_ms=200, known=known())
    assert (found.policy, found.fallback) == ("r", None)
    assert found.order[0] == choose(RULES[rule], rows)[0]
    assert describe(source)["kind"] == "rule"


@pytest.mark.slow
def test_the_static_bid_price_can_be_the_champion(blobs: FolderBlobs, clock: ManualClock) -> None:
    city, _, climatology = golden.setting()
    policies.put(blobs, "p", policies.rule_version("p", STATIC_BID_PRICE, tables=tables_of(city, climatology)))
    model, others = ModelRegistry(blobs, clock).current(), 0
    for number in range(10):
        rows, seen = state(number)
        found = rank(model, rows, seen, clock=clock, deadline_ms=200, known=climatology)
        assert (found.policy, found.fallback) == ("p", None)
        assert found.order[0] == choose(bid_price(climatology.price_sum), rows)[0]
        others += found.order[0] != choose(RULES["greedy"], rows)[0]
    assert others > 0, "the price reaches the choice"


def test_a_choice_far_worse_than_greedy_is_refused(source: ModelRegistry, clock: ManualClock) -> None:
    loaded = source.current()
    assert loaded is not None
    rows, seen = state()
    count = int(rows.mask[0].sum())
    rows.cost[0, count - 1] = rows.cost[0, 0] + 1.6
    model = LoadedModel(loaded.manifest, Acting(lambda seen: np.arange(len(seen), dtype=float), clock), "x", clock.now())
    assert rank(model, rows, seen, clock=clock, deadline_ms=200).fallback == "GUARD"
    rows.cost[0, count - 1] = rows.cost[0, 0] + 1.4
    assert rank(model, rows, seen, clock=clock, deadline_ms=200).fallback is None


def test_rules_choose_what_their_names_say() -> None:
    rows, _ = state(3)
    real = rows.mask[0]
    assert rows.km[0, choose(RULES["nearest"], rows)[0]] == rows.km[0, real].min()
    assert rows.price[0, choose(RULES["cheapest"], rows)[0]] == pytest.approx(rows.price[0, real].min())
    finish = rows.begin_min[0] + rows.duration_min[0]
    assert finish[choose(RULES["soonest_finish"], rows)[0]] == finish[real].min()
