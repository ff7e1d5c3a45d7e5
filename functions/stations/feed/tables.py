"""Tables of the feed: station keys, when a location was last heard, what its EVSEs last reported, and changes of state.

`evse.status` stays what everybody reads; these say where it comes from. No foreign key on the history: it is written often.
"""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

station_key = sa.Table(
    "station_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("hint", Key(8), nullable=False),
    sa.Column("token_hash", Key(64), nullable=False, unique=True),
    sa.Column("created_by", Id, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("rotated_from", Id),
    sa.Column("valid_until", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
    sa.Index("ix_station_key_location", "location_id", "id"),
)

location_feed = sa.Table(
    "location_feed",
    metadata,
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), primary_key=True),
    sa.Column("heard_at", UtcDateTime, nullable=False),
    sa.Column("silent_since", UtcDateTime),
)

evse_feed = sa.Table(
    "evse_feed",
    metadata,
    sa.Column("evse_id", Id, sa.ForeignKey("evse.id"), primary_key=True),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("last_updated", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("unknown_since", UtcDateTime),
    sa.Column("window_start", UtcDateTime, nullable=False),
    sa.Column("window_count", sa.Integer, nullable=False),
    sa.Index("ix_evse_feed_location", "location_id"),
)

evse_status_change = sa.Table(
    "evse_status_change",
    metadata,
    sa.Column("evse_id", Id, primary_key=True),
    sa.Column("at", UtcDateTime, primary_key=True),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("previous", Key(16)),
    sa.Index("ix_evse_status_change_at", "at"),
)
