"""Sessions: what drivers were told of them, the state of charge that stations report, and charge detail records."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the columns."""
    op.add_column("booking", sa.Column("ending_told_at", UtcDateTime(), nullable=True))
    op.add_column("booking", sa.Column("full_told_at", UtcDateTime(), nullable=True))
    op.add_column("charging_session", sa.Column("soc_percent", sa.Double(), nullable=True))
    op.create_table(
        "cdr",
        sa.Column("id", Id(), nullable=False),
        sa.Column("session_id", Id(), nullable=True),
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", Key(8), nullable=False),
        sa.Column("credit_of", Id(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_cdr_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr")),
        sa.UniqueConstraint("booking_id", "seq", name=op.f("uq_cdr_booking_id_seq")),
    )
