"""The spine's tables."""

from alembic import op

from shared.migrate import load_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """DRAFT while the spine is being built: replaced by explicit operations before it lands."""
    load_tables().create_all(op.get_bind())
