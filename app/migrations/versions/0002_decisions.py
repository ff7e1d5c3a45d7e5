"""The whole of each decision, beside the charge request."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "decision",
        sa.Column("charge_request_id", Id(), nullable=False),
        sa.Column("challenger", Key(64), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("charge_request_id", name=op.f("pk_decision")),
    )
    op.create_index("ix_decision_challenger", "decision", ["challenger", "created_at"], unique=False)
