"""Claims of five minutes; beside code of before by whole quarter hours (functions/booking/claim_grid.py)."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table. Where nothing ran before, no other code claims: five minutes from the first claim on."""
    grid = op.create_table(
        "claim_grid",
        sa.Column("slot_minutes", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("since", UtcDateTime(), nullable=False),
    )
    config = op.get_context().config
    if config is not None and config.attributes.get("is_new"):
        op.bulk_insert(grid, [{"slot_minutes": 5, "since": datetime.now(UTC)}])
