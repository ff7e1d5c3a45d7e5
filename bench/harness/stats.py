"""Medians of rounds with their spread, percentiles, and intervals of a median. Pure."""

import random
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return statistics.fmean(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted values lie at or below, straight between neighbours. Raises ValueError for none."""
    if not values:
        raise ValueError("values: must be at least one")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def spread(values: Sequence[float]) -> str:
    """How far the rounds lie apart, in words: their number and quartiles."""
    low, high = percentile(values, 0.25), percentile(values, 0.75)
    return f"median of {len(values)} rounds, quartiles {low:.3g} to {high:.3g}"


def median_interval(values: Sequence[float], *, level: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """A bootstrap interval of the median; drawn by a fixed seed, so that the same rounds give the same interval."""
    rng = random.Random(0)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(resamples)]
    return percentile(medians, (1 - level) / 2), percentile(medians, (1 + level) / 2)
