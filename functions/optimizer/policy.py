"""Policies: rules, and the network from Blob Storage; and how a request is decided when something goes wrong.

Scores are like Q-values: higher is better, [rows]. A decision never fails for the model's sake: the greedy rule
decides, and the decision says why.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import ValidationError

from functions.optimizer.candidates import Candidates
from functions.optimizer.features import guard_limit
from functions.optimizer.manifest import POLICY_NAME, Champion, Manifest, Refused, champion_path, version_path
from shared import telemetry
from shared.adapters.blobs import BlobStore
from shared.clock import Clock
from shared.errors import Conflict, Unavailable

log = logging.getLogger(__name__)
REFRESH_S = 60.0
SHIPPED = Path(__file__).parent / "shipped"
"""The model that ships with the project, laid out as in the store."""

Rule = Callable[[Candidates], np.ndarray]
"""Scores of a batch of candidates, [B, K]; the padding may be anything."""


def greedy(rows: Candidates) -> np.ndarray:
    """Least cost."""
    return -rows.cost


def nearest(rows: Candidates) -> np.ndarray:
    """Least kilometres, then the earliest start, whatever it costs."""
    score: np.ndarray = -(rows.km * 1e4 + rows.start)
    return score


def cheapest(rows: Candidates) -> np.ndarray:
    """Least price, then least cost."""
    return -(rows.price * 1e3 + np.where(rows.mask, rows.cost, 0.0))


def soonest_finish(rows: Candidates) -> np.ndarray:
    """Charging is over first."""
    score: np.ndarray = -(rows.start * 15.0 + rows.duration_min)
    return score


def bid_price(price_sum: np.ndarray) -> Rule:
    """Least cost plus what the session's quarter hours are worth to others: running sums of a price table [P, T + 1]
    (Climatology.price_sum)."""

    def rule(rows: Candidates) -> np.ndarray:
        stop = rows.start + rows.length
        found: np.ndarray = -rows.cost - (price_sum[rows.pool, stop] - price_sum[rows.pool, rows.start])
        return found

    return rule


RULES: dict[str, Rule] = {
    "greedy": greedy,
    "nearest": nearest,
    "cheapest": cheapest,
    "soonest_finish": soonest_finish,
}


def choose(rule: Rule, rows: Candidates) -> np.ndarray:
    """The row each request gets by a rule, [B]; -1 where it has none. Ties go to the cheaper row."""
    scores = np.where(rows.mask, rule(rows), -np.inf)
    return np.where(rows.mask.any(axis=1), scores.argmax(axis=1), -1)


class Session(Protocol):
    """What is used of an onnxruntime session."""

    def run(self, names: list[str] | None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Runs the graph."""
        ...


@dataclass(frozen=True)
class Model:
    """A loaded policy."""

    manifest: Manifest
    session: Session
    etag: str
    loaded_at: datetime

    def score(self, features: np.ndarray) -> np.ndarray:
        """Q-values of rows: [rows, features] float32 to [rows]."""
        (scores,) = self.session.run(None, {"features": features})
        return np.asarray(scores).reshape(-1)


def open_model(model: bytes, manifest: Manifest) -> Session:
    """Opens and proves a model: manifest, graph, canary. Raises Refused."""
    import onnxruntime

    runtime: Any = onnxruntime
    manifest.check(model)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        session: Session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        sample = np.asarray(manifest.canary.features, dtype=np.float32)
        (scores,) = session.run(None, {"features": sample})
    except Exception as error:  # onnxruntime's errors have no common base
        raise Refused(f"onnxruntime cannot run it: {str(error)[:200]}") from error
    answer = np.asarray(scores).reshape(-1)
    expected = np.asarray(manifest.canary.scores)
    if answer.shape != expected.shape or not np.isfinite(answer).all():
        raise Refused("its answer to the canary is not finite numbers of the right shape")
    if not np.allclose(answer, expected, rtol=manifest.canary.tolerance, atol=manifest.canary.tolerance):
        raise Refused("its answer to the canary is not the one in the manifest")
    return session


