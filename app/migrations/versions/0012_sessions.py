"""Charging sessions by their station: what it metered, what a driver asked for, and who was let in how."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, LongText, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables and columns; what code before this one does not know has a default."""
    for column in (
        sa.Column("arrived_at", UtcDateTime(), nullable=True),
        sa.Column("arrived_by", Key(16), nullable=True),
        sa.Column("access_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stop_asked_at", UtcDateTime(), nullable=True),
        sa.Column("claimed_kwh", sa.Double(), nullable=True),
        sa.Column("overstay_told_at", UtcDateTime(), nullable=True),
    ):
        op.add_column("booking", column)
    op.create_table(
        "charging_session",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("running_evse_id", Id(), nullable=True),
        sa.Column("ref", Key(64), nullable=True),
        sa.Column("booking_id", Id(), nullable=True),
        sa.Column("source", Key(16), nullable=False),
        sa.Column("auth", Key(16), nullable=True),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("kwh", sa.Double(), nullable=True),
        sa.Column("charging_until", UtcDateTime(), nullable=True),
        sa.Column("last_updated", UtcDateTime(), nullable=True),
        sa.Column("signed_data", LongText(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_charging_session_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charging_session")),
        sa.UniqueConstraint("evse_id", "ref", name=op.f("uq_charging_session_evse_id_ref")),
        sa.UniqueConstraint("running_evse_id", name=op.f("uq_charging_session_running_evse_id")),
    )
    op.create_index("ix_charging_session_booking", "charging_session", ["booking_id"], unique=False)
    op.create_index("ix_charging_session_status", "charging_session", ["status", "started_at"], unique=False)
    op.create_table(
        "meter_value",
        sa.Column("session_id", Id(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kwh", sa.Double(), nullable=False),
        sa.Column("charging", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["charging_session.id"], name=op.f("fk_meter_value_session_id")),
        sa.PrimaryKeyConstraint("session_id", "at", name=op.f("pk_meter_value")),
    )
    _adopt_running()


def _adopt_running() -> None:
    """A session row for each booking that charges now. Of two on one EVSE (the code before let that be) the newer runs."""
    conn = op.get_bind()
    running = conn.execute(
        sa.text(
            "SELECT id, location_id, evse_id, started_at FROM booking "
            "WHERE status = 'FULFILLED' AND stopped_at IS NULL AND started_at IS NOT NULL ORDER BY started_at DESC"
        )
    ).all()
    engaged: set[bytes] = set()
    for row in running:
        evse_id = bytes(row.evse_id)
        conn.execute(
            sa.text(
                "INSERT INTO charging_session (id, location_id, evse_id, running_evse_id, booking_id, source, status, "
                "started_at, created_at) VALUES (:id, :location_id, :evse_id, :running, :id, 'SELF_DECLARED', 'ACTIVE', "
                ":started_at, :started_at)"
            ),
            {
                "id": row.id,
                "location_id": row.location_id,
                "evse_id": row.evse_id,
                "running": None if evse_id in engaged else row.evse_id,
                "started_at": row.started_at,
            },
        )
        engaged.add(evse_id)
