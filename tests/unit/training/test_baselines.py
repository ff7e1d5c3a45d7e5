"""Each rule picks what its name says, turns nobody away that it need not, and never books twice."""

from dataclasses import replace

import numpy as np
import pytest

from functions.optimizer.core.features import Climatology
from functions.optimizer.core.objective import REJECTION_COST
from tests.unit.training.tiny import one_evse_a_pool, requests, tiny
from training.evaluation.baselines import (
    FAST,
    SEEDED,
    SLOW,
    Policy,
    ResolvedBidPrice,
    ResolvedMixture,
    View,
    assign_batch,
)
from training.learning.network import REGRET
from training.problem.scenario import Scenario, day
from training.scenarios.registry import named
from training.simulation.simulator import NOT_SERVED, Simulator


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return named("overload")


def known(scenario: Scenario) -> Climatology:
    """Prices that fall as the day goes on."""
    price = np.linspace(0.2, 0.0, scenario.shape[1]) * np.ones((scenario.shape[0], 1))
    return Climatology(np.zeros(scenario.shape), np.zeros(scenario.shape), price)


def views(scenario: Scenario, policy: Policy, size: int = 60) -> list[tuple[View, np.ndarray]]:
    """What the policy saw on two days, and chose."""
    simulator = Simulator(scenario, [day(scenario, seed, requests=size) for seed in (0, 1)])
    found = []
    while not simulator.done:
        wishes, rows = simulator.rows()
        view = View(simulator, wishes, rows, None)
        choice = policy.choose(view)
        found.append((view, choice))
        simulator.step(rows, choice)
    return found


LEAST = {
    "cheapest": lambda rows, _worth: rows.price,
    "nearest_balking": lambda rows, _worth: rows.km,
    "soonest_finish": lambda rows, _worth: rows.begin_min + rows.duration_min,
    "greedy": lambda rows, _worth: rows.cost,
    "static_bid_price": lambda rows, worth: rows.cost + worth,
}


@pytest.mark.research_data
@pytest.mark.parametrize("name", LEAST)
def test_a_rule_takes_the_least_of_what_it_is_named_after(name: str, scenario: Scenario) -> None:
    climatology = known(scenario)
    sums = climatology.price_sum
    for view, choice in views(scenario, FAST[name](climatology, 0, False)):
        rows = view.rows
        worth = sums[rows.pool, rows.start + rows.length] - sums[rows.pool, rows.start]
        measure = np.where(rows.mask, LEAST[name](rows, worth), np.inf)
        here = np.arange(len(choice))
        assert (choice >= 0).all()
        np.testing.assert_allclose(measure[here, choice], measure.min(axis=1), rtol=1e-12)


@pytest.mark.research_data
def test_nearest_first_come_goes_to_the_nearest_station_or_nowhere(scenario: Scenario) -> None:
    turned_away = 0
    # So scarce by its own numbers that the nearest is full at times, wherever its stations lie.
    scarce = one_evse_a_pool(scenario)
    for view, choice in views(scarce, FAST["nearest_fcfs"](known(scarce), 0, False), size=150):
        km = np.where(view.rows.mask, view.rows.km, np.inf)
        for number, row in enumerate(choice.tolist()):
            if row == NOT_SERVED:
                turned_away += 1
                continue
            assert km[number, row] == km[number].min(), "no farther station is taken"
            same = view.rows.mask[number] & (view.rows.pool[number] == view.rows.pool[number, row])
            assert view.rows.begin_min[number, row] == view.rows.begin_min[number][same].min(), "its earliest start"
    assert turned_away, "the nearest is full at times"


@pytest.mark.research_data
def test_random_takes_any_row_by_its_seed(scenario: Scenario) -> None:
    def picks(seed: int) -> list[int]:
        return [int(row) for _, choice in views(scenario, FAST["random"](known(scenario), seed, False)) for row in choice]

    first = picks(0)
    assert {"random"} == SEEDED
    assert picks(0) == first
    assert picks(1) != first
    assert len(set(first)) > 30
    assert min(first) >= 0


@pytest.mark.parametrize("name", FAST)
def test_a_rule_turns_away_only_whom_it_must(name: str) -> None:
    scenario = tiny((1,))
    # The second finds the EVSE taken for longer than they would wait.
    wishes = requests([60.0, 61.0], need_kwh=np.array([50.0, 6.0]))
    simulator = Simulator(scenario, [wishes])
    policy = FAST[name](Climatology.unknown(*scenario.shape), 0, False)
    choices = []
    while not simulator.done:
        seen, rows = simulator.rows()
        choices.append(int(policy.choose(View(simulator, seen, rows, None))[0]))
        simulator.step(rows, np.array(choices[-1:]))
    assert choices[0] >= 0
    assert choices[1] == NOT_SERVED
    assert not simulator.of_day(0).feasible[1]


