"""Charging on the way to a destination: the detour counts, trips are finished, and what cannot be says how far it gets."""

from typing import Any

import numpy as np
import pytest

from functions.optimizer.core.candidates import REASONS, Candidates, PoolRates, Reason, candidates
from functions.optimizer.core.city import STANDARD_BIT, City, standard_bits
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.places import DETOUR, MAX_LOCATIONS, RESERVE_KWH
from functions.optimizer.core.requests import Requests
from functions.optimizer.corridor import MOST_DISKS, points_between
from functions.optimizer.explanations import more_stops, on_the_way_in_words
from shared.geo import great_circle_km

CCS = "IEC_62196_T2_COMBO"
SLOTS = 600
DEGREE_KM = 111.195
"""Kilometres of a degree on a meridian."""
HOME, SOUTH = (52.0, 5.0), (51.0, 5.0)
"""The driver's way: straight south, 111 km."""


def city(*points: tuple[float, float]) -> City:
    """A station with one EVSE of 50 kW at each point."""
    count = len(points)
    return City.build(
        name="road",
        time_zone="UTC",
        currency="EUR",
        location_ids=[str(number) for number in range(count)],
        latitude=[latitude for latitude, _ in points],
        longitude=[longitude for _, longitude in points],
        pool_location=np.arange(count),
        pool_standard=np.full(count, STANDARD_BIT[CCS]),
        pool_power_kw=np.full(count, 50.0),
        capacity=np.ones(count, dtype=int),
    )


def trip(**changes: Any) -> Requests:
    values: dict[str, Any] = {
        "book_min": 0.0,
        "depart_min": 0.0,
        "latitude": HOME[0],
        "longitude": HOME[1],
        "soc_kwh": 15.5,
        "battery_kwh": 60.0,
        "need_kwh": 20.0,
        "vehicle_kw": 100.0,
        "standards": standard_bits([CCS]),
        "to_latitude": SOUTH[0],
        "to_longitude": SOUTH[1],
    }
    return Requests.build(size=1, **values | changes)


def listed(where: City, wish: Requests) -> Candidates:
    shape = (1, len(where.capacity), SLOTS)
    free = Occupancy(np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=bool))
    return candidates(where, wish, free, PoolRates.build(np.full(shape[1:], 0.4)))


def reason(rows: Candidates) -> Reason:
    return REASONS[int(rows.reason[0])]


HALF_WAY = (51.5, 5.0)
ASIDE = (51.5, 5.2)


def test_the_distance_is_the_detour_and_the_travel_that_to_the_station() -> None:
    rows = listed(city(HALF_WAY, ASIDE), trip())
    by_place = {int(location): row for row, location in reversed(list(enumerate(rows.location[0])))}
    on, aside = by_place[0], by_place[1]
    assert rows.km[0, on] == pytest.approx(0.0, abs=0.01)
    assert rows.travel_min[0, on] == pytest.approx(0.5 * DEGREE_KM * DETOUR / 25 * 60, rel=1e-3)
    there, back = (great_circle_km(*ASIDE, *end) for end in (HOME, SOUTH))
    assert rows.km[0, aside] == pytest.approx(DETOUR * (there + back - DEGREE_KM), abs=0.01)
    assert rows.travel_min[0, aside] == pytest.approx(there * DETOUR / 25 * 60, rel=1e-4)
    assert rows.cost[0, on] < rows.cost[0, aside]


def test_the_candidates_are_those_of_least_detour_and_not_the_nearest() -> None:
    beside = [(52.0 + 0.01 * number, 5.05) for number in range(1, 26)]
    on_the_line = [(51.9 - 0.02 * number, 5.0) for number in range(MAX_LOCATIONS)]
    rows = listed(city(*beside, *on_the_line), trip())
    assert set(rows.location[0, rows.mask[0]].tolist()) == set(range(25, 45))


