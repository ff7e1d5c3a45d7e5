"""For those who run locations: what came of each day, and who else runs a location."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "location_day",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("day", Key(10), nullable=False),
        sa.Column("hours", sa.JSON(), nullable=False),
        sa.Column("counted_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_day_location_id")),
        sa.PrimaryKeyConstraint("location_id", "day", name=op.f("pk_location_day")),
    )
    op.create_table(
        "location_staff",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("email", Key(254), nullable=False),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("rights", Key(16), nullable=False),
        sa.Column("invited_at", UtcDateTime(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_staff_location_id")),
        sa.PrimaryKeyConstraint("location_id", "email", name=op.f("pk_location_staff")),
    )
    op.create_index("ix_location_staff_user", "location_staff", ["user_id", "location_id"], unique=False)
    op.create_index("ix_location_staff_email", "location_staff", ["email"], unique=False)
    op.create_index("ix_charging_session_location", "charging_session", ["location_id", "started_at"], unique=False)
