"""Station keys and the feed of EVSE states."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables and columns."""
    op.create_table(
        "station_key",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("hint", Key(8), nullable=False),
        sa.Column("token_hash", Key(64), nullable=False),
        sa.Column("created_by", Id(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("rotated_from", Id(), nullable=True),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_station_key_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_station_key_token_hash")),
    )
    op.create_index("ix_station_key_location", "station_key", ["location_id", "id"], unique=False)
    op.create_table(
        "location_feed",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("heard_at", UtcDateTime(), nullable=False),
        sa.Column("silent_since", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_feed_location_id")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_location_feed")),
    )
    op.create_table(
        "evse_feed",
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("last_updated", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("unknown_since", UtcDateTime(), nullable=True),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_evse_feed_evse_id")),
        sa.PrimaryKeyConstraint("evse_id", name=op.f("pk_evse_feed")),
    )
    op.create_index("ix_evse_feed_location", "evse_feed", ["location_id"], unique=False)
    op.create_table(
        "evse_status_change",
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("previous", Key(16), nullable=True),
        sa.PrimaryKeyConstraint("evse_id", "at", name=op.f("pk_evse_status_change")),
    )
    op.create_index("ix_evse_status_change_at", "evse_status_change", ["at"], unique=False)
    op.create_index("ix_evse_status", "evse", ["status"], unique=False)
