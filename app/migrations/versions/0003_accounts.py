"""Accounts: status, sessions with their refresh tokens, tokens of e-mails, identities of a provider, rate limits.

What `user_session`, one row a refresh token, held is now `account_session`, one row a log-in, and `refresh_token`. Its rows are
copied; instances of before go on with the old table, which a later migration drops.
Addresses under `.test` have no holder who could verify them (RFC 2606): those of demos count as verified.
"""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables and columns."""
    op.add_column("user_account", sa.Column("status", Key(16), nullable=False, server_default="ACTIVE"))
    op.create_index("ix_user_account_role", "user_account", ["role", "status", "id"])
    op.execute("UPDATE user_account SET email_verified = 1 WHERE email LIKE '%.test'")
    op.create_table(
        "account_session",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_for", Key(16), nullable=True),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_account_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_session")),
    )
    op.create_index("ix_account_session_user", "account_session", ["user_id", "id"])
    op.create_index("ix_account_session_expires", "account_session", ["expires_at"])
    op.execute(
        "INSERT INTO account_session (id, user_id, created_at, last_used_at, expires_at, revoked_at, user_agent) "
        "SELECT family_id, user_id, MIN(created_at), MAX(created_at), MAX(expires_at), MAX(revoked_at), '' "
        "FROM user_session GROUP BY family_id, user_id"
    )
    op.create_table(
        "refresh_token",
        sa.Column("id", Id(), nullable=False),
        sa.Column("session_id", Id(), nullable=False),
        sa.Column("token_hash", Key(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("rotated_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["account_session.id"], name=op.f("fk_refresh_token_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_token_token_hash")),
    )
    op.create_index("ix_refresh_token_session", "refresh_token", ["session_id"])
    op.execute(
        "INSERT INTO refresh_token (id, session_id, token_hash, created_at, rotated_at) "
        "SELECT id, family_id, token_hash, created_at, rotated_at FROM user_session "
        "WHERE family_id IN (SELECT id FROM account_session)"
    )
    op.create_table(
        "account_token",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("purpose", Key(16), nullable=False),
        sa.Column("token_hash", Key(64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_account_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_token_token_hash")),
    )
    op.create_index("ix_account_token_user", "account_token", ["user_id", "purpose", "created_at"])
    op.create_index("ix_account_token_expires", "account_token", ["expires_at"])
    op.create_table(
        "account_identity",
        sa.Column("issuer", Key(255), nullable=False),
        sa.Column("subject", Key(255), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_account_identity_user_id")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_account_identity")),
    )
    op.create_index("ix_account_identity_user", "account_identity", ["user_id"])
    op.create_index("ix_delivery_user", "delivery", ["user_id", "id"])
    op.create_table(
        "rate_limit",
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("scope", Key(24), nullable=False),
        sa.Column("subject", Id(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("window_start", "scope", "subject", name=op.f("pk_rate_limit")),
    )
