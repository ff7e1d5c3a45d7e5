"""Bookings as events carry them: everything a message needs, as it was then."""

from datetime import datetime
from typing import Any

from functions.booking.domain import NOT_ASSIGNED, Booking
from functions.stations.domain import Location


def event(location: Location, made: Booking, *, now: datetime, previous: Booking | None = None) -> dict[str, Any]:
    """A booking as events carry it: everything a message needs, as it was then."""
    canceled = made.canceled or {}
    return {
        "at": now.isoformat(),
        "user_id": str(made.user_id),
        "booking_id": str(made.id),
        "charge_request_id": str(made.charge_request_id) if made.charge_request_id else None,
        "location": {
            "id": str(location.id),
            "name": location.name,
            "address": ", ".join(part for part in (location.address, location.city) if part),
            "time_zone": location.time_zone,
            "latitude": location.latitude,
            "longitude": location.longitude,
        },
        "connector": made.standard,
        "power_kw": made.power_kw,
        "evse_uid": shown_evse(made),
        "start": made.start.isoformat(),
        "end": made.end.isoformat(),
        "previous": None
        if previous is None
        else {
            "start": previous.start.isoformat(),
            "end": previous.end.isoformat(),
            "location_name": location.name,
        },
        "quote": made.quote,
        "terms": made.terms,
        "reservation_status": made.status.value,
        "reason": canceled.get("cancellation_reason"),
        "who_canceled": canceled.get("who_canceled"),
        "fee_minor": canceled.get("fee_minor"),
        "settlement": made.settlement,
    }


def described(made: Booking) -> dict[str, Any]:
    """A booking in the few words that an audit entry needs."""
    return {
        "user_id": made.user_id, "location_id": made.location_id, "standard": made.standard, "start": made.start,
        "end": made.end, "energy_kwh": made.energy_kwh, "status": made.status,
    }  # fmt: skip


def shown_evse(made: Booking) -> str:
    """The EVSE's uid once it is revealed, OCPI's `#NA` before."""
    return made.evse_uid if made.revealed_at is not None else NOT_ASSIGNED