def test_a_station_from_which_the_destination_is_out_of_reach_is_not_offered() -> None:
    near, far = (51.9, 5.0), (51.45, 5.0)
    rows = listed(city(near, far), trip(need_kwh=8.0))
    # 15.5 + 8 kWh less the reserve are 127.8 km by road, and 144.6 are to be driven; 12 more would do.
    assert reason(rows) is Reason.NEEDS_MORE_STOPS
    assert rows.gets_km[0] == pytest.approx((15.5 + 8.0 - RESERVE_KWH) / 0.18, abs=0.1)
    assert listed(city(near, far), trip(need_kwh=12.0)).mask.any()


def test_what_does_not_fit_into_the_battery_is_not_counted() -> None:
    """At a station beside home the battery takes little: from one half way there it is full far enough."""
    wish = trip(soc_kwh=18.0, battery_kwh=20.0, need_kwh=18.0)
    rows = listed(city((51.99, 5.0), HALF_WAY), wish)
    assert set(rows.location[0, rows.mask[0]].tolist()) == {1}


def test_the_plug_comes_before_the_stops_and_the_reach_before_both() -> None:
    assert reason(listed(city(HALF_WAY), trip(standards=standard_bits(["CHADEMO"])))) is Reason.NO_CONNECTOR
    assert reason(listed(city(HALF_WAY), trip(soc_kwh=1.0))) is Reason.OUT_OF_REACH


def test_without_a_destination_all_is_as_before_also_beside_one_that_has() -> None:
    where = city(HALF_WAY, ASIDE, (51.9, 5.1))
    plain = trip(to_latitude=None, to_longitude=None)
    alone = listed(where, plain)
    both = trip(to_latitude=np.nan, to_longitude=np.nan)
    beside = listed(where, both)
    for name, value in vars(alone).items():
        assert np.array_equal(value, getattr(beside, name)), name
    assert alone.km[0, 0] == pytest.approx(alone.travel_min[0, 0] / 60 * 25)


def test_the_points_of_a_corridor_lie_on_the_way_and_are_few() -> None:
    points = list(points_between(HOME, SOUTH, share=1.0, length_km=DEGREE_KM))
    assert len(points) == MOST_DISKS
    assert points[0] == pytest.approx(HOME)
    assert points[-1] == pytest.approx(SOUTH)
    assert [longitude for _, longitude in points] == pytest.approx([5.0] * MOST_DISKS)
    assert np.diff([latitude for latitude, _ in points]) == pytest.approx(-1.0 / (MOST_DISKS - 1))
    half = list(points_between(HOME, SOUTH, share=0.5, length_km=DEGREE_KM / 2))
    assert half[-1] == pytest.approx(HALF_WAY)
    assert list(points_between(HOME, HOME, share=0.0, length_km=0.0)) == [HOME]


def rows(*made: dict[str, float]) -> Candidates:
    names = ("km", "wait_min", "price")
    columns: dict[str, Any] = {name: np.array([[item.get(name, 0.0) for item in made]]) for name in names}
    others = {
        name: np.zeros((1, len(made)))
        for name in ("location", "pool", "start", "length", "begin_min", "travel_min", "duration_min", "cost")
    }
    one = np.ones((1, len(made)), dtype=bool)
    return Candidates(
        mask=one, floor=np.zeros(1), conceivable=np.ones(1), reason=np.array([-1]), gets_km=np.zeros(1), **columns, **others
    )


AT_THE_END = {"price": 7.0}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"km": 1.6667, "price": 4.9}, "4 minutes off your way, 2.10 EUR cheaper than at the destination"),
        ({"km": 0.42, "price": 7.0}, "1 minute off your way"),
        (
            {"km": 0.1, "price": 7.5, "wait_min": 12.0},
            "on your way, 12 min after arrival, 0.50 EUR dearer than at the destination",
        ),
    ],
)
def test_a_stop_in_words(row: dict[str, float], said: str) -> None:
    assert on_the_way_in_words(rows(AT_THE_END, row), 1, 0, "EUR") == said


def test_the_destination_itself_in_words() -> None:
    assert on_the_way_in_words(rows(AT_THE_END), 0, 0, "EUR") == "at the destination"


def test_too_far_for_one_stop_in_words() -> None:
    assert more_stops(127.8) == "The trip needs more than one stop: with one you get 127 km towards your destination."
