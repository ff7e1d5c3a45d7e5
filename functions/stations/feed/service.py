"""The feed of EVSE states: reports taken in the order of their own timestamps, heartbeats, and what is known for others.

A report is one transaction of three or four statements: key, feed and EVSE in one read; a compare-and-set; the history and
what everybody reads (`evse.status`) only where the status is another one.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.stations.domain import OUT_OF_USE
from functions.stations.enums import EvseStatus
from functions.stations.feed import domain as rules
from functions.stations.feed import repository
from functions.stations.feed.domain import Change, Edit, EvseFeedState, FeedContact, Outcome, ReportInForce
from functions.stations.feed.events import FeedBack, tell_owner, tell_use
from functions.stations.feed.schemas import StatusReports
from functions.stations.feed.station_keys import authenticated
from shared.errors import FieldError, Invalid, NotFound, TooManyRequests
from shared.tx import Tx

HEARD_EVERY = timedelta(seconds=10)
"""How exact `heard_at` is: a write of the location's row each ten seconds, not one a report."""
REMOVED = EvseStatus.REMOVED.value


@dataclass(frozen=True)
class EvseState:
    """What is known of an EVSE, and its changes since an instant."""

    evse_id: uuid.UUID
    uid: str
    """Unique in its location."""
    status: str
    """What everybody reads."""
    last_updated: datetime | None
    """Of the report in force; None where it never reported."""
    heard_at: datetime | None
    """When its location's feed was last heard."""
    live: bool
    """Whether its feed is heard now."""
    changes: tuple[Change, ...]
    """Those at or after the instant asked for, in order. Before the first it was in its `previous`, and where there is none
    it was in `status` all the time."""

    def status_at(self, at: datetime) -> str | None:
        """The status at an instant since the one asked for; None where nobody knows. Instants before give the first known."""
        status = self.changes[0].previous if self.changes else self.status
        for change in self.changes:
            if change.at > at:
                break
            status = change.status
        return status


def states_of(*, tx: Tx, location_ids: Sequence[uuid.UUID], since: datetime) -> dict[uuid.UUID, list[EvseState]]:
    """The EVSEs of locations by location, in order of uid, with their changes at or after `since` (kept for
    FEED_HISTORY_DAYS). Three statements for each thousand; locations without EVSEs are absent.

    `status` is what everybody reads: UNKNOWN while a feed is silent. An EVSE without a feed has its owner's word.
    """
    evses_by_location = repository.evses_of(tx, location_ids)
    contacts = repository.feeds_of(tx, list(evses_by_location))
    reporting = [evse.evse_id for evses in evses_by_location.values() for evse in evses if evse.report is not None]
    changes = repository.changes_since(tx, reporting, since)
    return {
        location_id: [_state(evse, contacts.get(location_id), changes.get(evse.evse_id, [])) for evse in evses]
        for location_id, evses in evses_by_location.items()
    }


def state_of(*, tx: Tx, location_id: uuid.UUID, evse_id: uuid.UUID, since: datetime) -> EvseState | None:
    """What is known of one EVSE of a location, with its changes at or after `since`; None where it is not there."""
    states = states_of(tx=tx, location_ids=[location_id], since=since).get(location_id, [])
    return next((state for state in states if state.evse_id == evse_id), None)


def _state(evse: EvseFeedState, contact: FeedContact | None, changes: list[Change]) -> EvseState:
    report = evse.report
    live = report is not None and report.unknown_since is None and contact is not None and contact.silent_since is None
    return EvseState(
        evse_id=evse.evse_id,
        uid=evse.uid,
        status=evse.status,
        last_updated=None if report is None else report.last_updated,
        heard_at=None if contact is None else contact.heard_at,
        live=live,
        changes=tuple(changes),
    )


def contacts_of(*, tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, FeedContact]:
    """When the feeds of locations were last heard; those without one are absent."""
    return repository.feeds_of(tx, location_ids)


