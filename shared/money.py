"""Money: integer minor units with an ISO 4217 currency, and how a person reads it."""

from babel.numbers import format_currency, get_currency_precision


def minor_digits(currency: str) -> int:
    """Digits after the point of `currency` (EUR 2, JPY 0), from CLDR."""
    return get_currency_precision(currency)


def to_major(minor: int, currency: str) -> float:
    """Minor units as a float in major units, for objectives and sorting; never for bookkeeping."""
    return minor / 10 ** minor_digits(currency)


def format_money(minor: int, currency: str, locale: str = "en_GB") -> str:
    """`1234, EUR` as `€12.34`."""
    return format_currency(to_major(minor, currency), currency, locale=locale)
