"""Every SQL statement of stations, but those of their feed (feed/repository.py)."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from functions.stations import repository_staff
from functions.stations.domain import (
    APPROVED,
    BlockedTime,
    BookingTerms,
    Connector,
    Evse,
    Location,
    LocationRecord,
    TariffPeriod,
)
from functions.stations.enums import EvseStatus, LocationStatus
from functions.stations.nearby import cells_of
from functions.stations.opening import Hours
from functions.stations.price_rules import PriceRule
from functions.stations.tables import blocked_time, connector, evse, location, pool_tariff, tariff, tariff_period
from functions.tariffs.domain import Tariff
from shared.db import insert_new, new_id
from shared.nested import nested
from shared.precompiled import Precompiled
from shared.tx import Tx

TariffIds = tuple[uuid.UUID, ...]
"""Of the tariffs that stand on a pool, in order; never none."""
_THESE: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_NOT_READ = ("h3_5", "h3_7", "h3_9", "created_at", "updated_at")
_PLUGS = nested(
    sa.select(
        evse.c.id,
        evse.c.uid,
        evse.c.status,
        connector.c.connector_id,
        connector.c.standard,
        connector.c.format,
        connector.c.power_type,
        connector.c.max_power_kw,
    )
    .outerjoin_from(evse, connector, connector.c.evse_id == evse.c.id)
    .where(evse.c.location_id == location.c.id)
)
_TARIFF_IDS = nested(
    sa.select(pool_tariff.c.standard, pool_tariff.c.power_class, pool_tariff.c.tariff_id, pool_tariff.c.other_tariff_ids).where(
        pool_tariff.c.location_id == location.c.id
    )
)
_LOCATIONS = (
    sa.select(
        *(column for column in location.columns if column.name not in _NOT_READ),
        _PLUGS.label("plugs"),
        _TARIFF_IDS.label("pool_tariffs"),
    )
    .where(location.c.id.in_(_THESE))
    .order_by(location.c.id)
)
_READ, _LOCKED = Precompiled(_LOCATIONS), Precompiled(_LOCATIONS.with_for_update())
_BLOCKED = Precompiled(
    sa.select(
        blocked_time.c.location_id,
        blocked_time.c.id,
        blocked_time.c.evse_id,
        blocked_time.c.period_begin,
        blocked_time.c.period_end,
        blocked_time.c.reason,
    )
    .where(blocked_time.c.location_id.in_(_THESE), blocked_time.c.period_end > sa.bindparam("now"))
    .order_by(blocked_time.c.period_begin, blocked_time.c.id)
)


def get_many(tx: Tx, ids: Sequence[uuid.UUID], *, lock: bool = False) -> dict[uuid.UUID, Location]:
    """Locations with EVSEs, connectors, tariff assignments and blocked times: one statement or two, however many.
    `lock`: their rows are locked for this transaction before anything else of them is read: the first step of every change of
    claims. Only one at a time is: what is beside a second could be older than its lock."""
    if lock and len(ids) > 1:
        raise ValueError("locations are locked one at a time")
    if not ids:
        return {}
    rows = tx.rows(_LOCKED if lock else _READ, ids=ids)
    blocked = _blocked(tx, [row.id for row in rows if row.blocked_until is not None and row.blocked_until > tx.now])
    return {row.id: _location(row, tuple(blocked.get(row.id, ()))) for row in rows}


def _blocked(tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[BlockedTime]]:
    """The blocked times of locations that have not ended, in order of their begin."""
    blocked: dict[uuid.UUID, list[BlockedTime]] = {}
    for row in tx.rows(_BLOCKED, ids=location_ids, now=tx.now) if location_ids else ():
        blocked_period = BlockedTime(row.id, row.evse_id, row.period_begin, row.period_end, row.reason)
        blocked.setdefault(row.location_id, []).append(blocked_period)
    return blocked


def _evses(plugs: Sequence[Any]) -> Iterator[Evse]:
    """EVSEs with their connectors, in order of uid and connector."""
    in_order = sorted(plugs, key=lambda row: (row.uid, row.connector_id or ""))
    for _, rows in groupby(in_order, key=attrgetter("id")):
        first, *_ = its = list(rows)
        connectors = tuple(
            Connector(row.connector_id, row.standard, row.format, row.power_type, row.max_power_kw)
            for row in its
            if row.connector_id is not None
        )
        yield Evse(first.id, first.uid, first.status, connectors)


def _location(row: Any, blocked: tuple[BlockedTime, ...]) -> Location:
    tariff_ids: dict[tuple[str, str], TariffIds] = {
        (pool.standard, pool.power_class): (pool.tariff_id, *map(uuid.UUID, pool.other_tariff_ids or ()))
        for pool in sorted(row.pool_tariffs, key=attrgetter("standard", "power_class"))
    }
    return Location(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        address=row.address,
        city=row.city,
        country=row.country,
        latitude=row.latitude,
        longitude=row.longitude,
        time_zone=row.time_zone,
        currency=row.currency,
        status=row.status,
        opening_times=None if row.opening_times is None else Hours.model_validate(row.opening_times),
        booking_terms=BookingTerms.model_validate(row.booking_terms),
        evses=tuple(_evses(row.plugs)),
        tariff_ids={pool: ids[0] for pool, ids in tariff_ids.items()},
        version=row.version,
        status_reason=row.status_reason,
        blocked=blocked,
        proposed=row.proposed,
        other_tariff_ids={pool: ids[1:] for pool, ids in tariff_ids.items() if len(ids) > 1},
        free_of_charge=bool(row.free_of_charge),
        price_rule=None if row.price_rule is None else PriceRule.model_validate(row.price_rule),
    )


def in_cells(
    tx: Tx, *, resolution: int, cells: Sequence[int], standard: str | None = None
) -> list[tuple[uuid.UUID, float, float]]:
    """(id, latitude, longitude) of approved locations in H3 cells, with a connector of the standard where one is given."""
    column = location.c[f"h3_{resolution}"]
    statement = sa.select(location.c.id, location.c.latitude, location.c.longitude).where(
        column.in_(list(cells)), location.c.status == APPROVED
    )
    if standard is not None:
        there = sa.select(evse.c.id).join(connector, connector.c.evse_id == evse.c.id)
        there = there.where(evse.c.location_id == location.c.id, evse.c.status != EvseStatus.REMOVED.value)
        statement = statement.where(there.where(connector.c.standard == standard).exists())
    return [(row.id, row.latitude, row.longitude) for row in tx.execute(statement)]


def having_standards(tx: Tx, ids: Sequence[uuid.UUID], standards: frozenset[str], min_power_kw: float) -> set[uuid.UUID]:
    """Those of `ids` with a connector of one of `standards` (any where empty) and at least that power."""
    statement = (
        sa.select(evse.c.location_id)
        .distinct()
        .join(connector, connector.c.evse_id == evse.c.id)
        .where(
            evse.c.location_id.in_(list(ids)),
            evse.c.status != EvseStatus.REMOVED.value,
            connector.c.max_power_kw >= min_power_kw - 1e-9,
        )
    )
    if standards:
        statement = statement.where(connector.c.standard.in_(sorted(standards)))
    return set(tx.execute(statement).scalars())


def insert_location(tx: Tx, new_location: Location) -> None:
    """Stores a location without EVSEs."""
    tx.execute(sa.insert(location).values(_location_row(new_location, tx.now)))


def _location_row(new_location: Location, now: datetime) -> dict[str, Any]:
    hours = new_location.opening_times
    return {
        "id": new_location.id,
        "owner_id": new_location.owner_id,
        "name": new_location.name,
        "address": new_location.address,
        "city": new_location.city,
        "country": new_location.country,
        "latitude": new_location.latitude,
        "longitude": new_location.longitude,
        **cells_of(new_location.latitude, new_location.longitude),
        "time_zone": new_location.time_zone,
        "currency": new_location.currency,
        "status": new_location.status,
        "opening_times": None if hours is None else hours.model_dump(mode="json"),
        "booking_terms": new_location.booking_terms.stored(),
        "created_at": now,
        "updated_at": now,
        "version": new_location.version,
        "free_of_charge": new_location.free_of_charge,
    }


def update_location(tx: Tx, location_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a location; with its point the cells change too."""
    if "latitude" in values or "longitude" in values:
        values |= cells_of(values["latitude"], values["longitude"])
    tx.execute(sa.update(location).where(location.c.id == location_id).values(**values, updated_at=tx.now))


