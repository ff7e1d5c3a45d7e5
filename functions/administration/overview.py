"""What there is and what waits, in numbers: the first page of an administrator."""

from dataclasses import dataclass
from datetime import datetime

from functions.accounts import service as accounts
from functions.booking import figures as bookings
from functions.booking.figures import BookingCounts
from functions.optimizer import figures as decisions
from functions.ratings import service as ratings
from functions.stations import service as stations
from functions.stations.domain import StationCounts
from functions.stations.feed import service as feed
from shared import outbox
from shared.tx import Tx


@dataclass(frozen=True)
class Overview:
    """The numbers of now."""

    at: datetime
    accounts: dict[str, dict[str, int]]
    """By role and status."""
    stations: StationCounts
    silent_feeds: int
    """Locations whose feed fell silent."""
    bookings: BookingCounts
    requests_waiting: int
    """Charge requests that are not decided."""
    ratings_reported: int
    messages_waiting: dict[str, int]
    """By queue: due, and not left."""
    dead_letters: dict[str, int]
    """By queue."""


def overview(*, tx: Tx) -> Overview:
    """Counts what there is now. For administrators."""
    due = outbox.waiting(tx.conn, now=tx.now)
    return Overview(
        at=tx.now,
        accounts=accounts.count_accounts(tx=tx),
        stations=stations.count_stations(tx=tx),
        silent_feeds=feed.count_silent(tx=tx),
        bookings=bookings.counts(tx=tx, out_of_use=list(feed.out_of_use(tx=tx))),
        requests_waiting=decisions.count_waiting(tx=tx),
        ratings_reported=ratings.count_reported(tx=tx),
        messages_waiting={queue: count for queue, (count, _) in due.items()},
        dead_letters=outbox.dead(tx.conn),
    )
