"""Which code may run on which schema."""

import sqlalchemy as sa
from alembic import op

from shared.db import Key

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
OLDEST_CODE = "0007"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "schema_compat",
        sa.Column("revision", Key(32), nullable=False),
        sa.Column("oldest_code", Key(32), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_compat")),
    )
