"""Booking terms in the sentences a driver reads. No I/O."""

from collections.abc import Iterable

from functions.stations.domain import BookingTerms
from functions.stations.enums import AccessMethod
from functions.tariffs.domain import Tariff
from functions.tariffs.fees import stated_fees, stated_rate
from functions.tariffs.restrictions import Dimension, Use
from shared.money import format_money, format_rate

ACCESS = {
    AccessMethod.LICENSE_PLATE: "your licence plate",
    AccessMethod.ACCESS_CODE: "an access code",
}
"""The ways in that the platform itself opens (functions/booking/access.py). Of what it cannot keep the terms say nothing."""


def span(minutes: int) -> str:
    """`90` as `1 hour 30 minutes`, `2880` as `2 days`."""
    days, rest = divmod(minutes, 1440)
    hours, rest = divmod(rest, 60)
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((days, "day"), (hours, "hour"), (rest, "minute"))
        if count
    ]
    return " ".join(parts) or "0 minutes"


def sentences(terms: BookingTerms, tariffs: Iterable[Tariff], currency: str, *, fee_cap_percent: int = 100) -> list[str]:
    """The terms as a driver reads them, with what a late cancel and a no-show cost by the tariffs in force, and at most."""
    known = list(tariffs)
    late = _cost(known, currency, "of the booked time", Use.CANCELLATION)
    missed = _cost(known, currency, "that it was kept", Use.EXPIRES, Use.BOOKING) if terms.noshow_fee else None
    said = [_how_long(terms), _how_far(terms)]
    many = terms.open_bookings_per_driver
    said.append(f"You can have {many} open booking{'' if many == 1 else 's'} at most when you book here.")
    before = "the start" if terms.cancel_until_minutes == 0 else f"{span(terms.cancel_until_minutes)} before the start"
    if terms.cancel_until_minutes == 0:
        said.append("You can cancel free of charge until the start.")
    elif late is None:
        said.append("You can cancel free of charge at any time before the start.")
    else:
        said.append(f"You can cancel free of charge until {before}; after that it costs {late}.")
    if terms.change_not_allowed:
        said.append("You cannot move a booking; cancel it and book anew.")
    elif terms.change_until_minutes == 0:
        said.append("You can move a booking until its start.")
    else:
        said.append(f"You can move a booking until {span(terms.change_until_minutes)} before its start.")
    if late is not None and not terms.change_not_allowed and terms.change_until_minutes < terms.cancel_until_minutes:
        said.append(f"One that you move later than {before} costs {late} to cancel all the same.")
    if terms.early_start_minutes:
        said.append(f"You can start up to {span(terms.early_start_minutes)} early if your charger is free then.")
    else:
        said.append("You cannot start before the booked time.")
    cost = "; it costs nothing" if missed is None else f", and it costs {missed}"
    sooner = ", or by its end where that is sooner" if terms.min_booking_minutes < terms.noshow_timeout_minutes else ""
    said.append(
        f"If you have not started {span(terms.noshow_timeout_minutes)} after the booked start{sooner}, or after booking where "
        f"that is later, your place is given free{cost}."
    )
    said.append("To cancel after the booked start counts as not coming.")
    if (late, missed) != (None, None) and not terms.fees_above_quote:
        share = "" if fee_cap_percent == 100 else f"{fee_cap_percent} % of "
        said.append(f"No such fee is more than {share}what your booking costs at most.")
    if terms.late_stop_allowed:
        said.append("You can stay after the booked end while nobody else has booked.")
    else:
        said.append("Please leave by the booked end: the next driver may have booked.")
    said += _overtime(terms, known, currency)
    said.append(_if_it_fails(terms))
    said += _access(terms)
    if terms.booking_terms_url:
        said.append(f"The operator's own terms: {terms.booking_terms_url}")
    return said


def _if_it_fails(terms: BookingTerms) -> str:
    until = f"{span(terms.give_up_minutes)} before the start" if terms.give_up_minutes else "the start"
    credit = terms.operator_cancel_credit_percent
    owed = f", and you have a credit of {credit} % of its expected price" if credit else ""
    return (
        "If your charger fails you get another, here or close by, at no higher price, and may leave the booking free of "
        f"charge; if there is none by {until} it ends at no cost{owed}."
    )


def _how_long(terms: BookingTerms) -> str:
    least, most = terms.min_booking_minutes, terms.max_booking_minutes
    if least == most:
        return f"A booking here is for {span(least)}."
    return f"You can book for {span(least)} to {span(most)}."


def _how_far(terms: BookingTerms) -> str:
    far = f"{terms.booking_horizon_days} day{'' if terms.booking_horizon_days == 1 else 's'} ahead"
    if terms.min_lead_minutes:
        return f"You can book up to {far}, and {span(terms.min_lead_minutes)} before the start at the latest."
    return f"You can book up to {far}, also at short notice."


def _cost(tariffs: list[Tariff], currency: str, of_what: str, *uses: Use) -> str | None:
    fees = sorted({fee for tariff in tariffs for fee in stated_fees(tariff, *uses)})
    hourly = max((stated_rate(tariff, Dimension.TIME, *uses) for tariff in tariffs), default=None)
    said = []
    if fees and fees[-1] > 0:
        first, last = format_money(fees[0], currency), format_money(fees[-1], currency)
        said.append(last if len(fees) == 1 else f"{first} to {last}, by charger and time")
    if hourly:
        said.append(f"{format_rate(float(hourly), currency)} for each hour {of_what}")
    return " and ".join(said) or None


def _overtime(terms: BookingTerms, tariffs: list[Tariff], currency: str) -> list[str]:
    """What goes on after the booked end and the grace, in money."""
    if not any(_rates(tariffs, currency, Use.SESSION)) and not any(_rates(tariffs, currency, Use.OVERTIME)):
        return []
    grace = f"{span(terms.idle_grace_minutes)} after the booked end" if terms.idle_grace_minutes else "the booked end"
    ordinary = " and ".join(_rates(tariffs, currency, Use.SESSION)) or "nothing"
    extra = " and ".join(_rates(tariffs, currency, Use.OVERTIME))
    more = f", plus {extra} for staying on" if extra else ""
    return [f"Until {grace} you pay no more than was quoted; after that the price goes on, at most {ordinary}{more}."]


def _rates(tariffs: list[Tariff], currency: str, use: Use) -> list[str]:
    kinds = ((Dimension.ENERGY,), "a kWh"), ((Dimension.TIME, Dimension.PARKING_TIME), "an hour"), ((Dimension.FLAT,), "once")
    rates = []
    for dimensions, unit in kinds:
        if use is Use.SESSION and unit == "once":
            continue
        rate = max((stated_rate(tariff, kind, use) for tariff in tariffs for kind in dimensions), default=None)
        if rate:
            rates.append(f"{format_rate(float(rate), currency)} {unit}")
    return rates


def _access(terms: BookingTerms) -> list[str]:
    # Stored terms may be older than the list of words.
    methods = [AccessMethod(word) for word in terms.supported_access_methods if word in AccessMethod.__members__]
    if not set(methods) - {AccessMethod.OPEN}:
        return ["You need nothing to get in: the place is open to everybody."]
    ways = [ACCESS[method] for method in methods if method in ACCESS]
    return [f"You get in with {' or '.join(ways)}."] if ways else []
