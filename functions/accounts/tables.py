"""Tables of accounts."""

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
)

session = sa.Table(
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
