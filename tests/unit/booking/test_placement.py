"""Placement: best fit, and a repack that succeeds exactly when no slot has more bookings than EVSEs."""

import uuid
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from functions.booking.placement import OccupiedInterval, _repack, full_slots, place

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def booking(number: int, evse: uuid.UUID, start: int, end: int, *allowed: uuid.UUID) -> OccupiedInterval:
    return OccupiedInterval(uuid.UUID(int=1000 + number), evse, start, end, allowed)


def test_an_empty_pool_gives_its_first_evse() -> None:
    placement = place([A, B], [], 10, 14)
    assert placement is not None
    assert (placement.evse_id, placement.moves) == (A, {})


def test_best_fit_closes_the_smaller_gap() -> None:
    occupied = [booking(1, A, 0, 4), booking(2, B, 0, 8)]
    placement = place([A, B], occupied, 8, 10)
    assert placement is not None
    assert placement.evse_id == B, "B is free right before the session, A would keep a gap of four slots"


def test_the_preferred_evse_wins_where_it_is_free() -> None:
    occupied = [booking(1, B, 0, 8)]
    placement = place([A, B], occupied, 8, 10, prefer=A)
    assert placement is not None
    assert placement.evse_id == A


def test_a_repack_moves_a_booking_out_of_the_way() -> None:
    # A: [0,4) and B: [6,10): nothing is free over [2,8) as it stands; moving B's booking to A frees B from 0 on.
    occupied = [booking(1, A, 0, 2, A, B), booking(2, B, 6, 10, A, B), booking(3, B, 0, 2, A, B), booking(4, A, 3, 5, A, B)]
    placement = place([A, B], occupied, 5, 8)
    assert placement is not None
    check(placement.evse_id, placement.moves, occupied, 5, 8)


def test_a_fixed_booking_is_never_moved() -> None:
    occupied = [booking(1, A, 0, 6), booking(2, B, 4, 10)]
    assert place([A, B], occupied, 5, 7) is None
    assert place([A, B], occupied, 2, 5) is None, "free at every slot, but not on one EVSE, and nothing may move"


def test_a_full_pool_has_no_place() -> None:
    assert place([A], [booking(1, A, 0, 4, A)], 3, 5) is None
    assert place([], [], 0, 1) is None


def check(evse: uuid.UUID, moves: dict[uuid.UUID, uuid.UUID], occupied: list[OccupiedInterval], start: int, end: int) -> None:
    """After the placement no EVSE has a slot twice, and only movable bookings moved to where they may be."""
    taken: Counter[tuple[uuid.UUID, int]] = Counter((evse, slot) for slot in range(start, end))
    for interval in occupied:
        moved_to = moves.get(interval.holder_id, interval.evse_id)
        assert moved_to == interval.evse_id or moved_to in interval.allowed
        taken.update((moved_to, slot) for slot in range(interval.start, interval.end))
    assert max(taken.values()) == 1


def after(moves: dict[uuid.UUID, uuid.UUID], occupied: list[OccupiedInterval]) -> list[OccupiedInterval]:
    return [replace(interval, evse_id=moves.get(interval.holder_id, interval.evse_id)) for interval in occupied]


periods = st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(periods, max_size=30), periods)
def test_interchangeable_evses_take_all_that_counts_allow(wishes: list[tuple[int, int]], last: tuple[int, int]) -> None:
    pool = [A, B, C]
    occupied: list[OccupiedInterval] = []
    for number, (start, end) in enumerate([*wishes, last]):
        load = max(sum(interval.start <= slot < interval.end for interval in occupied) for slot in range(start, end))
        placement = place(pool, occupied, start, end)
        assert (placement is not None) == (load < len(pool)), "an interval graph needs no more than its densest slot"
        if placement is not None:
            check(placement.evse_id, placement.moves, occupied, start, end)
            occupied = after(placement.moves, occupied)
            occupied.append(booking(number, placement.evse_id, start, end, *pool))


@given(st.lists(st.tuples(periods, st.booleans()), max_size=20))
def test_nothing_is_doubled_where_some_may_not_move(wishes: list[tuple[tuple[int, int], bool]]) -> None:
    pool = [A, B, C]
    occupied: list[OccupiedInterval] = []
    for number, ((start, end), movable) in enumerate(wishes):
        placement = place(pool, occupied, start, end)
        if placement is not None:
            check(placement.evse_id, placement.moves, occupied, start, end)
            occupied = after(placement.moves, occupied)
            occupied.append(booking(number, placement.evse_id, start, end, *(pool if movable else ())))


@given(st.lists(st.tuples(periods, st.sampled_from([(A, B), (B, C), (A, B, C), ()])), max_size=20), periods)
def test_what_is_called_full_no_repack_could_place(
    wishes: list[tuple[tuple[int, int], tuple[uuid.UUID, ...]]], last: tuple[int, int]
) -> None:
    """Pools that share an EVSE, and fixed bookings: whoever may leave the pool does not make it full."""
    occupied: list[OccupiedInterval] = []
    for number, ((start, end), allowed) in enumerate(wishes):
        placement = place(allowed or [A, B, C], occupied, start, end)
        if placement is not None:
            occupied = after(placement.moves, occupied)
            occupied.append(booking(number, placement.evse_id, start, end, *allowed))
    for pool in ((A, B), (B, C), (C,)):
        assert not (any(full_slots(pool, occupied, *last)) and _repack(pool, occupied, *last) is not None)
