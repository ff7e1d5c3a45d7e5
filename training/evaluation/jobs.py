"""What an evaluation does in worker processes: bounds of days, days by a policy, days that tell how far to trust a network."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from functions.optimizer.core.features import Climatology
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.climatology import PolicyBlend
from training.evaluation.baselines import Policy, RollingMilp
from training.evaluation.label_scale import costs_of
from training.evaluation.policy_registry import RegisteredPolicy, build_policy
from training.evaluation.rollout import Rollout, bound_cost, run_days
from training.learning.hindsight import WeekClimatology
from training.problem.scenario import SPLIT_SEEDS, Scenario, day, drivers_own_weights
from training.simulation.disturbances import ALL_DISTURBANCES, NO_DISTURBANCES


def requests_of(scenario: Scenario, seed: int, own_weights: bool) -> Requests:
    """A day's requests."""
    requests = day(scenario, seed)
    return drivers_own_weights(requests, seed) if own_weights else requests


def bound_job(scenario: Scenario, seed: int, own_weights: bool, path: Path) -> float:
    """The offline bound of a day; kept in a file at once, since a large city's may take half a minute."""
    if path.exists():
        cost: float = json.loads(path.read_text())
        return cost
    cost = bound_cost(scenario, requests_of(scenario, seed, own_weights))
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(cost))
    draft.replace(path)
    return cost


@dataclass(frozen=True)
class RolloutJob:
    """Days of one policy, run side by side in a worker process."""

    scenario: Scenario
    """what the days are of"""
    known: Climatology
    """climatology of this kind of day"""
    registered: RegisteredPolicy
    """the policy"""
    seeds: tuple[int, ...]
    """which days"""
    number: int
    """which independent run of what is random"""
    blend: PolicyBlend
    """of the network and bid prices"""
    declines: bool
    """whether it may turn requests down though a row exists"""
    own_weights: bool
    """drivers weigh as they like"""
    rough: bool
    """all disturbances happen"""


def rollout_job(job: RolloutJob) -> Rollout:
    """Runs them."""
    # Days apart draw apart: what a job draws depends on its first day as well as on its number.
    seed = job.number * SPLIT_SEEDS + job.seeds[0] % SPLIT_SEEDS
    return run_days(
        job.scenario,
        [requests_of(job.scenario, item, job.own_weights) for item in job.seeds],
        build_policy(job.registered, job.known, seed=seed, declines=job.declines, blend=job.blend),
        climatology=job.known,
        disturbances=ALL_DISTURBANCES if job.rough else NO_DISTURBANCES,
        seed=seed,
    )


def blend_job(
    scenario: Scenario, known: WeekClimatology, registered: RegisteredPolicy, blend: PolicyBlend, seeds: tuple[int, ...]
) -> np.ndarray:
    """What training days cost [D] by a network that is trusted so far."""

    def policy(weekend: bool) -> Policy:
        policy = build_policy(registered, known.of(weekend), seed=0, declines=False, blend=blend)
        assert not isinstance(policy, RollingMilp)
        return policy

    return costs_of(scenario, known, seeds, policy)
