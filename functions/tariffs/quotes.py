"""Quotes: what a booking will cost at most, frozen with it."""

from datetime import datetime

from functions.tariffs.domain import Tariff
from functions.tariffs.pricing import Quote, SessionPeriod, price_session


def quote(*, tariff: Tariff | None, currency: str, time_zone: str, start: datetime, end: datetime, energy_kwh: float) -> Quote:
    """The price of `energy_kwh` drawn evenly over [start, end), minor units with VAT. Without a tariff it is free."""
    if tariff is None:
        minutes = (end - start).total_seconds() / 60
        return Quote(
            currency=currency,
            expected_minor=0,
            total_minor=0,
            total_excl_vat_minor=0,
            energy_kwh=energy_kwh,
            minutes=minutes,
            tariff_id=None,
            elements=[],
        )
    return price_session(tariff, time_zone=time_zone, periods=[SessionPeriod(start, end, energy_kwh)])
