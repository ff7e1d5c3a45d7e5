"""Interval graph colouring with best fit: which EVSE of a pool takes a booking, and which movable ones make room for it.

Bookings are intervals, EVSEs colours. Greedy colouring in order of start needs as many colours as the densest slot has
bookings (interval graphs are perfect), so a pool that may repack sells what pinned bookings would leave idle.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OccupiedInterval:
    """Slots [start, end) of one EVSE that are taken: by a booking, a blocked time, or somebody who charges unbooked."""

    holder_id: uuid.UUID
    """The booking; of what cannot be moved whatever tells it apart."""
    evse_id: uuid.UUID
    start: int
    """First slot."""
    end: int
    """The slot after the last."""
    allowed: tuple[uuid.UUID, ...] = ()
    """The EVSEs it may be moved to; none: it is fixed."""


@dataclass(frozen=True)
class Placement:
    """The chosen EVSE and, where a repack was needed, the bookings that move and where to."""

    evse_id: uuid.UUID
    moves: dict[uuid.UUID, uuid.UUID]


def place(
    pool: Sequence[uuid.UUID],
    occupied: Iterable[OccupiedInterval],
    start: int,
    end: int,
    *,
    prefer: uuid.UUID | None = None,
) -> Placement | None:
    """Finds an EVSE of `pool` for slots [start, end) among what is `occupied`, or None.

    `prefer` wins where it is free. Otherwise best fit: the EVSE whose idle gap around the period is the least, so that
    long gaps stay whole for long sessions; ties go to the pool's order. If none is free, movable bookings are repacked.
    """
    intervals = list(occupied)
    lanes = _lanes(intervals)
    if prefer is not None and prefer in pool and _is_free(lanes.get(prefer, []), start, end):
        return Placement(prefer, {})
    best = _best_fit(pool, lanes, start, end)
    if best is not None:
        return Placement(best, {})
    return None if any(full_slots(pool, intervals, start, end)) else _repack(pool, intervals, start, end)


def _lanes(intervals: Iterable[OccupiedInterval]) -> dict[uuid.UUID, list[tuple[int, int]]]:
    """(start, end) of the intervals on each EVSE."""
    lanes: dict[uuid.UUID, list[tuple[int, int]]] = {}
    for interval in intervals:
        lanes.setdefault(interval.evse_id, []).append((interval.start, interval.end))
    return lanes


def _is_free(lane: list[tuple[int, int]], start: int, end: int) -> bool:
    return all(until <= start or since >= end for since, until in lane)


def _gap(lane: list[tuple[int, int]], start: int, end: int) -> float:
    """Idle slots that a session at [start, end) would leave around it; endless on an empty EVSE."""
    before = min((start - until for _, until in lane if until <= start), default=float("inf"))
    after = min((since - end for since, _ in lane if since >= end), default=float("inf"))
    return before + after if lane else float("inf")


def _best_fit(
    pool: Sequence[uuid.UUID], lanes: dict[uuid.UUID, list[tuple[int, int]]], start: int, end: int
) -> uuid.UUID | None:
    free = [evse for evse in pool if _is_free(lanes.get(evse, []), start, end)]
    if not free:
        return None

    def tightness(evse: uuid.UUID) -> tuple[float, float]:
        lane = lanes.get(evse, [])
        nearest = min((min(abs(start - until), abs(since - end)) for since, until in lane), default=float("inf"))
        return _gap(lane, start, end), nearest

    return min(free, key=tightness)


def full_slots(pool: Sequence[uuid.UUID], intervals: Iterable[OccupiedInterval], start: int, end: int) -> list[bool]:
    """For each slot of [start, end): whether bookings that cannot leave the pool have all its EVSEs. No move helps then."""
    own, taken = set(pool), [0] * (end - start)
    for interval in intervals:
        inside = interval.start < end and interval.end > start and interval.evse_id in own
        if inside and (not interval.allowed or interval.allowed is pool or own.issuperset(interval.allowed)):
            for slot in range(max(start, interval.start), min(end, interval.end)):
                taken[slot - start] += 1
    return [count >= len(own) for count in taken]


def _repack(pool: Sequence[uuid.UUID], intervals: list[OccupiedInterval], start: int, end: int) -> Placement | None:
    cluster: list[OccupiedInterval] = []
    rest, low, high = intervals, start, end
    while True:  # the bookings that a move could reach: those that overlap the period, those that overlap them, ...
        joining: list[OccupiedInterval] = []
        apart: list[OccupiedInterval] = []
        for interval in rest:
            (joining if interval.allowed and interval.start < high and interval.end > low else apart).append(interval)
        if not joining:
            break
        cluster += joining
        rest = apart
        low = min(low, *(interval.start for interval in joining))
        high = max(high, *(interval.end for interval in joining))
    if not pool:
        return None
    newcomer = OccupiedInterval(uuid.UUID(int=0), pool[0], start, end, tuple(pool))
    everybody = [*cluster, newcomer]
    by_start = sorted(everybody, key=lambda interval: (interval.start, interval is newcomer, interval.end))
    # Equal EVSEs need no other order than time. Where some bookings fit fewer EVSEs than others, those go first.
    by_choice = sorted(everybody, key=lambda interval: (len(interval.allowed), interval.start, interval.end))
    return _colour(by_start, newcomer, rest) or _colour(by_choice, newcomer, rest)


def _colour(order: list[OccupiedInterval], newcomer: OccupiedInterval, fixed: list[OccupiedInterval]) -> Placement | None:
    """Greedy colouring: each in turn keeps its EVSE where that is free, else gets the tightest fit. None where one has none."""
    lanes = _lanes(fixed)
    moves: dict[uuid.UUID, uuid.UUID] = {}
    chosen: uuid.UUID | None = None
    for interval in order:
        stays = interval is not newcomer and _is_free(lanes.get(interval.evse_id, []), interval.start, interval.end)
        evse = interval.evse_id if stays else _best_fit(interval.allowed, lanes, interval.start, interval.end)
        if evse is None:
            return None
        lanes.setdefault(evse, []).append((interval.start, interval.end))
        if interval is newcomer:
            chosen = evse
        elif evse != interval.evse_id:
            moves[interval.holder_id] = evse
    assert chosen is not None
    return Placement(chosen, moves)
