"""Stations: what waits for an administrator of an approved place."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the column."""
    op.add_column("location", sa.Column("proposed", sa.JSON(none_as_null=True), nullable=True))
