"""What the forecast remembers and reads: ages, sessions that do not end, gaps, bytes, and that a step counts once."""

from copy import deepcopy

import numpy as np
import pytest

from functions.forecast.features import (
    DAY,
    FORECAST_FEATURES,
    HORIZONS,
    LONGEST,
    MISSED,
    Memory,
    features,
    observe,
    stays,
    without_left,
)
from functions.forecast.memory import Group, pack, unpack
from shared.db import new_id

START = 6_000_000
NONE = np.zeros((2, len(HORIZONS)))
"""Two groups: a slow one of two points, a rapid one of one."""


def fresh() -> Memory:
    return Memory.new(np.array([0, 0, 1]), 2)


def see(
    memory: Memory, step: int, *taken: int, usable: tuple[int, ...] = (1, 1, 1), hour: int = 9, booked: bool = False
) -> None:
    can = np.array(usable, dtype=bool)
    observe(
        memory,
        step,
        without_left(memory, step, np.array(taken, dtype=bool), can),
        can,
        hour=np.full(2, hour),
        weekend=np.zeros(2, bool),
        booked=np.full(3, booked),
    )


def read(
    memory: Memory, step: int, *, booked: np.ndarray = NONE, usable: tuple[int, ...] = (1, 1, 1)
) -> list[dict[str, float]]:
    found = features(
        memory,
        step,
        np.array(usable, dtype=bool),
        hour=np.full(2, 9),
        minute=np.full(2, 0),
        weekday=np.full(2, 1),
        power=np.array([7.0, 50.0]),
        booked=booked,
    )
    assert found.shape == (2, len(FORECAST_FEATURES))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    return [dict(zip(FORECAST_FEATURES, row.tolist(), strict=True)) for row in found]


def test_a_memory_of_nothing_has_finite_features() -> None:
    slow, rapid = read(fresh(), START)
    assert (slow["capacity"], slow["free"], slow["share"]) == (2, 2, 0)
    assert (rapid["capacity"], rapid["fast"], slow["fast"]) == (1, 1, 0)


def test_shares_changes_and_ages_are_those_of_the_points() -> None:
    memory = fresh()
    for step in range(20):
        see(memory, START + step, step >= 10, step >= 17, 0)
    slow, _ = read(memory, START + 19)
    assert slow["share"] == 1
    assert slow["free"] == 0
    assert slow["change_15"] == pytest.approx(0.5), "one came two steps ago"
    assert slow["change_60"] == 1
    assert slow["youngest"] == pytest.approx(np.log1p(2))
    assert slow["oldest"] == pytest.approx(np.log1p(9 + 1))
    assert slow["rate"] == pytest.approx(np.log1p(2), rel=1e-3)


def test_a_step_that_is_seen_twice_changes_nothing() -> None:
    memory = fresh()
    for step in range(5):
        see(memory, START + step, 1, 0, step % 2)
    before = deepcopy(memory)
    see(memory, START + 4, 0, 1, 1)
    see(memory, START + 2, 0, 1, 1)
    for name, value in vars(before).items():
        assert np.array_equal(value, getattr(memory, name)), name


def test_a_session_of_more_than_a_day_counts_as_left_until_the_point_is_free() -> None:
    memory = fresh()
    see(memory, START - 1, 0, 0, 0)
    for step in range(LONGEST + 5):
        see(memory, START + step, 1, 0, 0)
        assert memory.busy[0] == (step < LONGEST)
    assert memory.left.tolist() == [True, False, False]
    see(memory, START + LONGEST + 5, 0, 0, 0)
    see(memory, START + LONGEST + 6, 1, 0, 0)
    assert memory.busy[0], "the next car is a new session"
    assert not memory.left.any()


