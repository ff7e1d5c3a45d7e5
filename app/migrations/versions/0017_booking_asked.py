"""What a booking was first asked for, in the booking itself: one row less to write for each. Bookings of before, and those that
code of before makes meanwhile, have it in their first row of booking_request."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; they stay empty where a row of booking_request says it."""
    op.add_column("booking", sa.Column("asked_start", UtcDateTime(), nullable=True))
    op.add_column("booking", sa.Column("asked_end", UtcDateTime(), nullable=True))
