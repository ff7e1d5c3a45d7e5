"""SQL of locations as points and names: where they are, what they are called, without what is in them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from functions.stations.domain import APPROVED, PlaceSummary
from functions.stations.tables import connector, evse, location
from shared.tx import Tx

_L = location.c
_SUMMARY = (_L.id, _L.name, _L.address, _L.city, _L.country, _L.latitude, _L.longitude, _L.time_zone)


def summaries(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, PlaceSummary]:
    """What locations are called and where they are, in any state."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = tx.execute(sa.select(*_SUMMARY).where(_L.id.in_(wanted)))
    return {row.id: PlaceSummary(**row._asdict()) for row in rows}


def named(tx: Tx, words: Sequence[str], *, limit: int) -> list[PlaceSummary]:
    """Approved locations in whose name, address or city each of the words stands: those whose name begins with the first word
    before the others, then by name."""
    conditions = [
        sa.or_(*(column.icontains(word, autoescape=True) for column in (_L.name, _L.address, _L.city))) for word in words
    ]
    first = sa.case((_L.name.istartswith(words[0], autoescape=True), 0), else_=1)
    statement = sa.select(*_SUMMARY).where(_L.status == APPROVED, *conditions).order_by(first, _L.name, _L.id).limit(limit)
    return [PlaceSummary(**row._asdict()) for row in tx.execute(statement)]


@dataclass(frozen=True)
class Box:
    """A part of the map, degrees; `west` may be east of `east` where it crosses the date line."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class MapCell:
    """The locations of an H3 cell: their middle, and how many."""

    latitude: float
    longitude: float
    count: int


def _within(box: Box, standard: str | None) -> list[sa.ColumnElement[bool]]:
    conditions = [_L.status == APPROVED, _L.latitude.between(box.south, box.north)]
    if box.west <= box.east:
        conditions.append(_L.longitude.between(box.west, box.east))
    else:
        conditions.append(sa.or_(_L.longitude >= box.west, _L.longitude <= box.east))
    if standard is not None:
        plugs = sa.select(evse.c.location_id).join(connector, connector.c.evse_id == evse.c.id)
        conditions.append(_L.id.in_(plugs.where(connector.c.standard == standard)))
    return conditions


def within(tx: Tx, box: Box, *, standard: str | None, limit: int) -> list[PlaceSummary]:
    """Approved locations in a box (with a connector of a standard), in order of id."""
    statement = sa.select(*_SUMMARY).where(*_within(box, standard)).order_by(_L.id).limit(limit)
    return [PlaceSummary(**row._asdict()) for row in tx.execute(statement)]


def cells_within(tx: Tx, box: Box, *, standard: str | None, resolution: int, limit: int) -> list[MapCell]:
    """The same by H3 cell, the fullest first."""
    cell: sa.ColumnElement[Any] = _L[f"h3_{resolution}"]
    count = sa.func.count()
    statement = (
        sa.select(sa.func.avg(_L.latitude).label("latitude"), sa.func.avg(_L.longitude).label("longitude"), count.label("n"))
        .where(*_within(box, standard))
        .group_by(cell)
        .order_by(count.desc(), cell)
        .limit(limit)
    )
    return [MapCell(float(row.latitude), float(row.longitude), int(row.n)) for row in tx.execute(statement)]
