"""Tables of the optimizer: charge requests, and the whole of the decision made on each in a table of its own, so that
lists of requests stay light; availability forecasts, what is remembered between their runs, and what came true."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

charge_request = sa.Table(
    "charge_request",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("vehicle_id", Id),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("wish", sa.JSON, nullable=False),
    sa.Column("booking_id", Id),
    sa.Column("decision", sa.JSON(none_as_null=True)),
    sa.Column("policy", Key(64)),
    sa.Column("fallback", Key(32)),
    sa.Column("reason", Key(32)),
    sa.Column("explanation", sa.String(500)),
    sa.Column("offer_expires_at", UtcDateTime),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_charge_request_user", "user_id", "id"),
    sa.Index("ix_charge_request_decided", "decided_at", "policy"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("charge_request_id", Id, primary_key=True),
    sa.Column("challenger", Key(64)),
    sa.Column("agrees", sa.Boolean),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_decision_challenger", "challenger", "created_at"),
)

forecast = sa.Table(
    "forecast",
    metadata,
    sa.Column("location_id", Id, primary_key=True),
    sa.Column("power_class", Key(16), primary_key=True),
    sa.Column("target_time", UtcDateTime, primary_key=True),
    sa.Column("horizon_minutes", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("p_free", sa.Double, nullable=False),
    sa.Column("occupancy", sa.Double, nullable=False),
    sa.Column("generated_at", UtcDateTime, nullable=False),
    sa.Column("model_version", Key(64)),
    sa.Column("source", Key(24), nullable=False),
    sa.Index("ix_forecast_target_time", "target_time"),
)

forecast_memory = sa.Table(
    "forecast_memory",
    metadata,
    sa.Column("location_id", Id, primary_key=True),
    sa.Column("power_class", Key(16), primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("memory", sa.LargeBinary, nullable=False),
    sa.Index("ix_forecast_memory_step", "step"),
)

forecast_reliability = sa.Table(
    "forecast_reliability",
    metadata,
    sa.Column("day", UtcDateTime, primary_key=True),
    sa.Column("horizon_minutes", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", Key(24), primary_key=True),
    sa.Column("model_version", Key(64), primary_key=True),
    sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("forecasts", sa.BigInteger, nullable=False),
    sa.Column("came_free", sa.BigInteger, nullable=False),
    sa.Column("p_free_sum", sa.Double, nullable=False),
    sa.Column("brier_sum", sa.Double, nullable=False),
    sa.Column("squared_error_sum", sa.Double, nullable=False),
)
