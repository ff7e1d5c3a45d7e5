"""The offline bound: what brute force finds in tiny cities, and below what every rule pays in larger ones."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.optimizer.core.features import Climatology
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.occupancy import Occupancy
from tests.unit.training.tiny import one_evse_a_pool, requests, tiny
from training.evaluation.baselines import FAST, View
from training.optimum.bound import AssignmentColumns, assignment_columns, busy_evses, offline, open_capacity, prices, solve
from training.problem.scenario import day
from training.scenarios.registry import named
from training.simulation.simulator import Simulator


def brute_force(found: AssignmentColumns, capacity: np.ndarray) -> float:
    """The least cost over every way to give each request one of its columns, or none."""
    own = [np.flatnonzero(found.request == number) for number in range(found.requests)]
    least = np.inf
    for chosen in product(*([-1, *columns_.tolist()] for columns_ in own)):
        free = capacity.copy()
        cost = 0.0
        for column in chosen:
            cost += REJECTION_COST if column < 0 else found.cost[column]
            if column >= 0:
                begin = found.start[column]
                free[found.pool[column], begin : begin + found.length[column]] -= 1
        if cost < least and (free >= 0).all():
            least = cost
    return float(least)


@settings(max_examples=20, deadline=None)
@given(
    departures=st.lists(st.integers(10, 40), min_size=2, max_size=4),
    needs=st.lists(st.sampled_from([6.0, 12.0, 25.0]), min_size=4, max_size=4),
    fast=st.booleans(),
)
def test_the_integer_optimum_is_brute_forces_and_the_relaxation_is_below_it(
    departures: list[int], needs: list[float], fast: bool
) -> None:
    scenario = tiny((1,), power=(50.0 if fast else 22.0,))
    wishes = requests(sorted(float(item) for item in departures), need_kwh=np.array(needs[: len(departures)]))
    relaxed, found = offline(scenario, wishes)
    exact, _ = offline(scenario, wishes, integer=True)
    least = brute_force(found, open_capacity(scenario))
    # HiGHS stops within a ten-thousandth.
    assert exact.cost == pytest.approx(least, rel=1.1e-4)
    assert relaxed.cost <= exact.cost + 1e-9
    assert exact.proven <= exact.cost + 1e-9
    assert relaxed.proven == relaxed.cost


@pytest.mark.parametrize("departures", [[20.0], [20.0, 21.0], [20.0, 80.0, 140.0]])
def test_the_relaxation_is_exact_where_stations_are_shared_in_whole(departures: list[float]) -> None:
    scenario = tiny((1, 1))
    wishes = requests(departures, need_kwh=20.0)
    relaxed, found = offline(scenario, wishes)
    assert relaxed.cost == pytest.approx(brute_force(found, open_capacity(scenario)), abs=1e-6)
    share = busy_evses(found, relaxed.share, scenario.shape)
    assert (share <= open_capacity(scenario) + 1e-9).all()


@pytest.mark.research_data
@pytest.mark.parametrize("name", ["busy", "overload", "varied-2"])
def test_no_rule_beats_the_bound(name: str) -> None:
    scenario = named(name)
    wishes = day(scenario, 3, requests=60)
    bound = offline(scenario, wishes)[0].cost
    known = Climatology.unknown(*scenario.shape)
    for rule, make in FAST.items():
        policy, simulator = make(known, 0, False), Simulator(scenario, [wishes])
        while not simulator.done:
            seen, rows = simulator.rows()
            simulator.step(rows, policy.choose(View(simulator, seen, rows, None)))
        assert bound <= simulator.of_day(0).cost.sum() + 1e-6, f"{rule} beats the bound"


@pytest.mark.research_data
def test_prices_are_zero_where_nothing_is_scarce_and_make_the_bound_where_something_is() -> None:
    plenty = named("slack")
    solution, _ = offline(plenty, day(plenty, 1, requests=60))
    assert not solution.price.any()

    scarce = one_evse_a_pool(named("overload"))
    wishes = day(scarce, 1, requests=120)
    solution, found = offline(scarce, wishes)
    busy = busy_evses(found, solution.share, scarce.shape)
    assert solution.price.max() > 0.03
    assert (busy[solution.price > 1e-6] >= 1 - 1e-6).all(), "only what is full has a price"
    # Strong duality: what requests save at these prices, and the prices of all there is, are the cost.
    saving = np.zeros(len(wishes))
    np.maximum.at(saving, found.request, REJECTION_COST - found.cost - prices(found, solution.price))
    dual = REJECTION_COST * len(wishes) - saving.sum() - solution.price.sum()
    assert dual == pytest.approx(solution.cost, abs=1e-4)


def test_closed_slots_are_never_used() -> None:
    scenario = tiny((2, 1))
    opened = scenario.open.copy()
    opened[0, :36] = False
    shut = replace(scenario, open=opened)
    wishes = requests([30.0, 60.0, 61.0, 90.0])
    for integer in (False, True):
        solution, found = offline(shut, wishes, integer=integer)
        assert not busy_evses(found, solution.share, shut.shape)[0, :36].any()
        assert (found.start[found.pool == 0] >= 36).all()
        assert solution.cost > offline(scenario, wishes, integer=integer)[0].cost
    assert not open_capacity(shut)[0, :36].any()


def test_what_is_taken_already_is_not_offered() -> None:
    scenario = tiny((1, 1))
    busy = np.zeros((1, *scenario.shape), dtype=np.int64)
    busy[0, 0] = 1
    found = assignment_columns(scenario, requests([60.0]), Occupancy(busy, scenario.open[None]))
    assert set(found.pool.tolist()) == {1}


def test_nobody_costs_nothing_and_who_can_go_nowhere_a_rejection() -> None:
    scenario = tiny()
    nobody, found = offline(scenario, requests([]))
    assert (nobody.cost, len(found.cost)) == (0.0, 0)
    far, found = offline(scenario, requests([60.0, 61.0], latitude=25.0))
    assert (far.cost, len(found.cost)) == (2 * REJECTION_COST, 0)
    assert not far.price.any()


def test_columns_as_costly_as_a_rejection_are_left_out() -> None:
    scenario = tiny((1, 1))
    wishes = requests([60.0])
    dear = replace(wishes, weights=wishes.weights * 20.0)
    found = assignment_columns(scenario, dear)
    assert (found.cost < REJECTION_COST).all()
    assert len(found.cost) < len(assignment_columns(scenario, wishes).cost)


def test_an_integer_solution_has_no_prices() -> None:
    scenario = tiny((1,))
    found = assignment_columns(scenario, requests([60.0, 61.0]))
    solution = solve(found, open_capacity(scenario), integer=True)
    assert not solution.price.any()
    assert set(np.rint(solution.share).tolist()) <= {0.0, 1.0}
