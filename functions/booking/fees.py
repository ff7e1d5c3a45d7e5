"""What leaving a booking costs: the fees that its quote froze, and their cap."""

import uuid
from fractions import Fraction

from functions.booking.domain import Booking
from functions.booking.quotes import fee_cap
from functions.stations import service as stations
from functions.tariffs.bills import Item, Price, bill, brought_to, gross_of, scale_of
from functions.tariffs.domain import BookingRestriction
from functions.tariffs.fees import cancellation_fee, cancellation_items, no_show_fee, no_show_items
from functions.tariffs.quotes import Quote
from shared.tx import Tx


def frozen_fee(tx: Tx, booking: Booking, kind: BookingRestriction) -> int:
    """The fee of the frozen quote for a late cancel or a no-show, minor units; of an older quote that of the frozen tariff.

    Never above FEE_CAP_PERCENT of the quote, unless an administrator allowed more in the frozen terms: quotes freeze their fees
    so (`quotes.priced`), older ones are held to it here.
    """
    late, fees = kind is BookingRestriction.BOOKING_CANCELLATION_FEES, booking.quote.fees
    if fees is not None:
        return fees.late_cancel_minor if late else fees.no_show_minor
    if booking.tariff_id is None:
        return 0
    fee = _fee_of_tariff(tx, booking, booking.tariff_id, late=late)
    return fee if booking.terms.fees_above_quote else min(fee, fee_cap(booking.quote, tx.settings.fee_cap_percent))


def keeping_late_fee(tx: Tx, booking: Booking, moved: Quote) -> Quote:
    """The quote of a booking that is left late for another period: to cancel it costs no less than it did before."""
    owed = frozen_fee(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES)
    if moved.fees is None or moved.fees.late_cancel_minor >= owed:
        return moved
    return moved.model_copy(update={"fees": moved.fees.model_copy(update={"late_cancel_minor": owed})})


def _fee_of_tariff(tx: Tx, booking: Booking, tariff_id: uuid.UUID, *, late: bool) -> int:
    tariff = stations.get_tariff(tx=tx, tariff_id=tariff_id)
    time_zone = stations.get_location(tx=tx, location_id=booking.location_id).time_zone
    if late:
        return cancellation_fee(tariff, time_zone=time_zone, start=booking.start, end=booking.end)
    return no_show_fee(tariff, time_zone=time_zone, start=booking.start, kept_until=booking.no_show_at)


def no_dearer_to_leave(tx: Tx, booking: Booking, moved: Quote) -> Quote:
    """The quote of the booking that comes in another's place: to leave or miss it costs no more than it did before."""
    if moved.fees is None:
        return moved
    late = frozen_fee(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES)
    missed = frozen_fee(tx, booking, BookingRestriction.BOOKING_EXPIRES) if booking.terms.noshow_fee else 0
    fees = moved.fees
    capped = {"late_cancel_minor": min(late, fees.late_cancel_minor), "no_show_minor": min(missed, fees.no_show_minor)}
    return moved.model_copy(update={"fees": fees.model_copy(update=capped)})


def credit_of(booking: Booking) -> int:
    """What the operator's side owes for ending a booking, by the frozen terms: a share of what was expected, minor units."""
    expected = min(booking.quote.expected_minor, booking.most_minor)
    return expected * booking.terms.operator_cancel_credit_percent // 100


FEE = "FEE"
"""The line of a fee of whose parts nothing is known."""


def fee_price(tx: Tx, booking: Booking, kind: BookingRestriction, fee_minor: int) -> Price:
    """What a fee that was charged is made of, line by line with the VAT that its components state (minor units).

    Where the frozen fee was another than the tariff's own, because it was capped or kept from before a move, the lines are
    brought to it.
    """
    currency = booking.quote.currency
    items = [] if booking.tariff_id is None else _fee_items(tx, booking, booking.tariff_id, kind)
    fee = Fraction(fee_minor)
    if not gross_of(items):
        items = [Item(FEE, Fraction(1), "booking", fee / scale_of(currency), Fraction(0), fee)]
    lines = brought_to(items, fee, why=FEE, scale=scale_of(currency))
    return bill(lines, currency=currency, tariff_id=booking.quote.tariff_id, energy_kwh=0.0, minutes=0.0)


def _fee_items(tx: Tx, booking: Booking, tariff_id: uuid.UUID, kind: BookingRestriction) -> list[Item]:
    tariff = stations.get_tariff(tx=tx, tariff_id=tariff_id)
    time_zone = stations.get_location(tx=tx, location_id=booking.location_id).time_zone
    if kind is BookingRestriction.BOOKING_CANCELLATION_FEES:
        return cancellation_items(tariff, time_zone=time_zone, start=booking.start, end=booking.end)
    return no_show_items(tariff, time_zone=time_zone, start=booking.start, kept_until=booking.no_show_at)
