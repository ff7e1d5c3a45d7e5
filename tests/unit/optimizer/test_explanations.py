"""Reasons in words: true by the numbers of the rows, and short."""

from typing import Any

import numpy as np
import pytest

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.features import FEATURE_NAMES, ROW_FEATURES, Climatology
from functions.optimizer.explanations import kept_free, peak_hour, reason_in_words, spares_the_last
from functions.stations.enums import PowerClass


def rows(*made: dict[str, float]) -> Candidates:
    """Rows of one request; what is left out is 0, a session of 4 slots, mask true."""
    names = (
        "location",
        "pool",
        "start",
        "length",
        "begin_min",
        "wait_min",
        "km",
        "travel_min",
        "duration_min",
        "price",
        "cost",
    )
    whole = {"location", "pool", "start", "length"}
    columns: dict[str, Any] = {
        name: np.array([[item.get(name, 4 if name == "length" else 0) for item in made]], dtype=int if name in whole else float)
        for name in names
    }
    one = np.ones((1, len(made)), dtype=bool)
    return Candidates(
        mask=one, floor=np.zeros(1), conceivable=np.ones(1), reason=np.array([-1]), gets_km=np.zeros(1), **columns
    )


def seen(*made: dict[str, float]) -> np.ndarray:
    found = np.zeros((1, len(made), len(FEATURE_NAMES)), dtype=np.float32)
    for number, item in enumerate(made):
        for name, value in item.items():
            found[0, number, ROW_FEATURES.index(name)] = value
    return found


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"km": 2.0, "duration_min": 60.0, "price": 5.0}, "as good as the nearest"),
        (
            {"km": 4.3, "duration_min": 48.0, "price": 2.9},
            "2.3 km farther than the nearest, done 12 min sooner, 2.10 EUR cheaper",
        ),
        ({"km": 2.0, "duration_min": 60.0, "begin_min": 15.0, "price": 5.5}, "done 15 min later, 0.50 EUR dearer"),
    ],
)
def test_a_row_beside_the_nearest(row: dict[str, float], said: str) -> None:
    near = {"km": 2.0, "duration_min": 60.0, "price": 5.0}
    assert reason_in_words(rows(near, row), 1, 0, "EUR") == said


@pytest.mark.parametrize(("wait", "said"), [(0.0, "the nearest, with no wait"), (14.0, "the nearest, 14 min after arrival")])
def test_the_nearest_itself(wait: float, said: str) -> None:
    assert reason_in_words(rows({"wait_min": wait}), 0, 0, "EUR") == said


LAST = {"last_point": 1.0}
CHEAP, OTHER = {"pool": 0, "start": 8}, {"pool": 1, "start": 8}


@pytest.mark.parametrize(
    ("cheap", "chosen", "of_cheap", "of_chosen", "spares"),
    [
        (CHEAP, OTHER, LAST, {}, True),
        (CHEAP, OTHER, {}, {}, False),
        (CHEAP, OTHER, LAST | {"bid_price": 0.2}, {"bid_price": 0.1}, True),
        (CHEAP, OTHER, LAST | {"bid_price": 0.1}, {"bid_price": 0.2}, False),
        (CHEAP, OTHER, LAST | {"demand_ahead": 0.2}, {"demand_ahead": 0.1}, True),
        (CHEAP, OTHER, LAST | {"demand_ahead": 0.1}, {"demand_ahead": 0.2}, False),
        (CHEAP, OTHER, LAST | {"bid_price": 0.1, "demand_ahead": 0.1}, {"bid_price": 0.1, "demand_ahead": 0.1}, False),
        (CHEAP, OTHER, LAST, LAST, True),
        (CHEAP, {"pool": 0, "start": 9}, LAST, LAST, False),
        (CHEAP, {"pool": 0, "start": 12}, LAST, LAST, True),
        (CHEAP, {"pool": 0, "start": 4}, LAST, {}, True),
        (CHEAP, {"pool": 0, "start": 5}, LAST, {}, False),
    ],
    ids=[
        "nothing known",
        "not the last",
        "worth more",
        "worth less",
        "wanted more",
        "wanted less",
        "worth the same",
        "both are the last",
        "the same EVSE, overlapping",
        "the same pool later",
        "the same pool before",
        "before, overlapping",
    ],
)
def test_who_is_left_the_last_charger(
    cheap: dict[str, float], chosen: dict[str, float], of_cheap: dict[str, float], of_chosen: dict[str, float], spares: bool
) -> None:
    assert spares_the_last(rows(cheap, chosen), seen(of_cheap, of_chosen), 1, 0) is spares
    assert not spares_the_last(rows(cheap, chosen), seen(of_cheap, of_chosen), 0, 0), "the cheapest spares nobody"


def day(peak: int | None, *, kind: str) -> Climatology:
    """One pool, 288 slots of 0.1 with a peak of 1 in one slot; None: flat."""
    table = np.full((1, 288), 0.1)
    if peak is not None:
        table[0, peak] = 1.0
    nothing = np.zeros((1, 288))
    return Climatology(nothing, table if kind == "demand" else nothing, table if kind == "price" else nothing)


@pytest.mark.parametrize("kind", ["price", "demand"])
@pytest.mark.parametrize(
    ("peak", "hour0", "hour"), [(126, 8.0, 18.5), (120, 8.0, 18.0), (180, 8.0, None), (None, 8.0, None), (126, 20.0, 6.5)]
)
def test_a_peak_is_where_the_pool_is_most_wanted(kind: str, peak: int | None, hour0: float, hour: float | None) -> None:
    assert peak_hour(day(peak, kind=kind), 0, 120, 132, hour0) == hour


def test_without_climatology_there_is_no_peak() -> None:
    assert peak_hour(Climatology.unknown(1, 288), 0, 120, 132, 8.0) is None


@pytest.mark.parametrize(
    ("kind", "hour", "plug", "said"),
    [
        ("RAPID", 18.5, False, "keeps the last rapid charger at Stadhuis free for the evening peak"),
        ("FAST", 8.0, False, "keeps the last fast charger at Stadhuis free for the morning peak"),
        ("SLOW", 12.0, False, "keeps the last slow charger at Stadhuis free for the midday peak"),
        ("ULTRA", 2.0, False, "keeps the last ultra-rapid charger at Stadhuis free for the night peak"),
        ("MEGA", 22.0, False, "keeps the last high-power charger at Stadhuis free for the night peak"),
        ("RAPID", None, True, "keeps the last rapid charger with this plug at Stadhuis free for others"),
    ],
)
def test_what_is_kept_free(kind: str, hour: float | None, plug: bool, said: str) -> None:
    assert kept_free(kind, "Stadhuis", hour, plug=plug) == said


def test_every_class_has_a_word_and_every_hour_a_name() -> None:
    for kind in PowerClass:
        for quarter in range(96):
            assert len(kept_free(kind.value, "x" * 120, quarter / 4, plug=True)) < 300
