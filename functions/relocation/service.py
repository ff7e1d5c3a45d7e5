"""What the clock does for bookings whose charger has failed and whose pool is full: another place, or in time the end."""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from functions.accounts import service as accounts
from functions.booking import relocations
from functions.booking import service as booking
from functions.booking.domain import BookingPosition
from functions.booking.relocations import NewPlace
from functions.optimizer import rebooking
from functions.relocation.places import places_for
from shared import telemetry
from shared.errors import AppError, Invalid, NotFound, PriceNotKnown, SlotTaken
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
BATCH = 500
GONE_MEANWHILE: tuple[type[AppError], ...] = (SlotTaken, PriceNotKnown, Invalid, NotFound)
"""What says that a place that was seen free is not to be had any more: the next is tried."""


def relocate_bookings(platform: Platform) -> int:
    """Moves bookings at risk to other places once FAULT_GRACE_S have passed, in order of their start, one transaction each;
    what finds none ends when its terms give up. Returns how many moved or ended."""
    return sum(relocate_one(platform, booking_id) for booking_id in _due(platform))


def _due(platform: Platform) -> Iterator[uuid.UUID]:
    now, settings = platform.clock.now(), platform.settings
    since = now - timedelta(seconds=settings.fault_grace_s)
    until = now + timedelta(hours=settings.relocate_ahead_hours)
    after: BookingPosition | None = None
    while True:
        page = platform.read(partial(_page, since, until, after))
        yield from (booking_id for _, booking_id in page)
        if len(page) < BATCH:
            return
        after = page[-1]


def _page(since: datetime, until: datetime, after: BookingPosition | None, tx: Tx) -> list[BookingPosition]:
    return relocations.due(tx=tx, since=since, until=until, after=after, limit=BATCH)


def relocate_one(platform: Platform, booking_id: uuid.UUID) -> bool:
    """Moves one booking to the best place that is still to be had, or ends it where its time to look is over."""
    for place in platform.read(partial(_places, booking_id=booking_id)):
        try:
            moved = platform.transact(partial(_relocate, booking_id=booking_id, to=place))
        except GONE_MEANWHILE:
            telemetry.claims_lost.add(1, {"where": "relocation"})
            continue
        return moved
    return platform.transact(lambda tx: relocations.give_up(tx=tx, booking_id=booking_id))


def _places(tx: Tx, *, booking_id: uuid.UUID) -> list[NewPlace]:
    waiting = relocations.waiting(tx=tx, booking_id=booking_id)
    return [] if waiting is None else places_for(tx, *waiting)


def _relocate(tx: Tx, *, booking_id: uuid.UUID, to: NewPlace) -> bool:
    """The booking at its new place; the charge request that led to it goes along. Locks: driver, charge request, locations."""
    old = booking.bookings_by_id(tx=tx, booking_ids=[booking_id]).get(booking_id)
    if old is None:
        return False
    accounts.lock_driver(tx=tx, user_id=old.user_id)
    follows = old.charge_request_id is not None and rebooking.lock_booked(
        tx=tx, request_id=old.charge_request_id, booking_id=old.id
    )
    new = relocations.relocate(tx=tx, booking_id=booking_id, to=to)
    if new is None:
        return False
    if follows and old.charge_request_id is not None:
        rebooking.rebook(tx=tx, request_id=old.charge_request_id, booking_id=new.id)
    log.info("booking %s goes on as %s at location %s", booking_id, new.id, to.location_id)
    return True
