"""Tables of the waitlist: who waits for what, and which place was offered to whom. An offer is a PENDING booking."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

waitlist_entry = sa.Table(
    "waitlist_entry",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("vehicle_id", Id),
    sa.Column("wish", sa.JSON, nullable=False),
    # The H3 cell, at domain.RESOLUTION, of where its driver sets out.
    sa.Column("cell", sa.BigInteger, nullable=False),
    sa.Column("window_begin", UtcDateTime, nullable=False),
    sa.Column("window_end", UtcDateTime, nullable=False),
    sa.Column("quiet_from", Key(5), nullable=False),
    sa.Column("quiet_until", Key(5), nullable=False),
    sa.Column("state", Key(8), nullable=False),
    sa.Column("passed_over", sa.Integer, nullable=False),
    sa.Column("snoozed_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_waitlist_entry_cell", "cell", "state", "window_begin"),
    sa.Index("ix_waitlist_entry_state", "state", "window_end"),
    sa.Index("ix_waitlist_entry_user", "user_id", "id"),
)

waitlist_offer = sa.Table(
    "waitlist_offer",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entry_id", Id, sa.ForeignKey("waitlist_entry.id"), nullable=False),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False, unique=True),
    sa.Column("state", Key(8), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_waitlist_offer_entry", "entry_id", "id"),
    sa.Index("ix_waitlist_offer_state", "state", "expires_at"),
)
