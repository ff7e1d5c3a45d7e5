"""Tables of accounts. A session is a log-in; its refresh tokens are the family that rotation makes. Of secrets only hashes."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

user = sa.Table(
    "user_account",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("email", Key(254), nullable=False, unique=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("phone", Key(20)),
    sa.Column("role", Key(16), nullable=False),
    sa.Column("password_hash", Key(128), nullable=False),
    sa.Column("email_verified", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("status", Key(16), nullable=False, server_default="ACTIVE"),
    sa.Column("phone_verified_at", UtcDateTime),
    sa.Index("ix_user_account_role", "role", "status", "id"),
    sa.Index("ix_user_account_phone", "phone"),
)

phone_verification = sa.Table(
    "phone_verification",
    metadata,
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), primary_key=True),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("number", Key(20), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_phone_verification_expires", "expires_at"),
)

session = sa.Table(
    "account_session",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("last_used_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("revoked_for", Key(16)),
    sa.Column("user_agent", sa.String(255), nullable=False),
    sa.Column("address", sa.String(64)),
    sa.Column("second_factor_at", UtcDateTime),
    sa.Column("proven_at", UtcDateTime),
    sa.Index("ix_account_session_user", "user_id", "id"),
    sa.Index("ix_account_session_expires", "expires_at"),
)

refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("session_id", Id, sa.ForeignKey("account_session.id"), nullable=False),
    sa.Column("token_hash", Key(64), nullable=False, unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("rotated_at", UtcDateTime),
    sa.Column("parent_id", Id),
    sa.Index("ix_refresh_token_session", "session_id"),
)

second_factor = sa.Table(
    "second_factor",
    metadata,
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), primary_key=True),
    sa.Column("encrypted_secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("confirmed_at", UtcDateTime),
    sa.Column("last_step", sa.BigInteger),
)

recovery_code = sa.Table(
    "recovery_code",
    metadata,
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), primary_key=True),
    sa.Column("code_hash", Key(64), primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
)

old_session = sa.Table(
    "user_session",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("family_id", Id, nullable=False),
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("token_hash", Key(64), nullable=False, unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("rotated_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Index("ix_user_session_family", "family_id"),
    sa.Index("ix_user_session_user", "user_id"),
)
"""Refresh tokens of versions before migration 0003, which copied them. Nothing reads it; a later migration drops it."""

account_token = sa.Table(
    "account_token",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id")),
    sa.Column("purpose", Key(16), nullable=False),
    sa.Column("token_hash", Key(64), nullable=False, unique=True),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
    sa.Index("ix_account_token_user", "user_id", "purpose", "created_at"),
    sa.Index("ix_account_token_expires", "expires_at"),
)

identity = sa.Table(
    "account_identity",
    metadata,
    sa.Column("issuer", Key(255), primary_key=True),
    sa.Column("subject", Key(255), primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_account_identity_user", "user_id"),
)

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", Id, primary_key=True),
    # No foreign key: what was accepted outlives the account, of nobody.
    sa.Column("user_id", Id, nullable=False),
    sa.Column("document", Key(16), nullable=False),
    sa.Column("version", Key(64), nullable=False),
    sa.Column("text_hash", Key(64), nullable=False),
    sa.Column("accepted_at", UtcDateTime, nullable=False),
    sa.Column("address_hash", Key(64)),
    sa.Index("ix_consent_user", "user_id", "document", "version"),
)

vehicle = sa.Table(
    "vehicle",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("plate", sa.String(16)),
    sa.Column("battery_kwh", sa.Double, nullable=False),
    sa.Column("consumption_kwh_per_km", sa.Double, nullable=False),
    sa.Column("max_power_kw", sa.Double, nullable=False),
    sa.Column("standards", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_vehicle_user", "user_id", "id"),
)

user_preference = sa.Table(
    "user_preference",
    metadata,
    # No foreign key: code of before deletes accounts without knowing this table.
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
