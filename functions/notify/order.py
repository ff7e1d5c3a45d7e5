"""Which letter is the last word on its subject: an overtaken one stays in the app and does not go outside. No I/O, no clock."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from functions.booking.domain import WhoCanceled
from functions.booking.events import BookingCanceled, BookingEvent, BookingRescheduled, BookingReserved
from functions.operators.events import LocationDecided
from functions.stations.feed.events import FeedEvent
from shared.events import Event


@dataclass(frozen=True)
class Word:
    """What an event speaks of, and its place among all that is said of that."""

    subject: str
    """`booking/<id>`, `feed/<location id>` or `location/<id>`."""
    revision: int
    """The booking's; of the other subjects the event's instant in milliseconds."""


@dataclass(frozen=True)
class Told:
    """How far somebody has been told of a subject."""

    revision: int = -1
    """The highest of the letters that were written; -1: none."""
    outside: bool = False
    """Whether any of them has gone outside, or may have."""
    reminded_for: datetime | None = None
    """The start of which they were reminded."""

    def gone_outside(self) -> "Told":
        """The same, once a letter has gone outside."""
        return replace(self, outside=True)


class Way(StrEnum):
    """How far a letter goes."""

    OUTSIDE = "OUTSIDE"
    """At once, by its channels."""
    HELD = "HELD"
    """By its channels after a moment, unless it is overtaken until then."""
    INBOX = "INBOX"
    """Nowhere but into the app: a later word was said, or nothing is left to say."""


def word_of(event: Event) -> Word | None:
    """The place of an event among what is said of its subject; None where nothing else is ever said of it."""
    if isinstance(event, BookingEvent):
        return Word(f"booking/{event.booking_id}", event.revision)
    if isinstance(event, FeedEvent):
        return Word(f"feed/{event.location.id}", _milliseconds(event.at))
    if isinstance(event, LocationDecided):
        return Word(f"location/{event.location.id}", _milliseconds(event.at))
    return None


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def way_of(event: Event, word: Word, told: Told, *, hold: bool) -> Way:
    """How far the letter of an event goes; `hold` says whether letters are held for a moment at all."""
    if word.revision < told.revision or folds(event, told):
        return Way.INBOX
    if hold and isinstance(event, BookingReserved | BookingRescheduled):
        return Way.HELD
    return Way.OUTSIDE


def folds(event: Event, told: Told) -> bool:
    """Whether a driver took back a booking of which nothing has gone outside yet: then nothing has to, unless it costs."""
    if not isinstance(event, BookingCanceled) or event.who_canceled is not WhoCanceled.MSP or event.cause is not None:
        return False
    return told.revision >= 0 and not told.outside and not event.fee_minor


def after(event: Event, word: Word, told: Told, way: Way) -> Told:
    """How far they are told once the letter of an event is written.

    What is first heard of a subject without its beginning may have gone outside before this was kept.
    """
    known = told.outside or (told.revision < 0 and not isinstance(event, BookingReserved))
    return replace(told, revision=max(told.revision, word.revision), outside=known or way is Way.OUTSIDE)
