"""Stations: versions, blocked times, photos, submissions, tariff history; the audit log can only grow."""

import logging

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime, new_id

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)
NEEDS_SUPER = 1419
"""MySQL with a binary log and log_bin_trust_function_creators off: only SUPER may make triggers."""


def upgrade() -> None:
    """Makes the tables and columns, gives every pool's tariff the beginning of its history, and guards the audit log."""
    op.add_column("location", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("location", sa.Column("status_reason", sa.String(length=500), nullable=True))
    op.add_column("location", sa.Column("blocked_until", UtcDateTime(), nullable=True))
    op.create_index("ix_location_status", "location", ["status", "id"], unique=False)
    op.create_table(
        "tariff_period",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("standard", Key(32), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("tariff_id", Id(), nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_tariff_period_location_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_tariff_period_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_period")),
    )
    op.create_index("ix_tariff_period_location", "tariff_period", ["location_id", "id"], unique=False)
    op.create_table(
        "blocked_time",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("evse_id", Id(), nullable=True),
        sa.Column("period_begin", UtcDateTime(), nullable=False),
        sa.Column("period_end", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_blocked_time_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_time")),
    )
    op.create_index("ix_blocked_time_location", "blocked_time", ["location_id", "period_end"], unique=False)
    op.create_table(
        "location_photo",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("caption", sa.String(length=120), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_photo_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location_photo")),
    )
    op.create_index("ix_location_photo_location", "location_photo", ["location_id", "id"], unique=False)
    op.create_table(
        "location_submission",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.Column("submitted_by", Id(), nullable=True),
        sa.Column("decision", Key(16), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", Id(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_submission_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location_submission")),
    )
    op.create_index("ix_location_submission_location", "location_submission", ["location_id", "id"], unique=False)
    op.create_table(
        "location_revision",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_revision_location_id")),
        sa.PrimaryKeyConstraint("location_id", "version", name=op.f("pk_location_revision")),
    )
    _begin_tariff_history()
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor_id", "id"], unique=False)
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "id"], unique=False)
    _guard_the_audit_log()


def _begin_tariff_history() -> None:
    def pool_columns() -> list[sa.ColumnClause]:
        ids = [sa.column(name, Id()) for name in ("location_id", "tariff_id")]
        return ids + [sa.column(name, Key(32)) for name in ("standard", "power_class")]

    pools = sa.table("pool_tariff", *pool_columns())
    tariffs = sa.table("tariff", sa.column("id", Id()), sa.column("created_at", UtcDateTime()))
    periods = sa.table("tariff_period", sa.column("id", Id()), *pool_columns(), sa.column("valid_from", UtcDateTime()))
    joined = sa.select(pools, tariffs.c.created_at).join(tariffs, tariffs.c.id == pools.c.tariff_id)
    found = op.get_bind().execute(joined).all()
    for begin in range(0, len(found), 1000):
        rows = [
            {
                "id": new_id(),
                "location_id": row.location_id,
                "standard": row.standard,
                "power_class": row.power_class,
                "tariff_id": row.tariff_id,
                "valid_from": row.created_at,
            }
            for row in found[begin : begin + 1000]
        ]
        op.bulk_insert(periods, rows)


def _guard_the_audit_log() -> None:
    """The database refuses every UPDATE and DELETE of an audit entry; docs/audit.md has the grants that go with it."""
    conn = op.get_bind()
    for verb in ("UPDATE", "DELETE"):
        if conn.dialect.name == "sqlite":
            body = "BEGIN SELECT RAISE(ABORT, 'audit_entry is append only'); END"
        else:
            body = "FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_entry is append only'"
        try:
            conn.exec_driver_sql(f"CREATE TRIGGER audit_entry_no_{verb.lower()} BEFORE {verb} ON audit_entry {body}")
        except sa.exc.DBAPIError as error:
            # Tables cannot be rolled back on MySQL: a migration that stopped here could never be run again.
            if getattr(error.orig, "args", (None,))[0] != NEEDS_SUPER:
                raise
            log.warning("no trigger guards audit_entry: %s. docs/audit.md says how to add it.", error.orig)
