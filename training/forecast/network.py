"""The network of the availability forecast: a few small ones averaged, normalisation and calibration inside, so that the
graph takes features as they are and gives probabilities and shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from functions.forecast.features import FEATURES_NOW, FORECAST_FEATURES, HORIZONS
from training.forecast.data import Sample

SCALE = 0.15
"""A change of the busy share that counts as one unit to the network: about its deviation in half an hour."""
CLAMP = 6.0
_SHARE = FEATURES_NOW.index("share")
Say = Callable[[str], None]


@dataclass(frozen=True)
class FitArgs:
    """How the networks are fitted."""

    seeds: tuple[int, ...] = (0, 1)
    """One network each; their mean is the forecast."""
    hidden: int = 128
    """Width of the two hidden layers."""
    epochs: int = 10
    """Passes over the rows; the learning rate rises for a tenth and falls to nothing (one cycle)."""
    batch: int = 4096
    """rows of a gradient step"""
    learning_rate: float = 3e-3
    """at the peak of the cycle"""
    weight_decay: float = 1e-3
    """of AdamW"""
    free_weight: float = 4.0
    """What the log loss of a free point weighs against the squared error of the share."""


class Forecaster(nn.Module):
    """[rows, features] to [rows, 2 x horizons]: the probability that a point is free at each horizon, then the expected
    busy share."""

    mean: torch.Tensor
    deviation: torch.Tensor
    slope: torch.Tensor
    offset: torch.Tensor

    def __init__(self, members: int, hidden: int) -> None:
        super().__init__()
        width, out = len(FORECAST_FEATURES), 2 * len(HORIZONS)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("slope", torch.ones(len(HORIZONS)))
        self.register_buffer("offset", torch.zeros(len(HORIZONS)))
        self.members = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, out))
            for _ in range(members)
        )

    def raw(self, inputs: torch.Tensor, member: int) -> torch.Tensor:
        """One network's logits and changes of share."""
        outputs: torch.Tensor = self.members[member](self.normal(inputs))
        return outputs

    def normal(self, inputs: torch.Tensor) -> torch.Tensor:
        """Features in deviations from their mean."""
        return ((inputs - self.mean) / self.deviation).clamp(-CLAMP, CLAMP)

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Mean logits and changes of share, before calibration: [rows, 2 x horizons]."""
        normal = self.normal(inputs)
        return torch.stack([member(normal) for member in self.members]).mean(dim=0)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Probabilities and shares."""
        outputs, ahead = self.logits(inputs), len(HORIZONS)
        free = torch.sigmoid(outputs[:, :ahead] * self.slope + self.offset)
        share = (inputs[:, _SHARE : _SHARE + 1] + outputs[:, ahead:] * SCALE).clamp(0.0, 1.0)
        return torch.cat([free, share], dim=1)


def fit(samples: Sequence[Sample], args: FitArgs, say: Say) -> Forecaster:
    """Fits the networks to rows, each from its own seed."""
    inputs = torch.from_numpy(np.concatenate([item.inputs for item in samples]))
    free = torch.from_numpy(np.concatenate([item.free for item in samples]).astype(np.float32))
    change = torch.from_numpy(np.concatenate([(item.share - item.share_now[:, None]) / SCALE for item in samples]))
    torch.manual_seed(args.seeds[0])
    network = Forecaster(len(args.seeds), args.hidden)
    network.mean.copy_(inputs.mean(dim=0))
    network.deviation.copy_(inputs.std(dim=0).clamp(min=1e-3))
    for member, seed in enumerate(args.seeds):
        _fit_member(network, member, seed, inputs, free, change, args, say)
    return network


def _fit_member(
    network: Forecaster,
    member: int,
    seed: int,
    inputs: torch.Tensor,
    free: torch.Tensor,
    change: torch.Tensor,
    args: FitArgs,
    say: Say,
) -> None:
    torch.manual_seed(seed)
    for layer in network.members[member].children():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    batches = -(-len(inputs) // args.batch)
    optimiser = torch.optim.AdamW(network.members[member].parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.learning_rate, total_steps=args.epochs * batches, pct_start=0.1)
    ahead = len(HORIZONS)
    for epoch in range(args.epochs):
        total = 0.0
        for rows in torch.randperm(len(inputs)).split(args.batch):
            outputs = network.raw(inputs[rows], member)
            log_loss = nn.functional.binary_cross_entropy_with_logits(outputs[:, :ahead], free[rows])
            loss = args.free_weight * log_loss + ((outputs[:, ahead:] - change[rows]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pace.step()
            total += loss.item()
        say(f"seed {seed}, epoch {epoch + 1} of {args.epochs}: loss {total / batches:.4f}")


def predict(network: Forecaster, inputs: np.ndarray) -> np.ndarray:
    """Probabilities and shares, [rows, 2 x horizons]."""
    with torch.no_grad():
        return np.concatenate(
            [network(torch.from_numpy(part)).numpy() for part in np.array_split(inputs, len(inputs) // 65536 + 1)]
        )


def calibrate(network: Forecaster, held: Sample) -> None:
    """Platt's scaling on rows the networks were not fitted to: a slope and an offset of the logits of each horizon."""
    with torch.no_grad():
        ahead = len(HORIZONS)
        parts = np.array_split(held.inputs, len(held.inputs) // 65536 + 1)
        logits = torch.cat([network.logits(torch.from_numpy(part))[:, :ahead] for part in parts])
    free = torch.from_numpy(held.free.astype(np.float32))
    slope, offset = torch.ones(ahead, requires_grad=True), torch.zeros(ahead, requires_grad=True)
    optimiser = torch.optim.LBFGS([slope, offset], max_iter=50)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(logits * slope + offset, free)
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        network.slope.copy_(slope)
        network.offset.copy_(offset)
