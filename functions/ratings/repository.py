"""Every SQL statement of ratings."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from functions.ratings.domain import Rating, RatingReason, Standing
from functions.ratings.tables import booking_rating
from shared.db import for_update
from shared.tx import Tx

_C = booking_rating.c


def _rating(row: sa.Row[Any]) -> Rating:
    values = row._asdict()
    values["reasons"] = tuple(RatingReason(reason) for reason in values["reasons"])
    values["week"] = date.fromisoformat(values["week"])
    return Rating(**values)


def of_booking(tx: Tx, booking_id: uuid.UUID) -> Rating | None:
    """The rating of a booking."""
    row = tx.execute(sa.select(booking_rating).where(_C.booking_id == booking_id)).one_or_none()
    return None if row is None else _rating(row)


def of_bookings(tx: Tx, booking_ids: Sequence[uuid.UUID]) -> list[Rating]:
    """The ratings of bookings, some hundred at a time."""
    ratings: list[Rating] = []
    for begin in range(0, len(booking_ids), 500):
        batch = list(booking_ids[begin : begin + 500])
        ratings += [_rating(row) for row in tx.execute(sa.select(booking_rating).where(_C.booking_id.in_(batch)))]
    return ratings


def by_id(tx: Tx, rating_id: uuid.UUID, *, lock: bool = False) -> Rating | None:
    """One rating by its random id."""
    statement = sa.select(booking_rating).where(_C.id == rating_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _rating(row)


def insert(tx: Tx, rating: Rating) -> None:
    """Stores a new rating."""
    tx.execute(sa.insert(booking_rating).values(**vars(rating) | {"week": rating.week.isoformat()}))


def update(tx: Tx, booking_id: uuid.UUID, **values: Any) -> None:
    """Changes fields of a rating."""
    tx.execute(sa.update(booking_rating).where(_C.booking_id == booking_id).values(**values))


def erase_words(tx: Tx, booking_ids: Sequence[uuid.UUID]) -> None:
    """Takes the words from the ratings of bookings, and what was said of them; the stars stay, of nobody."""
    for begin in range(0, len(booking_ids), 500):
        batch = list(booking_ids[begin : begin + 500])
        nothing: dict[str, Any] = {"words": None, "reported_at": None, "report_reason": None}
        tx.execute(sa.update(booking_rating).where(_C.booking_id.in_(batch)).values(**nothing))


def standings(tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """How locations are rated; those that nobody rated are absent."""
    if not location_ids:
        return {}
    counted = sa.select(_C.location_id, _C.stars, sa.func.count().label("number"))
    statement = counted.where(_C.location_id.in_(list(location_ids))).group_by(_C.location_id, _C.stars)
    by_location: dict[uuid.UUID, dict[int, int]] = {}
    for row in tx.execute(statement):
        by_location.setdefault(row.location_id, {})[row.stars] = row.number
    return {location_id: Standing(by_stars) for location_id, by_stars in by_location.items()}


def standings_by_week(tx: Tx, since: date) -> dict[date, Standing]:
    """How sessions were rated, by the week of their end, from a Monday on."""
    statement = (
        sa.select(_C.week, _C.stars, sa.func.count().label("number"))
        .where(_C.week >= since.isoformat())
        .group_by(_C.week, _C.stars)
    )
    by_week: dict[date, dict[int, int]] = {}
    for row in tx.execute(statement):
        by_week.setdefault(date.fromisoformat(row.week), {})[row.stars] = row.number
    return {week: Standing(by_stars) for week, by_stars in by_week.items()}


def at_locations(
    tx: Tx, location_ids: Sequence[uuid.UUID], *, before: tuple[str, uuid.UUID] | None, limit: int
) -> list[Rating]:
    """The ratings of locations, those of the latest week first and by id in it, after the cursor."""
    statement = sa.select(booking_rating).where(_C.location_id.in_(list(location_ids)))
    if before is not None:
        week, rating_id = before
        statement = statement.where(_C.week <= week, sa.or_(_C.week < week, _C.id < rating_id))
    return [_rating(row) for row in tx.execute(statement.order_by(_C.week.desc(), _C.id.desc()).limit(limit))]


def reported(tx: Tx, *, limit: int) -> list[Rating]:
    """Ratings whose words were reported and not decided on, the oldest report first."""
    statement = sa.select(booking_rating).where(_C.reported_at.is_not(None)).order_by(_C.reported_at, _C.id).limit(limit)
    return [_rating(row) for row in tx.execute(statement)]


def count_reported(tx: Tx) -> int:
    """How many reports wait."""
    count = sa.select(sa.func.count()).select_from(booking_rating).where(_C.reported_at.is_not(None))
    return int(tx.execute(count).scalar_one())
