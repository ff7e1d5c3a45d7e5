"""Every SQL statement of station keys and of the feed. Locks in one order: key, location_feed, evse_feed, evse."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.stations.enums import EvseStatus, LocationStatus
from functions.stations.feed.domain import (
    UNKNOWN,
    Change,
    Edit,
    EvseFeedState,
    FeedContact,
    KeyInUse,
    ReportInForce,
    StationKey,
)
from functions.stations.feed.tables import evse_feed, evse_status_change, location_feed, station_key
from functions.stations.tables import evse, location
from shared.db import for_update, insert_new, is_duplicate
from shared.tx import Tx

REMOVED = EvseStatus.REMOVED.value
CHUNK = 1000
"""Ids in one IN list."""


@dataclass(frozen=True)
class KeyContext:
    """Everything a report is judged by, read in one statement."""

    key: KeyInUse
    contact: FeedContact | None
    evses: tuple[EvseFeedState, ...]


_KEY = tuple(station_key.c[name].label(f"key_{name}") for name in KeyInUse.__dataclass_fields__)
_EVSE = (
    evse.c.id.label("evse_id"),
    evse.c.uid,
    evse.c.status.label("shown"),
    evse_feed.c.status.label("reported"),
    evse_feed.c.last_updated,
    evse_feed.c.unknown_since,
    evse_feed.c.received_at,
    evse_feed.c.window_start,
    evse_feed.c.window_count,
)
_CONTACT = (location_feed.c.heard_at, location_feed.c.silent_since)
_WITH_FEED = evse.outerjoin(evse_feed, evse_feed.c.evse_id == evse.c.id)
_KEYS = station_key.join(
    location, sa.and_(location.c.id == station_key.c.location_id, location.c.status != LocationStatus.REMOVED.value)
).outerjoin(location_feed, location_feed.c.location_id == station_key.c.location_id)
"""A key of a location that its owner removed opens nothing."""
_KEY_AND_EVSE = (
    sa.select(*_KEY, *_CONTACT, *_EVSE)
    .select_from(
        _KEYS.outerjoin(
            evse, sa.and_(evse.c.id == sa.bindparam("evse"), evse.c.location_id == station_key.c.location_id)
        ).outerjoin(evse_feed, evse_feed.c.evse_id == evse.c.id)
    )
    .where(station_key.c.token_hash == sa.bindparam("hash"))
)
_KEY_ALONE = sa.select(*_KEY, *_CONTACT).select_from(_KEYS).where(station_key.c.token_hash == sa.bindparam("hash"))


# Written once, with parameters: building a statement for each report costs more than sending it.
_PUT_LOCKED = (
    sa.update(evse_feed)
    .where(evse_feed.c.evse_id == sa.bindparam("evse"))
    .values(
        {
            name: sa.bindparam(name)
            for name in ("status", "last_updated", "received_at", "unknown_since", "window_start", "window_count")
        }
    )
)
_UNCHANGED = (evse_feed.c.last_updated == sa.bindparam("old_updated"), evse_feed.c.status == sa.bindparam("old_status"))
_PUT = _PUT_LOCKED.where(*_UNCHANGED, evse_feed.c.unknown_since.is_(None))
_PUT_AFTER_SILENCE = _PUT_LOCKED.where(*_UNCHANGED, evse_feed.c.unknown_since == sa.bindparam("old_unknown"))
_PUBLISH_ANY = sa.update(evse).where(evse.c.id == sa.bindparam("evse")).values(status=sa.bindparam("shown"))
_PUBLISH = _PUBLISH_ANY.where(evse.c.status != REMOVED)
_ADD_CHANGE = sa.insert(evse_status_change)


def _key(row: Any) -> KeyInUse:
    return KeyInUse(**{name: getattr(row, f"key_{name}") for name in KeyInUse.__dataclass_fields__})


def _contact(row: Any) -> FeedContact | None:
    return None if row.heard_at is None else FeedContact(row.heard_at, row.silent_since)


def _state(row: Any) -> EvseFeedState:
    if row.reported is None:
        return EvseFeedState(row.evse_id, row.uid, row.shown)
    report = ReportInForce(row.reported, row.last_updated, row.unknown_since)
    return EvseFeedState(row.evse_id, row.uid, row.shown, report, row.received_at, row.window_start, row.window_count)


def key_and_evse(tx: Tx, token_hash: str, evse_id: uuid.UUID) -> KeyContext | None:
    """The key of this hash, its location's feed and that EVSE, if it is of the location; None where there is no such key."""
    row = tx.execute(_KEY_AND_EVSE, {"hash": token_hash, "evse": evse_id}).one_or_none()
    if row is None:
        return None
    return KeyContext(_key(row), _contact(row), () if row.evse_id is None else (_state(row),))


