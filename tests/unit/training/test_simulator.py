"""The simulator without disturbances: no EVSE is booked twice, every request is decided once, and a day is only its own."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.models.policy import RULES, choose
from tests.unit.training.tiny import requests, tiny
from training.problem.scenario import Scenario, day
from training.scenarios.registry import named
from training.simulation.day_state import Days, Served
from training.simulation.simulator import NOT_SERVED, Simulator

Choose = Callable[[Candidates], np.ndarray]


def greedy(rows: Candidates) -> np.ndarray:
    return choose(RULES["greedy"], rows)


def careless(seed: int) -> Choose:
    """Any row, or none, by seed."""
    rng = np.random.default_rng(seed)

    def pick(rows: Candidates) -> np.ndarray:
        choice = np.where(rows.mask, rng.random(rows.mask.shape), -1.0).argmax(axis=1)
        return np.where(rows.mask.any(axis=1) & (rng.random(len(choice)) < 0.9), choice, NOT_SERVED)

    return pick


def finish(simulator: Simulator, pick: Choose) -> Simulator:
    while not simulator.done:
        _, rows = simulator.rows()
        simulator.step(rows, pick(rows))
    return simulator


def same(one: Served, other: Served) -> bool:
    return all(np.array_equal(getattr(one, item.name), getattr(other, item.name)) for item in fields(Served))


def booked(scenario: Scenario, found: Served) -> np.ndarray:
    """EVSEs busy by the sessions alone: [P, T]."""
    busy = np.zeros(scenario.shape, dtype=np.int64)
    for pool, start, length in zip(found.pool, found.start, found.length, strict=True):
        busy[pool, start : start + length] += 1
    return busy


@pytest.mark.research_data
@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, 5), seed=st.integers(0, 99), days=st.integers(1, 4), size=st.integers(1, 60))
def test_nothing_is_booked_twice_and_every_request_is_decided_once(number: int, seed: int, days: int, size: int) -> None:
    scenario, pick = named(f"varied-{number}"), careless(seed)
    simulator = Simulator(scenario, [day(scenario, seed + item, requests=size) for item in range(days)])
    expected = np.full((days, size), np.nan)
    for turn in range(size):
        _, rows = simulator.rows()
        choice = pick(rows)
        here = np.arange(days)
        expected[:, turn] = np.where(choice >= 0, rows.cost[here, np.maximum(choice, 0)], REJECTION_COST)
        np.testing.assert_array_equal(simulator.step(rows, choice), expected[:, turn])
        assert (simulator.state.occupancy.busy <= scenario.city.capacity[:, None]).all()
    assert simulator.done
    for env in range(days):
        found = simulator.of_day(env)
        np.testing.assert_array_equal(found.cost, expected[env])
        np.testing.assert_array_equal(booked(scenario, found), simulator.state.occupancy.busy[env])
        assert not (found.served & ~found.feasible).any()


@pytest.mark.research_data
@pytest.mark.parametrize("observed", [False, True], ids=["rows", "observe"])
def test_a_day_alone_and_among_64_is_decided_alike_to_the_last_bit(observed: bool) -> None:
    scenario = named("overload")
    days = [day(scenario, seed, requests=60) for seed in range(64)]

    def run(which: list[int]) -> tuple[Simulator, list[np.ndarray]]:
        simulator, seen = Simulator(scenario, [days[number] for number in which]), []
        while not simulator.done:
            if observed:
                _, rows, features = simulator.observe()
                seen.append(features[-1].copy())
            else:
                _, rows = simulator.rows()
            simulator.step(rows, greedy(rows))
        return simulator, seen

    together, among = run(list(range(64)))
    for number in (0, 17, 63):
        alone, features = run([number])
        assert same(alone.of_day(0), together.of_day(number))
    # The last day was the last of both batches.
    np.testing.assert_array_equal(features, among)


@pytest.mark.research_data
def test_days_of_different_lengths_run_side_by_side() -> None:
    scenario = named("busy")
    days = [day(scenario, seed, requests=size) for seed, size in ((0, 5), (1, 30), (2, 12))]
    together = finish(Simulator(scenario, days), greedy)
    for number, wishes in enumerate(days):
        assert same(finish(Simulator(scenario, [wishes]), greedy).of_day(0), together.of_day(number))


@pytest.mark.research_data
def test_a_day_that_begins_in_the_place_of_another_is_as_if_it_were_the_first() -> None:
    scenario = named("overload")
    simulator = finish(Simulator(scenario, [day(scenario, seed, requests=50) for seed in (0, 1)]), greedy)
    simulator.restart(0, day(scenario, 2, requests=50))
    before = simulator.of_day(1)
    finish(simulator, greedy)
    fresh = finish(Simulator(scenario, [day(scenario, 2, requests=50)]), greedy)
    assert same(simulator.of_day(0), fresh.of_day(0))
    assert same(simulator.of_day(1), before)
    np.testing.assert_array_equal(simulator.state.occupancy.busy[0], fresh.state.occupancy.busy[0])
    with pytest.raises(ValueError, match="day: must have 50 requests, not 49"):
        simulator.restart(0, day(scenario, 2, requests=49))


def test_regret_is_the_cost_above_what_an_empty_city_would_have_cost() -> None:
    scenario = tiny((1,))
    # Two want the only EVSE at once, and a third is far out of reach.
    wishes = requests([60.0, 60.0, 61.0], latitude=np.array([22.5, 22.5, 25.0]))
    simulator = Simulator(scenario, [wishes])
    for choice in (0, NOT_SERVED, NOT_SERVED):
        _, rows = simulator.rows()
        simulator.step(rows, np.array([choice]))
    found = simulator.of_day(0)
    assert found.served.tolist() == [True, False, False]
    assert found.feasible.tolist() == [True, True, False]
    assert found.regret[0] == 0.0
    assert found.regret[1] == pytest.approx(REJECTION_COST - found.cost[0])
    assert found.regret[2] == REJECTION_COST
    assert found.cost[1:].tolist() == [REJECTION_COST] * 2


def test_a_row_that_does_not_exist_is_refused_before_anything_is_booked() -> None:
    scenario = tiny((1, 1))
    simulator = Simulator(scenario, [requests([60.0]), requests([90.0])])
    _, rows = simulator.rows()
    padding = int(rows.mask.sum(axis=1).max())
    for choice, message in (([0, padding], "padding"), ([0, 10_000], "padding"), ([0], "one row a request")):
        with pytest.raises(ValueError, match=message):
            simulator.step(rows, np.array(choice))
    assert not simulator.state.occupancy.busy.any()
    assert simulator.state.position.tolist() == [0, 0]


def test_days_out_of_order_or_unlike_each_other_are_refused() -> None:
    wishes = requests([60.0, 90.0])
    with pytest.raises(ValueError, match="days: must be in order of booking"):
        Days([wishes.take(np.array([1, 0]))])
    with pytest.raises(ValueError, match="days: must be at least one"):
        Days([])
    curve = np.broadcast_to(np.array([0.0, 1.0]), (2, 2))
    with pytest.raises(ValueError, match="curve_soc: must be given in every day, or in none"):
        Days([wishes, replace(wishes, curve_soc=curve, curve_kw=curve + 50.0)])
