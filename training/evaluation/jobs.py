"""What an evaluation does in worker processes: bounds of days, days by a policy, days that tell how far to trust a network."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from functions.optimizer.core.candidates import Requests
from functions.optimizer.core.features import Climatology
from functions.optimizer.models.climatology import Trust
from training.evaluation.baselines import Policy, RollingMilp
from training.evaluation.label_scale import costs_of
from training.evaluation.policy_registry import Contender, make
from training.evaluation.rollout import Run, bound_cost, run
from training.learning.hindsight import Week
from training.problem.scenario import SPLIT_SEEDS, Scenario, day, drivers_own_weights
from training.simulation.disturbances import CALM, ROUGH


def requests_of(scenario: Scenario, seed: int, own_weights: bool) -> Requests:
    """A day's requests."""
    found = day(scenario, seed)
    return drivers_own_weights(found, seed) if own_weights else found


def bound_job(scenario: Scenario, seed: int, own_weights: bool, kept: Path) -> float:
    """The offline bound of a day; kept in a file at once, since a large city's may take half a minute."""
    if kept.exists():
        found: float = json.loads(kept.read_text())
        return found
    cost = bound_cost(scenario, requests_of(scenario, seed, own_weights))
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(cost))
    draft.replace(kept)
    return cost


@dataclass(frozen=True)
class Job:
    """Days of one policy, run side by side in a worker process."""

    scenario: Scenario
    known: Climatology
    contender: Contender
    seeds: tuple[int, ...]
    number: int
    trust: Trust
    declines: bool
    own_weights: bool
    rough: bool


def run_job(job: Job) -> Run:
    """Runs them."""
    # Days apart draw apart: what a job draws depends on its first day as well as on its number.
    seed = job.number * SPLIT_SEEDS + job.seeds[0] % SPLIT_SEEDS
    return run(
        job.scenario,
        [requests_of(job.scenario, item, job.own_weights) for item in job.seeds],
        make(job.contender, job.known, seed=seed, declines=job.declines, trust=job.trust),
        climatology=job.known,
        disturbances=ROUGH if job.rough else CALM,
        seed=seed,
    )


def trust_job(scenario: Scenario, known: Week, one: Contender, trust: Trust, seeds: tuple[int, ...]) -> np.ndarray:
    """What training days cost [D] by a network that is trusted so far."""

    def policy(weekend: bool) -> Policy:
        made = make(one, known.of(weekend), seed=0, declines=False, trust=trust)
        assert not isinstance(made, RollingMilp)
        return made

    return costs_of(scenario, known, seeds, policy)
