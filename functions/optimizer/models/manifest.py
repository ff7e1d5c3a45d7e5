"""The manifest of a published model, and what makes one acceptable. Layout: models/<name>/<version>/{model.onnx,
manifest.json, climatology.npz}; models/<name>/champion.json points at the version that serves and is written last,
challenger.json at the one that is watched in its shadow."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.optimizer.core.features import FEATURE_HASH, FEATURE_NAMES, FEATURE_VERSION, QUARTERS_VERSION, feature_hash
from functions.optimizer.core.objective import PROBLEM_VERSION, QUARTERS_PROBLEM

POLICY_NAME = "charge-policy"
OPSET = 17
VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a version may be called: it is a folder of the store."""
SHA256 = r"^[0-9a-f]{64}$"
OPSETS = range(13, 22)
MODEL, MANIFEST, CLIMATOLOGY = "model.onnx", "manifest.json", "climatology.npz"
"""The files of a version; a rule has no model, and the climatology may be absent."""


class Refused(Exception):
    """A model that must not serve; the text says why."""


@dataclass(frozen=True)
class Expected:
    """What this code computes for the models of a name. The registry is handed it by the room that uses the models."""

    name: str
    problem_version: int
    feature_version: int
    feature_names: tuple[str, ...]
    feature_hash: str
    alike: tuple[int, int, str] | None = None
    """Problem version, feature version and hash of models of older code to which this code's features mean the same."""

    @property
    def feature_hashes(self) -> frozenset[str]:
        """The hashes of networks that this code computes the features of."""
        return frozenset({self.feature_hash} | (set() if self.alike is None else {self.alike[2]}))


POLICY = Expected(
    POLICY_NAME,
    PROBLEM_VERSION,
    FEATURE_VERSION,
    FEATURE_NAMES,
    FEATURE_HASH,
    (QUARTERS_PROBLEM, QUARTERS_VERSION, feature_hash(QUARTERS_VERSION)),
)
"""A network of sessions on quarter hours serves until one of five minutes is promoted."""


class Canary(BaseModel):
    """A fixed input and what the model answered to it when it was exported: all its numbers, row after row."""

    model_config = ConfigDict(frozen=True)

    features: list[list[float]] = Field(min_length=1)
    scores: list[float] = Field(min_length=1)
    tolerance: float = Field(default=1e-5, gt=0, le=1e-3)


class Parity(BaseModel):
    """How the exported model compared with the network it came from."""

    model_config = ConfigDict(frozen=True)

    states: int
    max_relative_error: float
    argmax_equal: bool | None
    """Whether it chooses the same rows; None where nothing is chosen."""


class Manifest(BaseModel):
    """Everything that must fit before a version serves, and what is known of it. A `network` has a model with its parity
    and canary; a `rule` names one of the code's and has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = Field(pattern=VERSION)
    kind: Literal["network", "rule"] = "network"
    rule: str | None = None
    trained: bool
    sha256: str | None = Field(default=None, pattern=SHA256)
    climatology_sha256: str | None = Field(default=None, pattern=SHA256)
    problem_version: int
    feature_version: int
    feature_names: tuple[str, ...]
    feature_hash: str
    opset: int | None = None
    libraries: dict[str, str]
    git_commit: str | None
    seeds: list[int]
    scenario_hash: str | None
    metrics: dict[str, Any] | None
    training: dict[str, Any] | None = None
    parity: Parity | None = None
    parent: str | None
    canary: Canary | None = None
    created_at: str

    @model_validator(mode="after")
    def _complete(self) -> "Manifest":
        needed = ("rule",) if self.kind == "rule" else ("sha256", "opset", "parity", "canary")
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a {self.kind} must have {' and '.join(missing)}")
        return self

    def check(self, model: bytes, expected: Expected) -> None:
        """Raises Refused unless `model` is the one described and this code computes its features."""
        check_sha256("the model", model, self.sha256)
        self.check_versions(expected)
        if self.opset not in OPSETS:
            raise Refused(f"opset {self.opset} is not one of {OPSETS.start} to {OPSETS.stop - 1}")

    def check_versions(self, expected: Expected) -> None:
        """Raises Refused unless it was made for this code's problem and, a network, for its features."""
        if self.name != expected.name:
            raise Refused(f"its manifest is of a model called {self.name}, not {expected.name}")
        older = expected.alike
        known = {expected.problem_version} | (set() if older is None else {older[0]})
        if self.problem_version not in known:
            raise Refused(f"it solves problem version {self.problem_version}, this code is version {expected.problem_version}")
        if self.kind == "rule":
            return
        own = (self.problem_version, self.feature_version, self.feature_hash)
        if own not in ((expected.problem_version, expected.feature_version, expected.feature_hash), older):
            raise Refused(f"feature version {self.feature_version} is not this code's {expected.feature_version}")
        if self.feature_names != expected.feature_names:
            raise Refused("the feature names are not this code's")


def check_sha256(what: str, data: bytes, expected: str | None) -> None:
    """Raises Refused unless `data` has the hash the manifest gives for it."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        raise Refused(f"sha256 of {what} is {digest[:12]}..., the manifest says {(expected or 'none')[:12]}...")


class Champion(BaseModel):
    """The pointer to the version that serves."""

    model_config = ConfigDict(frozen=True)

    version: str = Field(pattern=VERSION)


class Challenger(BaseModel):
    """The pointer to the version that is watched; None: nobody is."""

    model_config = ConfigDict(frozen=True)

    version: str | None = Field(pattern=VERSION)


def champion_path(name: str = POLICY_NAME) -> str:
    """Where the pointer lies in the store."""
    return f"models/{name}/champion.json"


def challenger_path(name: str = POLICY_NAME) -> str:
    """Where the challenger's pointer lies in the store."""
    return f"models/{name}/challenger.json"


def version_path(version: str, file: str, name: str = POLICY_NAME) -> str:
    """Where a version's file lies in the store."""
    return f"models/{name}/{version}/{file}"
