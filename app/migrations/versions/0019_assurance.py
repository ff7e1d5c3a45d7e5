"""Bookings at risk and relocated: assurance, the booking before and after, and the cap of the price."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the columns and the index."""
    op.add_column("booking", sa.Column("kind", Key(16), server_default="RESERVATION", nullable=False))
    op.add_column("booking", sa.Column("assurance", Key(8), server_default="SAFE", nullable=False))
    op.add_column("booking", sa.Column("at_risk_since", UtcDateTime(), nullable=True))
    op.add_column("booking", sa.Column("rebooked_from", Id(), nullable=True))
    op.add_column("booking", sa.Column("rebooked_to", Id(), nullable=True))
    op.add_column("booking", sa.Column("price_cap_minor", sa.Integer(), nullable=True))
    op.create_index("ix_booking_assurance", "booking", ["assurance", "status", "start"], unique=False)
