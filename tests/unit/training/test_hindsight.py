"""What foresight teaches: nothing where nothing is scarce, more for a whole EVSE than its slope, and only what is asked for."""

from dataclasses import replace

import numpy as np
import pytest

from functions.optimizer.core.features import FEATURE_NAMES, Climatology
from functions.optimizer.core.occupancy import running_sum
from tests.unit.training.tiny import requests, tiny
from training.learning.hindsight import (
    LabelJob,
    RemainingDay,
    at_another_hour,
    by_kind,
    climatology,
    days_of,
    hindsight,
    label_job,
    programme,
    side_by_side,
    table_seeds,
    week,
)
from training.learning.network import ResidualQ
from training.optimum import duals
from training.optimum.bound import open_capacity
from training.scenarios.registry import named

BID_PRICE = FEATURE_NAMES.index("bid_price")


def job(**values: object) -> LabelJob:
    known = climatology(named("varied-13"), 2).weekday
    plain = LabelJob("varied-13", 3, known, None, (1, 2), 0.5, 4, 2, False, True, False, False)
    return replace(plain, **values)  # type: ignore[arg-type]


def test_where_nothing_is_scarce_nothing_has_a_price() -> None:
    scenario = tiny((8, 8))
    found = hindsight(scenario, requests([600.0, 610.0, 620.0]))
    assert found.price.max() == 0.0
    assert found.busy.sum() == pytest.approx(found.wanted.sum()), "everybody gets what they want most"


def test_a_contended_hour_has_a_price_and_no_more_is_busy_than_there_is() -> None:
    scenario = tiny((1, 1))
    found = hindsight(scenario, requests([600.0 + number for number in range(6)]))
    assert found.price.max() > 0.0
    assert (found.busy <= open_capacity(scenario) + 1e-9).all()
    assert found.wanted.max() > 1.0


@pytest.mark.research_data
def test_a_whole_evse_costs_others_at_least_its_slope_at_the_prices_as_they_are() -> None:
    """The worth of what is left is convex in what is taken: the midpoint of a difference lies above the slope at its start."""
    scenario = named("overload")
    from training.problem.scenario import Split, day

    later = programme(scenario, day(scenario, Split.TRAINING.seed(3))).since(150)
    free = open_capacity(scenario).astype(np.float64)
    ahead = RemainingDay.at(later, free, None)
    sums = running_sum(ahead.price)
    sessions = [(pool, start, 12) for pool in range(scenario.shape[0]) for start in range(108, 228, 24)]
    slope = np.array([sums[pool, start + length] - sums[pool, start] for pool, start, length in sessions])
    half = np.array([ahead.at_half(free, *session) for session in sessions])
    assert slope.max() > 0.05, "some hour is contended"
    assert half.mean() > slope.mean()
    assert (half > slope - 0.05).mean() > 0.9
    nobody = RemainingDay.at(later.since(10_000), free, None)
    assert nobody.at_half(free, 0, 120, 12) == 0.0
    assert not duals.prices(later.since(10_000), free).any()


@pytest.mark.research_data
def test_labels_are_of_rows_that_exist_and_repeat_for_a_job() -> None:
    first, again = label_job(job()), label_job(job())
    assert first.features.shape == (len(first.opportunity), len(FEATURE_NAMES))
    assert len(first.opportunity) > 100
    assert (first.opportunity >= 0.0).all()
    assert not first.more.any(), "the midpoint was not asked for"
    assert (first.features[:, BID_PRICE] > 0).any()
    assert np.array_equal(first.features, again.features)
    assert np.array_equal(first.opportunity, again.opportunity)
    assert len(np.unique(first.weight)) == 1
    assert first.place.tolist() == [3] * len(first.count)


@pytest.mark.research_data
def test_a_network_runs_the_days_and_its_midpoints_differ_from_slopes() -> None:
    found = label_job(job(weights=ResidualQ().arrays(), halves=True, share=0.1, seeds=(1,)))
    assert found.more.any()
    assert np.isfinite(found.more).all()


@pytest.mark.research_data
def test_who_knows_no_climatology_sees_none_and_own_weights_change_what_is_met() -> None:
    assert not label_job(job(known=False)).features[:, BID_PRICE].any()
    one, other = label_job(job(own_weights=True)), label_job(job())
    assert one.features.shape != other.features.shape or not np.array_equal(one.features, other.features)


@pytest.mark.research_data
def test_a_climatology_needs_a_day_and_has_the_shape_of_the_book() -> None:
    scenario = named("varied-13")
    found = climatology(scenario, 1)
    assert isinstance(found.weekday, Climatology)
    assert found.weekday.price.shape == found.weekday.occupancy.shape == found.weekday.demand.shape == scenario.shape
    assert found.weekday.occupancy.max() <= 1.0
    assert np.array_equal(found.of(True).price, found.weekday.price), "its days are of one kind"
    with pytest.raises(ValueError, match="days"):
        climatology(scenario, 0)


class Worked:
    """Weekends are free here: two of three days have nobody."""

    def weekend(self, seed: int) -> bool:
        return seed % 3 != 0


def test_weekdays_and_weekends_have_tables_of_their_own() -> None:
    scenario = replace(tiny((1, 1)), demand=Worked())  # type: ignore[arg-type]
    seeds = table_seeds(scenario, 6)
    assert [seed % 3 != 0 for seed in seeds] == [False] * 4 + [True] * 2, "one in three, weekdays first"
    assert len(set(seeds)) == 6
    crowd = hindsight(scenario, requests([600.0 + number for number in range(6)]))
    nobody = hindsight(scenario, requests([60.0]))
    found = week(scenario, seeds, [crowd] * 4 + [nobody] * 2)
    quarters = crowd.price.reshape(scenario.shape[0], -1, 3).mean(axis=2)
    assert found.of(False).price == pytest.approx(np.repeat(quarters, 3, axis=1)), "all slots of a quarter hour alike"
    assert found.of(True).price == pytest.approx(nobody.price, abs=1e-12)
    only = week(scenario, [0, 3], [crowd, crowd])
    assert np.array_equal(only.of(True).price, only.of(False).price), "what is not known of a kind is known of the other"


def test_days_side_by_side_are_of_one_kind() -> None:
    scenario = replace(tiny((1, 1)), demand=Worked())  # type: ignore[arg-type]
    parts = list(side_by_side(scenario, by_kind(scenario, range(9)), 4))
    assert parts == [(False, (0, 3, 6)), (True, (1, 2, 4, 5)), (True, (7, 8))]


@pytest.mark.research_data
def test_an_unusual_day_has_other_requests_at_another_hour() -> None:
    usual, other = job(), job(unusual=True)
    same, rng = days_of(usual, np.random.default_rng(1)), np.random.default_rng(1)
    changed = days_of(other, rng)
    assert len({len(day) for day in changed}) == 1, "they run side by side"
    assert len(changed[0]) != len(same[0])
    for day in changed:
        assert (np.diff(day.book_min) >= 0).all()
        assert (day.book_min <= day.depart_min).all()
        assert day.depart_min.max() < 1440.0
    shifted = at_another_hour(same[0], 30.0)
    inside = np.sort(same[0].depart_min + 30.0)
    assert np.allclose(np.sort(shifted.depart_min), np.minimum(inside, 1439.0))
