"""What a rating is, and what many of them say of a place. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from functions.booking.domain import Booking, ReservationStatus
from shared.errors import WrongState

RATE_WITHIN = timedelta(days=14)
"""How long after a session's end it can be rated, and its rating changed."""
SHOWN_FROM = 5
"""An average of fewer ratings is not shown: it would say what a single person thought."""


class RatingReason(StrEnum):
    """What may be ticked beside the stars."""

    AS_PROMISED = "AS_PROMISED"
    EASY_TO_FIND = "EASY_TO_FIND"
    FAST = "FAST"
    FAIR_PRICE = "FAIR_PRICE"
    PLEASANT_PLACE = "PLEASANT_PLACE"
    CHARGER_TAKEN = "CHARGER_TAKEN"
    CHARGER_BROKEN = "CHARGER_BROKEN"
    HARD_TO_FIND = "HARD_TO_FIND"
    SLOW = "SLOW"
    EXPENSIVE = "EXPENSIVE"
    UNPLEASANT_PLACE = "UNPLEASANT_PLACE"


@dataclass(frozen=True)
class Rating:
    """What a driver says of their session."""

    booking_id: uuid.UUID
    id: uuid.UUID
    """Random; by it owners and administrators speak of the rating."""
    location_id: uuid.UUID
    stars: int
    """1 to 5."""
    reasons: tuple[RatingReason, ...]
    words: str | None
    week: date
    """The Monday of the week in which the session ended, UTC."""
    rated_at: datetime
    updated_at: datetime
    reported_at: datetime | None = None
    """When the owner reported its words and no administrator has decided yet."""
    report_reason: str | None = None
    words_removed_at: datetime | None = None
    """When an administrator took its words away: they do not come back with a change."""


@dataclass(frozen=True)
class Standing:
    """How many rated, and how: counts by number of stars."""

    by_stars: Mapping[int, int]

    @property
    def count(self) -> int:
        """How many ratings there are."""
        return sum(self.by_stars.values())

    @property
    def average(self) -> float | None:
        """Their average to a tenth of a star; None of none."""
        return round(sum(stars * number for stars, number in self.by_stars.items()) / self.count, 1) if self.count else None

    @property
    def shown(self) -> bool:
        """Whether there are enough of them to be shown to everybody."""
        return self.count >= SHOWN_FROM


NOBODY = Standing({})


def monday_of(instant: datetime) -> date:
    """The Monday of an instant's week, UTC."""
    return instant.date() - timedelta(days=instant.weekday())


def rated_end(booking: Booking, now: datetime) -> datetime:
    """When the session that is to be rated ended. Raises WrongState where none has, or where that is too long ago."""
    if booking.status is not ReservationStatus.FULFILLED or booking.stopped_at is None:
        raise WrongState("A booking can be rated once its session has ended.", reservation_status=booking.status.value)
    if now > booking.stopped_at + RATE_WITHIN:
        raise WrongState(
            f"A session can be rated for {RATE_WITHIN.days} days after its end.", reservation_status=booking.status.value
        )
    return booking.stopped_at