def silent_since(*, tx: Tx, location_id: uuid.UUID) -> datetime | None:
    """Since when nothing is heard of a location's feed; None while it is heard, and where there is none."""
    contact = repository.feeds_of(tx, [location_id]).get(location_id)
    return None if contact is None else contact.silent_since


def count_silent(*, tx: Tx) -> int:
    """How many locations' feeds fell silent."""
    return repository.count_silent(tx)


def out_of_use(*, tx: Tx) -> dict[uuid.UUID, uuid.UUID]:
    """Every EVSE that was bookable and is not now (broken, removed, silent), and its location."""
    return repository.in_states(tx, sorted(OUT_OF_USE))


def put_status(*, tx: Tx, evse_id: uuid.UUID, status: str, last_updated: datetime) -> tuple[EvseFeedState, Outcome]:
    """Takes the report of one EVSE of the key's location. The EVSE as it is then, and what became of the report.

    Raises Unauthenticated, NotFound (an EVSE of another location too), Invalid for a timestamp that is ahead,
    TooManyRequests.
    """
    context = authenticated(tx, repository.key_and_evse(tx, tx.actor.key_hash or "", evse_id))
    if not context.evses:
        raise NotFound(f"There is no EVSE {evse_id} of this key's location.")
    _check_skew(tx, [("last_updated", last_updated)])
    _touch(tx, context.key.location_id, context.contact)
    return _take(tx, context.key.location_id, context.evses[0], status, last_updated)


def heard_from(*, tx: Tx, evse_id: uuid.UUID, instants: list[tuple[str, datetime]]) -> uuid.UUID:
    """Takes a call of a station about one of its EVSEs that is no report of its state: the key is looked up, the feed was
    heard. The location's id. `instants`: those of the call, by the names of their fields.

    Raises Unauthenticated, NotFound (an EVSE of another location too), Invalid for an instant that is ahead.
    """
    context = authenticated(tx, repository.key_and_evse(tx, tx.actor.key_hash or "", evse_id))
    if not context.evses:
        raise NotFound(f"There is no EVSE {evse_id} of this key's location.")
    _check_skew(tx, instants)
    _touch(tx, context.key.location_id, context.contact)
    return context.key.location_id


def put_statuses(
    *, tx: Tx, location_id: uuid.UUID, reports: StatusReports
) -> tuple[FeedContact, list[EvseFeedState], list[tuple[EvseFeedState, Outcome]]]:
    """Takes the reports of several EVSEs of the key's location, all or none: when it was heard, its EVSEs as they are then,
    and what became of each report, in order. Raises as `put_status`, naming the place in the list."""
    context = _of_location(tx, location_id)
    evses = repository.evses_of(tx, [location_id]).get(location_id, [])
    evse_ids = _named(evses, reports)
    _check_skew(tx, [(f"evses.{index}.last_updated", report.last_updated) for index, report in enumerate(reports.evses)])
    contact = _touch(tx, location_id, context.contact, always=not evse_ids)
    if not evse_ids:
        return contact, evses, []
    now = {evse.evse_id: evse for evse in repository.evses_of(tx, [location_id], lock=evse_ids).get(location_id, [])}
    pending, outcomes, changes = repository.Pending(tx), {}, list[tuple[uuid.UUID, str, str]]()
    in_order_of_id = sorted(range(len(evse_ids)), key=lambda index: (evse_ids[index], index))  # as EVSEs are locked
    for index in in_order_of_id:
        report, evse = reports.evses[index], now[evse_ids[index]]
        if evse.report is None:  # no row to lock: somebody may insert it beside us
            now[evse.evse_id], outcomes[index] = _take(tx, location_id, evse, report.status.value, report.last_updated)
            continue
        verdict = _verdict(tx, evse, report.status.value, report.last_updated)
        if verdict.reads_history:
            pending.write()
        now[evse.evse_id], outcomes[index] = verdict.evse, verdict.outcome
        if verdict.outcome.applied:
            pending.report(verdict.evse)
            pending.publish_status(evse, verdict.evse)
            changes.append((evse.evse_id, evse.status, verdict.evse.status))
        pending.edit(evse.evse_id, _history(tx, evse, verdict, report.status.value, report.last_updated))
    pending.write()
    tell_use(tx, location_id, changes)
    return contact, list(now.values()), [(now[evse_id], outcomes[index]) for index, evse_id in enumerate(evse_ids)]


