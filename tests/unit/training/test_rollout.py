"""Metrics and intervals, on cases worked out by hand."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from functions.optimizer.core.features import Climatology
from training.evaluation.baselines import FAST
from training.evaluation.rollout import Run, bound_cost, interval, joined, latency, metrics, paired, run
from training.optimum.bound import columns, open_capacity, solve
from training.optimum.column_generation import FEW, solve_lean
from training.problem.scenario import Scenario, Split, day
from training.scenarios.reference import reference
from training.simulation.simulator import Served


def served(**values: list[float]) -> Served:
    made = Served.empty(len(next(iter(values.values()))))
    for name, given in values.items():
        getattr(made, name)[:] = given
    return made


def a_run(*days: Served) -> Run:
    return Run(days, np.array([0.001]))


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


def test_metrics_are_those_of_the_definitions(busy: Scenario) -> None:
    own = a_run(
        served(
            served=[1, 1, 1, 0], cost=[1, 2, 3, 3], regret=[0.1, 0.1, 0.2, 3], wait_min=[0, 10, 50, 0], price=[4, 5, 6, 0],
            km=[1, 2, 3, 0], duration_min=[30, 60, 90, 0],
        )
    )  # fmt: skip
    nearest = a_run(served(served=[1, 1, 0, 1], price=[5, 7, 0, 9]))
    found = metrics(busy, [own], np.array([6.0]), [nearest])
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


def test_metrics_without_meaning_are_null(busy: Scenario) -> None:
    nobody = a_run(served(served=[0, 0]))
    found = metrics(busy, [nobody], np.array([6.0]), None)
    assert (found["mcwt_min"], found["p95_wait_min"], found["mcp"], found["tsf"]) == (None, None, None, None)
    assert found["cfr"] == 1.0
    content = a_run(served(served=[1, 1], cost=[1, 1], regret=[0, 0]))
    assert metrics(busy, [content], np.array([2.0]), None)["fairness"] is None


def test_days_run_apart_are_those_run_together(busy: Scenario) -> None:
    days = [day(busy, Split.TEST.seed(number), requests=60) for number in range(3)]
    known = Climatology.unknown(*busy.shape)

    def judged(part: list[int]) -> Run:
        return run(busy, [days[number] for number in part], FAST["greedy"](known, 0, False), climatology=known)

    np.testing.assert_array_equal(judged([0, 1, 2]).costs, joined([judged([0]), judged([1, 2])]).costs)


def test_a_decision_is_timed_alone(busy: Scenario) -> None:
    known = Climatology.unknown(*busy.shape)
    took = latency(busy, day(busy, Split.TEST.seed(0), requests=40), FAST["greedy"](known, 0, False), climatology=known)
    assert took.shape == (35,), "the first five warm up"
    assert (took > 0).all()


def test_no_policy_is_better_than_the_bound(busy: Scenario) -> None:
    wishes = day(busy, Split.TEST.seed(0), requests=200)
    bound = bound_cost(busy, wishes)
    known = Climatology.unknown(*busy.shape)
    for name in ("greedy", "soonest_finish"):
        assert run(busy, [wishes], FAST[name](known, 0, False), climatology=known).costs[0] >= bound


@pytest.mark.parametrize("few", [FEW, 1000], ids=["simplex", "interior points"])
def test_column_generation_finds_the_bound_of_the_whole_programme(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.optimum.column_generation.FEW", few)
    scenario = reference("overload")
    found = columns(scenario, day(scenario, Split.TEST.seed(0), requests=400))
    capacity = open_capacity(scenario)
    lean, whole = solve_lean(found, capacity), solve(found, capacity)
    assert lean.proven == pytest.approx(whole.cost, rel=2e-4)
    assert lean.proven <= whole.cost * (1 + 1e-9), "it is a lower bound"
    assert lean.share.shape == found.cost.shape