def insert_evse(tx: Tx, location_id: uuid.UUID, new_evse: Evse) -> bool:
    """Stores an EVSE with its connectors; False where the location has this uid."""
    is_new = insert_new(
        tx.conn, evse, id=new_evse.id, location_id=location_id, uid=new_evse.uid, status=new_evse.status, created_at=tx.now
    )
    if is_new:
        tx.execute(sa.insert(connector), [{"evse_id": new_evse.id, **vars(plug)} for plug in new_evse.connectors])
    return is_new


def update_evse(tx: Tx, evse_id: uuid.UUID, *, status: str | None = None, plugs: Sequence[Connector] | None = None) -> None:
    """Changes an EVSE's status, or replaces its connectors."""
    if status is not None:
        tx.execute(sa.update(evse).where(evse.c.id == evse_id).values(status=status))
    if plugs is not None:
        tx.execute(sa.delete(connector).where(connector.c.evse_id == evse_id))
        tx.execute(sa.insert(connector), [{"evse_id": evse_id, **vars(plug)} for plug in plugs])


def managed(
    tx: Tx,
    *,
    owner_id: uuid.UUID | None,
    staff_id: uuid.UUID | None = None,
    status: str | None,
    proposed: bool = False,
    before: uuid.UUID | None,
    limit: int,
) -> list[uuid.UUID]:
    """Ids of locations of an owner (None: of all), or that `staff_id` helps to run, in a status (None: every one but REMOVED),
    with `proposed` those of which a change waits, newest first, after the cursor."""
    conditions = [location.c.status == status if status is not None else location.c.status != LocationStatus.REMOVED.value]
    if owner_id is not None:
        helped = sa.false() if staff_id is None else location.c.id.in_(repository_staff.locations_of(staff_id))
        conditions.append(sa.or_(location.c.owner_id == owner_id, helped))
    if proposed:
        conditions.append(location.c.proposed.is_not(None))
    if before is not None:
        conditions.append(location.c.id < before)
    statement = sa.select(location.c.id).where(*conditions).order_by(location.c.id.desc()).limit(limit)
    return list(tx.execute(statement).scalars())


