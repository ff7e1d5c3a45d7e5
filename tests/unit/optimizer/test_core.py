"""The decision core: golden vectors to the last bit, the rules of PROBLEM.md, and the same answer in every batch."""

from dataclasses import fields, replace

import numpy as np
import pytest

from functions.optimizer.core.candidates import (
    MAX_ROWS,
    REASONS,
    START_OFFSETS,
    Candidates,
    PoolRates,
    Reason,
    candidates,
    charge_hours,
)
from functions.optimizer.core.city import STANDARD_BIT, City, standard_bits
from functions.optimizer.core.features import FEATURE_HASH, FEATURE_NAMES, ROW_FEATURES, Climatology, features
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.places import RESERVE_KWH
from functions.optimizer.core.requests import Requests
from training import golden

CCS = "IEC_62196_T2_COMBO"


def test_golden_vectors_to_the_last_bit() -> None:
    recorded = golden.load()
    assert str(recorded.pop("feature_hash")) == FEATURE_HASH
    found = golden.compute()
    assert set(found) == set(recorded)
    for name, values in recorded.items():
        assert found[name].dtype == values.dtype, name
        assert np.array_equal(found[name], values, equal_nan=True), f"{name} differs from the recorded vectors"


def test_golden_states_are_worth_recording() -> None:
    found = golden.compute()
    assert len(found["reason"]) == 50
    reasons = {REASONS[number] for number in found["reason"].tolist() if number >= 0}
    assert reasons >= {Reason.OUT_OF_REACH, Reason.NO_CONNECTOR, Reason.ALL_FULL}
    assert (found["reason"] < 0).sum() > 25


def test_a_request_gets_the_same_answer_alone_and_in_a_batch() -> None:
    city, rates, known = golden.setting()
    requests, book = golden.states()
    together = candidates(city, requests, book, rates)
    seen = features(city, requests, book, together, known)
    for number in range(0, 50, 7):
        one = requests.take(np.array([number]))
        alone = candidates(city, one, book, rates)
        for field in fields(Candidates):
            assert np.array_equal(getattr(alone, field.name)[0], getattr(together, field.name)[number]), field.name
        assert np.array_equal(features(city, one, book, alone, known)[0], seen[number])


def town(capacity: int = 1, power: float = 50.0) -> City:
    """Two locations on a meridian, 1 km and 5 km north of (52, 5)."""
    return City.build(
        name="town",
        time_zone="UTC",
        currency="EUR",
        location_ids=["near", "far"],
        latitude=[52 + 1 / 111.195, 52 + 5 / 111.195],
        longitude=[5.0, 5.0],
        pool_location=[0, 1],
        pool_standard=[STANDARD_BIT[CCS]] * 2,
        pool_power_kw=[power, power],
        capacity=[capacity] * 2,
    )


def one(**changes: object) -> Requests:
    values: dict[str, object] = {
        "book_min": 0.0,
        "depart_min": 10.0,
        "latitude": 52.0,
        "longitude": 5.0,
        "soc_kwh": 20.0,
        "battery_kwh": 60.0,
        "need_kwh": 22.5,
        "vehicle_kw": 100.0,
        "standards": standard_bits([CCS]),
    }
    return Requests.build(size=1, **values | changes)


def empty(slots: int = 288) -> Occupancy:
    return Occupancy(np.zeros((1, 2, slots), dtype=np.int64), np.ones((1, 2, slots), dtype=bool))


def prices(slots: int = 288) -> PoolRates:
    return PoolRates.build(np.full((2, slots), 0.4), np.zeros((2, slots)), np.array([0.0, 1.0]))


def test_the_terms_of_the_first_row_by_hand() -> None:
    rows = candidates(town(), one(), empty(), prices())
    assert rows.km[0, 0] == pytest.approx(1.3, abs=0.002), "great circle times 1.3"
    assert rows.travel_min[0, 0] == pytest.approx(1.3 / 25 * 60, abs=0.01)
    arrival = 10 + rows.travel_min[0, 0]
    assert rows.begin_min[0, 0] == pytest.approx(arrival), "in the minute of arrival"
    assert (rows.start[0, 0], rows.wait_min[0, 0]) == (2, 0)
    assert rows.duration_min[0, 0] == pytest.approx(30), "22.5 / (0.9 x 50) h"
    assert rows.length[0, 0] == 7, "from 13:07 to 43:07"
    assert rows.price[0, 0] == pytest.approx(9.0)
    assert rows.cost[0, 0] == pytest.approx(0.3 * 9 / 10 + 0.2 * rows.km[0, 0] / 10 + 0.1 * 0.5)
    assert np.all(np.diff(rows.cost[0, rows.mask[0]]) >= 0), "cheapest first"
    assert rows.mask[0].sum() == 2 * len(START_OFFSETS), "every start within two hours of arrival, at two stations"
    assert (rows.wait_min[rows.mask] <= 120).all()


