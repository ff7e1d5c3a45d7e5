"""Tariffs of locations: what stands on which pool, and what other tariffs would have brought."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from functions.booking import repricing
from functions.booking.domain import Booking
from functions.operators.service import edit
from functions.stations import service as stations
from functions.stations.domain import Location, StaffRight
from functions.stations.schemas import TariffAssignment, TariffsPut
from functions.tariffs.domain import Tariff, chosen
from shared.errors import Invalid
from shared.tx import Tx

LOOKED_BACK = timedelta(days=30)
MAX_SESSIONS = 2000
"""The most that one preview prices anew; the newest count."""
PoolKey = tuple[str, str]
"""Connector standard and power class."""


def _pools_by_tariff(location: Location, tariffs: Sequence[TariffAssignment]) -> list[list[PoolKey]]:
    """For each tariff the pools it is for. Raises Invalid for another currency, and for one that fits no pool."""
    pools = sorted({(pool.standard, pool.power_class) for pool in location.pools()})
    by_tariff = []
    for number, item in enumerate(tariffs):
        if item.tariff.currency != location.currency:
            raise Invalid.one(
                f"tariffs.{number}.tariff.currency", f"must be the location's, {location.currency}, not {item.tariff.currency}"
            )
        wanted = [
            pool
            for pool in pools
            if (not item.applies_to.connectors or pool[0] in item.applies_to.connectors)
            and (not item.applies_to.power_classes or pool[1] in item.applies_to.power_classes)
        ]
        if not wanted:
            raise Invalid.one(f"tariffs.{number}.applies_to", "fits none of the location's pools; add the EVSEs first")
        by_tariff.append(wanted)
    return by_tariff


def put_tariffs(*, tx: Tx, location_id: uuid.UUID, tariffs_in: TariffsPut, if_match: str | None) -> Location:
    """Replaces the tariffs of a location's pools from now on. What is booked keeps the quote it was booked with."""

    def change(location: Location) -> None:
        assignment: dict[PoolKey, tuple[uuid.UUID, ...]] = {}
        for item, pools in zip(tariffs_in.tariffs, _pools_by_tariff(location, tariffs_in.tariffs), strict=True):
            tariff_id = stations.add_tariff(tx=tx, location_id=location.id, tariff=item.tariff)
            for pool in pools:
                assignment[pool] = (*assignment.get(pool, ()), tariff_id)
        stations.assign_tariffs(tx=tx, location_id=location.id, assignment=assignment)
        if tx.actor.role == "owner" and location.booking_terms.fees_above_quote:  # what was allowed were the fees of then
            terms = location.booking_terms.model_copy(update={"fees_above_quote": False})
            stations.update_location(tx=tx, location_id=location.id, booking_terms=terms.stored())

    return edit(tx=tx, location_id=location_id, if_match=if_match, action="location.tariffs", change=change)


@dataclass
class PoolPreview:
    """What a pool's sessions brought, and would have brought."""

    standard: str
    power_class: str
    sessions: int = 0
    kwh: float = 0.0
    brought_minor: int = 0
    would_have_minor: int = 0
    unpriced: int = 0
    """Sessions that the tariffs have no price for; they are in no sum."""


@dataclass(frozen=True)
class TariffPreview:
    """What other tariffs would have made of the last thirty days at a location."""

    currency: str
    days: int
    pools: list[PoolPreview]
    all_counted: bool
    """Whether those were all sessions; else the newest MAX_SESSIONS."""


def preview(*, tx: Tx, location_id: uuid.UUID, tariffs_in: TariffsPut) -> TariffPreview:
    """Prices the sessions of the last thirty days at the caller's location anew. Nothing is stored.

    Each session is quoted and settled as if it had been booked under these tariffs: within its new quote, by what was metered.
    Nobody says whether the same drivers would have come. Raises NotFound, Forbidden, Invalid.
    """
    location = stations.get_managed(tx=tx, location_id=location_id, right=StaffRight.EDIT)
    standing: dict[PoolKey, list[Tariff]] = {}
    for item, pools in zip(tariffs_in.tariffs, _pools_by_tariff(location, tariffs_in.tariffs), strict=True):
        for pool in pools:
            standing.setdefault(pool, []).append(item.tariff)

    def tariff_of(booking: Booking) -> Tariff | None:
        tariffs = standing.get((booking.standard, booking.power_class), [])
        number = chosen(tariffs, booking.start)
        return None if number is None else tariffs[number]

    sessions = repricing.reprice(
        tx=tx, location=location, since=tx.now - LOOKED_BACK, until=tx.now, tariff_of=tariff_of, limit=MAX_SESSIONS + 1
    )
    previews: dict[PoolKey, PoolPreview] = {}
    for session in sessions[:MAX_SESSIONS]:
        key = (session.standard, session.power_class)
        pool_preview = previews.setdefault(key, PoolPreview(*key))
        if session.new_minor is None:
            pool_preview.unpriced += 1
            continue
        pool_preview.sessions += 1
        pool_preview.kwh = round(pool_preview.kwh + session.kwh, 3)
        pool_preview.brought_minor += session.old_minor
        pool_preview.would_have_minor += session.new_minor
    return TariffPreview(
        location.currency, LOOKED_BACK.days, [previews[key] for key in sorted(previews)], len(sessions) <= MAX_SESSIONS
    )
