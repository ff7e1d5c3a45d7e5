"""Who is compared: policies by name, and learned ones from where they lie, in a form that travels to worker processes."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from functions.optimizer.core.features import FEATURE_NAMES, Climatology, guard_limit
from functions.optimizer.models.climatology import AS_LEARNT, PolicyBlend
from functions.optimizer.models.manifest import MANIFEST, MODEL, Champion, Refused, champion_path, version_path
from functions.optimizer.models.policy import LoadedModel, rule_of
from functions.optimizer.models.registry import SHIPPED, open_version
from training.evaluation.baselines import FAST, SEEDED, SLOW, Policy, ResolvedMixture, RollingMilp, RulePolicy, View, best
from training.learning.network import Weights, scores
from training.simulation.simulator import NOT_SERVED

CHAMPION, BOUND = "champion", "bound"
MIXTURE = "resolved_mixture"
"""Half the shipped network, half prices of sampled futures: slow, evaluation only."""
NEAREST = "nearest_balking"
"""The rule that TSF compares with."""
WEIGHTS = "policy.npz"
SHAPES = {
    "body.0.weight": (None, len(FEATURE_NAMES)),
    "body.0.bias": (None,),
    "body.2.weight": (None, None),
    "body.2.bias": (None,),
    "head.weight": (1, None),
    "head.bias": (1,),
}
"""What policy.npz must hold (training.learning.network.ResidualQ)."""


@dataclass(frozen=True)
class RegisteredPolicy:
    """A policy in the comparison: a rule, a training run's network, or an exported version."""

    name: str
    """in tables"""
    rule: str = ""
    """of training.evaluation.baselines; else empty"""
    weights: Weights | None = field(default=None, repr=False)
    """of a training run; else None"""
    folder: Path | None = None
    """of an exported version; else None"""
    group: str | None = None
    """the training of which it is one seed"""
    about: str = ""
    """what people should know of it"""

    @property
    def slow(self) -> bool:
        """Whether it solves programmes: evaluation only."""
        return self.rule in SLOW or self.rule == MIXTURE

    @property
    def seeded(self) -> bool:
        """Whether its choices depend on a seed."""
        return self.rule in SEEDED

    @property
    def learned(self) -> bool:
        """Whether it is a network (an exported version may also be a rule)."""
        return self.weights is not None or (self.folder is not None and opened(self.folder).session is not None)

    @property
    def may_decline(self) -> bool:
        """Whether it can be allowed to turn a request down though a row exists."""
        return not self.rule or self.rule in ("greedy", "static_bid_price")


class GuardedPolicy:
    """A scorer of rows that decides as serving does: where its choice is far worse than greedy's, or it gives a row no
    number, greedy decides. Counts both, for each day side by side."""

    wants_features = True

    def __init__(self, score: Callable[[np.ndarray, np.ndarray], np.ndarray], *, declines: bool) -> None:
        self._score, self.declines = score, declines
        self.fallbacks, self.decisions = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)

    def choose(self, view: View) -> np.ndarray:
        """The best row by score, greedy's behind the guard."""
        assert view.features is not None
        rows, here = view.rows, np.arange(len(view.rows.mask))
        if not len(self.decisions):
            self.fallbacks = np.zeros(len(view.simulator.state.days), dtype=np.int64)
            self.decisions = self.fallbacks.copy()
        score = self._score(view.features, rows.mask)
        has = rows.mask.any(axis=1)
        sound: np.ndarray = (np.isfinite(score) | ~rows.mask).all(axis=1)
        choice = best(view, np.where(sound[:, None], score, -rows.cost), declines=self.declines)
        greedy = np.where(has, np.where(rows.mask, rows.cost, np.inf).argmin(axis=1), NOT_SERVED)
        chosen = rows.cost[here, np.maximum(choice, 0)]
        limit = guard_limit(0.0) + rows.cost[here, np.maximum(greedy, 0)]
        # What is declined is not far worse than greedy's: it is not a row.
        ruled = has & (~sound | ((choice != NOT_SERVED) & (chosen > limit)))
        np.add.at(self.decisions, view.simulator.up, has)
        np.add.at(self.fallbacks, view.simulator.up, ruled)
        return np.where(ruled, greedy, choice)