def test_own_sessions_teach_how_long_cars_stay() -> None:
    memory = fresh()
    slow_prior = stays(memory, START, np.array([False, True]))
    assert (slow_prior == 1).all(), "nobody is there"
    for step in range(6 * DAY):
        see(memory, START + step, step % 4 < 2, 0, 0)
    see(memory, START + 6 * DAY, 1, 0, 0)
    short = stays(memory, START + 6 * DAY, np.array([False, True]))[0]
    assert short[0] < 0.1, "every session took ten minutes"
    assert (np.diff(short) <= 0).all()
    lasting = fresh()
    see(lasting, START, 0, 0, 0)
    see(lasting, START + 1, 1, 0, 0)
    assert stays(lasting, START + 1, np.array([False, True]))[0, 0] > 0.9, "at 7 kW one stays, until more is known"


def test_points_that_cannot_be_used_are_no_capacity_and_keep_what_is_known_of_them() -> None:
    memory = fresh()
    see(memory, START, 0, 0, 0)
    see(memory, START + 1, 1, 0, 0)
    see(memory, START + 2, 0, 0, 0, usable=(0, 1, 1))
    slow, _ = read(memory, START + 2, usable=(0, 1, 1))
    assert (slow["capacity"], slow["free"]) == (1, 1)
    assert memory.busy[0]
    assert memory.since[0] == START + 1


def test_a_gap_holds_the_last_state_and_cools_the_memory() -> None:
    memory = fresh()
    for step in range(30):
        see(memory, START + step, 1, 0, 0)
    assert memory.warm[0] > 12
    see(memory, START + 29 + MISSED, 1, 1, 0)
    assert memory.warm[0] > 12, "a run or two may be missing"
    assert memory.recent[0, :4].tolist() == [1, 0.5, 0.5, 0.5]
    see(memory, START + 200, 0, 0, 0)
    assert memory.warm[0] == 1
    assert memory.recent[0, 0] == 0
    assert (memory.recent[0, 1:] == 1).all()


def test_the_hours_profile_is_learnt_by_kind_of_day() -> None:
    memory = fresh()
    for step in range(280):
        see(memory, START + step, 1, 0, 0, hour=9 if step % 2 else 3)
    assert memory.occupancy[0, 0, 9] == pytest.approx(0.5)
    assert memory.occupancy[0, 1].sum() == 0, "no weekend was seen"


def test_bookings_ahead_are_an_input_and_their_share_is_remembered() -> None:
    memory = fresh()
    see(memory, START, 0, 0, 0, booked=True)
    for step in range(1, 200):
        see(memory, START + step, step % 2, 0, 0, booked=True)
    claimed = NONE.copy()
    claimed[0] = (0, 1, 1, 2)
    slow, _ = read(memory, START + 199, booked=claimed)
    assert [slow[f"booked_{minutes}"] for minutes in HORIZONS] == [0, 1, 1, 2]
    assert slow["booked_share"] > 0.8


def test_bytes_bring_back_the_memory_and_a_new_point_is_new() -> None:
    groups = [Group(new_id(), "SLOW", tuple(sorted((new_id(), new_id())))), Group(new_id(), "RAPID", (new_id(),))]
    memory = fresh()
    for step in range(400):
        see(memory, START + step, step % 7 < 3, step % 11 < 5, step % 3 == 0, hour=step // 12 % 24)
    rows = dict(zip([group.key for group in groups], pack(groups, memory), strict=True))
    again = unpack(groups, rows)
    assert np.allclose(
        np.array([list(row.values()) for row in read(again, START + 400)]),
        np.array([list(row.values()) for row in read(memory, START + 400)]),
        atol=1e-4,
    )
    grown = Group(groups[0].location_id, "SLOW", (groups[0].evse_ids[1], new_id()))
    other = unpack([grown, groups[1]], rows)
    assert other.since[0] == memory.since[1]
    assert other.since[1] == -np.inf
    for broken in (b"", b"\x00" * 8, rows[groups[0].key][:-1], b"\x09\x00" + rows[groups[0].key][2:]):
        assert unpack(groups[:1], {groups[0].key: broken}).step[0] == -1, "what cannot be read is new"
