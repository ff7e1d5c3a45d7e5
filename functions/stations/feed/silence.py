"""Feeds that fall silent or end: their EVSEs become UNKNOWN, the owner is told once; and old history is pruned."""

import logging
import uuid
from datetime import timedelta
from functools import partial

from functions.stations import service
from functions.stations.enums import EvseStatus, LocationStatus
from functions.stations.feed import repository, station_keys
from functions.stations.feed.domain import LASTING, UNKNOWN, Change, Edit
from functions.stations.feed.events import FeedSilent, tell_owner
from shared import telemetry
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
BATCH = 500
PRUNED = 5000
"""Rows of history deleted in one transaction."""


def mark_stale_feeds(platform: Platform) -> int:
    """Marks the EVSEs of every feed that was not heard for FEED_SILENT_AFTER_S as UNKNOWN and tells the owners, one
    transaction a location. Returns how many feeds fell silent. Running twice does nothing more."""
    before = platform.clock.now() - timedelta(seconds=platform.settings.feed_silent_after_s)
    total = 0
    while location_ids := platform.read(lambda tx: repository.overdue(tx, heard_before=before, limit=BATCH)):
        total += sum(platform.transact(partial(_mark, location_id=location_id)) for location_id in location_ids)
        if len(location_ids) < BATCH:
            break
    telemetry.feeds_silent.set(platform.read(repository.count_silent))
    return total


def _mark(tx: Tx, *, location_id: uuid.UUID) -> bool:
    contact = repository.lock_feed(tx, location_id)
    limit = timedelta(seconds=tx.settings.feed_silent_after_s)
    if contact is None or contact.silent_since is not None or tx.now - contact.heard_at < limit:
        return False
    if service.get_location(tx=tx, location_id=location_id).status == LocationStatus.REMOVED:
        repository.end_feed(tx, location_id)
        return False
    lost = [
        (evse.evse_id, evse.report.status)
        for evse in repository.evses_of(tx, [location_id]).get(location_id, [])
        if evse.report is not None and evse.report.unknown_since is None and evse.status not in LASTING
    ]
    repository.mark_stale(tx, location_id, [evse_id for evse_id, _ in lost])
    for evse_id, reported in lost:
        if reported != UNKNOWN:
            repository.edit_history(tx, evse_id, Edit(write=(Change(tx.now, UNKNOWN, reported),)))
    tell_owner(tx, location_id, FeedSilent, heard_at=contact.heard_at, silent_since=tx.now, evses=len(lost))
    log.warning("the feed of location %s is silent since %s", location_id, contact.heard_at.isoformat())
    return True


def prune_status_history(platform: Platform) -> int:
    """Deletes changes older than FEED_HISTORY_DAYS. Returns how many."""
    before = platform.clock.now() - timedelta(days=platform.settings.feed_history_days)
    total = 0
    while deleted := platform.transact(lambda tx: repository.prune_changes(tx, before=before, limit=PRUNED)):
        total += deleted
    return total


def end_feed(*, tx: Tx, location_id: uuid.UUID) -> None:
    """Ends the feed of the caller's location: its keys are revoked, and its EVSEs, except planned and removed ones, are
    AVAILABLE as those that never had one. Raises NotFound for others' locations."""
    location = service.get_owned(tx=tx, location_id=location_id)
    for key in repository.keys_of(tx, location.id):
        station_keys.revoke_key(tx=tx, key_id=key.id)
    repository.lock_feed(tx, location.id)
    evses = repository.evses_of(tx, [location.id]).get(location.id, [])
    reporting = [evse for evse in evses if evse.report is not None and evse.status not in LASTING]
    repository.end_feed(tx, location.id)
    if reporting:
        repository.set_status(tx, [evse.evse_id for evse in reporting], EvseStatus.AVAILABLE.value)
    before = {evse.uid: evse.status for evse in reporting}
    tx.audit("feed.end", object_type="location", object_id=location.id, before=before)
