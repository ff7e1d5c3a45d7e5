"""A booking as it is answered, with the place where it is."""

from functions.booking import domain
from functions.booking.schemas import Booking
from functions.stations import service as stations
from shared.tx import Tx


def answer(tx: Tx, booking: domain.Booking) -> Booking:
    """The answer for a stored booking; its place is read."""
    return Booking.of(booking, stations.summaries(tx=tx, location_ids=[booking.location_id]))
