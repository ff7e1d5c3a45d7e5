"""Prices by ascent are HiGHS's, near enough, and sooner."""

from dataclasses import replace

import numpy as np
import pytest

from functions.optimizer.core.objective import REJECTION_COST
from tests.unit.training.tiny import requests, tiny
from training.optimum import bound
from training.optimum.bound import AssignmentColumns, assignment_columns, open_capacity, solve
from training.optimum.duals import Programme, prices
from training.problem.scenario import Scenario, day
from training.scenarios.registry import named


def dual(found: AssignmentColumns, price: np.ndarray, free: np.ndarray) -> float:
    """The Lagrangian dual at these prices, a bound on the optimum whatever they are."""
    least = np.full(found.requests, REJECTION_COST)
    np.minimum.at(least, found.request, found.cost + bound.prices(found, price))
    return float(least.sum() - (price * free).sum())


@pytest.fixture(scope="module")
def scarce() -> Scenario:
    """Overload with one EVSE a station."""
    scenario = named("overload")
    return replace(scenario, city=replace(scenario.city, capacity=np.ones_like(scenario.city.capacity)))


@pytest.mark.research_data
def test_prices_of_an_overloaded_day_bound_it_as_tightly_as_the_linear_programme(scarce: Scenario) -> None:
    found, free = assignment_columns(scarce, day(scarce, 2, requests=250)), open_capacity(scarce)
    exact = solve(found, free)
    price = prices(Programme.of(found, scarce.shape), free)
    assert price.max() > 0.03
    assert (price >= 0).all()
    reached = dual(found, price, free)
    assert 0.98 * exact.cost <= reached <= exact.cost + 1e-6


@pytest.mark.research_data
def test_prices_are_zero_where_there_is_plenty() -> None:
    scenario = named("slack")
    price = prices(
        Programme.of(assignment_columns(scenario, day(scenario, 0, requests=60)), scenario.shape), open_capacity(scenario)
    )
    assert not price.any()


@pytest.mark.research_data
def test_a_warm_start_ends_near_a_cold_one(scarce: Scenario) -> None:
    found, free = assignment_columns(scarce, day(scarce, 2, requests=250)), open_capacity(scarce)
    programme = Programme.of(found, scarce.shape)
    cold = prices(programme, free)
    before = cold.copy()
    later = programme.since(125)
    left = np.flatnonzero(found.request >= 125)
    remaining = replace(found.keep(left), request=found.request[left] - 125, requests=125)
    warm = prices(later, free, start=cold)
    np.testing.assert_array_equal(cold, before, err_msg="the start is not changed")
    again = prices(later, free)
    assert dual(remaining, warm, free) == pytest.approx(dual(remaining, again, free), rel=0.02)
    assert dual(remaining, warm, free) >= 0.98 * solve(remaining, free).cost


@pytest.mark.research_data
def test_a_programme_since_a_request_is_that_of_the_requests_left(scarce: Scenario) -> None:
    wishes = day(scarce, 4, requests=60)
    whole = Programme.of(assignment_columns(scarce, wishes), scarce.shape)
    part = Programme.of(assignment_columns(scarce, wishes.take(np.arange(20, 60))), scarce.shape)
    found = whole.since(20)
    np.testing.assert_array_equal(found.request - 20, part.request)
    for name in ("first", "count", "cost", "begin", "until"):
        np.testing.assert_array_equal(getattr(found, name), getattr(part, name), err_msg=name)
    nobody = whole.since(60)
    assert not prices(nobody, open_capacity(scarce)).any()


def test_a_book_of_another_shape_is_refused() -> None:
    scenario = tiny((1, 1))
    programme = Programme.of(assignment_columns(scenario, requests([60.0])), scenario.shape)
    with pytest.raises(ValueError, match=r"free: must be \(2, 480\), not \(2, 96\)"):
        prices(programme, np.ones((2, 96)))
