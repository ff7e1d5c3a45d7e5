"""Placement: best fit, and a repack that succeeds exactly when no slot has more bookings than EVSEs."""

import uuid
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from functions.booking.placement import Held, _full, _repack, place

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def booking(number: int, evse: uuid.UUID, start: int, end: int, *allowed: uuid.UUID) -> Held:
    return Held(uuid.UUID(int=1000 + number), evse, start, end, allowed)


def test_an_empty_pool_gives_its_first_evse() -> None:
    found = place([A, B], [], 10, 14)
    assert found is not None
    assert (found.evse_id, found.moves) == (A, {})


def test_best_fit_closes_the_smaller_gap() -> None:
    held = [booking(1, A, 0, 4), booking(2, B, 0, 8)]
    found = place([A, B], held, 8, 10)
    assert found is not None
    assert found.evse_id == B, "B is free right before the session, A would keep a gap of four slots"


def test_the_preferred_evse_wins_where_it_is_free() -> None:
    held = [booking(1, B, 0, 8)]
    found = place([A, B], held, 8, 10, prefer=A)
    assert found is not None
    assert found.evse_id == A


def test_a_repack_moves_a_booking_out_of_the_way() -> None:
    # A: [0,4) and B: [6,10): nothing is free over [2,8) as it stands; moving B's booking to A frees B from 0 on.
    held = [booking(1, A, 0, 2, A, B), booking(2, B, 6, 10, A, B), booking(3, B, 0, 2, A, B), booking(4, A, 3, 5, A, B)]
    found = place([A, B], held, 5, 8)
    assert found is not None
    check(found.evse_id, found.moves, held, 5, 8)


def test_a_fixed_booking_is_never_moved() -> None:
    held = [booking(1, A, 0, 6), booking(2, B, 4, 10)]
    assert place([A, B], held, 5, 7) is None
    assert place([A, B], held, 2, 5) is None, "free at every slot, but not on one EVSE, and nothing may move"


def test_a_full_pool_has_no_place() -> None:
    assert place([A], [booking(1, A, 0, 4, A)], 3, 5) is None
    assert place([], [], 0, 1) is None


def check(evse: uuid.UUID, moves: dict[uuid.UUID, uuid.UUID], held: list[Held], start: int, end: int) -> None:
    """After the placement no EVSE has a slot twice, and only movable bookings moved to where they may be."""
    taken: Counter[tuple[uuid.UUID, int]] = Counter((evse, slot) for slot in range(start, end))
    for item in held:
        where = moves.get(item.booking_id, item.evse_id)
        assert where == item.evse_id or where in item.allowed
        taken.update((where, slot) for slot in range(item.start, item.end))
    assert max(taken.values()) == 1


periods = st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(periods, max_size=30), periods)
def test_interchangeable_evses_take_all_that_counts_allow(wishes: list[tuple[int, int]], last: tuple[int, int]) -> None:
    pool = [A, B, C]
    held: list[Held] = []
    for number, (start, end) in enumerate([*wishes, last]):
        load = max(sum(item.start <= slot < item.end for item in held) for slot in range(start, end))
        found = place(pool, held, start, end)
        assert (found is not None) == (load < len(pool)), "an interval graph needs no more than its densest slot"
        if found is not None:
            check(found.evse_id, found.moves, held, start, end)
            held = [
                Held(item.booking_id, found.moves.get(item.booking_id, item.evse_id), item.start, item.end, item.allowed)
                for item in held
            ]
            held.append(booking(number, found.evse_id, start, end, *pool))


@given(st.lists(st.tuples(periods, st.booleans()), max_size=20))
def test_nothing_is_doubled_where_some_may_not_move(wishes: list[tuple[tuple[int, int], bool]]) -> None:
    pool = [A, B, C]
    held: list[Held] = []
    for number, ((start, end), movable) in enumerate(wishes):
        found = place(pool, held, start, end)
        if found is not None:
            check(found.evse_id, found.moves, held, start, end)
            held = [
                Held(item.booking_id, found.moves.get(item.booking_id, item.evse_id), item.start, item.end, item.allowed)
                for item in held
            ]
            held.append(booking(number, found.evse_id, start, end, *(pool if movable else ())))


@given(st.lists(st.tuples(periods, st.sampled_from([(A, B), (B, C), (A, B, C), ()])), max_size=20), periods)
def test_what_is_called_full_no_repack_could_place(
    wishes: list[tuple[tuple[int, int], tuple[uuid.UUID, ...]]], last: tuple[int, int]
) -> None:
    """Pools that share an EVSE, and fixed bookings: whoever may leave the pool does not make it full."""
    held: list[Held] = []
    for number, ((start, end), allowed) in enumerate(wishes):
        found = place(allowed or [A, B, C], held, start, end)
        if found is not None:
            held = [replace(item, evse_id=found.moves.get(item.booking_id, item.evse_id)) for item in held]
            held.append(booking(number, found.evse_id, start, end, *allowed))
    for pool in ((A, B), (B, C), (C,)):
        assert not (_full(pool, held, *last) and _repack(pool, held, *last) is not None)
