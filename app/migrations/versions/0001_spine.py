"""The spine's tables: accounts, stations, bookings with their claims, charge requests, notify, outbox, inbox, audit."""

import sqlalchemy as sa
from alembic import op

from shared.db import Id, Key, LongText, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "audit_entry",
        sa.Column("id", Id(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_id", Id(), nullable=True),
        sa.Column("actor_role", Key(16), nullable=False),
        sa.Column("action", Key(64), nullable=False),
        sa.Column("object_type", Key(32), nullable=False),
        sa.Column("object_id", Id(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_index("ix_audit_entry_object", "audit_entry", ["object_type", "object_id", "at"], unique=False)
    op.create_table(
        "booking",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("evse_uid", Key(48), nullable=False),
        sa.Column("standard", Key(32), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("power_kw", sa.Double(), nullable=False),
        sa.Column("vehicle_id", Id(), nullable=True),
        sa.Column("vehicle_kw", sa.Double(), nullable=True),
        sa.Column("charge_request_id", Id(), nullable=True),
        sa.Column("tariff_id", Id(), nullable=True),
        sa.Column("start", UtcDateTime(), nullable=False),
        sa.Column("end", UtcDateTime(), nullable=False),
        sa.Column("energy_kwh", sa.Double(), nullable=False),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("quote", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("canceled", sa.JSON(), nullable=True),
        sa.Column("hold_expires_at", UtcDateTime(), nullable=True),
        sa.Column("no_show_at", UtcDateTime(), nullable=False),
        sa.Column("revealed_at", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("session_energy_kwh", sa.Double(), nullable=True),
        sa.Column("settlement", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
    )
    op.create_index("ix_booking_charge_request", "booking", ["charge_request_id"], unique=False)
    op.create_index("ix_booking_hold", "booking", ["status", "hold_expires_at"], unique=False)
    op.create_index("ix_booking_location_start", "booking", ["location_id", "start"], unique=False)
    op.create_index("ix_booking_no_show", "booking", ["status", "no_show_at"], unique=False)
    op.create_index("ix_booking_reveal", "booking", ["status", "start"], unique=False)
    op.create_index("ix_booking_user", "booking", ["user_id", "id"], unique=False)
    op.create_index("ix_booking_user_status", "booking", ["user_id", "status", "end"], unique=False)
    op.create_table(
        "charge_request",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("vehicle_id", Id(), nullable=True),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("booking_id", Id(), nullable=True),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.Column("policy", Key(64), nullable=True),
        sa.Column("fallback", Key(32), nullable=True),
        sa.Column("reason", Key(32), nullable=True),
        sa.Column("explanation", sa.String(length=500), nullable=True),
        sa.Column("offer_expires_at", UtcDateTime(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_request")),
    )
    op.create_index("ix_charge_request_decided", "charge_request", ["decided_at", "policy"], unique=False)
    op.create_index("ix_charge_request_user", "charge_request", ["user_id", "id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", Id(), nullable=False),
        sa.Column("message_id", Key(64), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("channel", Key(8), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("status", Key(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_message", "delivery", ["message_id", "status"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("route", Key(128), nullable=False),
        sa.Column("key", Key(128), nullable=False),
        sa.Column("body_hash", Key(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=True),
        sa.Column("body", LongText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "inbox_message",
        sa.Column("consumer", Key(64), nullable=False),
        sa.Column("message_id", Key(64), nullable=False),
        sa.Column("consumed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "message_id", name=op.f("pk_inbox_message")),
    )
    op.create_index("ix_inbox_message_consumed_at", "inbox_message", ["consumed_at"], unique=False)
    op.create_table(
        "location",
        sa.Column("id", Id(), nullable=False),
        sa.Column("owner_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("city", sa.String(length=80), nullable=False),
        sa.Column("country", Key(3), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("h3_5", sa.BigInteger(), nullable=False),
        sa.Column("h3_7", sa.BigInteger(), nullable=False),
        sa.Column("h3_9", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", Key(64), nullable=False),
        sa.Column("currency", Key(3), nullable=False),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("opening_times", sa.JSON(), nullable=True),
        sa.Column("booking_terms", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
    )
    op.create_index("ix_location_h3_5", "location", ["h3_5", "status"], unique=False)
    op.create_index("ix_location_h3_7", "location", ["h3_7", "status"], unique=False)
    op.create_index("ix_location_h3_9", "location", ["h3_9", "status"], unique=False)
    op.create_index("ix_location_owner", "location", ["owner_id", "id"], unique=False)
    op.create_table(
        "notification",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("type", Key(64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", LongText(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_user", "notification", ["user_id", "id"], unique=False)
    op.create_table(
        "outbox_message",
        sa.Column("id", Id(), nullable=False),
        sa.Column("queue", Key(64), nullable=False),
        sa.Column("type", Key(64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", Key(8), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("available_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", LongText(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
    )
    op.create_index("ix_outbox_message_due", "outbox_message", ["state", "available_at"], unique=False)
    op.create_index("ix_outbox_message_settled", "outbox_message", ["settled_at"], unique=False)
    op.create_table(
        "tariff",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
    )
    op.create_index("ix_tariff_location", "tariff", ["location_id", "created_at"], unique=False)
    op.create_table(
        "user_account",
        sa.Column("id", Id(), nullable=False),
        sa.Column("email", Key(254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("phone", Key(20), nullable=True),
        sa.Column("role", Key(16), nullable=False),
        sa.Column("password_hash", Key(128), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_table(
        "booking_request",
        sa.Column("id", Id(), nullable=False),
        sa.Column("booking_id", Id(), nullable=False),
        sa.Column("request_status", Key(16), nullable=False),
        sa.Column("start", UtcDateTime(), nullable=False),
        sa.Column("end", UtcDateTime(), nullable=False),
        sa.Column("canceled", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("request_received", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_request_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_request")),
    )
    op.create_index("ix_booking_request_booking", "booking_request", ["booking_id", "id"], unique=False)
    op.create_table(
        "evse",
        sa.Column("id", Id(), nullable=False),
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("uid", Key(48), nullable=False),
        sa.Column("status", Key(16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_evse_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evse")),
        sa.UniqueConstraint("location_id", "uid", name=op.f("uq_evse_location_id_uid")),
    )
    op.create_table(
        "pool_tariff",
        sa.Column("location_id", Id(), nullable=False),
        sa.Column("standard", Key(32), nullable=False),
        sa.Column("power_class", Key(16), nullable=False),
        sa.Column("tariff_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_pool_tariff_location_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_pool_tariff_tariff_id")),
        sa.PrimaryKeyConstraint("location_id", "standard", "power_class", name=op.f("pk_pool_tariff")),
    )
    op.create_table(
        "slot_claim",
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("slot_start", UtcDateTime(), nullable=False),
        sa.Column("booking_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_slot_claim_booking_id")),
        sa.PrimaryKeyConstraint("evse_id", "slot_start", name=op.f("pk_slot_claim")),
    )
    op.create_index("ix_slot_claim_booking", "slot_claim", ["booking_id"], unique=False)
    op.create_table(
        "user_session",
        sa.Column("id", Id(), nullable=False),
        sa.Column("family_id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("token_hash", Key(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("rotated_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_session_token_hash")),
    )
    op.create_index("ix_user_session_family", "user_session", ["family_id"], unique=False)
    op.create_index("ix_user_session_user", "user_session", ["user_id"], unique=False)
    op.create_table(
        "vehicle",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("plate", sa.String(length=16), nullable=True),
        sa.Column("battery_kwh", sa.Double(), nullable=False),
        sa.Column("consumption_kwh_per_km", sa.Double(), nullable=False),
        sa.Column("max_power_kw", sa.Double(), nullable=False),
        sa.Column("standards", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_vehicle_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle")),
    )
    op.create_index("ix_vehicle_user", "vehicle", ["user_id", "id"], unique=False)
    op.create_table(
        "connector",
        sa.Column("evse_id", Id(), nullable=False),
        sa.Column("connector_id", Key(36), nullable=False),
        sa.Column("standard", Key(32), nullable=False),
        sa.Column("format", Key(8), nullable=False),
        sa.Column("power_type", Key(24), nullable=False),
        sa.Column("max_power_kw", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_connector_evse_id")),
        sa.PrimaryKeyConstraint("evse_id", "connector_id", name=op.f("pk_connector")),
    )
