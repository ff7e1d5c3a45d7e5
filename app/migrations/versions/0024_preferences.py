"""What people would have us remember, and places found by where they are on the map."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the index."""
    op.create_table(
        "user_preference",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_preference")),
    )
    op.create_index("ix_location_map", "location", ["status", "latitude", "longitude"], unique=False)