def add_blocked_time(tx: Tx, location_id: uuid.UUID, period: BlockedTime) -> None:
    """Stores a blocked time, and that the location has one until then."""
    tx.execute(sa.insert(blocked_time).values(location_id=location_id, created_at=tx.now, **vars(period)))
    _keep_blocked_until(tx, location_id)


def end_blocked_time(tx: Tx, location_id: uuid.UUID, period: BlockedTime) -> None:
    """Deletes a blocked time that has not begun; one that has ends now and stays in the list."""
    mine = blocked_time.c.id == period.id
    if period.period_begin >= tx.now:
        tx.execute(sa.delete(blocked_time).where(mine))
    else:
        tx.execute(sa.update(blocked_time).where(mine).values(period_end=tx.now))
    _keep_blocked_until(tx, location_id)


def _keep_blocked_until(tx: Tx, location_id: uuid.UUID) -> None:
    latest = sa.select(sa.func.max(blocked_time.c.period_end)).where(blocked_time.c.location_id == location_id)
    tx.execute(sa.update(location).where(location.c.id == location_id).values(blocked_until=tx.execute(latest).scalar()))


def blocked_times(
    tx: Tx, location_id: uuid.UUID, *, ended_after: datetime | None, after: uuid.UUID | None, limit: int
) -> list[BlockedTime]:
    """A location's blocked times in order of id, after the cursor; those of the past too unless `ended_after`."""
    table = blocked_time.c
    statement = sa.select(table.id, table.evse_id, table.period_begin, table.period_end, table.reason)
    statement = statement.where(table.location_id == location_id).order_by(table.id).limit(limit)
    if ended_after is not None:
        statement = statement.where(table.period_end > ended_after)
    if after is not None:
        statement = statement.where(table.id > after)
    return [BlockedTime(**row._asdict()) for row in tx.execute(statement)]


def insert_tariff(tx: Tx, location_id: uuid.UUID, document: Tariff) -> uuid.UUID:
    """Stores a tariff; it is never changed, so what was quoted by it stays."""
    tariff_id = new_id()
    stored = document.model_dump(mode="json", exclude_none=True)
    tx.execute(sa.insert(tariff).values(id=tariff_id, location_id=location_id, document=stored, created_at=tx.now))
    return tariff_id


def assign_tariffs(tx: Tx, location_id: uuid.UUID, assignment: dict[tuple[str, str], TariffIds]) -> None:
    """Replaces which tariffs each pool has, from now on; the history keeps what it had."""
    tx.execute(sa.delete(pool_tariff).where(pool_tariff.c.location_id == location_id))
    tx.execute(
        sa.update(tariff_period)
        .where(tariff_period.c.location_id == location_id, tariff_period.c.valid_until.is_(None))
        .values(valid_until=tx.now)
    )
    rows = [_pool_row(location_id, pool, tariff_ids) for pool, tariff_ids in sorted(assignment.items())]
    if rows:
        tx.execute(sa.insert(pool_tariff), rows)
        tx.execute(sa.insert(tariff_period), _history(rows, tx.now))


