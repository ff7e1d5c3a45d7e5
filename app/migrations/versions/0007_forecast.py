"""Availability forecasts and what came true."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables and columns."""
    op.create_table(
        "forecast",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("target_time", UtcDateTime(), nullable=False),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("p_free", sa.Double(), nullable=False),
        sa.Column("occupancy", sa.Double(), nullable=False),
        sa.Column("generated_at", UtcDateTime(), nullable=False),
        sa.Column("model_version", Key(64), nullable=True),
        sa.Column("source", Key(24), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "power_class", "target_time", "horizon_minutes", name=op.f("pk_forecast")),
    )
    op.create_index("ix_forecast_target_time", "forecast", ["target_time"], unique=False)
    op.create_table(
        "forecast_memory",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "power_class", name=op.f("pk_forecast_memory")),
    )
    op.create_index("ix_forecast_memory_step", "forecast_memory", ["step"], unique=False)
    op.create_table(
        "forecast_reliability",
        sa.Column("day", UtcDateTime(), nullable=False),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("source", Key(24), nullable=False),
        sa.Column("model_version", Key(64), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("forecasts", sa.BigInteger(), nullable=False),
        sa.Column("came_free", sa.BigInteger(), nullable=False),
        sa.Column("p_free_sum", sa.Double(), nullable=False),
        sa.Column("brier_sum", sa.Double(), nullable=False),
        sa.Column("squared_error_sum", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "horizon_minutes", "source", "model_version", "bin", name=op.f("pk_forecast_reliability")
        ),
    )
