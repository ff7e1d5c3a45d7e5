"""Strikes: bookings that nobody came to, until they expire."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "strike",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_strike_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strike")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_strike_booking_id")),
    )
    op.create_index("ix_strike_user", "strike", ["user_id", "expires_at"], unique=False)
