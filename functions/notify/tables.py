"""Tables of notify: the in-app inbox, what was or is to be sent outside, and how far somebody has been told of what."""

import sqlalchemy as sa

from shared.db import Id, Key, LongText, UtcDateTime, metadata

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("type", Key(64), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("body", LongText(), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("read_at", UtcDateTime),
    sa.Index("ix_notification_user", "user_id", "id"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("message_id", Key(64), nullable=False),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("channel", Key(8), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("status", Key(8), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.String(500)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("subject", Key(64)),
    sa.Column("revision", sa.BigInteger),
    sa.Column("held_until", UtcDateTime),
    sa.Index("ix_delivery_message", "message_id", "status"),
    sa.Index("ix_delivery_user", "user_id", "id"),
)

told = sa.Table(
    "told",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("subject", Key(64), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("outside", sa.Boolean, nullable=False),
    sa.Column("reminded_for", UtcDateTime),
)
