"""What is free instead of a period that is not: the nearest starts at its pool, and the nearest places at its time.

What was read under the location's lock says the first; the second is read when that lock is gone.
"""

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from functions.booking.claims import intervals, pools_of, spans_around
from functions.booking.placement import OccupiedInterval, full_slots, place
from functions.booking.repository_claims import ClaimSpan
from functions.stations import service as stations
from functions.stations.domain import Location, Pool
from functions.stations.neighbours import neighbours
from shared.slots import SLOTS_A_QUARTER, SLOTS_AN_HOUR, slot_after, slot_start, slots_of
from shared.tx import Tx

REACH = 4 * SLOTS_AN_HOUR
"""Slots before and after the start that are looked at; claims.WINDOW is as far around."""
APART = SLOTS_A_QUARTER
"""Slots between two starts that are told: five minutes earlier or later is no other choice."""
REACH_KM = 5.0
NEIGHBOURS = (2, 4, 6)
"""How many of the nearest places are looked at together: mostly the first two have room, and two are enough."""


def alternatives(
    location: Location,
    pool: Pool,
    start: datetime,
    end: datetime,
    occupied: Iterable[OccupiedInterval],
    *,
    limit: int = 5,
) -> Callable[[Tx], dict[str, Any]]:
    """How to find what is free for as long as [start, end): at this pool at other times, and elsewhere at this time, at most
    `limit`, as the `alternatives` of a problem document. `occupied` is what is taken around the period at the location, without
    the booking that moves."""
    taken = list(occupied)

    def look(tx: Tx) -> dict[str, Any]:
        here = _in_time(tx, location, pool, start, end, taken, limit - 2)
        return {"alternatives": here + _in_place(tx, location, pool, start, end, limit - 3)}

    return look


def _in_time(
    tx: Tx, location: Location, pool: Pool, start: datetime, end: datetime, taken: list[OccupiedInterval], limit: int
) -> list[dict[str, Any]]:
    length, asked = end - start, slots_of(start, end)
    reach = range(asked.start - REACH, asked.stop + REACH + 1)
    full = full_slots(pool.evse_ids, taken, reach.start, reach.stop)
    opened = location.opened(slot_start(reach.start), len(reach))
    shut = [is_full or not is_open for is_full, is_open in zip(full, opened, strict=True)]
    earliest = slot_after(tx.now)
    found: list[int] = []
    for shift in sorted(range(-REACH, REACH + 1), key=lambda step: (abs(step), -step)):
        begin = slot_start(asked.start + shift)
        slots = slots_of(begin, begin + length)
        near = any(abs(slots.start - other) < APART for other in found)
        if begin == start or slots.start < earliest or near:
            continue
        if any(shut[slots.start - reach.start : slots.stop - reach.start]):
            continue
        fits = place(pool.evse_ids, taken, slots.start, slots.stop) is not None
        if fits and stations.has_price(tx=tx, pool=pool, at=begin):
            found.append(slots.start)
            if len(found) == limit:
                break
    return [_alternative(location, pool, slot_start(first), slot_start(first) + length, 0.0) for first in found]


def _in_place(tx: Tx, location: Location, pool: Pool, start: datetime, end: datetime, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    slots = slots_of(start, end)
    for km, other, taken in _neighbours(tx, location, pool.standard, slots):
        for candidate in pools_of(other, pool.standard, None):
            fits = place(candidate.evse_ids, taken, slots.start, slots.stop) is not None
            if fits and stations.has_price(tx=tx, pool=candidate, at=start):
                found.append(_alternative(other, candidate, start, end, km))
                break
        if len(found) == limit:
            break
    return found


def _neighbours(
    tx: Tx, location: Location, standard: str, slots: range
) -> Iterator[tuple[float, Location, list[OccupiedInterval]]]:
    """(km, place, what is taken there) of the nearest places that are open over the slots."""
    others = neighbours(tx=tx, location=location, standard=standard, radius_km=REACH_KM, limit=sum(NEIGHBOURS))
    remaining = iter(others)
    for count in NEIGHBOURS:
        some = list(itertools.islice(remaining, count))
        if not some:
            return
        read = stations.get_locations(tx=tx, location_ids=[location_id for _, location_id in some])
        places = [(km, read[location_id]) for km, location_id in some if location_id in read]
        places = [(km, each) for km, each in places if each.opened(slot_start(slots.start), len(slots)).all()]
        by_location = _by_location(places, spans_around(tx, [each for _, each in places], slots))
        for km, each in places:
            yield km, each, intervals(each, by_location[each.id], now=tx.now)


def _by_location(places: list[tuple[float, Location]], spans: Iterable[ClaimSpan]) -> dict[uuid.UUID, list[ClaimSpan]]:
    where = {evse.id: each.id for _, each in places for evse in each.evses}
    by_location: dict[uuid.UUID, list[ClaimSpan]] = {each.id: [] for _, each in places}
    for location_id, its in itertools.groupby(spans, key=lambda span: where[span.evse_id]):
        by_location[location_id] += its
    return by_location


def _alternative(location: Location, pool: Pool, start: datetime, end: datetime, km: float) -> dict[str, Any]:
    return {
        "location_id": str(location.id),
        "location_name": location.name,
        "connector": pool.standard,
        "power_kw": pool.power_kw,
        "distance_km": round(km, 3),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
    }
