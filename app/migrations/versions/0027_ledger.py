"""The ledger: postings that only grow, who their parties are, what checks see; and a bill with each charge detail record."""

import logging

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)
NEEDS_SUPER = 1419
"""MySQL with a binary log and log_bin_trust_function_creators off: only SUPER may make triggers."""


def upgrade() -> None:
    """Makes the tables, their guard and the column."""
    op.create_table(
        "ledger_party",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("party_id", Id(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_ledger_party")),
        sa.UniqueConstraint("party_id", name=op.f("uq_ledger_party_party_id")),
    )
    op.create_table(
        "ledger_posting",
        sa.Column("id", Id(), nullable=False),
        sa.Column("transaction_id", Id(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", Key(24), nullable=False),
        sa.Column("source", Key(160), nullable=False),
        sa.Column("debit", Key(48), nullable=False),
        sa.Column("credit", Key(48), nullable=False),
        sa.Column("currency", Key(3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", Id(), nullable=True),
        sa.Column("location_id", Id(), nullable=True),
        sa.Column("tariff_id", Id(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_posting_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
        sa.UniqueConstraint("source", "line", name=op.f("uq_ledger_posting_source_line")),
    )
    op.create_index("ix_ledger_posting_booking", "ledger_posting", ["booking_id"], unique=False)
    op.create_index("ix_ledger_posting_debit", "ledger_posting", ["debit", "id"], unique=False)
    op.create_index("ix_ledger_posting_credit", "ledger_posting", ["credit", "id"], unique=False)
    op.create_index("ix_ledger_posting_location", "ledger_posting", ["location_id", "at"], unique=False)
    op.create_index("ix_ledger_posting_at", "ledger_posting", ["at"], unique=False)
    op.create_table(
        "ledger_check_run",
        sa.Column("id", Id(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.Column("bookings", sa.Integer(), nullable=False),
        sa.Column("postings", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_check_run")),
    )
    op.create_table(
        "ledger_difference",
        sa.Column("id", Id(), nullable=False),
        sa.Column("kind", Key(16), nullable=False),
        sa.Column("subject", Key(200), nullable=False),
        sa.Column("currency", Key(3), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("actual", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", Id(), nullable=True),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_difference")),
        sa.UniqueConstraint("kind", "subject", "currency", name=op.f("uq_ledger_difference_kind_subject_currency")),
    )
    op.create_index("ix_ledger_difference_resolved", "ledger_difference", ["resolved_at", "id"], unique=False)
    op.add_column("cdr", sa.Column("bill", sa.JSON(), nullable=True))
    _guard("ledger_posting")


def _guard(table: str) -> None:
    """The database refuses every UPDATE and DELETE of a row; docs/ledger.md says what where it cannot be told to."""
    conn = op.get_bind()
    for verb in ("UPDATE", "DELETE"):
        if conn.dialect.name == "sqlite":
            body = f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
        else:
            body = f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{table} is append only'"
        try:
            conn.exec_driver_sql(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {body}")
        except sa.exc.DBAPIError as error:
            # Tables cannot be rolled back on MySQL: a migration that stopped here could never be run again.
            if getattr(error.orig, "args", (None,))[0] != NEEDS_SUPER:
                raise
            log.warning("no trigger guards %s: %s. docs/ledger.md says how to add it.", table, error.orig)
