"""Metrics and intervals, on cases worked out by hand."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from training.evaluation.metrics import interval, paired, policy_metrics
from training.evaluation.rollout import Rollout
from training.problem.scenario import Scenario
from training.scenarios.reference import reference
from training.simulation.day_state import Served


def served(**values: list[float]) -> Served:
    made = Served.empty(len(next(iter(values.values()))))
    for name, given in values.items():
        getattr(made, name)[:] = given
    return made


def rollout_of(*days: Served) -> Rollout:
    return Rollout(days, np.array([0.001]))


@pytest.fixture(scope="module")
def busy() -> Scenario:
    return reference("busy")


def test_the_interval_is_that_of_the_mean_of_days() -> None:
    values = np.random.default_rng(1).normal(1.2, 0.1, 400)
    low, high = interval(values)
    error = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.15 * error)
    assert interval(np.full(20, 1.5)) == (1.5, 1.5)
    assert interval(np.array([1.25])) == (1.25, 1.25)


def test_few_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    day_effect = rng.normal(0, 0.05, 20)
    alike = 1.0 + np.tile(day_effect, (3, 1))
    apart = alike + np.array([-0.3, 0.0, 0.3])[:, None]
    narrow, wide = interval(alike), interval(apart)
    assert narrow == pytest.approx(interval(alike[0]), abs=0.01)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_the_pair_removes_what_both_days_share() -> None:
    days = np.random.default_rng(3).normal(1.5, 0.3, 30)
    found = paired(days - 0.01, days)
    assert found["difference"] == pytest.approx(-0.01)
    assert found["ci95"] == pytest.approx([-0.01, -0.01])


@pytest.mark.research_data
def test_metrics_are_those_of_the_definitions(busy: Scenario) -> None:
    own = rollout_of(
        served(
            served=[1, 1, 1, 0],
            cost=[1, 2, 3, 3],
            regret=[0.1, 0.1, 0.2, 3],
            wait_min=[0, 10, 50, 0],
            price=[4, 5, 6, 0],
            km=[1, 2, 3, 0],
            duration_min=[30, 60, 90, 0],
        )
    )
    nearest = rollout_of(served(served=[1, 1, 0, 1], price=[5, 7, 0, 9]))
    found = policy_metrics(busy, [own], np.array([6.0]), [nearest])
    assert found["ratio"] == 1.5
    assert found["mean_cost"] == 2.25
    assert found["mcwt_min"] == 20, "of the served"
    assert (found["mcp"], found["km"], found["duration_min"]) == (5, 2, 60)
    assert found["cfr"] == 0.5, "one not served, one begun after more than 45 minutes"
    assert found["not_served"] == 0.25
    assert found["tsf"] == 1 + 2, "over those both served"
    assert found["utilisation"] == pytest.approx(3.0 / (24 * 24)), "three hours of 24 points' day"
    assert found["fairness"] == pytest.approx(np.quantile([0.1, 0.1, 0.2, 3], 0.95) / 0.15)
    assert found["fallback_share"] is None, "nothing that could fall back"


@pytest.mark.research_data
def test_metrics_without_meaning_are_null(busy: Scenario) -> None:
    nobody = rollout_of(served(served=[0, 0]))
    found = policy_metrics(busy, [nobody], np.array([6.0]), None)
    assert (found["mcwt_min"], found["p95_wait_min"], found["mcp"], found["tsf"]) == (None, None, None, None)
    assert found["cfr"] == 1.0
    content = rollout_of(served(served=[1, 1], cost=[1, 1], regret=[0, 0]))
    assert policy_metrics(busy, [content], np.array([2.0]), None)["fairness"] is None