def test_later_starts_are_on_slots_and_wait_from_the_arrival() -> None:
    rows = candidates(town(), one(), empty(), prices())
    near = rows.mask[0] & (rows.location[0] == 0)
    arrival = 10 + rows.travel_min[0, 0]
    starts, begins, waits, lengths = (values[0, near] for values in (rows.start, rows.begin_min, rows.wait_min, rows.length))
    assert sorted((starts - 2).tolist()) == list(START_OFFSETS)
    later = starts > 2
    assert np.array_equal(begins[later], starts[later] * 5.0)
    assert waits[later] == pytest.approx(begins[later] - arrival)
    assert set(lengths[later].tolist()) == {6}, "half an hour on slots takes six"


def test_a_short_session_claims_what_a_booking_takes_at_least() -> None:
    where = replace(town(power=150.0), shortest_min=np.array([15.0, 0.0]))
    rows = candidates(where, one(need_kwh=4.5, depart_min=11.9), empty(), prices(), whole_minutes=True)
    first = {int(rows.location[0, row]): row for row in reversed(range(int(rows.mask[0].sum())))}
    assert rows.duration_min[0, first[0]] == pytest.approx(3.0)
    assert (rows.begin_min[0, first[0]], rows.length[0, first[0]]) == (16.0, 4), "from 16 to 31"
    assert rows.length[0, first[1]] == 2, "from 28 to 31"


def test_bookings_count_arrivals_from_the_next_whole_minute() -> None:
    rows = candidates(town(), one(), empty(), prices(), whole_minutes=True)
    assert 13 < 10 + rows.travel_min[0, 0] < 14
    assert (rows.begin_min[0, 0], rows.wait_min[0, 0]) == (14.0, 0.0)
    assert (rows.begin_min[rows.mask] % 1 == 0).all()


def test_a_minute_before_a_slot_may_begin_in_the_slot_after() -> None:
    late = one(depart_min=11.6)
    exact, whole = (candidates(town(), late, empty(), prices(), whole_minutes=on) for on in (False, True))
    assert (exact.start[0, 0], exact.length[0, 0]) == (2, 7)
    assert (whole.start[0, 0], whole.begin_min[0, 0], whole.length[0, 0]) == (3, 15.0, 6)


def test_the_price_follows_the_rates_over_a_partial_last_slot() -> None:
    energy = np.full((2, 288), 0.2)
    energy[:, 6:] = 0.8
    rows = candidates(town(), one(need_kwh=16.875), empty(), PoolRates.build(energy))
    assert rows.duration_min[0, 0] == pytest.approx(22.5)
    on_slot = int(np.flatnonzero((rows.start[0] == 3) & (rows.location[0] == 0))[0])
    assert rows.price[0, on_slot] == pytest.approx(16.875 * (0.2 * 15 + 0.8 * 7.5) / 22.5)
    at_once = int(np.flatnonzero((rows.start[0] == 2) & (rows.location[0] == 0))[0])
    cheap = 30 - rows.begin_min[0, at_once]
    assert rows.price[0, at_once] == pytest.approx(16.875 * (0.2 * cheap + 0.8 * (22.5 - cheap)) / 22.5)


def test_time_costs_by_the_minute() -> None:
    hourly = np.full((2, 288), 6.0)
    hourly[:, 6:] = 12.0
    rows = candidates(town(), one(), empty(), PoolRates.build(np.zeros((2, 288)), hourly))
    at_once = int(np.flatnonzero((rows.start[0] == 2) & (rows.location[0] == 0))[0])
    cheap = 30 - rows.begin_min[0, at_once]
    assert rows.price[0, at_once] == pytest.approx((6.0 * cheap + 12.0 * (30 - cheap)) / 60)


def test_a_full_slot_anywhere_in_the_session_blocks_it() -> None:
    book = empty()
    book.busy[0, 0, 8] = 1
    rows = candidates(town(), one(), book, prices())
    starts = sorted(rows.start[0, rows.mask[0] & (rows.location[0] == 0)].tolist())
    every = [2 + offset for offset in START_OFFSETS]
    assert starts == every[7:], "the starts in slots 2 to 8 would touch slot 8"
    roomy = candidates(town(capacity=2), one(), book, prices())
    assert sorted(roomy.start[0, roomy.mask[0] & (roomy.location[0] == 0)].tolist()) == every


