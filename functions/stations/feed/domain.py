"""What a report of an EVSE's state does to what is known: order by its own timestamp, not by arrival. No I/O, no clock."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from functions.stations.enums import EvseStatus

UNKNOWN = EvseStatus.UNKNOWN.value
_CAUTION = (
    EvseStatus.AVAILABLE,
    EvseStatus.RESERVED,
    EvseStatus.CHARGING,
    EvseStatus.BLOCKED,
    EvseStatus.UNKNOWN,
    EvseStatus.PLANNED,
    EvseStatus.INOPERATIVE,
    EvseStatus.OUTOFORDER,
    EvseStatus.REMOVED,
)
CAUTION = {status.value: rank for rank, status in enumerate(_CAUTION)}
"""Of two reports for one instant the more cautious one counts, whichever comes first: no driver is sent to a broken EVSE."""
LASTING = frozenset({EvseStatus.PLANNED.value, EvseStatus.REMOVED.value})
"""What the silence of a feed does not put in doubt."""


class Outcome(StrEnum):
    """What became of a report."""

    CHANGED = "CHANGED"
    """It is the newest, and the EVSE's status is another one now."""
    CONFIRMED = "CONFIRMED"
    """It is the newest, and says what was known."""
    DUPLICATE = "DUPLICATE"
    """It is the report that is known already."""
    OLDER = "OLDER"
    """A newer report is known; the state stays."""
    REMOVED = "REMOVED"
    """The EVSE's owner removed it from the platform: its reports are not taken."""

    @property
    def applied(self) -> bool:
        """Whether the report is the one in force now."""
        return self in (Outcome.CHANGED, Outcome.CONFIRMED)


@dataclass(frozen=True)
class ReportInForce:
    """The report in force of an EVSE; `unknown_since` is set while its feed is silent and it has not reported again."""

    status: str
    last_updated: datetime
    unknown_since: datetime | None = None

    @property
    def shown(self) -> str:
        """The status everybody sees."""
        return self.status if self.unknown_since is None else UNKNOWN


@dataclass(frozen=True, kw_only=True)
class KeyInUse:
    """What a call with a station key is judged by. Only the hash of the key is stored."""

    id: uuid.UUID
    location_id: uuid.UUID
    """The key opens this location alone."""
    token_hash: str
    valid_until: datetime | None = None
    """The end of a rotated key's grace; None for one that was not rotated."""
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""

    def status(self, now: datetime) -> str:
        """ACTIVE, EXPIRING (rotated, still good), EXPIRED or REVOKED."""
        if self.revoked_at is not None:
            return "REVOKED"
        if self.valid_until is None:
            return "ACTIVE"
        return "EXPIRING" if now < self.valid_until else "EXPIRED"

    def good(self, now: datetime) -> bool:
        """Whether it opens anything at `now`."""
        return self.status(now) in ("ACTIVE", "EXPIRING")


@dataclass(frozen=True, kw_only=True)
class StationKey(KeyInUse):
    """A key of a location's stations; `hint` are its last characters."""

    name: str
    hint: str
    created_by: uuid.UUID
    created_at: datetime
    rotated_from: uuid.UUID | None = None


@dataclass(frozen=True)
class FeedContact:
    """When a location's feed was last heard, and since when it is silent."""

    heard_at: datetime
    silent_since: datetime | None


@dataclass(frozen=True)
class EvseFeedState:
    """An EVSE as the feed sees it."""

    evse_id: uuid.UUID
    uid: str
    """Unique in its location."""
    status: str
    """What everybody reads."""
    report: ReportInForce | None = None
    """None before the first report."""
    received_at: datetime | None = None
    """When the report in force arrived."""
    window_start: datetime | None = None
    """The minute in which reports are counted."""
    window_count: int = 0
    """Reports taken in that minute."""


@dataclass(frozen=True)
class Change:
    """A row of an EVSE's history: from `at` on it was in `status`; `previous` is what it was before, None if not known."""

    at: datetime
    status: str
    previous: str | None


@dataclass(frozen=True)
class Edit:
    """What to do to the history: instants to delete, rows to write (new, or in place of the one at their instant)."""

    delete: tuple[datetime, ...] = ()
    write: tuple[Change, ...] = ()


def classify(current: ReportInForce | None, status: str, at: datetime) -> Outcome:
    """What a report of `status` as of `at` is against the one in force: a last-writer-wins register with a tie-break.

    The greatest (timestamp, caution) wins, so that every order of arrival ends the same.
    """
    if current is None:
        return Outcome.CHANGED
    new, old = (at, CAUTION[status]), (current.last_updated, CAUTION[current.status])
    if new < old:
        return Outcome.OLDER
    if current.unknown_since is not None:
        return Outcome.CHANGED  # saying the same again ends the doubt that the silence brought
    if new == old:
        return Outcome.DUPLICATE
    return Outcome.CONFIRMED if status == current.status else Outcome.CHANGED


def apply_newest(current: ReportInForce | None, status: str, at: datetime, *, same_instant: Change | None = None) -> Edit:
    """The history after a report that is in force from now on. A silence that began after `at` is taken out again: the
    station says what was true meanwhile. `same_instant` is the row at `at`, where there is one."""
    if current is None:
        return Edit(write=(Change(at, status, None),))
    delete: tuple[datetime, ...] = ()
    previous: str | None = current.status
    if current.unknown_since is not None:
        if current.unknown_since < at:
            return Edit() if status == UNKNOWN else Edit(write=(Change(at, status, UNKNOWN),))
        delete = (current.unknown_since,)
    if status == previous:
        return Edit(delete=delete)
    if same_instant is not None:
        previous = same_instant.previous
        if previous == status:
            return Edit(delete=(*delete, at))
    return Edit(delete=tuple(when for when in delete if when != at), write=(Change(at, status, previous),))


def apply_late(current: ReportInForce, before: Change | None, after: Change | None, status: str, at: datetime) -> Edit:
    """The history after a report that came too late to be in force. `before` is the last row at or before `at`, `after` the
    first one after it. The state in force is not touched; rows alternate, so that each is a change."""
    if at == current.last_updated or (before is not None and before.at == at):
        return Edit()
    last = after is None or after.at > current.last_updated
    # No row at all up to the state in force: what began it was pruned, and it has lasted since.
    previous = before.status if before is not None else current.status if last else None
    if previous == status:
        return Edit()
    if after is None or last:
        # What was said again later was not written down as it was no change; now it is one.
        return Edit(write=(Change(at, status, previous), Change(current.last_updated, current.status, status)))
    if after.status == status:
        return Edit(delete=(after.at,), write=(Change(at, status, previous),))
    return Edit(write=(Change(at, status, previous), Change(after.at, after.status, status)))
