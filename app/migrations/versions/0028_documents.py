"""Documents with numbers without gaps, and whom they are made out to."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "billing_profile",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("country", Key(2), nullable=False),
        sa.Column("vat_id", Key(20), nullable=True),
        sa.Column("language", Key(8), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_billing_profile")),
    )
    op.create_table(
        "document",
        sa.Column("id", Id(), nullable=False),
        sa.Column("owner_id", Id(), nullable=False),
        sa.Column("kind", Key(16), nullable=False),
        sa.Column("series", Key(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("booking_id", Id(), nullable=True),
        sa.Column("refers_to", Id(), nullable=True),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("seller", sa.JSON(), nullable=False),
        sa.Column("buyer", sa.JSON(), nullable=True),
        sa.Column("supply", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("tax", sa.JSON(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("language", Key(8), nullable=False),
        sa.Column("source", Key(160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("source", name=op.f("uq_document_source")),
        sa.UniqueConstraint("owner_id", "series", "number", name=op.f("uq_document_owner_id_series_number")),
    )
    op.create_index("ix_document_user", "document", ["user_id", "id"], unique=False)
    op.create_index("ix_document_owner", "document", ["owner_id", "id"], unique=False)
    op.create_index("ix_document_booking", "document", ["booking_id"], unique=False)
    op.create_table(
        "document_series",
        sa.Column("owner_id", Id(), nullable=False),
        sa.Column("series", Key(16), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("last_issued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "series", name=op.f("pk_document_series")),
    )
