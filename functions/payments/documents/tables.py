"""Tables of documents, of their numbers, and of billing profiles."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

billing_profile = sa.Table(
    "billing_profile",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("address", sa.String(300), nullable=False),
    sa.Column("country", Key(2), nullable=False),
    sa.Column("vat_id", Key(20)),
    sa.Column("language", Key(8), nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("kind", Key(16), nullable=False),
    sa.Column("series", Key(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("booking_id", Id),
    sa.Column("refers_to", Id),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("seller", sa.JSON, nullable=False),
    sa.Column("buyer", sa.JSON(none_as_null=True)),
    sa.Column("supply", sa.JSON, nullable=False),
    sa.Column("lines", sa.JSON, nullable=False),
    sa.Column("tax", sa.JSON, nullable=False),
    sa.Column("totals", sa.JSON, nullable=False),
    sa.Column("language", Key(8), nullable=False),
    sa.Column("source", Key(160), nullable=False, unique=True),
    sa.UniqueConstraint("owner_id", "series", "number"),
    sa.Index("ix_document_user", "user_id", "id"),
    sa.Index("ix_document_owner", "owner_id", "id"),
    sa.Index("ix_document_booking", "booking_id"),
)

document_series = sa.Table(
    "document_series",
    metadata,
    sa.Column("owner_id", Id, primary_key=True),
    sa.Column("series", Key(16), primary_key=True),
    sa.Column("next_number", sa.Integer, nullable=False),
    sa.Column("last_issued_at", UtcDateTime, nullable=False),
)
"""The counter that gives numbers without gaps: its row is locked, the last of all locks, by whoever issues a document."""
