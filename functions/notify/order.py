"""Which letter is the last word on its subject: an overtaken one stays in the app and does not go outside. No I/O, no clock."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from functions.booking.domain import WhoCanceled
from functions.booking.events import (
    BookingCanceled,
    BookingEvent,
    BookingReminder,
    BookingRescheduled,
    BookingReserved,
    EvseChanged,
    EvseRevealed,
)
from functions.operators.events import LocationChangeApproved, LocationChangeRejected, LocationDecided
from functions.stations.feed.events import FeedEvent
from shared.events import Event

EVSE = "/evse"
"""Ends the subject of a letter that tells a booking's charger and nothing else of the booking."""


@dataclass(frozen=True)
class Word:
    """What an event speaks of, and its place among all that is said of that."""

    subject: str
    """`booking/<id>`, `booking/<id>/evse`, `feed/<location id>`, `location/<id>` or `location-change/<id>`."""
    revision: int
    """The booking's; of the other subjects the event's instant in milliseconds."""

    @property
    def whole(self) -> str:
        """The subject that this one is a part of: of a charger its booking; else itself."""
        return self.subject.removesuffix(EVSE)


def subjects_over(subject: str) -> tuple[str, ...]:
    """The subjects on which a later word overtakes a letter on this one, the whole first: a booking's charger is overtaken by
    what is said of the booking, and not the other way round."""
    return tuple(dict.fromkeys((subject.removesuffix(EVSE), subject)))


@dataclass(frozen=True)
class Told:
    """How far somebody has been told of a subject."""

    revision: int = -1
    """The highest of the letters that were written and say how the subject stands; -1: none."""
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
    if isinstance(event, EvseRevealed | EvseChanged):
        return Word(f"booking/{event.booking_id}{EVSE}", event.revision)
    if isinstance(event, BookingEvent):
        return Word(f"booking/{event.booking_id}", event.revision)
    if isinstance(event, FeedEvent):
        return Word(f"feed/{event.location.id}", _milliseconds(event.at))
    if isinstance(event, LocationChangeApproved | LocationChangeRejected):
        return Word(f"location-change/{event.location.id}", _milliseconds(event.at))
    if isinstance(event, LocationDecided):
        return Word(f"location/{event.location.id}", _milliseconds(event.at))
    return None


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def way_of(event: Event, word: Word, told: Told, *, last: int, hold: bool) -> Way:
    """How far the letter of an event goes; `last` is the highest revision told on any of its subjects (subjects_over), `hold`
    says whether letters are held for a moment at all."""
    if word.revision < last or folds(event, told):
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
    """How far they are told of the whole once the letter of an event is written.

    What is first heard of a subject without its beginning may have gone outside before this was kept. A reminder and a charger
    say nothing of how the booking stands: what does is still to be told, and may be held at that moment.
    """
    known = told.outside or (told.revision < 0 and not isinstance(event, BookingReserved))
    overtakes = word.subject == word.whole and not isinstance(event, BookingReminder)
    revision = max(told.revision, word.revision) if overtakes else told.revision
    return replace(told, revision=revision, outside=known or way is Way.OUTSIDE)


def after_part(word: Word, part: Told) -> Told:
    """How far they are told of a part (a booking's charger) once a letter on it is written."""
    return replace(part, revision=max(part.revision, word.revision))
