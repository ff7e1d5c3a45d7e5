"""Answers of the waitlist."""

import uuid
from datetime import datetime

from pydantic import Field

from functions.booking.schemas import Period
from functions.optimizer.needs import ChargingNeeds
from functions.waitlist.domain import Entry, EntryState, WaitlistOffer
from shared.web.fields import Output


class HeldPlace(Output):
    """A place that is held."""

    booking_id: uuid.UUID
    expires_at: datetime


class WaitlistEntry(Output):
    """Somebody who waits for a place."""

    id: uuid.UUID
    state: EntryState = Field(description="OFFERED: a place is held. OVER: it waited in vain")
    position: int | None = Field(
        description="Among those who wait nearby for the same time, 1 the first. A place goes to whom it suits best; who was "
        "passed over three times goes first"
    )
    wish: ChargingNeeds
    window: Period
    snoozed_until: datetime | None
    offer: HeldPlace | None = Field(description="What is held now; accept it before it expires")
    created_at: datetime

    @classmethod
    def of(cls, entry: Entry, offer: WaitlistOffer | None, position: int | None) -> "WaitlistEntry":
        """The answer for a stored entry."""
        return cls(
            id=entry.id,
            state=entry.state,
            position=position,
            wish=entry.wish,
            window=Period(start=entry.window_begin, end=entry.window_end),
            snoozed_until=entry.snoozed_until,
            offer=None if offer is None else HeldPlace(booking_id=offer.booking_id, expires_at=offer.expires_at),
            created_at=entry.created_at,
        )
