"""Accounts: when a phone number was proven, when a provider last asked who somebody is, and which terms they accepted.

Numbers from before are unproven: they get no SMS until a code confirms them.
"""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables and columns."""
    op.add_column("user_account", sa.Column("phone_verified_at", UtcDateTime(), nullable=True))
    op.create_index("ix_user_account_phone", "user_account", ["phone"], unique=False)
    op.create_table(
        "phone_verification",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("id", Id(), nullable=False),
        sa.Column("number", Key(20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_phone_verification_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_phone_verification")),
        sa.UniqueConstraint("id", name=op.f("uq_phone_verification_id")),
    )
    op.create_index("ix_phone_verification_expires", "phone_verification", ["expires_at"], unique=False)
    op.add_column("account_session", sa.Column("proven_at", UtcDateTime(), nullable=True))
    op.create_table(
        "consent",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("document", Key(16), nullable=False),
        sa.Column("version", Key(64), nullable=False),
        sa.Column("text_hash", Key(64), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=False),
        sa.Column("address_hash", Key(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_user", "consent", ["user_id", "document", "version"], unique=False)
