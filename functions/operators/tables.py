"""Tables of operators: photos, submissions and revisions of locations."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

location_photo = sa.Table(
    "location_photo",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("caption", sa.String(120)),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_location_photo_location", "location_id", "id"),
)


location_submission = sa.Table(
    "location_submission",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("submitted_at", UtcDateTime, nullable=False),
    sa.Column("submitted_by", Id),
    sa.Column("decision", Key(16)),
    sa.Column("reason", sa.String(500)),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", Id),
    sa.Index("ix_location_submission_location", "location_id", "id"),
)


location_revision = sa.Table(
    "location_revision",
    metadata,
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)


location_day = sa.Table(
    "location_day",
    metadata,
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), primary_key=True),
    # The local day, ISO 8601.
    sa.Column("day", Key(10), primary_key=True),
    # By name of a figure: a number an hour of the day (functions/operators/day_figures.py).
    sa.Column("hours", sa.JSON, nullable=False),
    sa.Column("counted_at", UtcDateTime, nullable=False),
)