def heartbeat(*, tx: Tx, location_id: uuid.UUID) -> tuple[FeedContact, list[EvseFeedState]]:
    """Says that a location's feed lives. What its EVSEs reported before a silence stays in doubt until they report again."""
    context = _of_location(tx, location_id)
    contact = _touch(tx, location_id, context.contact, always=True)
    return contact, repository.evses_of(tx, [location_id]).get(location_id, [])


def read_feed(*, tx: Tx, location_id: uuid.UUID) -> tuple[FeedContact | None, list[EvseFeedState]]:
    """A location's feed, for the holder of its key."""
    _of_location(tx, location_id)
    return feed_of(tx=tx, location_id=location_id)


def feed_of(*, tx: Tx, location_id: uuid.UUID) -> tuple[FeedContact | None, list[EvseFeedState]]:
    """When a location was last heard, None where it never had a feed, and its EVSEs."""
    contact = repository.feeds_of(tx, [location_id]).get(location_id)
    return contact, repository.evses_of(tx, [location_id]).get(location_id, [])


def _of_location(tx: Tx, location_id: uuid.UUID) -> repository.KeyContext:
    context = authenticated(tx, repository.key_by_hash(tx, tx.actor.key_hash or ""))
    if context.key.location_id != location_id:
        raise NotFound(f"There is no location {location_id} of this key.")
    return context


def _named(evses: list[EvseFeedState], reports: StatusReports) -> list[uuid.UUID]:
    """The EVSE of each report. Raises Invalid where the location has no such EVSE."""
    by_id, by_uid = {evse.evse_id: evse for evse in evses}, {evse.uid: evse for evse in evses}
    evse_ids, errors = [], []
    for index, report in enumerate(reports.evses):
        name = "evse_id" if report.evse_id is not None else "uid"
        evse = by_id.get(report.evse_id) if report.evse_id is not None else by_uid.get(report.uid or "")
        if evse is None:
            errors.append(FieldError(f"evses.{index}.{name}", f"this location has no EVSE {getattr(report, name)}"))
        else:
            evse_ids.append(evse.evse_id)
    if errors:
        raise Invalid("; ".join(f"{error.field}: {error.message}" for error in errors[:3]), fields=errors)
    return evse_ids


def _check_skew(tx: Tx, instants: list[tuple[str, datetime]]) -> None:
    latest = tx.now + timedelta(seconds=tx.settings.feed_clock_skew_s)
    errors = [
        FieldError(
            field,
            f"must not be in the future: it is {tx.now.isoformat(timespec='seconds')}, and a station's clock may be "
            f"{tx.settings.feed_clock_skew_s} s ahead",
        )
        for field, at in instants
        if at > latest
    ]
    if errors:
        raise Invalid("; ".join(f"{error.field}: {error.message}" for error in errors[:3]), fields=errors)


def _touch(tx: Tx, location_id: uuid.UUID, contact: FeedContact | None, *, always: bool = False) -> FeedContact:
    """Notes that a location was heard, if that is not known well enough, and tells its owner where that ends a silence."""
    if contact is not None and contact.silent_since is None and tx.now - contact.heard_at < HEARD_EVERY and not always:
        return contact
    if repository.touch_feed(tx, location_id, contact):
        assert contact is not None
        tell_owner(tx, location_id, FeedBack, heard_at=contact.heard_at, silent_since=contact.silent_since)
    return FeedContact(tx.now, None)


