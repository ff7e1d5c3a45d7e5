"""The table of ratings: one a booking. `id` is random: an owner who reads it learns neither the order nor the booking."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

booking_rating = sa.Table(
    "booking_rating",
    metadata,
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), primary_key=True),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("stars", sa.SmallInteger, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("words", sa.String(500)),
    # The Monday of the week of the session's end: as exactly as anybody but its driver is told.
    sa.Column("week", Key(10), nullable=False),
    sa.Column("rated_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("reported_at", UtcDateTime),
    sa.Column("report_reason", sa.String(500)),
    sa.Column("words_removed_at", UtcDateTime),
    sa.Index("ix_booking_rating_location", "location_id", "week", "id"),
    sa.Index("ix_booking_rating_stars", "location_id", "stars"),
    sa.Index("ix_booking_rating_week", "week", "stars"),
    sa.Index("ix_booking_rating_reported", "reported_at", "id"),
)
