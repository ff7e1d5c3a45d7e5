"""What a session of a booking costs in the end: priced by the frozen tariff from what the station measured."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking.domain import Booking, SessionSettlement
from functions.booking.quotes import priced
from functions.stations.domain import Location
from shared.tx import Tx


@dataclass(frozen=True)
class MeteredSession:
    """A session as its station told it. Instants are UTC."""

    started_at: datetime
    ended_at: datetime
    """When the EVSE was free again."""
    charging_until: datetime | None
    """When the vehicle asked for no more power: parking time counts from then on; None: it charged until it left."""
    kwh: float | None
    """What was delivered; None: nobody measured it (UNMETERED)."""


def settle(*, tx: Tx, location: Location, booking: Booking, session: MeteredSession) -> SessionSettlement:
    """The bill of a session: the frozen tariff's price for what really happened, never above the quote's total. A session that
    nobody measured costs the quote's expected price."""
    if session.kwh is None:
        expected = {"total_minor": booking.quote.expected_minor, "uncapped_minor": booking.quote.expected_minor}
        return SessionSettlement(**dict(booking.quote) | expected)
    ended_at = max(session.ended_at, session.started_at + timedelta(seconds=1))
    price = priced(tx, location, booking.tariff_id, session.started_at, ended_at, session.kwh)
    total = min(price.total_minor, booking.quote.total_minor)
    return SessionSettlement(**dict(price) | {"total_minor": total, "uncapped_minor": price.total_minor})
