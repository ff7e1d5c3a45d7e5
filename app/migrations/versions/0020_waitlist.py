"""The waitlist: who waits for what, and what was offered to whom."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "waitlist_entry",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("vehicle_id", Id(), nullable=True),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("window_begin", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("quiet_from", Key(5), nullable=False),
        sa.Column("quiet_until", Key(5), nullable=False),
        sa.Column("state", Key(8), nullable=False),
        sa.Column("passed_over", sa.Integer(), nullable=False),
        sa.Column("snoozed_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_entry")),
    )
    op.create_index("ix_waitlist_entry_cell", "waitlist_entry", ["cell", "state", "window_begin"], unique=False)
    op.create_index("ix_waitlist_entry_state", "waitlist_entry", ["state", "window_end"], unique=False)
    op.create_index("ix_waitlist_entry_user", "waitlist_entry", ["user_id", "id"], unique=False)
    op.create_table(
        "waitlist_offer",
        sa.Column("id", Id(), nullable=False),
        sa.Column("entry_id", Id(), nullable=False),
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("state", Key(8), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["waitlist_entry.id"], name=op.f("fk_waitlist_offer_entry_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_waitlist_offer_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_offer")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_waitlist_offer_booking_id")),
    )
    op.create_index("ix_waitlist_offer_entry", "waitlist_offer", ["entry_id", "id"], unique=False)
    op.create_index("ix_waitlist_offer_state", "waitlist_offer", ["state", "expires_at"], unique=False)
