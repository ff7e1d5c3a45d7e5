"""Days run by policies: apart as together, never below the bound, a decision timed alone."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is for training only (requirements-train.txt)")

from functions.optimizer.core.features import Climatology
from training.evaluation.baselines import FAST
from training.evaluation.rollout import Rollout, bound_cost, joined_rollouts, latency, run_days
from training.optimum.bound import assignment_columns, open_capacity, solve
from training.optimum.column_generation import FEW, solve_by_column_generation
from training.problem.scenario import Scenario, Split, day
from training.scenarios.reference import reference

pytestmark = pytest.mark.research_data


@pytest.fixture(scope="module")
def busy() -> Scenario:
    return reference("busy")


def test_days_run_apart_are_those_run_together(busy: Scenario) -> None:
    days = [day(busy, Split.TEST.seed(number), requests=60) for number in range(3)]
    known = Climatology.unknown(*busy.shape)

    def judged(part: list[int]) -> Rollout:
        return run_days(busy, [days[number] for number in part], FAST["greedy"](known, 0, False), climatology=known)

    np.testing.assert_array_equal(judged([0, 1, 2]).costs, joined_rollouts([judged([0]), judged([1, 2])]).costs)


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
        assert run_days(busy, [wishes], FAST[name](known, 0, False), climatology=known).costs[0] >= bound


@pytest.mark.parametrize("few", [FEW, 1000], ids=["simplex", "interior points"])
def test_column_generation_finds_the_bound_of_the_whole_programme(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.optimum.column_generation.FEW", few)
    scenario = reference("overload")
    found = assignment_columns(scenario, day(scenario, Split.TEST.seed(0), requests=400))
    capacity = open_capacity(scenario)
    lean, whole = solve_by_column_generation(found, capacity), solve(found, capacity)
    assert lean.proven == pytest.approx(whole.cost, rel=2e-4)
    assert lean.proven <= whole.cost * (1 + 1e-9), "it is a lower bound"
    assert lean.share.shape == found.cost.shape
