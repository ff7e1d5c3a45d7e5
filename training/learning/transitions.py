"""Transitions for the Q-learning part: days run by the policy with some exploration, stored row by row, and the n-step
targets with the potential-based shaping of LEARNING.md.

The potential of a state is minus the worth, at the day's own hindsight prices, of the slots still booked ahead. It
telescopes, so it changes no policy's order in expectation (Ng, Harada, Russell 1999), and carries the opportunity cost of a
booking to the step at which it is made.
"""

from dataclasses import dataclass

import numpy as np

from functions.optimizer.core.candidates import SLOT_MIN
from functions.optimizer.core.features import FEATURE_NAMES, Climatology
from training.learning.hindsight import session_worth
from training.learning.network import Weights, scores
from training.problem.scenario import day
from training.scenarios.registry import named
from training.simulation.simulator import Simulator


@dataclass(frozen=True)
class ExplorationJob:
    """Run days of a scenario by a network, with some random choices among rows whose Q is within 0.3 of the best."""

    scenario: str
    """its name"""
    climatology: Climatology
    """of this kind of day"""
    weights: Weights
    """the network"""
    seeds: tuple[int, ...]
    """which days"""
    prices: np.ndarray
    """each day's hindsight prices, [E, P, T]"""
    explore: float
    """share of choices that are random"""
    draw: int
    """seed of those choices"""


@dataclass(frozen=True)
class Transitions:
    """Decisions in order of day and time, D in all, with M rows end to end."""

    features: np.ndarray
    """of each row, float16 [M, F]"""
    begin: np.ndarray
    """where each decision's rows begin, [D + 1]"""
    taken: np.ndarray
    """the row taken, [D]; -1: none"""
    reward: np.ndarray
    """minus the regret of the decision, [D]"""
    potential: np.ndarray
    """of the state before the decision, [D]"""
    worth: np.ndarray
    """of the row taken at hindsight prices, [D]"""
    end: np.ndarray
    """index of the decision after the day's last, [D]"""


def explore_job(job: ExplorationJob) -> Transitions:
    """Runs the days and stores every decision."""
    scenario = named(job.scenario)
    days = [day(scenario, seed) for seed in job.seeds]
    simulator = Simulator(scenario, days, climatology=job.climatology)
    rng = np.random.default_rng([job.draw, 33])
    sums = np.zeros((*job.prices.shape[:2], job.prices.shape[2] + 1))
    np.cumsum(job.prices, axis=2, out=sums[:, :, 1:])
    size = len(days[0])
    slot = np.arange(scenario.shape[1])
    steps: list[tuple[np.ndarray, ...]] = []
    for _ in range(size):
        wishes, rows, seen = simulator.observe()
        score = scores(job.weights, seen, rows.mask)
        best = np.where(rows.mask.any(axis=1), score.argmax(axis=1), -1)
        near = rows.mask & (score >= score.max(axis=1, keepdims=True) - 0.3)
        other = np.where(near, rng.random(near.shape), -1.0).argmax(axis=1)
        choice = np.where((rng.random(len(best)) < job.explore) & (best >= 0), other, best)
        ahead = slot[None, :] * SLOT_MIN >= wishes.book_min[:, None]
        potential = -np.einsum("ept,ept,et->e", job.prices, simulator.state.occupancy.busy, ahead)
        here = np.arange(len(choice))
        worth = np.where(choice >= 0, session_worth(sums, rows)[here, np.maximum(choice, 0)], 0.0)
        floor = np.where(np.isfinite(rows.floor), rows.floor, 0.0)
        cost = simulator.step(rows, choice)
        steps.append((seen, rows.mask, choice, floor - cost, potential, worth))
    return _by_day(steps)


def _by_day(steps: list[tuple[np.ndarray, ...]]) -> Transitions:
    """Steps of all days side by side, to days one after the other."""
    size, days = len(steps), len(steps[0][2])
    features, counts = [], []
    for env in range(days):
        for seen, mask, *_ in steps:
            features.append(seen[env][mask[env]].astype(np.float16))
            counts.append(len(features[-1]))

    def column(number: int) -> np.ndarray:
        return np.stack([step[number] for step in steps], axis=1).reshape(-1)

    return Transitions(
        features=np.concatenate(features).reshape(-1, len(FEATURE_NAMES)),
        begin=np.concatenate([[0], np.cumsum(counts)]),
        taken=column(2),
        reward=column(3),
        potential=column(4),
        worth=column(5),
        end=np.repeat((np.arange(days) + 1) * size, size),
    )


def joined_transitions(parts: list[Transitions]) -> Transitions:
    """Several runs as one."""
    rows = np.cumsum([0, *(len(part.features) for part in parts)])
    decisions = np.cumsum([0, *(len(part.taken) for part in parts)])
    return Transitions(
        features=np.concatenate([part.features for part in parts]),
        begin=np.concatenate([[0], *(part.begin[1:] + rows[number] for number, part in enumerate(parts))]),
        taken=np.concatenate([part.taken for part in parts]),
        reward=np.concatenate([part.reward for part in parts]),
        potential=np.concatenate([part.potential for part in parts]),
        worth=np.concatenate([part.worth for part in parts]),
        end=np.concatenate([part.end + decisions[number] for number, part in enumerate(parts)]),
    )


SHAPINGS = ("potential", "charge", "none")


@dataclass(frozen=True)
class Batch:
    """B decisions to learn from."""

    taken: np.ndarray
    """features of the row taken, [B, F]"""
    returns: np.ndarray
    """n-step returns, [B]"""
    later: np.ndarray
    """rows of the states n steps later end to end, [M, F]"""
    owner: np.ndarray
    """whose state each of those rows is of, [M]"""
    open: np.ndarray
    """whether there is such a state with rows, bool [B]"""


def batch(transitions: Transitions, rng: np.random.Generator, size: int, *, steps: int, shaping: str) -> Batch:
    """Draws decisions that took a row. Shaping `potential`: F = Phi' - Phi over the n steps; `charge`: each booking pays
    its worth and nobody is refunded (what LEARNING.md's first try did); `none`. Raises ValueError for another word."""
    if shaping not in SHAPINGS:
        raise ValueError(f"shaping: must be one of {', '.join(SHAPINGS)}, not {shaping!r}")
    took = np.flatnonzero(transitions.taken >= 0)
    decisions = rng.choice(took, size=size)
    later = np.minimum(decisions + steps, transitions.end[decisions])
    over = later >= transitions.end[decisions]
    reward = transitions.reward - (transitions.worth if shaping == "charge" else 0.0)
    total = np.concatenate([[0.0], np.cumsum(reward)])
    returns = total[later] - total[decisions]
    if shaping == "potential":
        after = np.where(over, 0.0, transitions.potential[np.minimum(later, len(transitions.potential) - 1)])
        returns = returns + after - transitions.potential[decisions]
    where = np.minimum(later, len(transitions.taken) - 1)
    count = np.where(over, 0, transitions.begin[where + 1] - transitions.begin[where])
    offset = np.cumsum(count) - count
    rows = np.arange(int(count.sum())) - np.repeat(offset, count) + np.repeat(transitions.begin[where], count)
    return Batch(
        taken=transitions.features[transitions.begin[decisions] + transitions.taken[decisions]].astype(np.float32),
        returns=returns.astype(np.float32),
        later=transitions.features[rows].astype(np.float32),
        owner=np.repeat(np.arange(size), count),
        open=count > 0,
    )
