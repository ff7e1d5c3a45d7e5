"""What the ledger is compared with, and what is called a difference. Pure."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from functions.booking.dues import Due, DueKind
from functions.payments.ledger.domain import Line, Posting, is_explained

DUE_KINDS = frozenset(DueKind)


class DifferenceKind(StrEnum):
    """What does not agree."""

    BOOKING = "BOOKING"
    """What was posted of a booking is not what it has come to."""
    UNEXPLAINED = "UNEXPLAINED"
    """A posting goes between accounts that its kind does not explain."""
    INCOMPLETE = "INCOMPLETE"
    """Lines of a transaction are missing."""


@dataclass(frozen=True)
class Difference:
    """Something that does not agree, minor units."""

    kind: str
    """A DifferenceKind."""
    subject: str
    """The source that it is about."""
    currency: str
    expected_minor: int
    """Of INCOMPLETE: how many lines there should be."""
    actual_minor: int
    """Of INCOMPLETE: how many there are."""
    booking_id: uuid.UUID | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by."""
        return self.kind, self.subject, self.currency


@dataclass(frozen=True)
class StoredDifference(Difference):
    """A difference as it is kept."""

    id: uuid.UUID
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    """None: it stands."""


@dataclass(frozen=True)
class CheckRun:
    """How a check went."""

    id: uuid.UUID
    begun_at: datetime
    ended_at: datetime
    bookings: int
    """How many bookings were compared."""
    postings: int
    """How many postings were looked at."""
    differences: int
    """How many were seen."""


def of_booking(booking_id: uuid.UUID, dues: Iterable[Due], postings: Iterable[Posting]) -> list[Difference]:
    """Where what was posted of a booking's dues, source by source, is not what they are."""
    expected: Counter[tuple[str, str]] = Counter()
    actual: Counter[tuple[str, str]] = Counter()
    for due in dues:
        expected[due.source, due.price.currency] += due.price.total_minor
    for posting in postings:
        if posting.kind in DUE_KINDS:
            actual[posting.source, posting.currency] += posting.amount_minor
    return [
        Difference(DifferenceKind.BOOKING, source, currency, expected[source, currency], actual[source, currency], booking_id)
        for source, currency in sorted(expected.keys() | actual.keys())
        if expected[source, currency] != actual[source, currency]
    ]


def of_postings(postings: Sequence[Posting]) -> list[Difference]:
    """Postings that their kind does not explain, and transactions that lack a line."""
    lines: dict[uuid.UUID, list[Posting]] = defaultdict(list)
    differences = []
    for posting in postings:
        lines[posting.transaction_id].append(posting)
        line = Line(posting.debit, posting.credit, posting.currency, posting.amount_minor)
        if not is_explained(posting.kind, line):
            differences.append(_difference(DifferenceKind.UNEXPLAINED, posting, expected=0, actual=posting.amount_minor))
    for listed in lines.values():
        last = max(posting.line for posting in listed)
        if len(listed) != last:
            differences.append(_difference(DifferenceKind.INCOMPLETE, listed[0], expected=last, actual=len(listed)))
    return differences


def _difference(kind: DifferenceKind, posting: Posting, *, expected: int, actual: int) -> Difference:
    return Difference(kind, posting.source, posting.currency, expected, actual, posting.booking_id)