def _take(tx: Tx, location_id: uuid.UUID, evse: EvseFeedState, status: str, at: datetime) -> tuple[EvseFeedState, Outcome]:
    taken = _try(tx, location_id, evse, status, at, locked=False)
    if taken is None:  # somebody else reported this EVSE meanwhile, or it is late: look again, with its row locked
        again = repository.lock_evse(tx, evse.evse_id)
        taken = None if again is None else _try(tx, location_id, again, status, at, locked=True)
    if taken is None:
        raise NotFound(f"There is no EVSE {evse.evse_id} any more.")
    return taken


def _try(
    tx: Tx, location_id: uuid.UUID, evse: EvseFeedState, status: str, at: datetime, *, locked: bool
) -> tuple[EvseFeedState, Outcome] | None:
    """One attempt; None where what is known of the EVSE was changed by another transaction meanwhile, or where the history
    would be edited beside another's edit."""
    verdict = _verdict(tx, evse, status, at)
    if verdict.outcome is Outcome.OLDER and not locked:
        return None
    if verdict.outcome.applied and not repository.put_report(tx, location_id, evse, verdict.evse):
        return None
    repository.edit_history(tx, evse.evse_id, _history(tx, evse, verdict, status, at))
    if verdict.evse.status != evse.status:
        repository.publish_status(tx, evse.evse_id, verdict.evse.status, was_removed=evse.status == REMOVED)
        tell_use(tx, location_id, [(evse.evse_id, evse.status, verdict.evse.status)])
    return verdict.evse, verdict.outcome


@dataclass(frozen=True)
class _Verdict:
    """What a report is and what the EVSE is after it. `reads_history`: what becomes of the history depends on its rows."""

    evse: EvseFeedState
    outcome: Outcome
    reads_history: bool = False


def _verdict(tx: Tx, evse: EvseFeedState, status: str, at: datetime) -> _Verdict:
    """Classifies a report. Raises TooManyRequests."""
    current = evse.report
    if evse.status == REMOVED and (current is None or current.status != REMOVED):
        return _Verdict(evse, Outcome.REMOVED)
    outcome = rules.classify(current, status, at)
    if not outcome.applied:
        return _Verdict(evse, outcome, outcome is Outcome.OLDER)
    window_start, window_count = _window(tx, evse)
    after = replace(
        evse,
        status=status,
        report=ReportInForce(status, at),
        received_at=tx.now,
        window_start=window_start,
        window_count=window_count,
    )
    return _Verdict(after, outcome, current is not None and at == current.last_updated)


def _history(tx: Tx, evse: EvseFeedState, verdict: _Verdict, status: str, at: datetime) -> Edit:
    """What a report does to the history. An older one does not touch the state, but the forecast learns what was true then."""
    current = evse.report
    if verdict.outcome is Outcome.CHANGED:
        same_instant = repository.at_instant(tx, evse.evse_id, at) if verdict.reads_history else None
        return rules.apply_newest(current, status, at, same_instant=same_instant)
    if verdict.outcome is not Outcome.OLDER or current is None or at < tx.now - timedelta(days=tx.settings.feed_history_days):
        return Edit()
    before, after = repository.around(tx, evse.evse_id, at)
    return rules.apply_late(current, before, after, status, at)


def _window(tx: Tx, evse: EvseFeedState) -> tuple[datetime, int]:
    """The minute a report falls into, and how many of the EVSE were taken in it. Raises TooManyRequests."""
    start = tx.now.replace(second=0, microsecond=0)
    count = evse.window_count + 1 if evse.window_start == start else 1
    if count > tx.settings.feed_updates_per_minute:
        raise TooManyRequests(
            f"EVSE {evse.uid} has reported {tx.settings.feed_updates_per_minute} times in this minute; send its state then.",
            retry_after_s=max(1, 60 - tx.now.second),
            evse_id=str(evse.evse_id),
        )
    return start, count
