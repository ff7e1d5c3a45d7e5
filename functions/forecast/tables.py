"""Tables of the availability forecast: forecasts, what is remembered between runs, and what came true."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

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