def _pool_row(location_id: uuid.UUID, pool: tuple[str, str], tariff_ids: TariffIds) -> dict[str, Any]:
    first, *others = tariff_ids
    return {
        "location_id": location_id,
        "standard": pool[0],
        "power_class": pool[1],
        "tariff_id": first,
        "other_tariff_ids": [str(other) for other in others] or None,
    }


def _history(rows: Sequence[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """A row of the history for each tariff of each pool's row."""
    pools = [(row, [row["tariff_id"], *map(uuid.UUID, row["other_tariff_ids"] or ())]) for row in rows]
    return [
        {name: row[name] for name in ("location_id", "standard", "power_class")}
        | {"tariff_id": tariff_id, "id": new_id(), "valid_from": now}
        for row, tariff_ids in pools
        for tariff_id in tariff_ids
    ]


def tariff_documents(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Stored tariffs by id."""
    if not ids:
        return {}
    statement = sa.select(tariff.c.id, tariff.c.document).where(tariff.c.id.in_(sorted(set(ids))))
    return {row.id: row.document for row in tx.execute(statement)}


def approved_ids(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """Ids of approved locations in order, after the cursor."""
    statement = sa.select(location.c.id).where(location.c.status == APPROVED).order_by(location.c.id).limit(limit)
    if after is not None:
        statement = statement.where(location.c.id > after)
    return list(tx.execute(statement).scalars())


def insert_records(tx: Tx, owner_id: uuid.UUID, records: Sequence[LocationRecord]) -> list[uuid.UUID]:
    """Loads many approved locations: one statement a table."""
    locations, evses, connectors, tariffs, pools = [], [], [], [], []
    ids = []
    for record in records:
        location_id = new_id()
        ids.append(location_id)
        new_location = Location(
            location_id,
            owner_id,
            record.name,
            record.address,
            record.city,
            record.country,
            record.latitude,
            record.longitude,
            record.time_zone,
            record.currency,
            APPROVED,
            record.opening_times,
            record.booking_terms,
            (),
            {},
            free_of_charge=record.free_of_charge,
        )
        locations.append(_location_row(new_location, tx.now))
        for uid, plugs in record.evses:
            evse_id = new_id()
            status = record.statuses.get(uid, EvseStatus.AVAILABLE.value)
            evses.append({"id": evse_id, "location_id": location_id, "uid": uid, "status": status, "created_at": tx.now})
            connectors += [{"evse_id": evse_id, **vars(plug)} for plug in plugs]
        stored: dict[int, uuid.UUID] = {}
        for pool, first in record.tariffs.items():
            documents = (first, *record.other_tariffs.get(pool, ()))
            for document in documents:
                if id(document) not in stored:
                    tariff_id = stored[id(document)] = new_id()
                    dumped = document.model_dump(mode="json", exclude_none=True)
                    tariffs.append({"id": tariff_id, "location_id": location_id, "document": dumped, "created_at": tx.now})
            pools.append(_pool_row(location_id, pool, tuple(stored[id(document)] for document in documents)))
    for table, rows in (
        (location, locations),
        (evse, evses),
        (connector, connectors),
        (tariff, tariffs),
        (pool_tariff, pools),
        (tariff_period, _history(pools, tx.now)),
    ):
        if rows:
            tx.execute(sa.insert(table), rows)
    return ids


def owned(tx: Tx, owner_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    """(id, name) of an owner's locations that are not removed."""
    table = location.c
    statement = sa.select(table.id, table.name).where(table.owner_id == owner_id, table.status != "REMOVED")
    return [(row.id, row.name) for row in tx.execute(statement.order_by(table.id))]


def tariff_periods(tx: Tx, location_id: uuid.UUID, *, before: uuid.UUID | None, limit: int) -> list[TariffPeriod]:
    """Which tariff each pool of a location had when, newest first, after the cursor."""
    table = tariff_period.c
    columns = (table.id, table.standard, table.power_class, table.tariff_id, table.valid_from, table.valid_until)
    statement = sa.select(*columns).where(table.location_id == location_id).order_by(table.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.id < before)
    return [TariffPeriod(**row._asdict()) for row in tx.execute(statement)]