def key_by_hash(tx: Tx, token_hash: str) -> KeyContext | None:
    """The key of this hash and its location's feed, without EVSEs."""
    row = tx.execute(_KEY_ALONE, {"hash": token_hash}).one_or_none()
    return None if row is None else KeyContext(_key(row), _contact(row), ())


def evses_of(
    tx: Tx, location_ids: Sequence[uuid.UUID], *, lock: Sequence[uuid.UUID] = ()
) -> dict[uuid.UUID, list[EvseFeedState]]:
    """The EVSEs of locations as the feed sees them, by uid; the feed rows of EVSEs `lock` are locked first, by id."""
    if lock:
        rows = sa.select(evse_feed.c.evse_id).where(evse_feed.c.evse_id.in_(sorted(lock))).order_by(evse_feed.c.evse_id)
        tx.execute(for_update(rows, tx.conn)).all()
    states: dict[uuid.UUID, list[EvseFeedState]] = {}
    for chunk in _chunks(location_ids):
        statement = (
            sa.select(evse.c.location_id, *_EVSE)
            .select_from(_WITH_FEED)
            .where(evse.c.location_id.in_(chunk))
            .order_by(evse.c.location_id, evse.c.uid)
        )
        for row in tx.execute(statement):
            states.setdefault(row.location_id, []).append(_state(row))
    return states


def in_states(tx: Tx, states: Sequence[str]) -> dict[uuid.UUID, uuid.UUID]:
    """Every EVSE that everybody reads in one of these states, and its location."""
    rows = tx.execute(sa.select(evse.c.id, evse.c.location_id).where(evse.c.status.in_(list(states))))
    return {row.id: row.location_id for row in rows}


def lock_evse(tx: Tx, evse_id: uuid.UUID) -> EvseFeedState | None:
    """An EVSE with its feed row locked: what is written next is compared with nothing that can change."""
    tx.execute(for_update(sa.select(evse_feed.c.evse_id).where(evse_feed.c.evse_id == evse_id), tx.conn)).all()
    row = tx.execute(sa.select(*_EVSE).select_from(_WITH_FEED).where(evse.c.id == evse_id)).one_or_none()
    return None if row is None else _state(row)


def put_report(tx: Tx, location_id: uuid.UUID, before: EvseFeedState, after: EvseFeedState) -> bool:
    """Makes the report of `after` the one in force, if what `before` says is still so; False, and nothing changed, if not."""
    values, current = _report(after), before.report
    if current is None:
        return insert_new(tx.conn, evse_feed, evse_id=before.evse_id, location_id=location_id, **values)
    old = {"evse": before.evse_id, "old_updated": current.last_updated, "old_status": current.status}
    if current.unknown_since is None:
        return tx.execute(_PUT, values | old).rowcount == 1
    return tx.execute(_PUT_AFTER_SILENCE, values | old | {"old_unknown": current.unknown_since}).rowcount == 1


def _report(state: EvseFeedState) -> dict[str, Any]:
    assert state.report is not None
    return {
        "status": state.report.status,
        "last_updated": state.report.last_updated,
        "received_at": state.received_at,
        "unknown_since": None,
        "window_start": state.window_start,
        "window_count": state.window_count,
    }


def publish_status(tx: Tx, evse_id: uuid.UUID, status: str, *, was_removed: bool) -> None:
    """Changes what everybody reads of one EVSE. What its owner removed stays removed."""
    tx.execute(_PUBLISH_ANY if was_removed else _PUBLISH, {"evse": evse_id, "shown": status})


def set_status(tx: Tx, evse_ids: Sequence[uuid.UUID], status: str, *, also_removed: bool = False) -> int:
    """Changes what everybody reads. What its owner removed stays removed."""
    statement = sa.update(evse).where(evse.c.id.in_(list(evse_ids)))
    if not also_removed:
        statement = statement.where(evse.c.status != REMOVED)
    return tx.execute(statement.values(status=status)).rowcount