class PolicySource:
    """The champion of a store, loaded at first use and refreshed in the background: the pointer's ETag is looked at no
    more often than once a minute, and a model that does not prove itself leaves the old champion serving."""

    def __init__(self, blobs: BlobStore, clock: Clock) -> None:
        self._blobs, self._clock = blobs, clock
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._refusal: str | None = None
        self._checked_at = float("-inf")
        self._refused: tuple[str, str] | None = None

    @property
    def refusal(self) -> str | None:
        """Why the latest look found no new champion to serve, None where all was well."""
        return self._refusal

    def current(self) -> Model | None:
        """The champion; None where there is none that may serve. The first call loads it, later ones do not wait, not
        even for a store that was away."""
        if self._checked_at == float("-inf"):
            with self._lock:
                if self._checked_at == float("-inf"):
                    self._refresh()
        elif self._due() and self._lock.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, name="policy-refresh", daemon=True).start()
        return self._model

    def _due(self) -> bool:
        return self._clock.monotonic() - self._checked_at >= REFRESH_S

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._lock.release()

    def refresh(self) -> None:
        """Looks now, in this thread."""
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        self._checked_at = self._clock.monotonic()
        etag = ""
        try:
            pointer = self._blobs.read(champion_path())
            if pointer is None:
                self._refusal = "there is no champion in the store"
                return
            content, etag = pointer
            if self._refused is not None and etag == self._refused[0]:
                self._refusal = self._refused[1]
                return
            if self._model is None or etag != self._model.etag:
                self._model = self._load(content, etag)
                log.info("policy %s serves", self._model.manifest.version)
            self._refusal = self._refused = None
        except (Unavailable, OSError) as error:
            self._refusal = error.detail if isinstance(error, Unavailable) else f"the store cannot be read: {error}"
            log.warning("policy store is away: %s", self._refusal)
        except Refused as error:
            self._refusal, self._refused = str(error), (etag, str(error))
            log.error("policy refused, the old one serves on: %s", error)

    def _load(self, pointer: bytes, etag: str) -> Model:
        try:
            version = Champion.model_validate_json(pointer).version
        except ValidationError as error:
            raise Refused(f"champion.json is not readable: {error.errors()[0]['msg']}") from error
        files = [self._blobs.read(version_path(version, file)) for file in ("manifest.json", "model.onnx")]
        if files[0] is None or files[1] is None:
            raise Refused(f"version {version} is not complete in the store")
        try:
            manifest = Manifest.model_validate_json(files[0][0])
        except ValidationError as error:
            first = error.errors()[0]
            raise Refused(f"manifest.json, {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        session = open_model(files[1][0], manifest)
        if (manifest.name, manifest.version) != (POLICY_NAME, version):
            raise Refused(f"its manifest is of {manifest.name} {manifest.version}, not of {POLICY_NAME} {version}")
        return Model(manifest, session, etag, self._clock.now())


def install_shipped(blobs: BlobStore) -> bool:
    """Puts the shipped model in a store that has no champion, the pointer last. True if it did."""
    if blobs.etag(champion_path()) is not None:
        return False
    root = SHIPPED / "models" / POLICY_NAME
    version = json.loads((root / "champion.json").read_text())["version"]
    for file in ("model.onnx", "manifest.json"):
        blobs.write(version_path(version, file), (root / version / file).read_bytes())
    try:
        blobs.write(champion_path(), (root / "champion.json").read_bytes(), if_none_match=True)
    except Conflict:
        return False
    return True


@dataclass(frozen=True)
class Ranking:
    """The order in which a request's rows are tried. `fallback` says why a rule decided instead of the network."""

    order: np.ndarray
    scores: np.ndarray
    policy: str
    fallback: str | None
    latency_ms: float


def rank(
    model: Model | None,
    rows: Candidates,
    features: np.ndarray,
    *,
    clock: Clock,
    deadline_ms: float,
    refusal: str | None = None,
) -> Ranking:
    """Ranks the rows of one request (B = 1) by the network, by greedy where it cannot: MODEL_MISSING, MODEL_FAILED,
    DEADLINE, NOT_FINITE, or GUARD (its choice is more than half a rejection worse than greedy's)."""
    count = int(rows.mask[0].sum())
    by_cost = -rows.cost[0, :count]
    started = clock.monotonic()

    def ruled(why: str) -> Ranking:
        took = (clock.monotonic() - started) * 1000
        return Ranking(np.argsort(-by_cost, kind="stable"), by_cost, "greedy", why, took)

    if model is None:
        log.warning("the greedy rule decides: %s", refusal or "no model is loaded")
        return ruled("MODEL_MISSING")
    try:
        scores = model.score(np.ascontiguousarray(features[0, :count]))
    except Exception:
        log.exception("the model failed; the greedy rule decides")
        return ruled("MODEL_FAILED")
    took = (clock.monotonic() - started) * 1000
    telemetry.model_ms.record(took, {"version": model.manifest.version})
    if took > deadline_ms:
        log.warning("the model took %.0f ms of %.0f; the greedy rule decides", took, deadline_ms)
        return ruled("DEADLINE")
    if len(scores) != count or not np.isfinite(scores).all():
        log.error("policy %s gave no score to each row; the greedy rule decides", model.manifest.version)
        return ruled("NOT_FINITE")
    order = np.argsort(-scores, kind="stable")
    if count and rows.cost[0, order[0]] > guard_limit(rows.cost[0, :count].min()):
        log.warning("policy %s chose a row far worse than greedy's; the greedy rule decides", model.manifest.version)
        return ruled("GUARD")
    return Ranking(order, scores, model.manifest.version, None, took)


def describe(source: PolicySource) -> dict[str, Any]:
    """What serves, for `GET optimizer/model`."""
    model = source.current()
    if model is None:
        return {
            "name": "greedy",
            "version": None,
            "trained": False,
            "loaded_at": None,
            "metrics": None,
            "refused": source.refusal,
        }
    found = model.manifest
    return {
        "name": found.name,
        "version": found.version,
        "trained": found.trained,
        "loaded_at": model.loaded_at,
        "metrics": found.metrics,
        "refused": source.refusal,
    }
