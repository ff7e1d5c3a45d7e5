"""Bookings: when one that was cancelled or missed let its place go."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of what has ended before, the last change is the best that is known."""
    op.add_column("booking", sa.Column("ended_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE booking SET ended_at = updated_at WHERE status IN ('CANCELED', 'NO_SHOW')")
