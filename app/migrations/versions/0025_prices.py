"""Dynamic prices: a location's rule, and the factors of its coming week."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the column and the tables."""
    op.add_column("location", sa.Column("price_rule", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "price_step",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("slot_start", UtcDateTime(), nullable=False),
        sa.Column("factor_percent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "power_class", "slot_start", name=op.f("pk_price_step")),
    )
    op.create_table(
        "price_run",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_price_run")),
    )
