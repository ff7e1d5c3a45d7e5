"""Climatology in serving: tables by place, local quarter hours, files that are what they should be."""

import io
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.optimizer.core.features import Climatology
from functions.optimizer.models.climatology import AS_LEARNT, PolicyBlend, Tables, keys_of, local_quarters, pool_key, tables_of
from functions.optimizer.models.manifest import Refused
from shared.slots import slot_of
from training import golden

KEYS = ("a", "b")


def tables(values: np.ndarray | None = None, keys: tuple[str, ...] = KEYS, blend: PolicyBlend = AS_LEARNT) -> Tables:
    made = np.arange(2 * 2 * 3 * 96, dtype=np.float32).reshape(2, 2, 3, 96) if values is None else values
    return Tables(keys, made, blend)


def slot(local: str, zone: str = "Europe/Amsterdam") -> int:
    return slot_of(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)))


def test_a_file_is_read_as_it_was_written() -> None:
    found = Tables.of_bytes(tables().to_bytes())
    assert found.keys == KEYS
    assert np.array_equal(found.values, tables().values)
    assert found.blend == AS_LEARNT
    assert Tables.of_bytes(tables(blend=PolicyBlend(0.5, 0.25)).to_bytes()).blend == PolicyBlend(0.5, 0.25)


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def changed(change: Callable[[np.ndarray], None]) -> bytes:
    values = tables().values.copy()
    change(values)
    return npz(keys=np.array(KEYS), values=values)


def put(where: tuple[int, int, int, int], value: float) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        values[where] = value

    return change


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not an .npz"),
        (b"PK rubbish", "not an .npz"),
        (pickle.dumps([1]), "not an .npz"),
        (tables().to_bytes()[:-40], "not an .npz"),
        (npz(keys=np.array(KEYS)), "not an .npz"),
        (npz(keys=np.array(KEYS, dtype=object), values=tables().values), "not an .npz"),
        (npz(keys=np.arange(2), values=tables().values), "keys must be a list of strings"),
        (npz(keys=np.array(KEYS), values=tables().values.astype(np.float64)), "must be float32"),
        (npz(keys=np.array(KEYS), values=tables().values[:1]), r"values are \[1, 2, 3, 96\], must be \[2, 2, 3, 96\]"),
        (npz(keys=np.array(KEYS), values=tables().values[..., :95]), "must be"),
        (npz(keys=np.array(["a", "a"]), values=tables().values), "stands twice"),
        (npz(keys=np.array(KEYS), values=tables().values, trust=np.ones(3)), "trust must be two float64"),
        (npz(keys=np.array(KEYS), values=tables().values, trust=np.array([1.5, 0.0])), "trust must be two numbers from 0 to 1"),
        (npz(keys=np.array(KEYS), values=tables().values, trust=np.array([np.nan, 0.0])), "trust must be two numbers"),
        (changed(put((0, 1, 0, 0), np.nan)), "occupancy has values that are not finite"),
        (changed(put((1, 0, 1, 5), np.inf)), "demand has values that are not finite"),
        (changed(put((1, 1, 2, 95), -0.1)), "price has values below 0"),
    ],
)
def test_a_file_that_is_not_one_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        Tables.of_bytes(data)


def test_each_slot_has_its_local_quarter_hour_and_unknown_pools_zeros() -> None:
    found = tables().around(["b", "nowhere"], ["Europe/Amsterdam"] * 2, slot("2026-03-02T23:35"), 9)
    quarters = [94, 94, 95, 95, 95, 0, 0, 0, 1]
    assert found.price[0] == pytest.approx(tables().values[1, 0, 2, quarters] / 3), "a slot's part of its quarter hour"
    assert np.array_equal(found.occupancy[0], tables().values[1, 0, 0, quarters])
    assert np.array_equal(found.demand[0], tables().values[1, 0, 1, quarters])
    assert not found.demand[1].any()
    assert not found.price[1].any()


def test_a_weekend_begins_at_midnight_of_its_own_place() -> None:
    sunday_night = tables().around(["a", "a"], ["Europe/Amsterdam", "Asia/Kathmandu"], slot("2026-03-01T23:55"), 2)
    assert sunday_night.demand[0].tolist() == [tables().values[0, 1, 1, 95], tables().values[0, 0, 1, 0]]
    assert sunday_night.demand[1, 0] == tables().values[0, 0, 1, 4 * 4 + 2], "there it is Monday already"


def test_a_file_of_an_average_day_is_of_every_day() -> None:
    found = Tables.of_bytes(npz(keys=np.array(KEYS), values=tables().values[:, 0]))
    assert np.array_equal(found.values[:, 0], tables().values[:, 0])
    assert np.array_equal(found.values[:, 1], tables().values[:, 0])
    assert found.blend == AS_LEARNT


