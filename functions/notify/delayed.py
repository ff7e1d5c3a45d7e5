"""Messages that leave later than they were thought of are written from what stands when they leave, or not at all."""

from dataclasses import replace
from datetime import timedelta

from functions.booking import outages
from functions.booking import service as booking
from functions.booking.domain import REMIND_BEFORE, ReservationStatus
from functions.booking.events import BookingReminder, BookingSnapshot
from functions.optimizer.events import ChargeRequestOffered
from functions.stations.feed import service as feed
from functions.stations.feed.events import FeedSilent
from functions.waitlist.events import WaitlistOffered
from shared.events import Event
from shared.tx import Tx


def as_it_stands(*, tx: Tx, event: Event) -> Event | None:
    """The event to tell of now; None where it tells of nothing that will be."""
    if isinstance(event, BookingReminder):
        return _reminder(tx, event)
    return event


def is_over(*, tx: Tx, event: Event) -> bool:
    """Whether an event tells of what has passed: it is kept in the app, and nobody is called for it."""
    if isinstance(event, ChargeRequestOffered | WaitlistOffered):
        return not _is_held(tx, event)
    if not isinstance(event, FeedSilent):
        return False
    return feed.silent_since(tx=tx, location_id=event.location.id) != event.silent_since


def _reminder(tx: Tx, event: BookingReminder) -> BookingReminder | None:
    """The reminder of the booking as it is. One that has moved on has another on its way."""
    reminder = booking.as_it_stands(tx=tx, kind=BookingReminder, booking_id=event.booking_id)
    if reminder is None or reminder.reservation_status is not ReservationStatus.RESERVED:
        return None
    if not timedelta() < reminder.start - tx.now <= REMIND_BEFORE:
        return None
    return replace(reminder, at_risk=outages.at_risk(tx=tx, booking_id=event.booking_id))


def _is_held(tx: Tx, event: ChargeRequestOffered | WaitlistOffered) -> bool:
    offer = booking.as_it_stands(tx=tx, kind=BookingSnapshot, booking_id=event.offer.booking_id)
    return offer is not None and offer.reservation_status is ReservationStatus.PENDING and event.expires_at > tx.now
