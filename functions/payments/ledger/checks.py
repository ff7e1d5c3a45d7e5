"""Checks of the ledger: each account explains itself. What does not agree is kept, and shown to administrators."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from functions.booking import dues
from functions.booking.domain import Booking
from functions.payments.ledger import comparison, repository, repository_checks
from functions.payments.ledger.comparison import CheckRun, Difference, StoredDifference
from functions.payments.ledger.domain import Posting
from shared.db import new_id
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
LOOKED_BACK = timedelta(days=8)
"""How far back a check looks, by the starts of bookings and the dates of postings: a week, and the day a booking may last."""
SETTLED_AFTER = timedelta(minutes=15)
"""How long after a booking's last change its events may still be on their way."""
RUNS_KEPT = timedelta(days=35)
BATCH = 500


@dataclass
class _Seen:
    """How much a check has looked at."""

    bookings: int = 0
    postings: int = 0


def check_ledger(platform: Platform) -> CheckRun:
    """Compares what was posted of bookings of a week with what they have come to, and each posting with what its kind
    explains.

    A difference is a row until a later check finds that it is none. Returns how it went.
    """
    begun_at, seen = platform.clock.now(), _Seen()
    differences = [*_of_bookings(platform, begun_at, seen), *_of_postings(platform, begun_at, seen)]
    run = platform.transact(partial(_keep, begun_at=begun_at, seen=seen, differences=differences))
    if differences:
        log.error("LEDGER_DIFFERENCE: %d differences in the ledger; payments/checks lists them", len(differences))
    return run


def _keep(tx: Tx, *, begun_at: datetime, seen: _Seen, differences: list[Difference]) -> CheckRun:
    known = repository_checks.open_differences(tx)
    for difference in differences:
        repository_checks.note(tx, difference)
    still = {each.key for each in differences}
    # What happened before the look back was not looked at: it stands until somebody has looked.
    gone = [each.id for each in known if each.key not in still and each.first_seen_at >= begun_at - LOOKED_BACK]
    repository_checks.resolve(tx, gone)
    run = CheckRun(new_id(), begun_at, tx.now, seen.bookings, seen.postings, len(differences))
    repository_checks.add_run(tx, run)
    repository_checks.prune_runs(tx, before=tx.now - RUNS_KEPT)
    return run


def _of_bookings(platform: Platform, now: datetime, seen: _Seen) -> Iterator[Difference]:
    after: uuid.UUID | None = None
    while page := platform.read(partial(_ended, now=now, after=after)):
        after = page[-1].id
        settled = [booking for booking in page if booking.updated_at <= now - SETTLED_AFTER]
        seen.bookings += len(settled)
        yield from platform.read(partial(_compared, settled=settled))


def _ended(tx: Tx, *, now: datetime, after: uuid.UUID | None) -> list[Booking]:
    return dues.ended_between(tx=tx, since=now - LOOKED_BACK, until=now, after=after, limit=BATCH)


def _compared(tx: Tx, *, settled: list[Booking]) -> list[Difference]:
    postings: dict[uuid.UUID | None, list[Posting]] = {}
    for posting in repository.of_bookings(tx, [booking.id for booking in settled]):
        postings.setdefault(posting.booking_id, []).append(posting)
    differences = []
    for booking in settled:
        listed = dues.dues_of(tx=tx, booking=booking)
        differences += comparison.of_booking(booking.id, listed, postings.get(booking.id, []))
    return differences


def _of_postings(platform: Platform, now: datetime, seen: _Seen) -> Iterator[Difference]:
    after: uuid.UUID | None = None
    while page := platform.read(partial(_posted, now=now, after=after)):
        whole = _whole_transactions(page)
        seen.postings += len(whole)
        yield from comparison.of_postings(whole)
        after = whole[-1].id


def _posted(tx: Tx, *, now: datetime, after: uuid.UUID | None) -> list[Posting]:
    return repository.between(tx, since=now - LOOKED_BACK, until=now, after=after, limit=BATCH)


def _whole_transactions(page: list[Posting]) -> list[Posting]:
    """A page without the transaction that it ends within, perhaps: the next page has all of it."""
    last = page[-1].transaction_id
    whole = [posting for posting in page if posting.transaction_id != last]
    return whole if len(page) == BATCH and whole else page


def list_differences(*, tx: Tx, is_open: bool | None, before: uuid.UUID | None, limit: int) -> list[StoredDifference]:
    """Differences, the latest first; with `is_open` those that stand, or those that do not."""
    return repository_checks.list_differences(tx, before=before, limit=limit, is_open=is_open)


def last_run(*, tx: Tx) -> CheckRun | None:
    """How the latest check went."""
    return repository_checks.last_run(tx)
