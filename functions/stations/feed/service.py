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
from functions.stations.feed import repository as repository
from functions.stations.feed.domain import Change, Edit, Fed, Heard, Known, Outcome
from functions.stations.feed.events import FeedBack, tell_owner
from functions.stations.feed.schemas import StatusReports
from functions.stations.feed.station_keys import authenticated
from shared.errors import FieldError, Invalid, NotFound, TooManyRequests
from shared.tx import Tx

HEARD_EVERY = timedelta(seconds=10)
"""How exact `heard_at` is: a write of the location's row each ten seconds, not one a report."""
REMOVED = EvseStatus.REMOVED.value


@dataclass(frozen=True)
class EvseState:
    """What is known of an EVSE. `last_updated` is None where it never reported, `live` whether its feed is heard now.

    `changes` are those at or after the instant asked for, in order; before the first it was in its `previous`, and where
    there is none it was in `status` all the time.
    """

    evse_id: uuid.UUID
    uid: str
    status: str
    last_updated: datetime | None
    heard_at: datetime | None
    live: bool
    changes: tuple[Change, ...]

    def status_at(self, at: datetime) -> str | None:
        """The status at an instant since the one asked for; None where nobody knows. Instants before give the first known."""
        found = self.changes[0].previous if self.changes else self.status
        for change in self.changes:
            if change.at > at:
                break
            found = change.status
        return found


def states_of(*, tx: Tx, location_ids: Sequence[uuid.UUID], since: datetime) -> dict[uuid.UUID, list[EvseState]]:
    """The EVSEs of locations by location, in order of uid, with their changes at or after `since` (kept for
    FEED_HISTORY_DAYS). Three statements for each thousand; locations without EVSEs are absent.

    `status` is what everybody reads: UNKNOWN while a feed is silent. An EVSE without a feed has its owner's word.
    """
    fed = repository.evses_of(tx, location_ids)
    feeds = repository.feeds_of(tx, list(fed))
    reporting = [item.evse_id for items in fed.values() for item in items if item.known is not None]
    changes = repository.changes_since(tx, reporting, since)
    return {
        location_id: [_state(item, feeds.get(location_id), changes.get(item.evse_id, [])) for item in items]
        for location_id, items in fed.items()
    }


def _state(fed: Fed, heard: Heard | None, changes: list[Change]) -> EvseState:
    known = fed.known
    live = known is not None and known.unknown_since is None and heard is not None and heard.silent_since is None
    return EvseState(
        evse_id=fed.evse_id,
        uid=fed.uid,
        status=fed.status,
        last_updated=None if known is None else known.last_updated,
        heard_at=None if heard is None else heard.at,
        live=live,
        changes=tuple(changes),
    )


def out_of_use(*, tx: Tx) -> dict[uuid.UUID, uuid.UUID]:
    """Every EVSE that was bookable and is not now (broken, removed, silent), and its location."""
    return repository.in_states(tx, sorted(OUT_OF_USE))


def put_status(*, tx: Tx, evse_id: uuid.UUID, status: str, last_updated: datetime) -> tuple[Fed, Outcome]:
    """Takes the report of one EVSE of the key's location. The EVSE as it is then, and what became of the report.

    Raises Unauthenticated, NotFound (an EVSE of another location too), Invalid for a timestamp that is ahead,
    TooManyRequests.
    """
    seen = authenticated(tx, repository.seen_with(tx, tx.actor.key_hash or "", evse_id))
    if not seen.evses:
        raise NotFound(f"There is no EVSE {evse_id} of this key's location.")
    _check_skew(tx, [("last_updated", last_updated)])
    _hear(tx, seen.key.location_id, seen.heard)
    return _take(tx, seen.key.location_id, seen.evses[0], status, last_updated)


