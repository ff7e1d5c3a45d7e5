"""What limits and fees go by: from when a booking was left late, and the plate it was made for;
and by when a charge request is decided."""

import sqlalchemy as sa
from alembic import op

from shared.db import Key, UtcDateTime

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the columns and the index."""
    op.add_column("booking", sa.Column("late_since", UtcDateTime(), nullable=True))
    op.add_column("booking", sa.Column("plate", Key(16), nullable=True))
    op.add_column("charge_request", sa.Column("expected_by", UtcDateTime(), nullable=True))
    op.create_index("ix_charge_request_status", "charge_request", ["status", "created_at"], unique=False)
