"""How Stripe counts money where it is not ISO 4217's way: one table, and the way there and back."""

from shared.money import minor_digits

_NO_DIGITS = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
_THREE_DIGITS = ("BHD", "JOD", "KWD", "OMR", "TND")
DIGITS = dict.fromkeys(_NO_DIGITS, 0) | dict.fromkeys(("ISK", "UGX"), 2)
"""Digits after the point at the provider where they are not ISO's, or where it says so itself (docs.stripe.com/currencies)."""
STEPS = dict.fromkeys(("ISK", "UGX"), 100) | dict.fromkeys(_THREE_DIGITS, 10)
"""What an amount at the provider must be a multiple of."""
LEAST = {
    "USD": 50,
    "AED": 200,
    "AUD": 50,
    "BGN": 100,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 1500,
    "DKK": 250,
    "EUR": 50,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "INR": 50,
    "JPY": 50,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "NZD": 50,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "SGD": 50,
    "THB": 1000,
}
"""The least that is charged, ISO minor units; of other currencies we charge no less than half a major unit."""


def to_provider(minor: int, currency: str) -> int:
    """ISO minor units as the provider counts them; what it cannot express is left out, never added."""
    shift = DIGITS.get(currency, minor_digits(currency)) - minor_digits(currency)
    amount = minor * 10**shift if shift >= 0 else minor // 10**-shift
    step = STEPS.get(currency, 1)
    return amount - amount % step


def to_minor(amount: int, currency: str) -> int:
    """The provider's amount in ISO minor units."""
    shift = minor_digits(currency) - DIGITS.get(currency, minor_digits(currency))
    return amount * 10**shift if shift >= 0 else amount // 10**-shift


def chargeable(minor: int, currency: str) -> int:
    """The part of an amount that can be charged: what the provider can express, nothing where that is below its least."""
    rounded = to_minor(to_provider(minor, currency), currency)
    least = LEAST.get(currency, 10 ** minor_digits(currency) // 2)
    return rounded if rounded >= max(1, least) else 0
