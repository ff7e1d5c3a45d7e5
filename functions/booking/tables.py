"""Tables of bookings. `slot_claim` is the truth about who holds an EVSE when: its primary key cannot hold two.
`charging_session` is the truth about who charges where: `running_evse_id` cannot be there twice."""

import sqlalchemy as sa

from shared.db import Id, Key, LongText, UtcDateTime, metadata

booking = sa.Table(
    "booking",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("evse_id", Id, nullable=False),
    sa.Column("evse_uid", Key(48), nullable=False),
    sa.Column("standard", Key(32), nullable=False),
    sa.Column("power_class", Key(16), nullable=False),
    sa.Column("power_kw", sa.Double, nullable=False),
    sa.Column("vehicle_id", Id),
    sa.Column("vehicle_kw", sa.Double),
    sa.Column("charge_request_id", Id),
    sa.Column("tariff_id", Id),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("end", UtcDateTime, nullable=False),
    sa.Column("energy_kwh", sa.Double, nullable=False),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("quote", sa.JSON, nullable=False),
    sa.Column("terms", sa.JSON, nullable=False),
    sa.Column("canceled", sa.JSON(none_as_null=True)),
    sa.Column("hold_expires_at", UtcDateTime),
    sa.Column("no_show_at", UtcDateTime, nullable=False),
    sa.Column("late_since", UtcDateTime),
    sa.Column("plate", Key(16)),
    sa.Column("revealed_at", UtcDateTime),
    sa.Column("started_at", UtcDateTime),
    sa.Column("stopped_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("session_energy_kwh", sa.Double),
    sa.Column("need_kwh", sa.Double),
    sa.Column("battery_kwh", sa.Double),
    sa.Column("energy_limit_kwh", sa.Double),
    sa.Column("settlement", sa.JSON(none_as_null=True)),
    sa.Column("arrived_at", UtcDateTime),
    sa.Column("arrived_by", Key(16)),
    sa.Column("access_tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("stop_asked_at", UtcDateTime),
    sa.Column("claimed_kwh", sa.Double),
    sa.Column("ending_told_at", UtcDateTime),
    sa.Column("full_told_at", UtcDateTime),
    sa.Column("overstay_told_at", UtcDateTime),
    sa.Column("kind", Key(16), nullable=False, server_default="RESERVATION"),
    sa.Column("assurance", Key(8), nullable=False, server_default="SAFE"),
    sa.Column("at_risk_since", UtcDateTime),
    sa.Column("rebooked_from", Id),
    sa.Column("rebooked_to", Id),
    sa.Column("price_cap_minor", sa.Integer),
    sa.Column("payment", sa.JSON(none_as_null=True)),
    # The state in `payment`, by which what a driver owes is found.
    sa.Column("payment_state", Key(16)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    # The first booking request; NULL: code of before wrote a row of booking_request for it.
    sa.Column("asked_start", UtcDateTime),
    sa.Column("asked_end", UtcDateTime),
    sa.Index("ix_booking_user", "user_id", "id"),
    sa.Index("ix_booking_user_status", "user_id", "status", "end"),
    sa.Index("ix_booking_user_payment", "user_id", "payment_state"),
    sa.Index("ix_booking_location_start", "location_id", "start"),
    sa.Index("ix_booking_hold", "status", "hold_expires_at"),
    sa.Index("ix_booking_no_show", "status", "no_show_at"),
    sa.Index("ix_booking_reveal", "status", "start"),
    sa.Index("ix_booking_charge_request", "charge_request_id"),
    sa.Index("ix_booking_assurance", "assurance", "status", "start"),
)

slot_claim = sa.Table(
    "slot_claim",
    metadata,
    sa.Column("evse_id", Id, primary_key=True),
    sa.Column("slot_start", UtcDateTime, primary_key=True),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False),
    sa.Index("ix_slot_claim_booking", "booking_id"),
)

claim_grid = sa.Table(
    "claim_grid",
    metadata,
    sa.Column("slot_minutes", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("since", UtcDateTime, nullable=False),
)
"""Since when slots of so many minutes are claimed as they are. Without the row of 5 minutes code may still run that claims
whole quarter hours by one row (functions/booking/claim_grid.py)."""

booking_request = sa.Table(
    "booking_request",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False),
    sa.Column("request_status", Key(16), nullable=False),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("end", UtcDateTime, nullable=False),
    sa.Column("canceled", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(255)),
    sa.Column("request_received", UtcDateTime, nullable=False),
    sa.Index("ix_booking_request_booking", "booking_id", "id"),
)
"""What was asked of a booking after it was made."""

charging_session = sa.Table(
    "charging_session",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("location_id", Id, nullable=False),
    sa.Column("evse_id", Id, nullable=False),
    # The EVSE while the session is ACTIVE, else NULL: two running sessions on one EVSE cannot be.
    sa.Column("running_evse_id", Id, unique=True),
    sa.Column("ref", Key(64)),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id")),
    sa.Column("source", Key(16), nullable=False),
    sa.Column("auth", Key(16)),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("kwh", sa.Double),
    sa.Column("charging_until", UtcDateTime),
    sa.Column("soc_percent", sa.Double),
    sa.Column("last_updated", UtcDateTime),
    sa.Column("signed_data", LongText()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("evse_id", "ref"),
    sa.Index("ix_charging_session_booking", "booking_id"),
    sa.Index("ix_charging_session_status", "status", "started_at"),
    sa.Index("ix_charging_session_location", "location_id", "started_at"),
)

meter_value = sa.Table(
    "meter_value",
    metadata,
    sa.Column("session_id", Id, sa.ForeignKey("charging_session.id"), primary_key=True),
    sa.Column("at", UtcDateTime, primary_key=True),
    sa.Column("kwh", sa.Double, nullable=False),
    sa.Column("charging", sa.Boolean, nullable=False),
)

cdr = sa.Table(
    "cdr",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("session_id", Id),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("kind", Key(8), nullable=False),
    sa.Column("credit_of", Id),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("bill", sa.JSON(none_as_null=True)),
    sa.UniqueConstraint("booking_id", "seq"),
)
"""Charge detail records, never changed: a bill that was corrected has the credit of the one before and a new one."""

strike = sa.Table(
    "strike",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("booking_id", Id, sa.ForeignKey("booking.id"), nullable=False, unique=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_strike_user", "user_id", "expires_at"),
)
"""Bookings that nobody came to, though their charger was there: until they expire they count in their driver's standing."""
