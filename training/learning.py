"""What the training script repeats: a regression of A on labels, and one step of double dueling n-step Q-learning."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from functions.optimizer.features import STATE_FEATURES
from training.network import ResidualQ, StateValue
from training.transitions import Batch


@dataclass
class Networks:
    """The policy's network and the value of states, and their slow copies for targets."""

    network: ResidualQ
    value: StateValue
    target: ResidualQ
    target_value: StateValue


def regression(
    network: ResidualQ, features: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, at: torch.Tensor
) -> torch.Tensor:
    """The weighted squared error of A at rows `at`."""
    return (weight[at] * (network.advantage(features[at].float()) - target[at]) ** 2).mean()


def fit(
    network: ResidualQ,
    features: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor,
    track: Iterable[int],
    *,
    steps: int,
    rows: int,
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
        at = torch.randint(len(features), (rows,), generator=draw)
        loss = regression(network, features, target, weight, at)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, steps // 10) :]))


def state_of(rows: torch.Tensor) -> torch.Tensor:
    """The state features of rows: [M, F] to [M, G]."""
    return rows[:, -len(STATE_FEATURES) :]


def td_loss(nets: Networks, found: Batch) -> torch.Tensor:
    """The Huber loss of Q = A - regret + V of the rows taken against their n-step targets."""
    taken = torch.from_numpy(found.taken)
    return functional.smooth_l1_loss(nets.network(taken) + nets.value(state_of(taken)), double_goal(nets, found))


def double_goal(nets: Networks, found: Batch) -> torch.Tensor:
    """n-step double targets (van Hasselt 2016): the online network picks the row, the slow one says what it is worth. Rows
    that do not exist are in no state, so that none can be picked."""
    goal = torch.from_numpy(found.returns).clone()
    if not len(found.later):
        return goal
    rows, whose = torch.from_numpy(found.later), torch.from_numpy(found.owner)
    with torch.no_grad():
        online = nets.network(rows)
        best = torch.full((len(goal),), -torch.inf).scatter_reduce(0, whose, online, "amax")
        at = torch.arange(len(rows))
        first = torch.full((len(goal),), len(rows), dtype=torch.long)
        first = first.scatter_reduce(0, whose, torch.where(online == best[whose], at, len(rows)), "amin")
        has = torch.from_numpy(found.open)
        picked = rows[first[has]]
        goal[has] += nets.target(picked) + nets.target_value(state_of(picked))
    return goal


def follow(nets: Networks, share: float) -> None:
    """The slow networks move `share` of the way to the others (Polyak)."""
    with torch.no_grad():
        for slow, fast in ((nets.target, nets.network), (nets.target_value, nets.value)):
            for one, other in zip(slow.parameters(), fast.parameters(), strict=True):
                one.lerp_(other, share)
