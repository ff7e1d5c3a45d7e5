"""A person's bookings, when they ask for a copy of their data or leave: export, cancel_open, pseudonymise."""

import uuid
from typing import Any

from functions.booking import repository, repository_cdr, repository_sessions, repository_strikes
from functions.booking.cancellations import cancel_booking
from functions.booking.domain import Booking, BookingFilter, CancellationCause
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every booking of a user with what was asked of it and its charging sessions, newest first."""
    bookings = repository.of_user(tx, user_id, wanted=BookingFilter(), before=None, limit=None)
    sessions: dict[uuid.UUID | None, list[dict[str, Any]]] = {}
    for session in repository_sessions.sessions_of(tx, [booking.id for booking in bookings]):
        values = [vars(value) for value in repository_sessions.values_of(tx, session.id)]
        sessions.setdefault(session.booking_id, []).append(vars(session) | {"meter_values": values})
    strikes = repository_strikes.all_of(tx, user_id)
    return [
        vars(booking)
        | {
            "booking_requests": repository.requests_of(tx, booking),
            "sessions": sessions.get(booking.id, []),
            "strike_until": strikes.get(booking.id),
            "cdrs": [vars(record) for record in repository_cdr.of_booking(tx, booking.id)],
        }
        for booking in bookings
    ]


def open_bookings(*, tx: Tx, user_id: uuid.UUID) -> list[Booking]:
    """A user's bookings that stand: held, reserved, or being charged. Ordered by location and id, the order of locks."""
    return sorted(repository.open_of_user(tx, user_id), key=lambda booking: (booking.location_id, booking.id))


def ids_of(*, tx: Tx, user_id: uuid.UUID) -> list[uuid.UUID]:
    """The ids of all bookings of a user, for the rooms above that keep something of each."""
    return repository.ids_of_user(tx, user_id)


def cancel_open(*, tx: Tx, user_id: uuid.UUID, cause: CancellationCause | None = None) -> list[Booking]:
    """Cancels what stands and is not being charged, under its terms; with a `cause` at no cost."""
    return [
        cancel_booking(tx=tx, booking_id=booking.id, cause=cause)
        for booking in open_bookings(tx=tx, user_id=user_id)
        if not booking.charging()
    ]


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a user's bookings to a random id that stands for nobody, and takes their vehicle off them. Returns how many."""
    repository_strikes.forget(tx, user_id)
    return repository.pseudonymise(tx, user_id, pseudonym)
