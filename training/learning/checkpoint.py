"""A training run on disk, to be stopped and resumed: a checkpoint after each unit of work, labels a file a round."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from functions.optimizer.core.features import FEATURE_HASH
from training.learning.arguments import Args
from training.learning.hindsight import Hindsight, Labels, WeekClimatology
from training.learning.learning_curve import draw_curve
from training.learning.losses import Networks
from training.learning.network import Weights
from training.problem.scenario import fingerprint
from training.scenarios.registry import named

NETWORKS = ("network", "value", "target", "target_value", "optimizer")
LABELS = tuple(item.name for item in fields(Labels))
CHECKPOINT = "checkpoint.pt"


@dataclass
class TrainingState(Networks):
    """What a run has learnt so far."""

    optimizer: torch.optim.Optimizer
    """of the Q-learning"""
    unit: int = 0
    """units of work done"""
    wall_s: float = 0.0
    """seconds they took"""
    best: Weights | None = None
    """the network that was best on validation days"""
    best_score: float = float("inf")
    """its mean ratio to the bound"""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """the lines of the learning curve"""
    label_scales: dict[str, float] = field(default_factory=dict)
    """what the labels of each scenario are multiplied by"""


@dataclass
class SharedTables:
    """What all seeds share, by scenario."""

    known: dict[str, WeekClimatology] = field(default_factory=dict)
    """climatology tables"""
    solved: dict[str, list[Hindsight]] = field(default_factory=dict)
    """the solved days that they are of"""
    bounds: dict[str, np.ndarray] = field(default_factory=dict)
    """bounds of the validation days"""


def save_checkpoint(args: Args, state: TrainingState, shared: SharedTables, carried: dict[str, Any]) -> None:
    """Writes the checkpoint in one step: a run that is killed finds the last whole one."""
    checkpoint = {
        "identity": args.identity(),
        "state": {item.name: getattr(state, item.name) for item in fields(TrainingState) if item.name not in NETWORKS},
        "networks": {name: getattr(state, name).state_dict() for name in NETWORKS},
        "base": vars(shared),
        "carried": carried,
    }
    draft = args.out / "checkpoint.draft"
    torch.save(checkpoint, draft)
    draft.replace(args.out / CHECKPOINT)


def load_checkpoint(args: Args, state: TrainingState) -> tuple[SharedTables, dict[str, Any]]:
    """Brings `state` to where the checkpoint left it; what seeds share, and what was carried along. Raises ValueError where
    there is none or it belongs to another run."""
    path = args.out / CHECKPOINT
    if not path.exists():
        raise ValueError(f"resume: there is no checkpoint in {args.out}")
    checkpoint = torch.load(path, weights_only=False)  # our own file: it holds arrays and dataclasses
    if checkpoint["identity"] != args.identity():
        raise ValueError(f"resume: the checkpoint in {args.out} is of a run with other arguments or features")
    for name, value in checkpoint["state"].items():
        setattr(state, name, value)
    for name in NETWORKS:
        getattr(state, name).load_state_dict(checkpoint["networks"][name])
    return SharedTables(**checkpoint["base"]), checkpoint["carried"]


def save_labels(out: Path, number: int, labels: Labels) -> None:
    """Writes the labels of a round."""
    np.savez(out / f"labels-{number}.npz", **vars(labels))


def load_labels(out: Path, rounds: int) -> list[Labels]:
    """The labels of the first rounds."""
    labels = []
    for number in range(rounds):
        with np.load(out / f"labels-{number}.npz") as stored:
            labels.append(Labels(**stored))
    return labels


def gathered(parts: list[Labels]) -> Labels:
    """Labels of several jobs as one, features in float16."""
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in LABELS}
    return Labels(**arrays | {"features": arrays["features"].astype(np.float16)})


def write_result(args: Args, state: TrainingState, labels: list[Labels]) -> None:
    """What training leaves for evaluation and export: policy.npz (weights), training.json (what it was made of), the curve."""
    assert state.best is not None
    arrays: dict[str, Any] = state.best
    np.savez(args.out / "policy.npz", **arrays)
    report = {
        "args": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(args).items()},
        "seeds": [args.seed],
        "identity": args.identity(),
        "feature_hash": FEATURE_HASH,
        "scenario_hashes": {name: fingerprint(named(name)) for name in args.scenarios},
        "labelled_rows": sum(len(item.opportunity) for item in labels),
        "validation": state.best_score,
        "wall_s": round(state.wall_s, 1),
        "memory_mb": state.curve[-1]["memory_mb"],
        "curve": state.curve,
    }
    (args.out / "training.json").write_text(json.dumps(report, indent=1) + "\n")
    draw_curve(args.out / "learning_curve.png", {f"seed {args.seed}": state.curve})
