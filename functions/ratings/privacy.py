"""A person's ratings, when they ask for a copy of their data or leave: export, erase."""

import uuid
from collections.abc import Sequence

from functions.ratings import repository
from functions.ratings.domain import Rating
from shared.tx import Tx


def export(*, tx: Tx, booking_ids: Sequence[uuid.UUID]) -> list[Rating]:
    """What somebody said of their bookings."""
    return repository.of_bookings(tx, booking_ids)


def erase(*, tx: Tx, booking_ids: Sequence[uuid.UUID]) -> None:
    """Takes somebody's words away; their stars stay with bookings that are nobody's."""
    repository.erase_words(tx, booking_ids)