def test_outages_take_capacity() -> None:
    book = empty()
    out = np.zeros((1, 2, 288), dtype=np.int64)
    out[0, 0] = 1
    rows = candidates(town(), one(), Occupancy(book.busy, book.open, 0.0, out), prices())
    assert set(rows.location[0, rows.mask[0]].tolist()) == {1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"soc_kwh": RESERVE_KWH}, Reason.OUT_OF_REACH),
        ({"radius_km": 0.9}, Reason.OUT_OF_REACH),
        ({"standards": standard_bits(["CHADEMO"])}, Reason.NO_CONNECTOR),
        ({"latest_min": 40.0}, Reason.WINDOW_TOO_SHORT),
    ],
)
def test_the_reason_that_binds(changes: dict[str, object], reason: Reason) -> None:
    rows = candidates(town(), one(**changes), empty(), prices())
    assert not rows.mask.any()
    assert REASONS[int(rows.reason[0])] is reason


def test_closed_and_full_are_told_apart() -> None:
    shut = candidates(town(), one(), Occupancy(empty().busy, np.zeros((1, 2, 288), dtype=bool)), prices())
    assert REASONS[int(shut.reason[0])] is Reason.CLOSED
    full = candidates(town(), one(), Occupancy(np.ones((1, 2, 288), dtype=np.int64), empty().open), prices())
    assert REASONS[int(full.reason[0])] is Reason.ALL_FULL
    free = candidates(town(), one(), empty(), prices())
    assert free.reason[0] == -1


def test_the_reserve_is_kept() -> None:
    needed = 1.3 * 0.18
    assert candidates(town(), one(soc_kwh=needed + RESERVE_KWH + 0.001), empty(), prices()).mask.any()
    assert not candidates(town(), one(soc_kwh=needed + RESERVE_KWH - 0.001), empty(), prices()).mask.any()


def test_a_charging_curve_makes_it_longer() -> None:
    curve = {"curve_soc": [0.0, 0.5, 0.8, 1.0], "curve_kw": [100.0, 100.0, 50.0, 10.0]}
    low = charge_hours(one(soc_kwh=6.0, vehicle_kw=100.0, **curve), np.array([[150.0]]))
    high = charge_hours(one(soc_kwh=37.0, vehicle_kw=100.0, **curve), np.array([[150.0]]))
    assert low[0, 0] == pytest.approx(22.5 / 90)
    assert high[0, 0] > 2 * low[0, 0]


def test_many_rows_are_cut_to_the_cheapest() -> None:
    pools = 60
    city = City.build(
        name="wide",
        time_zone="UTC",
        currency="EUR",
        location_ids=[f"L{number}" for number in range(30)],
        latitude=np.linspace(52.0, 52.05, 30),
        longitude=np.full(30, 5.0),
        pool_location=np.arange(pools) % 30,
        pool_standard=np.full(pools, STANDARD_BIT[CCS]),
        pool_power_kw=np.where(np.arange(pools) < 30, 50.0, 22.0),
        capacity=np.ones(pools, dtype=int),
    )
    book = Occupancy(np.zeros((1, pools, 288), dtype=np.int64), np.ones((1, pools, 288), dtype=bool))
    rows = candidates(city, one(), book, PoolRates.build(np.full((pools, 288), 0.3)))
    assert rows.mask.sum() == MAX_ROWS
    assert set(rows.location[0].tolist()) <= set(range(20)), "the twenty nearest"


def test_features_have_their_names_and_are_finite() -> None:
    city, rates, known = golden.setting()
    requests, book = golden.states()
    rows = candidates(city, requests, book, rates)
    seen = features(city, requests, book, rows, known)
    assert seen.shape == (*rows.cost.shape, len(FEATURE_NAMES))
    assert np.isfinite(seen).all()
    assert (seen[~rows.mask] == 0).all()
    regret = seen[..., ROW_FEATURES.index("regret")]
    assert (regret >= -1e-6).all(), "nothing is below the request's own minimum"


def test_a_city_without_stations_answers_out_of_reach() -> None:
    nowhere = City.build(
        name="nowhere",
        time_zone="UTC",
        currency="EUR",
        location_ids=[],
        latitude=[],
        longitude=[],
        pool_location=[],
        pool_standard=[],
        pool_power_kw=[],
        capacity=[],
    )
    book = Occupancy(np.zeros((1, 0, 288), dtype=np.int64), np.ones((1, 0, 288), dtype=bool))
    rows = candidates(nowhere, one(), book, PoolRates.build(np.zeros((0, 288))))
    assert REASONS[int(rows.reason[0])] is Reason.OUT_OF_REACH
    assert features(nowhere, one(), book, rows, Climatology.unknown(0, 288)).size == 0
