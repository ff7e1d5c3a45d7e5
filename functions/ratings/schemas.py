"""Payloads and answers of ratings."""

import uuid
from datetime import date, datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from functions.ratings import domain
from functions.ratings.domain import RatingReason
from shared.web.fields import Input, Output

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class RatingPut(Input):
    """What a driver says of their session."""

    several_lines: ClassVar[frozenset[str]] = frozenset({"words"})

    stars: Annotated[int, Field(ge=1, le=5, examples=[4])]
    reasons: tuple[RatingReason, ...] = Field((), max_length=11, examples=[["AS_PROMISED", "HARD_TO_FIND"]])
    words: Words | None = Field(None, examples=["Behind the station, not in front of it."])


class Rating(RatingPut):
    """What a driver said of their session, to themselves."""

    booking_id: uuid.UUID
    words: str | None
    words_removed: bool = Field(description="An administrator took the words away")
    rated_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, rating: domain.Rating) -> "Rating":
        """The answer for a stored rating."""
        return cls(
            booking_id=rating.booking_id,
            stars=rating.stars,
            reasons=rating.reasons,
            words=rating.words,
            words_removed=rating.words_removed_at is not None,
            rated_at=rating.rated_at,
            updated_at=rating.updated_at,
        )


class HostedRating(Output):
    """What was said of a place, to those who run it: never by whom, and only to the week when."""

    id: uuid.UUID
    location_id: uuid.UUID
    week: date = Field(description="The Monday of the week in which the session ended")
    stars: int
    reasons: list[RatingReason]
    words: str | None
    reported: bool = Field(description="Its words were reported and wait for an administrator")
    report_reason: str | None

    @classmethod
    def of(cls, rating: domain.Rating) -> "HostedRating":
        """The answer for a stored rating."""
        return cls(
            id=rating.id,
            location_id=rating.location_id,
            week=rating.week,
            stars=rating.stars,
            reasons=list(rating.reasons),
            words=rating.words,
            reported=rating.reported_at is not None,
            report_reason=rating.report_reason,
        )


class ReportedRatings(Output):
    """Reports that wait for an administrator, the oldest first; at most a hundred."""

    items: list[HostedRating]


class RatingReport(Input):
    """Why the administrators should look at a rating's words."""

    reason: Why = Field(examples=["It names one of our people."])


class RatingDecision(Input):
    """What becomes of words that were reported."""

    remove_words: bool = Field(description="The words go for good; the stars stay either way")
