"""A booking's revision; letters that are held or overtaken; how far somebody has been told of what."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FORMER_EPOCH = 1_700_000_000
"""Until now a calendar entry's SEQUENCE was the seconds since then."""


def upgrade() -> None:
    """Makes the tables and columns. Bookings that stand go on above every SEQUENCE that calendars have of them."""
    op.add_column("booking", sa.Column("revision", sa.Integer(), server_default="0", nullable=False))
    booking = sa.table("booking", sa.column("revision", sa.Integer()), sa.column("status", Key(16)))
    above = int((datetime.now(UTC) + timedelta(days=7)).timestamp()) - FORMER_EPOCH
    op.execute(sa.update(booking).where(booking.c.status.in_(["PENDING", "RESERVED"])).values(revision=above))
    op.add_column("delivery", sa.Column("subject", Key(64), nullable=True))
    op.add_column("delivery", sa.Column("revision", sa.BigInteger(), nullable=True))
    op.add_column("delivery", sa.Column("held_until", UtcDateTime(), nullable=True))
    op.create_table(
        "told",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("subject", Key(64), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("reminded_for", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "subject", name=op.f("pk_told")),
    )
