"""A driver's standing: bookings that nobody came to are strikes until they expire, and three of them limit what may be open."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking import repository_strikes
from functions.booking.domain import Booking
from functions.booking.repository_strikes import Strike
from shared.db import new_id
from shared.errors import Unauthenticated
from shared.tx import Tx

EXPIRES_AFTER = timedelta(days=90)
STRIKES = 3
"""So many that have not expired limit their driver."""
OPEN_BOOKINGS = 2
"""How many open bookings they may have then, over all locations."""


@dataclass(frozen=True)
class Standing:
    """What counts against a driver now, and what follows of it."""

    strikes: tuple[Strike, ...]
    """Those that have not expired, the oldest first."""
    open_bookings: int
    """How many open bookings they may have over all locations."""
    limited_until: datetime | None
    """When fewer than STRIKES are left; None where nothing follows."""


def strike(*, tx: Tx, booking: Booking) -> int:
    """Notes that nobody came to a booking whose charger was there. Returns how many count now, this one among them."""
    new = Strike(new_id(), booking.user_id, booking.id, booking.start, tx.now, tx.now + EXPIRES_AFTER)
    repository_strikes.add(tx, new)
    return len(repository_strikes.of_user(tx, booking.user_id, now=tx.now))


def standing(*, tx: Tx) -> Standing:
    """The caller's standing."""
    if tx.actor.id is None:
        raise Unauthenticated()
    strikes = tuple(repository_strikes.of_user(tx, tx.actor.id, now=tx.now))
    limited = len(strikes) >= STRIKES
    return Standing(
        strikes=strikes,
        open_bookings=allowed_open(tx, len(strikes)),
        limited_until=sorted(each.expires_at for each in strikes)[len(strikes) - STRIKES] if limited else None,
    )


def allowed_open(tx: Tx, strikes: int) -> int:
    """How many open bookings a driver with so many strikes may have over all locations."""
    most = tx.settings.open_bookings_per_driver
    return min(most, OPEN_BOOKINGS) if strikes >= STRIKES else most


def open_bookings_allowed(*, tx: Tx, user_id: uuid.UUID, open_now: int) -> int:
    """The same for a driver who has so many open now: strikes are only asked for where they could matter."""
    if open_now < OPEN_BOOKINGS:
        return tx.settings.open_bookings_per_driver
    return allowed_open(tx, len(repository_strikes.of_user(tx, user_id, now=tx.now)))
