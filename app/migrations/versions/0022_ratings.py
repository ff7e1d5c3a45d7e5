"""What drivers say of their sessions, and what a decision saved them against the nearest place."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the columns."""
    op.create_table(
        "booking_rating",
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=True),
        sa.Column("week", Key(10), nullable=False),
        sa.Column("rated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=True),
        sa.Column("report_reason", sa.String(length=500), nullable=True),
        sa.Column("words_removed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_rating_booking_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_booking_rating")),
        sa.UniqueConstraint("id", name=op.f("uq_booking_rating_id")),
    )
    op.create_index("ix_booking_rating_location", "booking_rating", ["location_id", "week", "id"], unique=False)
    op.create_index("ix_booking_rating_stars", "booking_rating", ["location_id", "stars"], unique=False)
    op.create_index("ix_booking_rating_week", "booking_rating", ["week", "stars"], unique=False)
    op.create_index("ix_booking_rating_reported", "booking_rating", ["reported_at", "id"], unique=False)
    op.add_column("charge_request", sa.Column("wait_minutes", sa.Double(), nullable=True))
    op.add_column("charge_request", sa.Column("saved_minutes", sa.Double(), nullable=True))