def put_statuses(
    *, tx: Tx, location_id: uuid.UUID, reports: StatusReports
) -> tuple[Heard, list[Fed], list[tuple[Fed, Outcome]]]:
    """Takes the reports of several EVSEs of the key's location, all or none: when it was heard, its EVSEs as they are then,
    and what became of each report, in order. Raises as `put_status`, naming the place in the list."""
    seen = _of_location(tx, location_id)
    evses = repository.evses_of(tx, [location_id]).get(location_id, [])
    found = _named(evses, reports)
    _check_skew(tx, [(f"evses.{place}.last_updated", item.last_updated) for place, item in enumerate(reports.evses)])
    heard = _hear(tx, location_id, seen.heard, always=not found)
    if not found:
        return heard, evses, []
    now = {item.evse_id: item for item in repository.evses_of(tx, [location_id], lock=found).get(location_id, [])}
    pending, outcomes = repository.Pending(tx), {}
    for place in sorted(range(len(found)), key=lambda place: (found[place], place)):  # EVSEs are locked in order of id
        item, fed = reports.evses[place], now[found[place]]
        if fed.known is None:  # no row to lock: somebody may insert it beside us
            now[fed.evse_id], outcomes[place] = _take(tx, location_id, fed, item.status.value, item.last_updated)
            continue
        verdict = _verdict(tx, fed, item.status.value, item.last_updated)
        if verdict.reads_history:
            pending.write()
        now[fed.evse_id], outcomes[place] = verdict.fed, verdict.outcome
        if verdict.outcome.applied:
            pending.report(verdict.fed)
            pending.show(fed, verdict.fed)
        pending.edit(fed.evse_id, _history(tx, fed, verdict, item.status.value, item.last_updated))
    pending.write()
    return heard, list(now.values()), [(now[id], outcomes[place]) for place, id in enumerate(found)]


def heartbeat(*, tx: Tx, location_id: uuid.UUID) -> tuple[Heard, list[Fed]]:
    """Says that a location's feed lives. What its EVSEs reported before a silence stays in doubt until they report again."""
    seen = _of_location(tx, location_id)
    heard = _hear(tx, location_id, seen.heard, always=True)
    return heard, repository.evses_of(tx, [location_id]).get(location_id, [])


def read_feed(*, tx: Tx, location_id: uuid.UUID) -> tuple[Heard | None, list[Fed]]:
    """A location's feed, for the holder of its key."""
    _of_location(tx, location_id)
    return feed_of(tx=tx, location_id=location_id)


def feed_of(*, tx: Tx, location_id: uuid.UUID) -> tuple[Heard | None, list[Fed]]:
    """When a location was last heard, None where it never had a feed, and its EVSEs."""
    heard = repository.feeds_of(tx, [location_id]).get(location_id)
    return heard, repository.evses_of(tx, [location_id]).get(location_id, [])


def _of_location(tx: Tx, location_id: uuid.UUID) -> repository.Seen:
    seen = authenticated(tx, repository.key_by_hash(tx, tx.actor.key_hash or ""))
    if seen.key.location_id != location_id:
        raise NotFound(f"There is no location {location_id} of this key.")
    return seen


def _named(evses: list[Fed], reports: StatusReports) -> list[uuid.UUID]:
    by_id, by_uid = {item.evse_id: item for item in evses}, {item.uid: item for item in evses}
    found, wrong = [], []
    for place, item in enumerate(reports.evses):
        name = "evse_id" if item.evse_id is not None else "uid"
        fed = by_id.get(item.evse_id) if item.evse_id is not None else by_uid.get(item.uid or "")
        if fed is None:
            wrong.append(FieldError(f"evses.{place}.{name}", f"this location has no EVSE {getattr(item, name)}"))
        else:
            found.append(fed.evse_id)
    if wrong:
        raise Invalid("; ".join(f"{item.field}: {item.message}" for item in wrong[:3]), fields=wrong)
    return found


def _check_skew(tx: Tx, instants: list[tuple[str, datetime]]) -> None:
    latest = tx.now + timedelta(seconds=tx.settings.feed_clock_skew_s)
    wrong = [
        FieldError(
            field,
            f"must not be in the future: it is {tx.now.isoformat(timespec='seconds')}, and a station's clock may be "
            f"{tx.settings.feed_clock_skew_s} s ahead",
        )
        for field, at in instants
        if at > latest
    ]
    if wrong:
        raise Invalid("; ".join(f"{item.field}: {item.message}" for item in wrong[:3]), fields=wrong)