def touch_feed(tx: Tx, location_id: uuid.UUID, contact: FeedContact | None) -> bool:
    """Notes that the location was heard now. True where that ended a silence: for one transaction only."""
    table = location_feed.c
    if contact is None and insert_new(tx.conn, location_feed, location_id=location_id, heard_at=tx.now, silent_since=None):
        return False
    mine = table.location_id == location_id
    back = sa.update(location_feed).where(mine, table.silent_since.is_not(None)).values(heard_at=tx.now, silent_since=None)
    if contact is not None and contact.silent_since is not None and tx.execute(back).rowcount == 1:
        return True
    tx.execute(sa.update(location_feed).where(mine).values(heard_at=tx.now))
    return False


def edit_history(tx: Tx, evse_id: uuid.UUID, edit: Edit) -> None:
    """Applies an edit to an EVSE's history."""
    table = evse_status_change.c
    if edit.delete:
        tx.execute(sa.delete(evse_status_change).where(table.evse_id == evse_id, table.at.in_(edit.delete)))
    for change in edit.write:
        try:
            tx.execute(_ADD_CHANGE, {"evse_id": evse_id} | vars(change))
        except sa.exc.IntegrityError as error:
            if not is_duplicate(error):
                raise
            same = sa.update(evse_status_change).where(table.evse_id == evse_id, table.at == change.at)
            tx.execute(same.values(status=change.status, previous=change.previous))


class Pending:
    """What a batch changes, written together: reports in force of EVSEs whose feed rows are locked, what everybody reads,
    the history."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._reports: dict[uuid.UUID, EvseFeedState] = {}
        self._shown: dict[uuid.UUID, tuple[str, bool]] = {}
        self._edits: list[tuple[uuid.UUID, Edit]] = []

    def report(self, state: EvseFeedState) -> None:
        """The report of `state` is in force."""
        self._reports[state.evse_id] = state

    def publish_status(self, before: EvseFeedState, after: EvseFeedState) -> None:
        """Everybody reads the status of `after` in place of that of `before`."""
        if before.status != after.status:
            was_removed = before.status == REMOVED or self._shown.get(before.evse_id, ("", False))[1]
            self._shown[before.evse_id] = (after.status, was_removed)

    def edit(self, evse_id: uuid.UUID, edit: Edit) -> None:
        """The history of an EVSE is edited."""
        if edit != Edit():
            self._edits.append((evse_id, edit))

    def write(self) -> None:
        """Writes what came since the last time: a few statements, however many reports."""
        if self._reports:
            rows = [{"evse": evse_id} | _report(state) for evse_id, state in sorted(self._reports.items())]
            self._tx.conn.execute(_PUT_LOCKED, rows)
        self._write_history()
        groups: dict[tuple[str, bool], list[uuid.UUID]] = {}
        for evse_id, shown in sorted(self._shown.items()):
            groups.setdefault(shown, []).append(evse_id)
        for (status, was_removed), evse_ids in groups.items():
            set_status(self._tx, evse_ids, status, also_removed=was_removed)
        self._reports, self._shown, self._edits = {}, {}, []

    def _write_history(self) -> None:
        rows = [{"evse_id": evse_id} | vars(change) for evse_id, edit in self._edits for change in edit.write]
        if rows and not any(edit.delete for _, edit in self._edits):
            try:
                self._tx.execute(sa.insert(evse_status_change).values(rows))
                return
            except sa.exc.IntegrityError as error:
                if not is_duplicate(error):
                    raise
        for evse_id, edit in self._edits:
            edit_history(self._tx, evse_id, edit)


def around(tx: Tx, evse_id: uuid.UUID, at: datetime) -> tuple[Change | None, Change | None]:
    """The rows of an EVSE's history at or before `at`, and after it."""
    table = evse_status_change.c
    rows = sa.select(table.at, table.status, table.previous).where(table.evse_id == evse_id)
    before = tx.execute(rows.where(table.at <= at).order_by(table.at.desc()).limit(1)).one_or_none()
    after = tx.execute(rows.where(table.at > at).order_by(table.at).limit(1)).one_or_none()
    return _change(before), _change(after)


def _change(row: Any) -> Change | None:
    return None if row is None else Change(row.at, row.status, row.previous)


def at_instant(tx: Tx, evse_id: uuid.UUID, at: datetime) -> Change | None:
    """The row of an EVSE's history at this very instant."""
    before, _ = around(tx, evse_id, at)
    return before if before is not None and before.at == at else None


