"""Minor units by ISO 4217, whatever digits a locale shows."""

import pytest
from iso4217 import Currency

from shared.money import CURRENCIES, format_money, format_rate, known_currency, minor_digits, plain_money, to_major


def test_every_currency_in_force_has_the_exponent_of_iso_4217() -> None:
    assert {item.code: item.exponent for item in Currency if item.exponent is not None} == CURRENCIES


@pytest.mark.parametrize(
    ("minor", "currency", "shown", "plain"),
    [
        (1234, "EUR", "€12.34", "12.34 EUR"),
        (171, "JPY", "JP¥171", "171 JPY"),
        (123456, "HUF", "HUF1,234.56", "1234.56 HUF"),
        (12345, "KWD", "KWD12.345", "12.345 KWD"),
        (-605, "EUR", "-€6.05", "-6.05 EUR"),
        (12345, "CLF", "CLF1.2345", "1.2345 CLF"),
    ],
)
def test_a_stored_amount_reads_the_same_for_ever(minor: int, currency: str, shown: str, plain: str) -> None:
    assert format_money(minor, currency) == shown
    assert plain_money(minor, currency) == plain


def test_a_rate_has_two_digits_more_where_it_needs_them() -> None:
    assert [format_rate(rate, "EUR") for rate in (0.4235, 0.5, 6.0)] == ["€0.4235", "€0.50", "€6.00"]
    assert format_rate(55.5, "JPY") == "JP¥55.5"


def test_major_units_follow_the_exponent() -> None:
    assert [to_major(12345, code) for code in ("JPY", "HUF", "KWD")] == [12345, 123.45, 12.345]


@pytest.mark.parametrize("code", ["EURO", "XAU", "XXX", "", "eur", "ZZZ"])
def test_what_is_no_currency_is_refused_by_name(code: str) -> None:
    for check in (known_currency, minor_digits):
        with pytest.raises(ValueError, match=f"'{code}' is not an ISO 4217 currency"):
            check(code)


def test_a_withdrawn_currency_is_read_and_not_taken() -> None:
    assert minor_digits("HRK") == 2
    with pytest.raises(ValueError, match="HRK"):
        known_currency("HRK")
