"""Tables of the ledger. `ledger_posting` is append only: triggers refuse every UPDATE and DELETE, as audit_entry's do."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

ledger_party = sa.Table(
    "ledger_party",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("party_id", Id, nullable=False, unique=True),
)
"""Who a party of the ledger is. Postings cannot be changed when somebody leaves; this row can."""

ledger_posting = sa.Table(
    "ledger_posting",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("transaction_id", Id, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", Key(24), nullable=False),
    sa.Column("source", Key(160), nullable=False),
    sa.Column("debit", Key(48), nullable=False),
    sa.Column("credit", Key(48), nullable=False),
    sa.Column("currency", Key(3), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("booking_id", Id),
    sa.Column("location_id", Id),
    sa.Column("tariff_id", Id),
    sa.UniqueConstraint("source", "line"),
    sa.CheckConstraint("amount > 0", name="amount"),
    sa.Index("ix_ledger_posting_booking", "booking_id"),
    sa.Index("ix_ledger_posting_debit", "debit", "id"),
    sa.Index("ix_ledger_posting_credit", "credit", "id"),
    sa.Index("ix_ledger_posting_location", "location_id", "at"),
    sa.Index("ix_ledger_posting_at", "at"),
)

ledger_check_run = sa.Table(
    "ledger_check_run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("begun_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("bookings", sa.Integer, nullable=False),
    sa.Column("postings", sa.Integer, nullable=False),
    sa.Column("differences", sa.Integer, nullable=False),
)

ledger_difference = sa.Table(
    "ledger_difference",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", Key(16), nullable=False),
    sa.Column("subject", Key(200), nullable=False),
    sa.Column("currency", Key(3), nullable=False),
    sa.Column("expected", sa.BigInteger, nullable=False),
    sa.Column("actual", sa.BigInteger, nullable=False),
    sa.Column("booking_id", Id),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.UniqueConstraint("kind", "subject", "currency"),
    sa.Index("ix_ledger_difference_resolved", "resolved_at", "id"),
)
