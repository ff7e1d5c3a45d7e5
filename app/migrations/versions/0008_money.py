"""Money: what a booking was asked for, several tariffs on a pool, and places that are free by their owner's word."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the columns. Places on sale without any tariff were free of charge: they are so by word now. At places that have
    tariffs, a pool without one is one whose price nobody knows."""
    op.add_column("booking", sa.Column("need_kwh", sa.Double(), nullable=True))
    op.add_column("booking", sa.Column("battery_kwh", sa.Double(), nullable=True))
    op.add_column("booking", sa.Column("energy_limit_kwh", sa.Double(), nullable=True))
    op.add_column("pool_tariff", sa.Column("other_tariff_ids", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("location", sa.Column("free_of_charge", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE location SET free_of_charge = true "
        "WHERE status IN ('APPROVED', 'SUSPENDED') "
        "AND NOT EXISTS (SELECT 1 FROM pool_tariff WHERE pool_tariff.location_id = location.id)"
    )
