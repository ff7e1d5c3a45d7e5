"""Tables of payments. What moved at the provider is `payment_event`, each thing once; the sums of `payment` are folded from it.
Money is minor units of the payment's currency. No card number, key or secret is ever here."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

payment_customer = sa.Table(
    "payment_customer",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("provider_id", Key(64), nullable=False, unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

payment_method = sa.Table(
    "payment_method",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("provider_id", Key(64), nullable=False, unique=True),
    sa.Column("brand", sa.String(32), nullable=False),
    sa.Column("last4", Key(4), nullable=False),
    sa.Column("expires", Key(7), nullable=False),
    sa.Column("mandate_at", UtcDateTime, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("removed_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_payment_method_user", "user_id", "id"),
)

payment = sa.Table(
    "payment",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("purpose", Key(16), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("currency", Key(3), nullable=False),
    sa.Column("asked_minor", sa.BigInteger, nullable=False),
    sa.Column("due_minor", sa.BigInteger),
    sa.Column("held_minor", sa.BigInteger, nullable=False),
    sa.Column("captured_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column("state", Key(16), nullable=False),
    sa.Column("intent_id", Key(64), unique=True),
    sa.Column("method_id", Id),
    sa.Column("authorise_at", UtcDateTime),
    sa.Column("capture_before", UtcDateTime),
    sa.Column("mend_until", UtcDateTime),
    sa.Column("failure", Key(64)),
    sa.Column("checkout_id", Key(128)),
    sa.Column("checkout_url", sa.Text),
    sa.Column("checkout_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("booking_id", "purpose", "seq", name="uq_payment_booking_id_purpose_seq"),
    sa.Index("ix_payment_user", "user_id", "id"),
    sa.Index("ix_payment_location", "location_id", "id"),
    sa.Index("ix_payment_authorise", "state", "authorise_at"),
    sa.Index("ix_payment_mend", "state", "mend_until"),
    sa.Index("ix_payment_checkout", "checkout_id"),
)

payment_attempt = sa.Table(
    "payment_attempt",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("payment_id", Id, sa.ForeignKey("payment.id"), nullable=False),
    sa.Column("step", Key(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("key", Key(96), nullable=False, unique=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("method_id", Id),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("outcome", Key(64)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_payment_attempt_payment", "payment_id", "answered_at"),
)

payment_event = sa.Table(
    "payment_event",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("payment_id", Id, sa.ForeignKey("payment.id"), nullable=False),
    sa.Column("type", Key(16), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("provider_ref", Key(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("provider_ref", "type", name="uq_payment_event_provider_ref_type"),
    sa.Index("ix_payment_event_payment", "payment_id", "id"),
)

provider_event = sa.Table(
    "provider_event",
    metadata,
    sa.Column("id", Key(64), primary_key=True),
    sa.Column("type", Key(64), nullable=False),
    sa.Column("object_id", Key(128), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("handled_at", UtcDateTime),
    sa.Index("ix_provider_event_created", "created_at"),
)
"""Webhooks that came, by the provider's own id: each once."""