def _hear(tx: Tx, location_id: uuid.UUID, heard: Heard | None, *, always: bool = False) -> Heard:
    """Notes that a location was heard, if that is not known well enough, and tells its owner where that ends a silence."""
    if heard is not None and heard.silent_since is None and tx.now - heard.at < HEARD_EVERY and not always:
        return heard
    if repository.hear(tx, location_id, heard):
        assert heard is not None
        tell_owner(tx, location_id, FeedBack, heard_at=heard.at, silent_since=heard.silent_since)
    return Heard(tx.now, None)


def _take(tx: Tx, location_id: uuid.UUID, fed: Fed, status: str, at: datetime) -> tuple[Fed, Outcome]:
    taken = _try(tx, location_id, fed, status, at, locked=False)
    if taken is None:  # somebody else reported this EVSE meanwhile, or it is late: look again, with its row locked
        again = repository.lock_evse(tx, fed.evse_id)
        taken = None if again is None else _try(tx, location_id, again, status, at, locked=True)
    if taken is None:
        raise NotFound(f"There is no EVSE {fed.evse_id} any more.")
    return taken


def _try(tx: Tx, location_id: uuid.UUID, fed: Fed, status: str, at: datetime, *, locked: bool) -> tuple[Fed, Outcome] | None:
    """One attempt; None where what is known of the EVSE was changed by another transaction meanwhile, or where the history
    would be edited beside another's edit."""
    verdict = _verdict(tx, fed, status, at)
    if verdict.outcome is Outcome.OLDER and not locked:
        return None
    if verdict.outcome.applied and not repository.put_report(tx, location_id, fed, verdict.fed):
        return None
    repository.edit_history(tx, fed.evse_id, _history(tx, fed, verdict, status, at))
    if verdict.fed.status != fed.status:
        repository.show(tx, fed.evse_id, verdict.fed.status, was_removed=fed.status == REMOVED)
    return verdict.fed, verdict.outcome


@dataclass(frozen=True)
class _Verdict:
    """What a report is and what the EVSE is after it. `reads_history`: what becomes of the history depends on its rows."""

    fed: Fed
    outcome: Outcome
    reads_history: bool = False


def _verdict(tx: Tx, fed: Fed, status: str, at: datetime) -> _Verdict:
    """Judges a report. Raises TooManyRequests."""
    known = fed.known
    if fed.status == REMOVED and (known is None or known.status != REMOVED):
        return _Verdict(fed, Outcome.REMOVED)
    outcome = rules.judge(known, status, at)
    if not outcome.applied:
        return _Verdict(fed, outcome, outcome is Outcome.OLDER)
    window, count = _window(tx, fed)
    after = replace(
        fed, status=status, known=Known(status, at), received_at=tx.now, window_start=window, window_count=count
    )  # fmt: skip
    return _Verdict(after, outcome, known is not None and at == known.last_updated)


def _history(tx: Tx, fed: Fed, verdict: _Verdict, status: str, at: datetime) -> Edit:
    """What a report does to the history. An older one does not touch the state, but the forecast learns what was true then."""
    known = fed.known
    if verdict.outcome is Outcome.CHANGED:
        same = repository.at_instant(tx, fed.evse_id, at) if verdict.reads_history else None
        return rules.newest(known, status, at, same_instant=same)
    if verdict.outcome is not Outcome.OLDER or known is None or at < tx.now - timedelta(days=tx.settings.feed_history_days):
        return Edit()
    before, after = repository.around(tx, fed.evse_id, at)
    return rules.late(known, before, after, status, at)


def _window(tx: Tx, fed: Fed) -> tuple[datetime, int]:
    """The minute a report falls into, and how many of the EVSE were taken in it. Raises TooManyRequests."""
    start = tx.now.replace(second=0, microsecond=0)
    count = fed.window_count + 1 if fed.window_start == start else 1
    if count > tx.settings.feed_updates_per_minute:
        raise TooManyRequests(
            f"EVSE {fed.uid} has reported {tx.settings.feed_updates_per_minute} times in this minute; send its state then.",
            retry_after_s=max(1, 60 - tx.now.second),
            evse_id=str(fed.evse_id),
        )
    return start, count
