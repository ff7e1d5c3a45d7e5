"""Money: integer minor units with an ISO 4217 currency, and how a person reads it.

The exponents are ISO's and frozen here. CLDR's digits, which Babel knows, say how many are usually shown; they differ (HUF,
IDR, COP) and change with its releases, and stored amounts must not.
"""

from copy import copy
from decimal import Decimal

from babel import Locale

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
    KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK
    NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
    TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES = {code: digits for digits, codes in _CODES.items() for code in codes.split()}
"""Digits after the point by the code of every currency in force (ISO 4217, list of 2026-01-01)."""
_WITHDRAWN = dict.fromkeys(("ANG", "BGN", "CUC", "HRK", "SLL", "VEF", "ZWL"), 2) | {"BYR": 0}
"""Of currencies given up since 2016, in which something may be stored."""


def minor_digits(currency: str) -> int:
    """Digits after the point of `currency` (EUR 2, JPY 0, KWD 3) by ISO 4217. Raises ValueError for what is none."""
    digits = CURRENCIES.get(currency, _WITHDRAWN.get(currency))
    if digits is None:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency such as EUR")
    return digits


def known_currency(value: str) -> str:
    """The code of a currency in force, for payloads. Raises ValueError."""
    if value not in CURRENCIES:
        raise ValueError(f"{value!r} is not an ISO 4217 currency such as EUR")
    return value


def plain_money(minor: int, currency: str) -> str:
    """`1234, EUR` as `12.34 EUR`: exact, in characters that any phone shows."""
    return f"{_exact(minor, currency)} {currency}"


def to_major(minor: int, currency: str) -> float:
    """Minor units as a float in major units, for objectives and sorting; never for bookkeeping."""
    return minor / 10 ** minor_digits(currency)


def format_money(minor: int, currency: str, locale: str = "en_GB") -> str:
    """`1234, EUR` as `€12.34`; digits by ISO 4217, the rest by the locale."""
    return _formatted(_exact(minor, currency), currency, locale, more=0)


def format_rate(major: float, currency: str, locale: str = "en_GB") -> str:
    """A price a unit, major units: `0.4235, EUR` as `€0.4235`, with two digits more than amounts where it has them."""
    return _formatted(Decimal(repr(major)), currency, locale, more=2)


def _formatted(major: Decimal, currency: str, locale: str, *, more: int) -> str:
    known = Locale.parse(locale)
    pattern = copy(known.currency_formats["standard"])
    digits = minor_digits(currency)
    pattern.frac_prec = (digits, digits + more)
    text: str = pattern.apply(major, known, currency=currency, currency_digits=False)
    return text


def _exact(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-minor_digits(currency))
