"""What leaving a booking costs: the fees that its quote froze, and their cap."""

from functions.booking.domain import Booking
from functions.booking.quotes import fee_cap
from functions.stations import service as stations
from functions.tariffs.domain import BookingRestriction
from functions.tariffs.fees import cancellation_fee, no_show_fee
from shared.tx import Tx


def frozen_fee(tx: Tx, booking: Booking, kind: BookingRestriction) -> int:
    """The fee of the frozen quote for a late cancel or a no-show, minor units; of an older quote that of the frozen tariff.

    Never above FEE_CAP_PERCENT of the quote, unless an administrator allowed more in the frozen terms.
    """
    fee = _fee_as_agreed(tx, booking, kind)
    return fee if booking.terms.fees_above_quote else min(fee, fee_cap(booking.quote, tx.settings.fee_cap_percent))


def _fee_as_agreed(tx: Tx, booking: Booking, kind: BookingRestriction) -> int:
    late, fees = kind is BookingRestriction.BOOKING_CANCELLATION_FEES, booking.quote.fees
    if fees is not None:
        return fees.late_cancel_minor if late else fees.no_show_minor
    if booking.tariff_id is None:
        return 0
    tariff = stations.get_tariff(tx=tx, tariff_id=booking.tariff_id)
    time_zone = stations.get_location(tx=tx, location_id=booking.location_id).time_zone
    if late:
        return cancellation_fee(tariff, time_zone=time_zone, start=booking.start, end=booking.end)
    return no_show_fee(tariff, time_zone=time_zone, start=booking.start, kept_until=booking.no_show_at)
