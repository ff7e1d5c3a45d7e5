"""What is free instead of a period that is not: the nearest starts at its pool, and the nearest places at its time."""

import uuid
from datetime import datetime
from typing import Any

from functions.booking.claims import occupied, pools_of
from functions.booking.placement import full_slots, place
from functions.stations import service as stations
from functions.stations.domain import Location, Pool
from shared.slots import SLOTS_A_QUARTER, SLOTS_AN_HOUR, slot_after, slot_start, slots_of
from shared.tx import Tx

REACH = 4 * SLOTS_AN_HOUR
"""Slots before and after the start that are looked at."""
APART = SLOTS_A_QUARTER
"""Slots between two starts that are told: five minutes earlier or later is no other choice."""
REACH_KM = 5.0


def alternatives(
    tx: Tx,
    location: Location,
    pool: Pool,
    start: datetime,
    end: datetime,
    *,
    limit: int = 5,
    ignoring: uuid.UUID | None = None,
) -> list[dict[str, Any]]:
    """What is free for as long as [start, end): at this pool at other times, and elsewhere at this time, at most `limit`."""
    return _in_time(tx, location, pool, start, end, limit - 2, ignoring) + _in_place(tx, location, pool, start, end, limit - 3)


def _in_time(
    tx: Tx, location: Location, pool: Pool, start: datetime, end: datetime, limit: int, ignoring: uuid.UUID | None
) -> list[dict[str, Any]]:
    length, asked = end - start, slots_of(start, end)
    reach = range(asked.start - REACH, asked.stop + REACH + 1)
    intervals = occupied(tx, location, reach, ignoring=ignoring)
    full = full_slots(pool.evse_ids, intervals, reach.start, reach.stop)
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
        fits = place(pool.evse_ids, intervals, slots.start, slots.stop) is not None
        if fits and stations.has_price(tx=tx, pool=pool, at=begin):
            found.append(slots.start)
            if len(found) == limit:
                break
    return [_alternative(location, pool, slot_start(first), slot_start(first) + length, 0.0) for first in found]


def _in_place(tx: Tx, location: Location, pool: Pool, start: datetime, end: datetime, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    slots = slots_of(start, end)
    neighbours = stations.locations_near(
        tx=tx,
        latitude=location.latitude,
        longitude=location.longitude,
        radius_km=REACH_KM,
        standards=frozenset({pool.standard}),
        limit=10,
    )
    for km, other in neighbours:
        if other.id == location.id:
            continue
        if not other.opened(slot_start(slots.start), len(slots)).all():
            continue
        intervals = occupied(tx, other, slots)
        for candidate in pools_of(other, pool.standard, None):
            fits = place(candidate.evse_ids, intervals, slots.start, slots.stop) is not None
            if fits and stations.has_price(tx=tx, pool=candidate, at=start):
                found.append(_alternative(other, candidate, start, end, km))
                break
        if len(found) == limit:
            break
    return found


def _alternative(location: Location, pool: Pool, start: datetime, end: datetime, km: float) -> dict[str, Any]:
    return {
        "location_id": str(location.id),
        "location_name": location.name,
        "connector": pool.standard,
        "power_kw": pool.power_kw,
        "distance_km": round(km, 3),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
    }
