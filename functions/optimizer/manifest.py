"""The manifest of a published policy, and what makes one acceptable. Layout: models/<name>/<version>/{model.onnx,
manifest.json} and models/<name>/champion.json, which points at the version that serves and is written last."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from functions.optimizer.features import FEATURE_HASH, FEATURE_NAMES, FEATURE_VERSION
from functions.optimizer.objective import PROBLEM_VERSION

POLICY_NAME = "charge-policy"
OPSET = 17
VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a version may be called: it is a folder of the store."""
OPSETS = range(13, 22)


class Refused(Exception):
    """A model that must not serve; the text says why."""


class Canary(BaseModel):
    """A fixed input and what the model answered to it when it was exported."""

    model_config = ConfigDict(frozen=True)

    features: list[list[float]] = Field(min_length=1)
    scores: list[float] = Field(min_length=1)
    tolerance: float = Field(default=1e-5, gt=0, le=1e-3)


class Parity(BaseModel):
    """How the exported model compared with the network it came from."""

    model_config = ConfigDict(frozen=True)

    states: int
    max_relative_error: float
    argmax_equal: bool


class Manifest(BaseModel):
    """Everything that must fit before a model serves, and what is known of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = Field(pattern=VERSION)
    trained: bool
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    problem_version: int
    feature_version: int
    feature_names: tuple[str, ...]
    feature_hash: str
    opset: int
    libraries: dict[str, str]
    git_commit: str | None
    seeds: list[int]
    scenario_hash: str | None
    metrics: dict[str, Any] | None
    parity: Parity
    parent: str | None
    canary: Canary
    created_at: str

    def check(self, model: bytes) -> None:
        """Raises Refused unless `model` is the one described and this code computes its features."""
        found = hashlib.sha256(model).hexdigest()
        if found != self.sha256:
            raise Refused(f"sha256 of the model is {found[:12]}..., the manifest says {self.sha256[:12]}...")
        if self.problem_version != PROBLEM_VERSION:
            raise Refused(f"it solves problem version {self.problem_version}, this code is version {PROBLEM_VERSION}")
        if self.feature_version != FEATURE_VERSION or self.feature_hash != FEATURE_HASH:
            raise Refused(f"feature version {self.feature_version} is not this code's {FEATURE_VERSION}")
        if self.feature_names != FEATURE_NAMES:
            raise Refused("the feature names are not this code's")
        if self.opset not in OPSETS:
            raise Refused(f"opset {self.opset} is not one of {OPSETS.start} to {OPSETS.stop - 1}")


class Champion(BaseModel):
    """The pointer to the version that serves."""

    model_config = ConfigDict(frozen=True)

    version: str = Field(pattern=VERSION)


def champion_path(name: str = POLICY_NAME) -> str:
    """Where the pointer lies in the store."""
    return f"models/{name}/champion.json"


def version_path(version: str, file: str, name: str = POLICY_NAME) -> str:
    """Where a version's file lies in the store."""
    return f"models/{name}/{version}/{file}"
