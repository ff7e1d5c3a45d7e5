"""What the training script repeats: a regression of A on labels, and one step of double dueling n-step Q-learning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from functions.optimizer.core.features import STATE_FEATURES
from training.learning.hindsight import Labels
from training.learning.network import ResidualQ, StateValue
from training.learning.transitions import Batch

LEVEL = 0.1
"""What the mean error over the rows of a request counts, where a difference between them counts 1."""


@dataclass
class Networks:
    """The policy's network and the value of states, and their slow copies for targets."""

    network: ResidualQ
    value: StateValue
    target: ResidualQ
    target_value: StateValue


@dataclass(frozen=True)
class RegressionSet:
    """What A is regressed on: M rows of N requests end to end."""

    features: torch.Tensor
    """of each row, float16 [M, F]"""
    target: torch.Tensor
    """what A should be, [M]"""
    begin: torch.Tensor
    """where each request's rows begin, [N]"""
    count: torch.Tensor
    """how many they are, [N]"""
    weight: torch.Tensor
    """what a request counts, [N]; 1 on average"""

    @classmethod
    def of(cls, labels: Sequence[Labels], target: torch.Tensor) -> "RegressionSet":
        """Labels one after the other, with targets of their own."""
        count = torch.from_numpy(np.concatenate([item.count for item in labels]))
        weight = torch.from_numpy(np.concatenate([item.weight for item in labels]))
        features = torch.from_numpy(np.concatenate([item.features for item in labels]))
        return cls(features, target, count.cumsum(0) - count, count, weight / weight.mean())

    def __len__(self) -> int:
        return len(self.count)


def regression(network: ResidualQ, regression_set: RegressionSet, requests: torch.Tensor) -> torch.Tensor:
    """The weighted squared error of A at the `requests` of these indices.

    What counts is the difference between rows of one request, since that alone decides; how much all of them cost is a matter
    of the day and counts LEVEL of it.
    """
    count = regression_set.count[requests]
    owner = torch.repeat_interleave(torch.arange(len(requests)), count)
    rows = torch.arange(len(owner)) - (count.cumsum(0) - count)[owner] + regression_set.begin[requests][owner]
    error = network.advantage(regression_set.features[rows].float()) - regression_set.target[rows]
    mean = torch.zeros(len(requests)).index_add(0, owner, error) / count
    weight = regression_set.weight[requests]
    between = (weight[owner] * (error - mean[owner]) ** 2).mean()
    return between + LEVEL * (weight * mean**2).mean()


def fit(
    network: ResidualQ,
    regression_set: RegressionSet,
    track: Iterable[int],
    *,
    steps: int,
    requests: int,
    rate: float,
    decay: float,
    seed: int,
) -> float:
    """Regresses A on targets (AdamW, one cycle); returns the mean loss of the last tenth of the steps."""
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, max(4, steps))
    losses = []
    for _ in track:
        loss = regression(network, regression_set, torch.randint(len(regression_set), (requests,), generator=draw))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, steps // 10) :]))


def state_of(rows: torch.Tensor) -> torch.Tensor:
    """The state features of rows: [M, F] to [M, G]."""
    return rows[:, -len(STATE_FEATURES) :]


def td_loss(nets: Networks, decisions: Batch, *, value_alone: bool = False) -> torch.Tensor:
    """The Huber loss of Q = A - regret + V of the rows taken against their n-step targets; `value_alone`: V alone learns."""
    taken = torch.from_numpy(decisions.taken)
    rows = nets.network(taken)
    q = (rows.detach() if value_alone else rows) + nets.value(state_of(taken))
    return functional.smooth_l1_loss(q, double_goal(nets, decisions))


def double_goal(nets: Networks, decisions: Batch) -> torch.Tensor:
    """n-step double targets (van Hasselt 2016): the online network picks the row, the slow one says what it is worth. Rows
    that do not exist are in no state, so that none can be picked."""
    goal = torch.from_numpy(decisions.returns).clone()
    if not len(decisions.later):
        return goal
    rows, whose = torch.from_numpy(decisions.later), torch.from_numpy(decisions.owner)
    with torch.no_grad():
        online = nets.network(rows)
        best = torch.full((len(goal),), -torch.inf).scatter_reduce(0, whose, online, "amax")
        indices = torch.arange(len(rows))
        first = torch.full((len(goal),), len(rows), dtype=torch.long)
        first = first.scatter_reduce(0, whose, torch.where(online == best[whose], indices, len(rows)), "amin")
        has = torch.from_numpy(decisions.open)
        picked = rows[first[has]]
        goal[has] += nets.target(picked) + nets.target_value(state_of(picked))
    return goal


def follow(nets: Networks, share: float) -> None:
    """The slow networks move `share` of the way to the others (Polyak)."""
    with torch.no_grad():
        for slow, fast in ((nets.target, nets.network), (nets.target_value, nets.value)):
            for one, other in zip(slow.parameters(), fast.parameters(), strict=True):
                one.lerp_(other, share)
