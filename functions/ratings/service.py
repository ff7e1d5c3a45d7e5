"""Use cases of ratings: one tap after a session, what a place's owner reads, words that are reported."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from functions.booking import service as booking
from functions.ratings import repository
from functions.ratings.domain import NOBODY, Rating, RatingReason, Standing, monday_of, rated_end
from functions.stations import service as stations
from shared.errors import NotFound, WrongState
from shared.tx import Tx

REPORTED_SHOWN = 100


def rate(*, tx: Tx, booking_id: uuid.UUID, stars: int, reasons: Sequence[RatingReason], words: str | None) -> Rating:
    """What the booking's own driver says of its session, once; until 14 days after its end they may change it.

    Raises NotFound for others' bookings, WrongState where no session has ended or it is too long ago.
    """
    rated = booking.get_owned(tx=tx, booking_id=booking_id, lock=True)
    if rated.user_id != tx.actor.id:  # nobody speaks for a driver
        raise NotFound(f"There is no booking {booking_id}.")
    ended_at = rated_end(rated, tx.now)
    ticked = tuple(dict.fromkeys(reasons))
    known = repository.of_booking(tx, booking_id)
    if known is None:
        rating = Rating(
            booking_id=booking_id,
            id=uuid.uuid4(),
            location_id=rated.location_id,
            stars=stars,
            reasons=ticked,
            words=words,
            week=monday_of(ended_at),
            rated_at=tx.now,
            updated_at=tx.now,
        )
        repository.insert(tx, rating)
        return rating
    kept = None if known.words_removed_at is not None else words
    changed = replace(known, stars=stars, reasons=ticked, words=kept, updated_at=tx.now)
    if kept != known.words:
        changed = replace(changed, reported_at=None, report_reason=None)  # what was reported is no longer said
    names = ("stars", "reasons", "words", "updated_at", "reported_at", "report_reason")
    repository.update(tx, booking_id, **{name: getattr(changed, name) for name in names})
    return changed


def get_rating(*, tx: Tx, booking_id: uuid.UUID) -> Rating:
    """What the caller said of one of their bookings. Raises NotFound where they have said nothing."""
    booking.get_owned(tx=tx, booking_id=booking_id)
    rating = repository.of_booking(tx, booking_id)
    if rating is None:
        raise NotFound(f"Booking {booking_id} has not been rated.")
    return rating


def standing_of(*, tx: Tx, location_id: uuid.UUID) -> Standing:
    """How a location is rated."""
    return repository.standings(tx, [location_id]).get(location_id, NOBODY)


def standings(*, tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """How locations are rated; those that nobody rated are absent."""
    return repository.standings(tx, location_ids)


def by_week(*, tx: Tx, since: date) -> dict[date, Standing]:
    """How sessions were rated, by the Monday of the week in which they ended, from a Monday on. For administrators."""
    return repository.standings_by_week(tx, since)


def list_hosted(*, tx: Tx, location_id: uuid.UUID | None, before: tuple[str, uuid.UUID] | None, limit: int) -> list[Rating]:
    """What was said of the caller's locations, or one of them, the latest week first. Raises NotFound for others'."""
    named = None if location_id is None else stations.get_managed(tx=tx, location_id=location_id)
    ids = stations.managed_ids(tx=tx) if named is None else [named.id]
    return repository.at_locations(tx, ids, before=before, limit=limit) if ids else []


def report(*, tx: Tx, rating_id: uuid.UUID, reason: str) -> Rating:
    """The owner of the place asks the administrators to look at a rating's words. Asking twice changes nothing.

    Raises NotFound for ratings of others' places, WrongState where there are no words.
    """
    rating = _of_managed(tx, rating_id)
    if rating.words is None:
        raise WrongState("This rating has no words.")
    if rating.reported_at is not None:
        return rating
    repository.update(tx, rating.booking_id, reported_at=tx.now, report_reason=reason)
    tx.audit("rating.report", object_type="rating", object_id=rating.id, after={"reason": reason})
    return replace(rating, reported_at=tx.now, report_reason=reason)


def list_reported(*, tx: Tx) -> list[Rating]:
    """Reports that wait, the oldest first. For administrators."""
    return repository.reported(tx, limit=REPORTED_SHOWN)


def count_reported(*, tx: Tx) -> int:
    """How many reports wait. For administrators."""
    return repository.count_reported(tx)


def decide(*, tx: Tx, rating_id: uuid.UUID, remove_words: bool) -> Rating:
    """An administrator settles a report: the words go for good, or stay. The stars always stay. Raises NotFound, WrongState
    where nothing was reported."""
    rating = repository.by_id(tx, rating_id, lock=True)
    if rating is None:
        raise NotFound(f"There is no rating {rating_id}.")
    if rating.reported_at is None:
        raise WrongState("Nobody has reported this rating, or it is decided.")
    settled = replace(rating, reported_at=None, report_reason=None)
    if remove_words:
        settled = replace(settled, words=None, words_removed_at=tx.now)
    names = ("reported_at", "report_reason", "words", "words_removed_at")
    repository.update(tx, rating.booking_id, **{name: getattr(settled, name) for name in names})
    action = "rating.remove_words" if remove_words else "rating.keep_words"
    tx.audit(action, object_type="rating", object_id=rating.id, before={"reason": rating.report_reason})
    return settled


def _of_managed(tx: Tx, rating_id: uuid.UUID) -> Rating:
    rating = repository.by_id(tx, rating_id, lock=True)
    location = None if rating is None else stations.get_location(tx=tx, location_id=rating.location_id)
    if rating is None or location is None or not stations.manages(tx=tx, location=location):
        raise NotFound(f"There is no rating {rating_id}.")
    return rating
