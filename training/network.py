"""The residual Q-network: Q(s, a) = -regret(a) + A(f(s, a), g(s)), its last layer zero at the start, so that the
untrained policy is greedy on the objective. Source: LEARNING.md, The decision process."""

import torch
from torch import nn

from functions.optimizer.features import FEATURE_NAMES, ROW_FEATURES

REGRET = ROW_FEATURES.index("regret")


class ResidualQ(nn.Module):
    """Scores rows: float32 [rows, features] to [rows]. V of the dueling form is training's and not exported."""

    def __init__(self, hidden: int = 128, features: int = len(FEATURE_NAMES)) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Q-values of rows."""
        advantage: torch.Tensor = self.head(self.body(features)).squeeze(-1)
        return advantage - features[:, REGRET]
