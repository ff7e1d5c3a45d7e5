"""Tables of the optimizer: charge requests, and the whole of the decision made on each in a table of its own, so that
lists of requests stay light; availability forecasts, what is remembered between their runs, and what came true."""

import sqlalchemy as sa

from shared.db import Id, Key, UtcDateTime, metadata

charge_request = sa.Table(
    "charge_request",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("vehicle_id", Id),
    sa.Column("status", Key(16), nullable=False),
    sa.Column("wish", sa.JSON, nullable=False),
    sa.Column("booking_id", Id),
    sa.Column("decision", sa.JSON(none_as_null=True)),
    sa.Column("policy", Key(64)),
    sa.Column("fallback", Key(32)),
    sa.Column("reason", Key(32)),
    sa.Column("explanation", sa.String(500)),
    sa.Column("offer_expires_at", UtcDateTime),
    sa.Column("expected_by", UtcDateTime),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("wait_minutes", sa.Double),
    sa.Column("saved_minutes", sa.Double),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_charge_request_user", "user_id", "id"),
    sa.Index("ix_charge_request_status", "status", "created_at"),
    sa.Index("ix_charge_request_decided", "decided_at", "policy"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("charge_request_id", Id, primary_key=True),
    sa.Column("challenger", Key(64)),
    sa.Column("agrees", sa.Boolean),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_decision_challenger", "challenger", "created_at"),
)
