"""Four worlds on the same days: what each makes of a day by hand, what lateness breaks, and what is reported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.models.policy import RULES
from tests.unit.training.tiny import requests, tiny
from training.evaluation.baselines import RulePolicy
from training.evaluation.options import EvaluationOptions
from training.evaluation.outcomes import DayDraws, DayOutcome, by_bound, with_platform, without_platform
from training.evaluation.rollout import run_days
from training.evaluation.worlds import WORLDS, paired_costs, world_figures, worlds_report
from training.learning.workers import workers
from training.problem.scenario import Scenario
from training.simulation.day_state import Served

CALM = DayDraws(np.zeros(2), np.ones(2))


def booked(scenario: Scenario, begin_min: list[float], duration_min: list[float]) -> Served:
    """Sessions on the first pool."""
    size = len(begin_min)
    plan = Served.empty(size)
    plan.served[:] = True
    plan.begin_min[:], plan.duration_min[:] = begin_min, duration_min
    plan.start[:] = plan.begin_min // 5
    plan.length[:] = np.ceil((plan.begin_min + plan.duration_min) / 5) - plan.start
    plan.cost[:] = 0.3
    return plan


def test_in_the_calm_the_platform_keeps_what_it_promised() -> None:
    scenario, wishes = tiny((1,)), requests([60.0, 61.0])
    plan = run_days(scenario, [wishes], RulePolicy(RULES["greedy"]), climatology=None).days[0]
    found = with_platform(scenario, wishes, plan, CALM)
    assert found.cost == pytest.approx(plan.cost.sum())
    assert (found.served, found.broken_5, found.broken_15, found.waited_min) == (2, 0, 0, 0.0)
    assert found.later_min == pytest.approx(plan.wait_min.sum())
    assert found.idle_min == pytest.approx((plan.length * 5 - plan.duration_min).sum())


@pytest.mark.parametrize(
    ("late", "slower", "broken_5", "broken_15", "later"),
    [
        ([0.0, 0.0], [1.2, 1.0], 1, 0, 6.0),
        ([0.0, 0.0], [1.6, 1.0], 1, 1, 18.0),
        ([0.0, 10.0], [1.2, 1.0], 0, 0, 0.0),
        ([8.0, 0.0], [1.0, 1.0], 1, 0, 8.0),
        ([0.0, -8.0], [0.7, 1.0], 0, 0, 0.0),
    ],
    ids=["the one before charges longer", "much longer", "late oneself", "the one before is late", "early, and it is free"],
)
def test_who_is_still_there_keeps_the_next_one_waiting(
    late: list[float], slower: list[float], broken_5: int, broken_15: int, later: float
) -> None:
    scenario, wishes = tiny((1,)), requests([60.0, 90.0])
    plan = booked(scenario, [60.0, 90.0], [30.0, 30.0])
    draws = DayDraws(np.array(late), np.array(slower))
    found = with_platform(scenario, wishes, plan, draws)
    assert (found.broken_5, found.broken_15) == (broken_5, broken_15)
    assert found.later_min == pytest.approx(later)
    longer = float((np.array(slower) - 1.0).sum()) * 30.0
    assert found.cost == pytest.approx(0.6 + 0.4 * later / 60 + 0.1 * longer / 60)


def test_a_pool_of_two_breaks_no_promise_of_one_that_is_over() -> None:
    scenario, wishes = tiny((2,)), requests([60.0, 90.0])
    plan = booked(scenario, [60.0, 90.0], [30.0, 30.0])
    assert with_platform(scenario, wishes, plan, DayDraws(np.zeros(2), np.array([1.9, 1.0]))).broken_5 == 0


def test_without_a_platform_the_second_queues_or_drives_on() -> None:
    scenario, wishes = tiny((1, 1), power=(50.0, 50.0)), requests([60.0, 61.0])
    first, live = (without_platform(scenario, wishes, CALM, live_map=on, stays_min=None) for on in (False, True))
    assert (first.served, live.served) == (2, 2)
    # 18 kWh at 50 kW and 0.9 are 24 minutes, of which one is over.
    assert first.waited_min == pytest.approx(23.0)
    assert live.waited_min == 0.0
    stays = without_platform(scenario, wishes, CALM, live_map=False, stays_min=np.array([240.0, 0.0]))
    assert (stays.served, stays.failed) == (1, 1)
    assert stays.idle_min == pytest.approx(216.0)
    assert stays.cost - REJECTION_COST < first.cost
    assert (first.broken_5, live.broken_15) == (None, None), "nothing was promised"


def test_a_live_map_takes_what_costs_least() -> None:
    scenario = tiny((1, 1), power=(22.0, 50.0))
    wishes = requests([60.0])
    calm = DayDraws(np.zeros(1), np.ones(1))
    dear = replace(wishes, weights=np.array([[0.0, 1.0, 0.0, 0.0]]))
    hasty = replace(wishes, weights=np.array([[0.0, 0.0, 0.0, 1.0]]))
    prices = [without_platform(scenario, item, calm, live_map=True, stays_min=None).price for item in (dear, hasty)]
    assert prices == pytest.approx([18.0 * 0.3, 18.0 * 0.5])


@pytest.mark.parametrize("lateness", [0, 5, 10])
def test_draws_are_a_drivers_own_and_of_the_size_that_is_asked_for(lateness: int) -> None:
    draws = DayDraws.of(20_000, 7, 0, lateness)
    assert draws.late_min.std() == pytest.approx(lateness, rel=0.03)
    assert np.log(draws.slower).std() == pytest.approx({0: 0.0, 5: 0.1, 10: 0.2}[lateness], rel=0.03)
    assert draws.slower.mean() == pytest.approx(1.0, abs=0.01)
    again, other = DayDraws.of(20_000, 7, 0, lateness), DayDraws.of(20_000, 7, 1, lateness)
    assert np.array_equal(again.late_min, draws.late_min)
    assert not lateness or not np.array_equal(other.late_min, draws.late_min)


def test_the_bound_is_below_every_world() -> None:
    scenario, wishes = tiny((1, 1)), requests([60.0, 61.0, 62.0, 70.0])
    calm = DayDraws(np.zeros(4), np.ones(4))
    plan = run_days(scenario, [wishes], RulePolicy(RULES["greedy"]), climatology=None).days[0]
    bound = by_bound(scenario, wishes)
    assert bound.cost <= with_platform(scenario, wishes, plan, calm).cost + 1e-9
    assert bound.served == pytest.approx(4.0)
    assert bound.later_min >= 0.0


def outcome(cost: float, requests_: int = 2, served: float = 2.0, broken: float | None = 0.0) -> DayOutcome:
    return DayOutcome(requests_, cost, served, 4.0, 6.0, 10.0, 1.0, broken, broken, 30.0)


def test_figures_are_means_a_request_and_of_the_served() -> None:
    days = [[outcome(1.0)], [outcome(2.0, requests_=6, served=2.0, broken=1.0)]]
    found = world_figures(days)
    assert found["mean_cost"] == pytest.approx(3.0 / 8)
    assert (found["mcwt"], found["later_than_wished"], found["mcp"]) == (2.0, 3.0, 5.0)
    assert (found["cfr"], found["broken_5"], found["idle_claimed"]) == (0.25, 0.25, 7.5)
    assert found["ci95"][0] <= found["mean_cost"] <= found["ci95"][1]
    assert world_figures([[outcome(1.0, broken=None)]])["broken_15"] is None


def test_differences_are_paired_by_day() -> None:
    one, other = [[outcome(1.0)], [outcome(5.0)]], [[outcome(1.5)], [outcome(5.5)]]
    assert paired_costs(one, other) == pytest.approx([-0.25, -0.25, -0.25])


@pytest.mark.research_data
def test_a_report_has_what_was_agreed_and_nothing_else(tmp_path: Path) -> None:
    options = EvaluationOptions(scenario="varied-3", days=2, seeds=2, table_days=2, lateness=5, no_tables=True, out=tmp_path)
    with workers(0) as pool:
        report = worlds_report(options, pool, lambda *_: None)
    assert set(report.figures) == {"scenario", "days", "seeds", "worlds", "minus"}
    assert (report.figures["days"], report.figures["seeds"]) == (2, 2)
    assert set(report.figures["worlds"]) == set(WORLDS)
    assert set(report.figures["minus"]) == {"platform-live_map", "platform-first_come", "platform-bound"}
    for name, world in report.figures["worlds"].items():
        assert set(world) == {
            "mean_cost",
            "ci95",
            "mcwt",
            "later_than_wished",
            "mcp",
            "cfr",
            "broken_5",
            "broken_15",
            "idle_claimed",
        }
        assert (world["broken_5"] is None) == (name != "platform")
    low, mean, high = report.figures["minus"]["platform-bound"]
    assert 0 < low <= mean <= high, "nobody is ahead of perfect foresight"
    assert "greedy, no history of this city" in report.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lateness": 7}, "lateness: must be one of 0, 5, 10, not 7"),
        ({"stays": "for ever"}, "stays: must be one of energy, recorded"),
        ({"stays": "recorded"}, "stays: recorded needs the recorded days of a city"),
        ({"scenario": "recorded"}, "scenario: must be one of"),
    ],
)
def test_what_cannot_be_judged_is_named(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    options = EvaluationOptions(**{"scenario": "varied-3", "out": tmp_path} | changes)  # type: ignore[arg-type]
    with workers(0) as pool, pytest.raises(ValueError, match=message):
        worlds_report(options, pool, lambda *_: None)
