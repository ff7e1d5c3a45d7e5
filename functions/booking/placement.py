"""Which EVSE of a pool takes a booking: best fit, and a repack of movable bookings where no EVSE is free as it stands.

Interchangeable EVSEs are an interval graph: taken in order of start, each booking finds a free EVSE as long as no slot
has more bookings than EVSEs; so letting the platform move bookings sells what pinned ones would leave idle.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """A booking's claims: slots [start, end) on `evse_id`. `allowed` are the EVSEs it may be moved to, none if fixed."""

    booking_id: uuid.UUID
    evse_id: uuid.UUID
    start: int
    end: int
    allowed: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True)
class Placement:
    """The chosen EVSE and, where a repack was needed, the bookings that move and where to."""

    evse_id: uuid.UUID
    moves: dict[uuid.UUID, uuid.UUID]


def place(
    pool: Sequence[uuid.UUID],
    held: Iterable[Held],
    start: int,
    end: int,
    *,
    prefer: uuid.UUID | None = None,
) -> Placement | None:
    """Finds an EVSE of `pool` for slots [start, end) among `held`, or None.

    `prefer` wins where it is free. Otherwise best fit: the EVSE whose idle gap around the period is the least, so that
    long gaps stay whole for long sessions; ties go to the pool's order. If none is free, movable bookings are repacked.
    """
    everything = list(held)
    lanes = _lanes(everything)
    if prefer is not None and prefer in pool and _is_free(lanes.get(prefer, []), start, end):
        return Placement(prefer, {})
    best = _best_fit(pool, lanes, start, end)
    if best is not None:
        return Placement(best, {})
    return None if _full(pool, everything, start, end) else _repack(pool, everything, start, end)


def _lanes(held: Iterable[Held]) -> dict[uuid.UUID, list[tuple[int, int]]]:
    lanes: dict[uuid.UUID, list[tuple[int, int]]] = {}
    for item in held:
        lanes.setdefault(item.evse_id, []).append((item.start, item.end))
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


def _full(pool: Sequence[uuid.UUID], held: Iterable[Held], start: int, end: int) -> bool:
    """Whether in some slot of [start, end) bookings that cannot leave the pool have all its EVSEs: no move helps then."""
    own, taken = set(pool), [0] * (end - start)
    for item in held:
        inside = item.start < end and item.end > start and item.evse_id in own
        if inside and (not item.allowed or item.allowed is pool or own.issuperset(item.allowed)):
            for slot in range(max(start, item.start), min(end, item.end)):
                taken[slot - start] += 1
    return max(taken, default=0) >= len(own)


def _repack(pool: Sequence[uuid.UUID], held: list[Held], start: int, end: int) -> Placement | None:
    cluster: list[Held] = []
    rest, lo, hi = held, start, end
    while True:  # the bookings that a move could reach: those that overlap the period, those that overlap them, ...
        joining: list[Held] = []
        apart: list[Held] = []
        for item in rest:
            (joining if item.allowed and item.start < hi and item.end > lo else apart).append(item)
        if not joining:
            break
        cluster += joining
        rest = apart
        lo = min(lo, *(item.start for item in joining))
        hi = max(hi, *(item.end for item in joining))
    if not pool:
        return None
    newcomer = Held(uuid.UUID(int=0), pool[0], start, end, tuple(pool))
    everybody = [*cluster, newcomer]
    in_time = sorted(everybody, key=lambda one: (one.start, one is newcomer, one.end))
    # Equal EVSEs need no other order than time. Where some bookings fit fewer EVSEs than others, those go first.
    by_choice = sorted(everybody, key=lambda one: (len(one.allowed), one.start, one.end))
    return _in_order(in_time, newcomer, rest) or _in_order(by_choice, newcomer, rest)


def _in_order(order: list[Held], newcomer: Held, fixed: list[Held]) -> Placement | None:
    """Gives each booking in turn an EVSE: its own where that is free, else the tightest fit. None where one finds none."""
    lanes = _lanes(fixed)
    moves: dict[uuid.UUID, uuid.UUID] = {}
    mine: uuid.UUID | None = None
    for item in order:
        stays = item is not newcomer and _is_free(lanes.get(item.evse_id, []), item.start, item.end)
        evse = item.evse_id if stays else _best_fit(item.allowed, lanes, item.start, item.end)
        if evse is None:
            return None
        lanes.setdefault(evse, []).append((item.start, item.end))
        if item is newcomer:
            mine = evse
        elif evse != item.evse_id:
            moves[item.booking_id] = evse
    assert mine is not None
    return Placement(mine, moves)
