"""The core against the rules written out once more, slot by slot; at scale; and alone as in a batch."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.optimizer.core.candidates import REASONS, Candidates, PoolRates, Reason, candidates
from functions.optimizer.core.city import STANDARD_BIT, City, standard_bits
from functions.optimizer.core.features import FEATURE_NAMES, Climatology, features, observe
from functions.optimizer.core.occupancy import AROUND, BUSY, CLOSED, FULL, LAST, Occupancy, OccupancyWindow, count
from functions.optimizer.core.places import MAX_LOCATIONS
from functions.optimizer.core.requests import Requests

STANDARDS = ("IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO")
QUARTERS = 64
SLOTS = 3 * QUARTERS


def drawn_city(seed: int, locations: int, pools: int, span: float = 0.2) -> City:
    rng = np.random.default_rng(seed)
    return City.build(
        name="drawn",
        time_zone="UTC",
        currency="EUR",
        location_ids=[str(number) for number in range(locations)],
        latitude=rng.uniform(52, 52 + span, locations),
        longitude=rng.uniform(5, 5 + span, locations),
        pool_location=np.arange(pools) % locations,
        pool_standard=[STANDARD_BIT[STANDARDS[number]] for number in rng.integers(0, 3, pools)],
        pool_power_kw=rng.choice([7.4, 11.0, 50.0, 150.0], pools),
        capacity=rng.integers(1, 4, pools),
    )


def drawn_requests(seed: int, size: int, span: float = 0.2, envs: int = 1) -> Requests:
    rng = np.random.default_rng([seed, 1])
    book_min = rng.uniform(0, 200, size)
    return Requests.build(
        size=size,
        book_min=book_min,
        depart_min=book_min + rng.exponential(90, size),
        latitude=rng.uniform(52, 52 + span, size),
        longitude=rng.uniform(5, 5 + span, size),
        soc_kwh=rng.uniform(0.6, 12, size),
        battery_kwh=60.0,
        need_kwh=rng.uniform(4, 40, size),
        vehicle_kw=rng.choice([11.0, 50.0, 150.0], size),
        standards=[standard_bits([STANDARDS[k] for k in range(3) if mask >> k & 1]) for mask in rng.integers(1, 8, size)],
        latest_min=np.where(rng.random(size) < 0.3, book_min + rng.uniform(60, 400, size), np.inf),
        radius_km=np.where(rng.random(size) < 0.3, rng.uniform(0.5, 10, size), np.inf),
        env=rng.integers(0, envs, size),
    )


def drawn_book(seed: int, city: City, envs: int = 1) -> Occupancy:
    rng = np.random.default_rng([seed, 2])
    shape = (envs, len(city.capacity), QUARTERS)
    busy = np.minimum(rng.integers(0, 4, shape), city.capacity[:, None])
    out = np.where(rng.random(shape) < 0.05, 1, 0)
    opened = rng.random(shape) > 0.03
    by_slot = [np.roll(np.repeat(values, 3, axis=2), 1, axis=2) for values in (busy, opened, out)]
    return Occupancy(by_slot[0], by_slot[1], 30.0, by_slot[2])


def drawn_rates(seed: int, city: City) -> PoolRates:
    rng = np.random.default_rng([seed, 3])
    shape = (len(city.capacity), SLOTS)
    return PoolRates.build(rng.uniform(0.1, 0.8, shape), rng.uniform(0, 2, shape), rng.uniform(0, 1, shape[0]))


def drawn_climatology(seed: int, city: City) -> Climatology:
    rng = np.random.default_rng([seed, 4])
    shape = (len(city.capacity), SLOTS)
    return Climatology(rng.random(shape), rng.uniform(0, 2, shape), rng.uniform(0, 0.2, shape))


def by_hand(city: City, wish: Requests, book: Occupancy, rates: PoolRates) -> tuple[dict[tuple[int, int], float], float]:
    """PROBLEM.md once more, in loops: the cost of each feasible (pool, start), and the uncapacitated minimum."""
    to_lat, to_lon = np.radians(city.latitude), np.radians(city.longitude)
    lat, lon = np.radians(wish.latitude[0]), np.radians(wish.longitude[0])
    half = np.sin((to_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((to_lon - lon) / 2) ** 2
    air = np.round(2 * 6371.0088 * np.arcsin(np.sqrt(half)), 3)
    reachable = []
    for location in range(len(air)):
        road = round(air[location] * 1.3, 3)
        fits = any(
            city.pool_location[pool] == location and wish.standards[0] >> city.pool_standard[pool] & 1
            for pool in range(len(city.capacity))
        )
        enough = road * 0.18 <= wish.soc_kwh[0] - 0.5
        if fits and enough and air[location] <= wish.radius_km[0]:
            reachable.append((road, location))
    near = {location: road for road, location in sorted(reachable)[:20]}
    found, floor = {}, np.inf
    for pool, location in enumerate(city.pool_location.tolist()):
        if location not in near or not wish.standards[0] >> city.pool_standard[pool] & 1:
            continue
        hours = wish.need_kwh[0] / (0.9 * min(city.pool_power_kw[pool], wish.vehicle_kw[0]))
        arrival = wish.depart_min[0] + near[location] / 25 * 60
        first = int(np.floor(arrival / 5 + 1e-9))
        for start in (first + minutes // 5 for minutes in (0, 5, 10, 15, 20, 25, 30, 45, 60, 75, 90, 105, 120)):
            begin = max(start * 5.0, arrival)
            end = begin + hours * 60
            stop = int(np.ceil(end / 5 - 1e-9))
            if stop <= book.slots and end <= wish.latest_min[0]:
                price = rates.flat[pool]
                for slot in range(start, stop):
                    part = (min(end, slot * 5 + 5) - max(begin, slot * 5)) / 60
                    price += wish.need_kwh[0] * rates.energy[pool, slot] * part / hours + rates.time[pool, slot] * part
                wait = (begin - arrival) / 60
                cost = 0.4 * wait + 0.3 * price / city.price_unit + 0.2 * near[location] / 10 + 0.1 * hours
                floor = min(floor, cost)
                slots = range(start, stop)
                taken = book.taken()[0, pool]
                if all(book.open[0, pool, slot] and taken[slot] < city.capacity[pool] for slot in slots):
                    found[pool, start] = cost
    return found, floor


@given(st.integers(0, 10_000))
def test_rows_costs_and_minimum_are_those_of_the_rules_written_out_in_loops(seed: int) -> None:
    city = drawn_city(seed, 26, 40)
    wish, book, rates = drawn_requests(seed, 1), drawn_book(seed, city), drawn_rates(seed, city)
    expected, floor = by_hand(city, wish, book, rates)
    rows = candidates(city, wish, book, rates)
    real = rows.mask[0]
    found = {
        (int(pool), int(start)): cost
        for pool, start, cost in zip(rows.pool[0, real], rows.start[0, real], rows.cost[0, real], strict=True)
    }
    cheapest = dict(sorted(expected.items(), key=lambda item: item[1])[:256])
    assert set(found) == set(cheapest)
    assert all(found[key] == pytest.approx(cost, rel=1e-9) for key, cost in cheapest.items())
    assert rows.floor[0] == pytest.approx(floor, rel=1e-9)
    assert (rows.reason[0] < 0) == bool(expected)


@pytest.mark.parametrize(("locations", "pools", "span"), [(12, 12, 0.1), (40, 60, 0.2), (300, 450, 0.6)])
def test_a_batch_of_64_books_gives_each_request_the_bits_it_has_alone(locations: int, pools: int, span: float) -> None:
    city = drawn_city(1, locations, pools, span)
    wishes, book = drawn_requests(1, 64, span, envs=64), drawn_book(1, city, envs=64)
    rates, known = drawn_rates(1, city), drawn_climatology(1, city)
    rows = candidates(city, wishes, book, rates)
    seen = features(city, wishes, book, rows, known)
    assert rows.mask.any(axis=1).sum() > 20, "the draw has something to compare"
    for number in range(64):
        one = wishes.take(np.array([number]))
        alone = candidates(city, one, book, rates)
        for field in fields(Candidates):
            assert np.array_equal(getattr(alone, field.name)[0], getattr(rows, field.name)[number]), field.name
        assert np.array_equal(features(city, one, book, alone, known)[0], seen[number])


def test_one_look_gives_the_bits_of_two() -> None:
    city = drawn_city(2, 40, 60)
    wishes, book = drawn_requests(2, 32, envs=8), drawn_book(2, city, envs=8)
    rates, known = drawn_rates(2, city), drawn_climatology(2, city)
    rows, seen = observe(city, wishes, book, rates, known)
    apart = candidates(city, wishes, book, rates)
    for field in fields(Candidates):
        assert np.array_equal(getattr(rows, field.name), getattr(apart, field.name)), field.name
    assert np.array_equal(seen, features(city, wishes, book, apart, known))


@pytest.mark.slow
def test_a_large_city_picks_the_locations_that_all_distances_give() -> None:
    city = drawn_city(3, 900, 1300, 1.0)
    book = Occupancy(np.zeros((1, 1300, SLOTS), dtype=np.int64), np.ones((1, 1300, SLOTS), dtype=bool))
    rates = drawn_rates(3, city)
    for number in range(25):
        wish = drawn_requests(100 + number, 1, 1.0)
        expected, _ = by_hand(city, wish, book, rates)
        rows = candidates(city, wish, book, rates)
        cheapest = dict(sorted(expected.items(), key=lambda item: item[1])[:256])
        real = rows.mask[0]
        assert set(zip(rows.pool[0, real].tolist(), rows.start[0, real].tolist(), strict=True)) == set(cheapest)


def test_twins_at_one_spot_are_told_apart_by_index_in_any_batch() -> None:
    count_ = 200
    city = City.build(
        name="twins",
        time_zone="UTC",
        currency="EUR",
        location_ids=[str(number) for number in range(count_)],
        latitude=np.full(count_, 52.1),
        longitude=np.full(count_, 5.1),
        pool_location=np.arange(count_),
        pool_standard=np.full(count_, STANDARD_BIT[STANDARDS[1]]),
        pool_power_kw=np.full(count_, 50.0),
        capacity=np.ones(count_, dtype=int),
    )
    book = Occupancy(np.zeros((1, count_, SLOTS), dtype=np.int64), np.ones((1, count_, SLOTS), dtype=bool))
    rates = PoolRates.build(np.full((count_, SLOTS), 0.3))
    wish = Requests.build(
        size=3,
        book_min=0.0,
        depart_min=0.0,
        latitude=[52.1, 52.11, 52.1],
        longitude=5.1,
        soc_kwh=20.0,
        battery_kwh=60.0,
        need_kwh=10.0,
        vehicle_kw=50.0,
        standards=standard_bits([STANDARDS[1]]),
    )
    rows = candidates(city, wish, book, rates)
    for number in range(3):
        assert set(rows.location[number, rows.mask[number]].tolist()) == set(range(MAX_LOCATIONS))


def test_far_from_any_fitting_plug_the_reason_is_the_plug() -> None:
    city = drawn_city(4, 200, 200, 0.5)
    book = Occupancy(np.zeros((1, 200, SLOTS), dtype=np.int64), np.ones((1, 200, SLOTS), dtype=bool))
    wish = drawn_requests(4, 1, 0.5)
    values = {field.name: getattr(wish, field.name) for field in fields(Requests)}
    wish = Requests(
        **values
        | {"standards": np.array([standard_bits(["MCS"])]), "radius_km": np.array([np.inf]), "soc_kwh": np.array([40.0])}
    )
    rows = candidates(city, wish, book, drawn_rates(4, city))
    assert REASONS[int(rows.reason[0])] is Reason.NO_CONNECTOR
    assert not rows.cost[np.isfinite(rows.cost)].size


def test_counts_of_a_look_are_those_of_the_slots() -> None:
    city = drawn_city(5, 6, 8)
    book = drawn_book(5, city, envs=3)
    env, pool = np.array([0, 1, 2, 1]), np.array([0, 3, 7, 3])
    first, stop = np.array([0, 10, 50, 30]), np.array([6, 20, 64, 31])
    look = OccupancyWindow.at(city, book, env, pool, first, stop)
    for begin, until in ((0, 6), (2, 3), (1, 1)):
        last = np.minimum(first + until, stop)
        since = np.minimum(first + begin, last)
        packed = look.between(np.arange(4), since, last)
        for place in range(4):
            slots = slice(since[place], last[place])
            taken = book.taken()[env[place], pool[place], slots]
            free = city.capacity[pool[place]] - taken
            assert count(packed, BUSY)[place] == taken.sum()
            assert count(packed, LAST)[place] == (free <= 1).sum()
            assert count(packed, FULL)[place] == (free <= 0).sum()
            assert packed[place] >> CLOSED == (~book.open[env[place], pool[place], slots]).sum()


def test_a_window_too_wide_to_count_in_is_an_error() -> None:
    city = drawn_city(6, 1, 1)
    book = Occupancy(np.zeros((1, 1, 9000), dtype=np.int64), np.ones((1, 1, 9000), dtype=bool))
    with pytest.raises(ValueError, match="too wide"):
        OccupancyWindow.at(city, book, np.array([0]), np.array([0]), np.array([0]), np.array([9000 - 2 * AROUND]))


def test_a_curve_that_falls_to_nothing_never_ends() -> None:
    city = drawn_city(7, 3, 3)
    wish = Requests.build(
        size=1,
        book_min=0.0,
        depart_min=0.0,
        latitude=52.1,
        longitude=5.1,
        soc_kwh=50.0,
        battery_kwh=60.0,
        need_kwh=9.5,
        vehicle_kw=100.0,
        standards=standard_bits(STANDARDS),
        curve_soc=[0.0, 0.9, 0.95, 1.0],
        curve_kw=[100.0, 50.0, 0.0, 0.0],
    )
    book = Occupancy(np.zeros((1, 3, SLOTS), dtype=np.int64), np.ones((1, 3, SLOTS), dtype=bool))
    rows = candidates(city, wish, book, drawn_rates(7, city))
    assert REASONS[int(rows.reason[0])] is Reason.WINDOW_TOO_SHORT


@pytest.mark.parametrize("name", ["need_kwh", "vehicle_kw", "battery_kwh", "consumption"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_request_that_means_nothing_is_refused_by_field(name: str, value: float) -> None:
    values: dict[str, object] = {
        "book_min": 0.0,
        "depart_min": 0.0,
        "latitude": 52.0,
        "longitude": 5.0,
        "soc_kwh": 20.0,
        "battery_kwh": 60.0,
        "need_kwh": 10.0,
        "vehicle_kw": 50.0,
        "standards": 1,
    }
    with pytest.raises(ValueError, match=name):
        Requests.build(size=1, **values | {name: value})


def test_what_features_say_of_the_book_is_counted_slot_by_slot() -> None:
    city = drawn_city(8, 12, 20)
    wishes, book = drawn_requests(8, 150, envs=4), drawn_book(8, city, envs=4)
    known = drawn_climatology(8, city)
    rows = candidates(city, wishes, book, drawn_rates(8, city))
    seen = features(city, wishes, book, rows, known)
    taken = book.taken()
    compared = 0
    for request, row in zip(*np.nonzero(rows.mask), strict=True):
        env, pool = wishes.env[request], rows.pool[request, row]
        start, stop = int(rows.start[request, row]), int(rows.start[request, row] + rows.length[request, row])
        here, capacity = taken[env, pool], float(city.capacity[pool])
        late, early = min(stop + 12, SLOTS), max(start - 12, 0)
        expected = {
            "length": (stop - start) / 48,
            "bid_price": known.price[pool, start:stop].sum(),
            "regret": rows.cost[request, row] - rows.floor[request],
            "booked_at_start": here[start] / capacity,
            "booked_over_session": here[start:stop].mean() / capacity,
            "booked_hour_around": here[early:late].mean() / capacity,
            "last_point": float((here[start:stop] >= capacity - 1).any()),
            "forecast_occupancy": known.occupancy[pool, start:stop].mean(),
            "demand_ahead": known.demand[pool, start:stop].sum() / 48,
            "overflow": np.maximum(0, here[start:stop] + known.demand[pool, start:stop] - capacity).mean() / capacity,
            "lead": (wishes.depart_min[request] - wishes.book_min[request]) / 240,
        }
        for name, value in expected.items():
            found = seen[request, row, FEATURE_NAMES.index(name)]
            assert found == pytest.approx(value, rel=1e-5, abs=2e-6), name
        compared += 1
    assert compared > 100
