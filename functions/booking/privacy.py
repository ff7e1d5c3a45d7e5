"""A person's bookings when he asks for a copy of his data or leaves: read whole, cancelled, kept without him."""

import uuid
from typing import Any

from functions.booking import repository
from functions.booking.domain import Booking, Filter
from functions.booking.service import cancel_booking
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every booking of a user with what was asked of it, newest first."""
    found = repository.of_user(tx, user_id, wanted=Filter(), before=None, limit=None)
    return [vars(item) | {"booking_requests": repository.requests_of(tx, item.id)} for item in found]


def open_bookings(*, tx: Tx, user_id: uuid.UUID) -> list[Booking]:
    """A user's bookings that stand: held, reserved, or being charged. Ordered by location and id, the order of locks."""
    return sorted(repository.open_of_user(tx, user_id), key=lambda item: (item.location_id, item.id))


def cancel_open(*, tx: Tx, user_id: uuid.UUID) -> list[Booking]:
    """Cancels what stands and has not begun, under its terms."""
    return [cancel_booking(tx=tx, booking_id=item.id) for item in open_bookings(tx=tx, user_id=user_id) if not item.charging()]


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's bookings to a random id that stands for nobody, and takes his vehicle off them. Returns how many."""
    return repository.pseudonymise(tx, user_id, pseudonym)
