"""What happens on the waitlist."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from functions.booking.events import BookingSnapshot
from shared.events import Event


@dataclass(frozen=True)
class WaitlistEvent(Event):
    """Something that its driver is told of an entry."""

    user_id: uuid.UUID
    entry_id: uuid.UUID


@dataclass(frozen=True)
class WaitlistOffered(WaitlistEvent):
    """A place became free and is held for the driver until `expires_at`."""

    TYPE: ClassVar[str] = "waitlist_offered"
    offer: BookingSnapshot
    expires_at: datetime


@dataclass(frozen=True)
class WaitlistJoined(WaitlistEvent):
    """All was full for a charge request whose driver said that they would wait: they do, in this window."""

    TYPE: ClassVar[str] = "waitlist_joined"
    window_begin: datetime
    window_end: datetime


@dataclass(frozen=True)
class WaitlistOver(WaitlistEvent):
    """The window of an entry has passed and nothing became free."""

    TYPE: ClassVar[str] = "waitlist_over"
    window_begin: datetime
    window_end: datetime


@dataclass(frozen=True)
class WaitlistWithdrawn(WaitlistEvent):
    """What was held for the driver is not to be had any more; they wait on."""

    TYPE: ClassVar[str] = "waitlist_withdrawn"
    offer: BookingSnapshot


@dataclass(frozen=True)
class WaitlistOfferExpired(Event):
    """The time to accept an offer is over. It is published with the offer and leaves then."""

    TYPE: ClassVar[str] = "waitlist_offer_expired"
    offer_id: uuid.UUID
