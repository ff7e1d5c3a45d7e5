"""What the owner of a location is told of its feed."""

import uuid
from datetime import datetime

from functions.stations import service
from shared.outbox import NOTIFY
from shared.tx import Tx


def tell_owner(
    tx: Tx, location_id: uuid.UUID, type: str, *, heard: datetime, silent_since: datetime | None, evses: int = 0
) -> None:
    """Puts a message to the location's owner in the outbox: `feed_silent` or `feed_back`."""
    location = service.get_location(tx=tx, location_id=location_id)
    payload = {
        "at": tx.now.isoformat(),
        "user_id": str(location.owner_id),
        "location": {
            "id": str(location.id),
            "name": location.name,
            "address": ", ".join(part for part in (location.address, location.city) if part),
            "time_zone": location.time_zone,
            "latitude": location.latitude,
            "longitude": location.longitude,
        },
        "heard_at": heard.isoformat(),
        "silent_since": None if silent_since is None else silent_since.isoformat(),
        "silent_after_s": tx.settings.feed_silent_after_s,
        "evses": evses,
    }
    tx.emit(NOTIFY, type, payload)
