"""Policies: rules, and networks with the proof each must give; and how a request is decided when something goes wrong.

Scores are like Q-values: higher is better, [rows]. A decision never fails for the model's sake: the greedy rule
decides, and the decision says why.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from functions.optimizer.core.candidates import SLOT_MIN, Candidates
from functions.optimizer.core.features import Climatology, guard_limit
from functions.optimizer.models.climatology import AS_LEARNT, Tables
from functions.optimizer.models.manifest import POLICY, Expected, Manifest, Refused
from functions.optimizer.models.onnx_graph import opset_of
from shared import telemetry
from shared.clock import Clock

log = logging.getLogger(__name__)

Rule = Callable[[Candidates], np.ndarray]
"""Scores of a batch of candidates, [B, K]; the padding may be anything."""


def greedy(rows: Candidates) -> np.ndarray:
    """Least cost."""
    return -rows.cost


def nearest(rows: Candidates) -> np.ndarray:
    """Least kilometres, then the earliest start, whatever it costs."""
    score: np.ndarray = -(rows.km * 1e4 + rows.begin_min / SLOT_MIN)
    return score


def cheapest(rows: Candidates) -> np.ndarray:
    """Least price, then least cost."""
    return -(rows.price * 1e3 + np.where(rows.mask, rows.cost, 0.0))


def soonest_finish(rows: Candidates) -> np.ndarray:
    """Charging is over first."""
    score: np.ndarray = -(rows.begin_min + rows.duration_min)
    return score


def bid_price(price_sum: np.ndarray) -> Rule:
    """Least cost plus what the session's slots are worth to others: running sums of a price table [P, T + 1]
    (Climatology.price_sum)."""

    def rule(rows: Candidates) -> np.ndarray:
        stop = rows.start + rows.length
        scores: np.ndarray = -rows.cost - (price_sum[rows.pool, stop] - price_sum[rows.pool, rows.start])
        return scores

    return rule


RULES: dict[str, Rule] = {
    "greedy": greedy,
    "nearest": nearest,
    "cheapest": cheapest,
    "soonest_finish": soonest_finish,
}
STATIC_BID_PRICE = "static_bid_price"
"""The rule that needs a climatology: `bid_price` on the mean prices of training days."""


def rule_of(name: str, known: Climatology) -> Rule:
    """A rule by name. Raises KeyError for a name that is none."""
    return bid_price(known.price_sum) if name == STATIC_BID_PRICE else RULES[name]


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
class LoadedModel:
    """A loaded version: a network's session (None: the manifest's rule decides) and the climatology it came with."""

    manifest: Manifest
    session: Session | None
    etag: str
    loaded_at: datetime
    tables: Tables | None = None

    def score(self, rows: Candidates, features: np.ndarray, known: Climatology | None) -> np.ndarray:
        """Q-values of the rows of one request (B = 1): `features` [1, K, F] float32, to [its rows]. A rule needs `known`,
        the climatology of the rows' pools."""
        count = int(rows.mask[0].sum())
        if self.session is None:
            if known is None:
                raise ValueError("known: a rule needs the climatology of the rows' pools")
            scores: np.ndarray = rule_of(str(self.manifest.rule), known)(rows)[0, :count]
            return scores
        seen = np.ascontiguousarray(features[0, :count])
        (found,) = self.session.run(None, {"features": seen})
        return (AS_LEARNT if self.tables is None else self.tables.blend).scores(np.asarray(found).reshape(-1), seen)


def check_rule(manifest: Manifest, expected: Expected = POLICY) -> None:
    """Raises Refused unless the manifest's rule is one of this code's and has the climatology it needs."""
    manifest.check_versions(expected)
    if manifest.rule not in (*RULES, STATIC_BID_PRICE):
        raise Refused(f"rule: {manifest.rule!r} is not one of {', '.join((*RULES, STATIC_BID_PRICE))}")
    if manifest.rule == STATIC_BID_PRICE and manifest.climatology_sha256 is None:
        raise Refused(f"rule: {STATIC_BID_PRICE} needs a climatology")


def open_model(model: bytes, manifest: Manifest, expected: Expected = POLICY) -> Session:
    """Opens and proves a model: manifest, graph, canary. Raises Refused."""
    import onnxruntime

    runtime: Any = onnxruntime
    manifest.check(model, expected)
    opset = opset_of(model)
    if opset != manifest.opset:
        raise Refused(f"the graph is of opset {opset}, the manifest says {manifest.opset}")
    assert manifest.canary is not None
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
    recorded = np.asarray(manifest.canary.scores)
    if answer.shape != recorded.shape or not np.isfinite(answer).all():
        raise Refused("its answer to the canary is not finite numbers of the right shape")
    if not np.allclose(answer, recorded, rtol=manifest.canary.tolerance, atol=manifest.canary.tolerance):
        raise Refused("its answer to the canary is not the one in the manifest")
    return session


@dataclass(frozen=True)
class Ranking:
    """The order in which a request's rows are tried. `fallback` says why the greedy rule decided instead of the champion,
    whose `version` it names all the same (None: there was none)."""

    order: np.ndarray
    scores: np.ndarray
    policy: str
    fallback: str | None
    latency_ms: float
    version: str | None = None


def rank(
    model: LoadedModel | None,
    rows: Candidates,
    features: np.ndarray,
    *,
    clock: Clock,
    deadline_ms: float,
    refusal: str | None = None,
    known: Climatology | None = None,
    history: bool = True,
) -> Ranking:
    """Ranks the rows of one request (B = 1) by the champion, by greedy where it cannot: MODEL_MISSING, MODEL_FAILED,
    DEADLINE, NOT_FINITE, or GUARD (its choice is more than half a rejection worse than greedy's); and a network only where
    the city has a `history` that bears it out, else NO_HISTORY. `known` is for rules (LoadedModel.score)."""
    count = int(rows.mask[0].sum())
    by_cost = -rows.cost[0, :count]
    version = None if model is None else model.manifest.version
    started = clock.monotonic()

    def ruled(why: str) -> Ranking:
        took = (clock.monotonic() - started) * 1000
        return Ranking(np.argsort(-by_cost, kind="stable"), by_cost, "greedy", why, took, version)

    if model is None:
        log.warning("the greedy rule decides: %s", refusal or "no model is loaded")
        return ruled("MODEL_MISSING")
    if model.session is not None and not history:
        return ruled("NO_HISTORY")
    try:
        scores = model.score(rows, features, known)
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
    return Ranking(order, scores, model.manifest.version, None, took, version)
