"""HTTP of a driver's standing. The path is the accounts'."""

import uuid
from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from functions.booking import standing
from shared.web.call import SignedIn
from shared.web.fields import Output

router = APIRouter(prefix="/accounts", tags=["accounts"])


class Strike(Output):
    """A booking that you did not come to, though its charger was there."""

    booking_id: uuid.UUID
    start: datetime = Field(description="Of the booking")
    at: datetime = Field(description="When it was missed")
    expires_at: datetime


class Standing(Output):
    """What counts against you now, and what follows of it."""

    strikes: list[Strike] = Field(description="Those that have not expired, the oldest first")
    open_bookings: int = Field(description="How many open bookings you may have over all locations")
    limited_until: datetime | None = Field(description="When that limit of three strikes ends; null: nothing follows")


@router.get("/me/standing", response_model=Standing)
def get_standing(call: SignedIn) -> Standing:
    """Your standing: bookings that you did not come to count for 90 days, and with three of them you may have two open
    bookings."""
    return Standing.model_validate(call.read(lambda tx: standing.standing(tx=tx)))