@pytest.mark.parametrize("name", ["greedy", "static_bid_price"])
def test_declining_is_for_what_is_worse_than_a_rejection(name: str) -> None:
    scenario = tiny((1, 1))
    price = np.zeros(scenario.shape)
    if name == "static_bid_price":
        price[:] = 2.0  # a session is worth more than a rejection to others
        wishes = requests([60.0])
    else:
        wishes = replace(requests([60.0]), weights=requests([60.0]).weights * 20.0)
    climatology = Climatology(np.zeros(scenario.shape), np.zeros(scenario.shape), price)
    simulator = Simulator(scenario, [wishes])
    seen, rows = simulator.rows()
    view = View(simulator, seen, rows, None)
    if name == "greedy":
        assert (rows.cost[rows.mask] > REJECTION_COST).all()
    assert FAST[name](climatology, 0, True).choose(view).tolist() == [NOT_SERVED]
    assert FAST[name](climatology, 0, False).choose(view)[0] >= 0
    easy = Simulator(scenario, [requests([60.0])])
    seen, rows = easy.rows()
    nothing_known = Climatology.unknown(*scenario.shape)
    assert FAST[name](nothing_known, 0, True).choose(View(easy, seen, rows, None)).tolist() == [0]


@pytest.mark.research_data
def test_the_rolling_programme_serves_and_never_books_twice() -> None:
    scenario = named("busy")
    wishes = day(scenario, 0, requests=80)
    simulator = Simulator(scenario, [day(scenario, 1, requests=80), wishes])
    for first in range(0, 80, 20):
        batch = np.arange(first, first + 20)
        chosen = assign_batch(simulator, 1, wishes.take(batch))
        assert sorted(request for request, _, _ in chosen) == list(range(20))
        for request, rows, row in chosen:
            if row != NOT_SERVED:
                at = np.array([80 + batch[request]])
                simulator.state.book_row(np.array([1]), rows, np.array([request]), np.array([row]), at)
        assert (simulator.state.occupancy.busy <= scenario.city.capacity[:, None]).all()
    assert simulator.of_day(1).served.mean() > 0.95
    assert not simulator.state.occupancy.busy[0].any(), "the other day is left alone"


def test_the_rolling_programme_shares_what_greed_would_not() -> None:
    scenario = tiny((1,))
    wishes = requests([60.0, 60.0], need_kwh=np.array([45.0, 5.0]))
    simulator = Simulator(scenario, [wishes])
    served = {request for request, _, row in assign_batch(simulator, 0, wishes) if row != NOT_SERVED}
    assert served == {0, 1}, "the short one goes first, and then the long one"
    greedy = Simulator(scenario, [wishes])
    for _ in range(2):
        _, rows = greedy.rows()
        greedy.step(rows, np.where(rows.mask.any(axis=1), 0, NOT_SERVED))
    assert greedy.of_day(0).served.tolist() == [True, False]


@pytest.mark.research_data
def test_the_resolved_bid_price_runs_and_solves_anew_as_time_passes() -> None:
    scenario = named("busy")
    wishes = day(scenario, 0, requests=20)
    policy = ResolvedBidPrice(samples=1, every_min=240.0)
    simulator = Simulator(scenario, [wishes])
    while not simulator.done:
        seen, rows = simulator.rows()
        simulator.step(rows, policy.choose(View(simulator, seen, rows, None)))
    assert simulator.of_day(0).served.all()
    assert set(SLOW) == {"rolling_milp_15", "rolling_milp_60", "resolved_bid_price"}


def test_the_mixture_is_half_the_networks_and_half_the_prices_of_futures() -> None:
    class AtPrices(ResolvedMixture):
        """Whose prices are given."""

        prices: np.ndarray = np.zeros(0)

        def worth(self, view: View) -> np.ndarray:
            return self.prices

    scenario = named("busy")
    simulator = Simulator(scenario, [day(scenario, 0, requests=3)])
    wishes, rows, seen = simulator.observe()
    advantage = np.zeros(rows.mask.shape)
    last = int(rows.mask[0].sum()) - 1
    advantage[0, last] = 10.0
    policy = AtPrices(lambda features, _mask: advantage - features[:, :, REGRET])
    policy.prices = np.zeros(rows.mask.shape)
    assert policy.choose(View(simulator, wishes, rows, seen))[0] == last, "the network likes it more than its regret is"
    policy.prices = advantage
    assert policy.choose(View(simulator, wishes, rows, seen))[0] == 0, "prices say the contrary: least regret decides"
