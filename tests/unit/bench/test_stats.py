"""Medians, percentiles and intervals."""

import pytest

from bench.harness import stats


def test_percentiles_lie_straight_between_neighbours() -> None:
    assert stats.percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert stats.percentile([4.0, 1.0, 3.0, 2.0], 0.0) == 1.0
    assert stats.percentile([4.0, 1.0, 3.0, 2.0], 1.0) == 4.0
    assert stats.percentile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="values"):
        stats.percentile([], 0.5)


def test_an_interval_holds_the_median_and_is_the_same_again() -> None:
    values = [1.0, 1.1, 0.9, 1.05, 0.97, 1.2, 0.8]
    low, high = stats.median_interval(values)
    assert 0.8 <= low < 1.0 < high <= 1.2
    assert (low, high) == stats.median_interval(values)


def test_a_spread_tells_rounds_and_quartiles() -> None:
    assert stats.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == "median of 5 rounds, quartiles 2 to 4"
