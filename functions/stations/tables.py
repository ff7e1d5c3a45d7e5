"""Tables of stations: locations with all that is in them, and their history.

H3 cells at three resolutions make the nearby search an index look-up.
"""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

location = sa.Table(
    "location",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("address", sa.String(200), nullable=False),
    sa.Column("city", sa.String(80), nullable=False),
    sa.Column("country", Key(3), nullable=False),
    sa.Column("latitude", sa.Double, nullable=False),
    sa.Column("longitude", sa.Double, nullable=False),
    sa.Column("h3_5", sa.BigInteger, nullable=False),
    sa.Column("h3_7", sa.BigInteger, nullable=False),
    sa.Column("h3_9", sa.BigInteger, nullable=False),
    sa.Column("time_zone", Key(64), nullable=False),
    sa.Column("currency", Key(3), nullable=False),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("opening_times", sa.JSON(none_as_null=True)),
    sa.Column("booking_terms", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("status_reason", sa.String(500)),
    # The latest end of its blocked times: those of most locations need not be looked for.
    sa.Column("blocked_until", UtcDateTime),
    # What its owner would change of an approved place, until an administrator has decided.
    sa.Column("proposed", sa.JSON(none_as_null=True)),
    # What its owner says of pools without a tariff: free, or else their price is not known.
    sa.Column("free_of_charge", sa.Boolean, nullable=False, server_default=sa.false()),
    # By what energy and time cost more or less than the tariffs say; NULL: never.
    sa.Column("price_rule", sa.JSON(none_as_null=True)),
    sa.Index("ix_location_owner", "owner_id", "id"),
    sa.Index("ix_location_status", "status", "id"),
    sa.Index("ix_location_map", "status", "latitude", "longitude"),
    sa.Index("ix_location_h3_5", "h3_5", "status"),
    sa.Index("ix_location_h3_7", "h3_7", "status"),
    sa.Index("ix_location_h3_9", "h3_9", "status"),
)

evse = sa.Table(
    "evse",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("uid", Key(48), nullable=False),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("location_id", "uid"),
    sa.Index("ix_evse_status", "status"),
)

connector = sa.Table(
    "connector",
    metadata,
    sa.Column("evse_id", Id, sa.ForeignKey("evse.id"), primary_key=True),
    sa.Column("connector_id", Key(36), primary_key=True),
    sa.Column("standard", Key(32), nullable=False),
    sa.Column("format", Key(8), nullable=False),
    sa.Column("power_type", Key(24), nullable=False),
    sa.Column("max_power_kw", sa.Double, nullable=False),
)

tariff = sa.Table(
    "tariff",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_tariff_location", "location_id", "created_at"),
)

pool_tariff = sa.Table(
    "pool_tariff",
    metadata,
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), primary_key=True),
    sa.Column("standard", Key(32), primary_key=True),
    sa.Column("power_class", Key(16), primary_key=True),
    sa.Column("tariff_id", Id, sa.ForeignKey("tariff.id"), nullable=False),
    # Where several tariffs stand on a pool: those after the first, as a list of ids.
    sa.Column("other_tariff_ids", sa.JSON(none_as_null=True)),
)

tariff_period = sa.Table(
    "tariff_period",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("standard", Key(32), nullable=False),
    sa.Column("power_class", Key(16), nullable=False),
    sa.Column("tariff_id", Id, sa.ForeignKey("tariff.id"), nullable=False),
    sa.Column("valid_from", UtcDateTime, nullable=False),
    sa.Column("valid_until", UtcDateTime),
    sa.Index("ix_tariff_period_location", "location_id", "id"),
)

price_step = sa.Table(
    "price_step",
    metadata,
    sa.Column("location_id", Id, primary_key=True),
    sa.Column("power_class", Key(16), primary_key=True),
    # From here on, until the next one of the class.
    sa.Column("slot_start", UtcDateTime, primary_key=True),
    sa.Column("factor_percent", sa.Integer, nullable=False),
)

price_run = sa.Table(
    "price_run",
    metadata,
    sa.Column("location_id", Id, primary_key=True),
    sa.Column("written_at", UtcDateTime, nullable=False),
)

blocked_time = sa.Table(
    "blocked_time",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("evse_id", Id),
    sa.Column("period_begin", UtcDateTime, nullable=False),
    sa.Column("period_end", UtcDateTime, nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_blocked_time_location", "location_id", "period_end"),
)

location_staff = sa.Table(
    "location_staff",
    metadata,
    sa.Column("location_id", Id, sa.ForeignKey("location.id"), primary_key=True),
    # In lower case.
    sa.Column("email", Key(254), primary_key=True),
    # The account that has accepted.
    sa.Column("user_id", Id),
    sa.Column("rights", Key(16), nullable=False),
    sa.Column("invited_at", UtcDateTime, nullable=False),
    sa.Column("accepted_at", UtcDateTime),
    sa.Index("ix_location_staff_user", "user_id", "location_id"),
    sa.Index("ix_location_staff_email", "email"),
)