def test_zones_of_their_own() -> None:
    found = tables().around(["a", "a"], ["Europe/Amsterdam", "Asia/Kathmandu"], slot("2026-03-02T12:00", "UTC"), 1)
    assert found.demand[0, 0] == tables().values[0, 0, 1, 13 * 4]
    assert found.demand[1, 0] == tables().values[0, 0, 1, 17 * 4 + 3], "a quarter to six in the afternoon"


def test_the_hour_that_is_skipped_and_the_one_that_comes_twice() -> None:
    weekend, spring = local_quarters("Europe/Amsterdam", slot("2026-03-29T01:55"), 5)
    assert weekend.tolist() == [1] * 5, "a Sunday"
    assert spring.tolist() == [7, 12, 12, 12, 13], "two o'clock is three"
    _, autumn = local_quarters("Europe/Amsterdam", slot("2026-10-25T02:55"), 5)
    assert autumn.tolist() == [11, 8, 8, 8, 9], "two o'clock comes again"


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),
    st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_a_slot_is_where_the_clock_on_the_wall_stands(at: datetime, zone: str) -> None:
    first = slot_of(at.replace(tzinfo=UTC))
    weekend, quarters = local_quarters(zone, first, 120)
    for number in (0, 57, 119):
        local = (datetime.fromtimestamp(first * 300, UTC) + timedelta(minutes=5 * number)).astimezone(ZoneInfo(zone))
        assert quarters[number] == local.hour * 4 + local.minute // 15
        assert bool(weekend[number]) == (local.strftime("%a") in ("Sat", "Sun"))


def test_a_scenarios_first_day_becomes_tables() -> None:
    city, _, known = golden.setting()
    other = Climatology(known.occupancy / 2, known.demand / 2, known.price / 2)
    made = tables_of(city, known, other)
    keys = keys_of(city)
    assert set(made.keys) == set(keys)
    means = (values[:, :288].reshape(-1, 96, 3).mean(axis=2) for values in (known.occupancy, known.demand, known.price * 3))
    for kind, table in enumerate(means):
        lonely = next(number for number, key in enumerate(keys) if keys.count(key) == 1)
        found = made.values[made.keys.index(keys[lonely])]
        assert found[0, kind] == pytest.approx(table[lonely], rel=1e-6)
        assert found[1, kind] == pytest.approx(table[lonely] / 2, rel=1e-6)


def test_pools_that_cannot_be_told_apart_share_their_mean() -> None:
    city, _, known = golden.setting()
    twice = type(city).build(
        name="twice",
        time_zone="UTC",
        currency="EUR",
        location_ids=["x", "y"],
        latitude=[52.0, 52.000001],
        longitude=[5.0, 5.0],
        pool_location=[0, 1],
        pool_standard=[0, 0],
        pool_power_kw=[22.0, 11.0],
        capacity=[1, 1],
    )
    made = tables_of(twice, Climatology(known.occupancy[:2], known.demand[:2], known.price[:2]))
    assert len(made.keys) == 1
    assert made.values[0, 0, 2] == pytest.approx(known.price[:2, :288].reshape(2, 96, 3).sum(axis=2).mean(axis=0), rel=1e-6)


def test_less_than_a_day_is_no_day() -> None:
    city, _, known = golden.setting()
    short = Climatology(known.occupancy[:, :287], known.demand[:, :287], known.price[:, :287])
    with pytest.raises(ValueError, match="weekday: has 287 slots"):
        tables_of(city, short)


def test_a_session_is_worth_the_same_by_the_file_as_by_what_it_was_made_of() -> None:
    city, _, _ = golden.setting()
    by_quarter = np.repeat(np.arange(96) % 7 / 10.0, 3)[None] * np.ones((len(city.capacity), 1))
    learnt = Climatology(by_quarter, by_quarter, by_quarter / 3)
    made = tables_of(city, learnt)
    served = made.around(keys_of(city), [city.time_zone] * len(city.capacity), slot("2026-03-02T00:00"), 288)
    for name in ("occupancy_sum", "demand_sum", "price_sum"):
        assert getattr(served, name) == pytest.approx(getattr(learnt, name), rel=1e-5), name


def test_a_key_is_a_place_to_the_metre() -> None:
    assert pool_key(52.09, 5.12, "CHADEMO", "RAPID") == "5209000,512000,CHADEMO,RAPID"
    assert pool_key(52.0900004, -5.12, "CHADEMO", "RAPID") == "5209000,-512000,CHADEMO,RAPID"
