"""The residual Q-network: Q(s, a) = -regret(a) + A(f(s, a), g(s)) + V(g(s)), A's last layer zero at the start, so that the
untrained policy is greedy on the objective. V serves training alone. Source: LEARNING.md, The decision process."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from functions.optimizer.core.features import FEATURE_NAMES, ROW_FEATURES, STATE_FEATURES

REGRET = ROW_FEATURES.index("regret")
Weights = dict[str, np.ndarray]
"""A network's parameters as arrays, for worker processes."""


class ResidualQ(nn.Module):
    """Scores rows: float32 [rows, features] to [rows]. V of the dueling form is training's and not exported."""

    def __init__(self, hidden: int = 128, features: int = len(FEATURE_NAMES)) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def advantage(self, features: torch.Tensor) -> torch.Tensor:
        """A of rows: minus what the row is expected to cost later requests."""
        advantages: torch.Tensor = self.head(self.body(features)).squeeze(-1)
        return advantages

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Q-values of rows, without V."""
        return self.advantage(features) - features[:, REGRET]

    def arrays(self) -> Weights:
        """The parameters."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}


class StateValue(nn.Module):
    """V(g): [states, state features] to [states]."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(len(STATE_FEATURES), hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Values of states."""
        values: torch.Tensor = self.body(state).squeeze(-1)
        return values


def from_onnx(path: Path) -> Weights:
    """The parameters of an exported network (training.release.export). Raises ValueError where the file is no ResidualQ."""
    import onnx  # of training alone, and only where a run goes on from an export

    parts = onnx.load(path).graph.initializer
    weights = {part.name: onnx.numpy_helper.to_array(part).copy() for part in parts}
    expected = ResidualQ(len(weights.get("body.0.bias", ()))).arrays()
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in expected.items()}:
        raise ValueError(f"start: {path} is not a network of {len(FEATURE_NAMES)} features as training exports it")
    return weights


def scaled(weights: Weights, scale: float) -> Weights:
    """The parameters of the network whose A is `scale` times as large."""
    return weights | {name: weights[name] * np.float32(scale) for name in ("head.weight", "head.bias")}


def scores(weights: Weights, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Q of the rows in `mask` by a network's parameters, in numpy (a worker needs no torch): [B, K], -inf elsewhere."""
    rows = features[mask]
    hidden = np.maximum(rows @ weights["body.0.weight"].T + weights["body.0.bias"], 0.0)
    hidden = np.maximum(hidden @ weights["body.2.weight"].T + weights["body.2.bias"], 0.0)
    q_values = np.full(mask.shape, -np.inf)
    q_values[mask] = (hidden @ weights["head.weight"].T + weights["head.bias"])[:, 0] - rows[:, REGRET]
    return q_values
