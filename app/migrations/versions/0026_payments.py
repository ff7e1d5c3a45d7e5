"""Payments: what is held, taken and given back at the provider, and what a booking knows of it."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, and the columns of bookings."""
    op.add_column("booking", sa.Column("payment", sa.JSON(), nullable=True))
    op.add_column("booking", sa.Column("payment_state", Key(16), nullable=True))
    op.create_index("ix_booking_user_payment", "booking", ["user_id", "payment_state"], unique=False)
    op.create_table(
        "payment_customer",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("provider_id", Key(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_payment_customer")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_customer_provider_id")),
    )
    op.create_table(
        "payment_method",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("provider_id", Key(64), nullable=False),
        sa.Column("brand", sa.String(32), nullable=False),
        sa.Column("last4", Key(4), nullable=False),
        sa.Column("expires", Key(7), nullable=False),
        sa.Column("mandate_at", UtcDateTime(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_method")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_method_provider_id")),
    )
    op.create_index("ix_payment_method_user", "payment_method", ["user_id", "id"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", Id(), nullable=False),
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("purpose", Key(16), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("currency", Key(3), nullable=False),
        sa.Column("asked_minor", sa.BigInteger(), nullable=False),
        sa.Column("due_minor", sa.BigInteger(), nullable=True),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", Key(16), nullable=False),
        sa.Column("intent_id", Key(64), nullable=True),
        sa.Column("method_id", Id(), nullable=True),
        sa.Column("authorise_at", UtcDateTime(), nullable=True),
        sa.Column("capture_before", UtcDateTime(), nullable=True),
        sa.Column("mend_until", UtcDateTime(), nullable=True),
        sa.Column("failure", Key(64), nullable=True),
        sa.Column("checkout_id", Key(128), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("checkout_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_payment_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("booking_id", "purpose", "seq", name=op.f("uq_payment_booking_id_purpose_seq")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_payment_intent_id")),
    )
    op.create_index("ix_payment_user", "payment", ["user_id", "id"], unique=False)
    op.create_index("ix_payment_location", "payment", ["location_id", "id"], unique=False)
    op.create_index("ix_payment_authorise", "payment", ["state", "authorise_at"], unique=False)
    op.create_index("ix_payment_mend", "payment", ["state", "mend_until"], unique=False)
    op.create_index("ix_payment_checkout", "payment", ["checkout_id"], unique=False)
    op.create_table(
        "payment_attempt",
        sa.Column("id", Id(), nullable=False),
        sa.Column("payment_id", Id(), nullable=False),
        sa.Column("step", Key(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", Key(96), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("method_id", Id(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", Key(64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_payment_attempt_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempt")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_attempt_key")),
    )
    op.create_index("ix_payment_attempt_payment", "payment_attempt", ["payment_id", "answered_at"], unique=False)
    op.create_table(
        "payment_event",
        sa.Column("id", Id(), nullable=False),
        sa.Column("payment_id", Id(), nullable=False),
        sa.Column("type", Key(16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("provider_ref", Key(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_payment_event_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_event")),
        sa.UniqueConstraint("provider_ref", "type", name=op.f("uq_payment_event_provider_ref_type")),
    )
    op.create_index("ix_payment_event_payment", "payment_event", ["payment_id", "id"], unique=False)
    op.create_table(
        "provider_event",
        sa.Column("id", Key(64), nullable=False),
        sa.Column("type", Key(64), nullable=False),
        sa.Column("object_id", Key(128), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_event")),
    )
    op.create_index("ix_provider_event_created", "provider_event", ["created_at"], unique=False)