def scores_by_model(model: LoadedModel, blend: PolicyBlend, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Scores of the rows in `mask` [B, K] by a loaded network, all in one run: [B, K], -inf elsewhere."""
    assert model.session is not None
    scores_of_rows = np.full(mask.shape, -np.inf)
    seen = np.ascontiguousarray(features[mask])
    if len(seen):  # a batch may have no row at all
        (answer,) = model.session.run(None, {"features": seen})
        scores_of_rows[mask] = blend.scores(np.asarray(answer, dtype=np.float64).reshape(-1), seen)
    return scores_of_rows


def scores_by_weights(weights: Weights, blend: PolicyBlend, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same by the parameters of a network."""
    scores_of_rows = scores(weights, features, mask)
    if blend != AS_LEARNT:
        scores_of_rows[mask] = blend.scores(scores_of_rows[mask], features[mask])
    return scores_of_rows


def build_policy(
    one: RegisteredPolicy, known: Climatology, *, seed: int, declines: bool, blend: PolicyBlend = AS_LEARNT
) -> Policy | RollingMilp:
    """The policy, new; a network as it is to be trusted. Raises Refused where an exported version does not prove itself."""
    declines = declines and one.may_decline
    if one.rule in SLOW:
        return SLOW[one.rule]()
    if one.rule == MIXTURE:
        return ResolvedMixture(partial(scores_by_model, opened(pointed_at(SHIPPED)), AS_LEARNT))
    if one.rule:
        return FAST[one.rule](known, seed, declines)
    if one.weights is not None:
        return GuardedPolicy(partial(scores_by_weights, one.weights, blend), declines=declines)
    assert one.folder is not None
    model = opened(one.folder)
    if model.session is None:
        return RulePolicy(rule_of(str(model.manifest.rule), known), declines)
    return GuardedPolicy(partial(scores_by_model, model, blend), declines=declines)


def opened(folder: Path) -> LoadedModel:
    """An exported version with serving's proof. Raises Refused."""

    def read(file: str) -> bytes | None:
        path = folder / file
        return path.read_bytes() if path.exists() else None

    return open_version(read, folder.name, now=datetime.now(UTC))


def pointed_at(store: Path) -> Path:
    """The folder of the version that a store's pointer names. Raises ValueError where there is none or it cannot be read."""
    pointer = store / champion_path()
    if not pointer.exists():
        raise ValueError(f"champion: there is none in {store}: {champion_path()} is missing")
    try:
        version = Champion.model_validate_json(pointer.read_bytes()).version
    except ValidationError as error:
        raise ValueError(f"champion: {pointer} is not readable: {error.errors()[0]['msg']}") from error
    return (store / version_path(version, MANIFEST)).parent


def champion(store: Path) -> RegisteredPolicy:
    """The version that the store's pointer names, proven as serving proves it. Raises ValueError saying what is wrong."""
    folder = pointed_at(store)
    try:
        manifest = opened(folder).manifest
    except Refused as error:
        raise ValueError(f"champion: {folder.name} must not serve: {error}") from error
    greedy = not manifest.trained and manifest.kind == "network"
    about = f"{manifest.version}, untrained: it is greedy" if greedy else manifest.version
    return RegisteredPolicy(CHAMPION, folder=folder, about=about)


def registered_policies(text: str, store: Path) -> list[RegisteredPolicy]:
    """The policies of a comma separated list, the champion first, each once. Raises ValueError naming what is unknown."""
    policies = {CHAMPION: champion(store)}
    for name in (part.strip() for part in text.split(",")):
        if not name or name in (CHAMPION, BOUND):
            continue
        for policy in _named(name, set(policies)):
            policies.setdefault(policy.name, policy)
    return list(policies.values())


def _named(name: str, taken: set[str]) -> list[RegisteredPolicy]:
    if name in ("fast", "slow"):
        return [RegisteredPolicy(rule, rule) for rule in (*FAST, *(SLOW if name == "slow" else ()))]
    if name in FAST or name in SLOW or name == MIXTURE:
        return [RegisteredPolicy(name, name)]
    path = Path(name)
    if path.is_dir():
        label = path.resolve().name
        if label in taken or label in FAST or label in SLOW:
            label = f"{path.resolve().parent.name}/{label}"
        return _learned(path, label)
    known = ", ".join(("fast", "slow", CHAMPION, *FAST, *SLOW, MIXTURE))
    raise ValueError(f"policies: {name!r} is neither a folder nor one of {known}")


def _learned(path: Path, label: str) -> list[RegisteredPolicy]:
    if (path / WEIGHTS).exists():
        return [RegisteredPolicy(label, weights=load_weights(path / WEIGHTS))]
    if (path / MODEL).exists() or (path / MANIFEST).exists():
        try:
            opened(path)
        except Refused as error:
            raise ValueError(f"policies: {path}: {error}") from error
        return [RegisteredPolicy(label, folder=path)]
    if (path / champion_path()).exists():
        return _learned(pointed_at(path), label)
    runs = sorted(item.parent for item in path.glob(f"*/{WEIGHTS}"))
    if not runs:
        raise ValueError(f"policies: {path} holds no {WEIGHTS}, no {MODEL} with {MANIFEST}, and no folders of such runs")
    return [RegisteredPolicy(f"{label}/{run.name}", weights=load_weights(run / WEIGHTS), group=label) for run in runs]


def load_weights(path: Path) -> Weights:
    """The arrays of a policy.npz. Raises ValueError naming what is missing or has another shape."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"policies: {path} cannot be read: {error}") from error
    for name, shape in SHAPES.items():
        if name not in weights:
            raise ValueError(f"policies: {path} lacks {name}")
        fits = len(weights[name].shape) == len(shape) and all(
            wanted in (None, size) for size, wanted in zip(weights[name].shape, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"policies: {path}, {name}: has shape {weights[name].shape}, this code's features need {shape}")
    return weights