def changes_since(tx: Tx, evse_ids: Sequence[uuid.UUID], since: datetime) -> dict[uuid.UUID, list[Change]]:
    """The changes at or after `since` by EVSE, in order of time."""
    table = evse_status_change.c
    changes: dict[uuid.UUID, list[Change]] = {}
    for chunk in _chunks(evse_ids):
        statement = (
            sa.select(table.evse_id, table.at, table.status, table.previous)
            .where(table.evse_id.in_(chunk), table.at >= since)
            .order_by(table.evse_id, table.at)
        )
        for row in tx.execute(statement):
            changes.setdefault(row.evse_id, []).append(Change(row.at, row.status, row.previous))
    return changes


def feeds_of(tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, FeedContact]:
    """When locations were last heard; those without a feed are absent."""
    contacts: dict[uuid.UUID, FeedContact] = {}
    for chunk in _chunks(location_ids):
        statement = sa.select(location_feed).where(location_feed.c.location_id.in_(chunk))
        contacts |= {row.location_id: FeedContact(row.heard_at, row.silent_since) for row in tx.execute(statement)}
    return contacts


def prune_changes(tx: Tx, *, before: datetime, limit: int) -> int:
    """Deletes about `limit` changes older than `before`, the oldest first. Returns how many; 0 when none is left."""
    table = evse_status_change.c
    old = sa.select(table.at).where(table.at < before).order_by(table.at)
    last = tx.execute(old.offset(limit - 1).limit(1)).scalar_one_or_none()
    until = table.at < before if last is None else table.at <= last
    return tx.execute(sa.delete(evse_status_change).where(until)).rowcount


def overdue(tx: Tx, *, heard_before: datetime, limit: int) -> list[uuid.UUID]:
    """Locations whose feed was last heard then or before and that are not marked silent."""
    table = location_feed.c
    statement = sa.select(table.location_id).where(table.silent_since.is_(None), table.heard_at <= heard_before)
    return list(tx.execute(statement.order_by(table.heard_at).limit(limit)).scalars())


def lock_feed(tx: Tx, location_id: uuid.UUID) -> FeedContact | None:
    """When a location was last heard, locked."""
    statement = sa.select(location_feed).where(location_feed.c.location_id == location_id)
    row = tx.execute(for_update(statement, tx.conn)).one_or_none()
    return None if row is None else FeedContact(row.heard_at, row.silent_since)


def mark_stale(tx: Tx, location_id: uuid.UUID, evse_ids: Sequence[uuid.UUID]) -> None:
    """Marks a feed as silent since now, and what its EVSEs reported as in doubt."""
    tx.execute(sa.update(location_feed).where(location_feed.c.location_id == location_id).values(silent_since=tx.now))
    tx.execute(sa.update(evse_feed).where(evse_feed.c.evse_id.in_(list(evse_ids))).values(unknown_since=tx.now))
    set_status(tx, evse_ids, UNKNOWN)


def end_feed(tx: Tx, location_id: uuid.UUID) -> None:
    """Forgets that a location ever had a feed; the history stays."""
    tx.execute(sa.delete(evse_feed).where(evse_feed.c.location_id == location_id))
    tx.execute(sa.delete(location_feed).where(location_feed.c.location_id == location_id))


def add_key(tx: Tx, key: StationKey) -> None:
    """Stores a key's hash."""
    tx.execute(sa.insert(station_key).values(**vars(key)))


def update_key(tx: Tx, key_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a key."""
    tx.execute(sa.update(station_key).where(station_key.c.id == key_id).values(**values))


def key_by_id(tx: Tx, key_id: uuid.UUID) -> StationKey | None:
    """One key."""
    row = tx.execute(sa.select(station_key).where(station_key.c.id == key_id)).one_or_none()
    return None if row is None else StationKey(**row._asdict())


def keys_of(tx: Tx, location_id: uuid.UUID, *, after: uuid.UUID | None = None, limit: int = 1000) -> list[StationKey]:
    """A location's keys in order of creation, after the cursor."""
    statement = sa.select(station_key).where(station_key.c.location_id == location_id).order_by(station_key.c.id).limit(limit)
    if after is not None:
        statement = statement.where(station_key.c.id > after)
    return [StationKey(**row._asdict()) for row in tx.execute(statement)]


def _chunks(ids: Iterable[uuid.UUID]) -> Iterable[list[uuid.UUID]]:
    listed = list(ids)
    for begin in range(0, len(listed), CHUNK):
        yield listed[begin : begin + CHUNK]


def count_silent(tx: Tx) -> int:
    """How many feeds are silent."""
    silent = sa.select(sa.func.count()).select_from(location_feed).where(location_feed.c.silent_since.is_not(None))
    return tx.execute(silent).scalar_one()
