"""One rule for bounds, tax and rounding: total first, and everything sums to it."""

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.tariffs.bills import Item, Price, bill, rounded
from functions.tariffs.domain import Tariff
from functions.tariffs.pricing import SessionPeriod, price_session
from functions.tariffs.quotes import Stay, quote
from functions.tariffs.settling import QUOTED, Delivered, Settled, settle_session
from tests.unit.tariffs.tariffs import START, ZONE, component, starts, stay, tariff, tariffs

HOUR = timedelta(hours=1)
slow = settings(deadline=None, max_examples=60)


def check(price: Price) -> None:
    """The lines sum to the total, the rates too; tax is that of the gross; nothing costs more without tax."""
    assert sum(line.amount_minor for line in price.elements) == price.total_minor
    assert sum(line.net_minor + line.vat_minor for line in price.tax) == price.total_minor
    assert sum(line.net_minor for line in price.tax) == price.total_excl_vat_minor
    assert 0 <= price.total_excl_vat_minor <= price.total_minor
    for line in price.tax:
        gross = line.net_minor + line.vat_minor
        rate = Fraction(str(line.rate))
        assert gross >= 0
        assert line.vat_minor == rounded(gross * rate / (100 + rate))
        assert sum(item.amount_minor for item in price.elements if item.vat_percent == line.rate) == gross


def settled(found: Tariff, session: Delivered, at_most: int, booked: Stay) -> Settled:
    return settle_session(
        found,
        time_zone=ZONE,
        session=session,
        start=booked.start,
        limit=booked.end + booked.grace,
        at_most_minor=at_most,
    )


@slow
@given(tariffs(), starts, st.integers(1, 600), st.floats(0, 80))
def test_every_price_sums_up(found: Tariff, start: datetime, minutes: int, kwh: float) -> None:
    period = SessionPeriod(start, start + timedelta(minutes=minutes), kwh)
    check(price_session(found, time_zone=ZONE, periods=[period]))
    made = quote(tariff=found, currency=found.currency, time_zone=ZONE, stay=stay(minutes, kwh))
    check(made)
    assert sum(line.amount_minor for line in made.expected_elements) == made.expected_minor


@slow
@given(tariffs(), st.integers(1, 8), st.data())
def test_every_settlement_sums_up_and_keeps_to_the_quote(found: Tariff, quarters: int, data: st.DataObject) -> None:
    booked = stay(15 * quarters)
    at_most = data.draw(st.integers(0, 3000))
    ends = booked.end + booked.grace + timedelta(minutes=data.draw(st.sampled_from([-20, -1, 0, 1, 90, 500])))
    begun = booked.start + timedelta(minutes=data.draw(st.integers(-10, 4)))
    charged = begun + (ends - begun) * data.draw(st.sampled_from([0.3, 1.0]))
    parked = None if charged == ends else charged + booked.grace
    session = Delivered(begun, charged, parked, ends, data.draw(st.floats(0, 60)))
    made = settled(found, session, at_most, booked)
    check(made.price)
    if ends <= booked.end + booked.grace:
        assert made.price.total_minor <= at_most
        assert made.overtime_minor == 0
    assert made.price.total_minor <= made.uncapped_minor


@pytest.mark.parametrize("currency", ["EUR", "HUF", "JPY", "KWD"])
def test_tax_is_of_the_gross_and_a_cent_is_never_lost(currency: str) -> None:
    """Rounded each for itself net and tax were a cent off in a fifth of all quotes."""
    for thousandths in range(1, 4000, 7):
        items = [
            Item("ENERGY", Fraction(1), "kWh", Fraction(0), Fraction(21), Fraction(thousandths, 10)),
            Item("FLAT", Fraction(1), "session", Fraction(0), Fraction(9), Fraction(thousandths, 30)),
        ]
        check(bill(items, currency=currency, tariff_id="t", energy_kwh=0, minutes=0))


def test_a_minimum_is_taxed_as_what_it_raises() -> None:
    """4.60 of a 6.05 minimum stood at 0 %."""
    found = tariff(component("ENERGY", 0.40, 21), min_price={"excl_vat": 5, "incl_vat": 6.05})
    made = price_session(found, time_zone=ZONE, periods=[SessionPeriod(START, START + HOUR, 3)])
    assert (made.total_minor, made.total_excl_vat_minor) == (605, 500)
    assert [(line.rate, line.net_minor, line.vat_minor) for line in made.tax] == [(21, 500, 105)]
    assert [(line.dimension, line.vat_percent, line.amount_minor) for line in made.elements] == [
        ("ENERGY", 21, 145),
        ("MIN_PRICE", 21, 460),
    ]


def test_a_maximum_is_spread_over_the_rates_in_proportion() -> None:
    found = tariff(component("ENERGY", 1, 21), component("TIME", 1, 0), max_price={"excl_vat": 5})
    made = price_session(found, time_zone=ZONE, periods=[SessionPeriod(START, START + 2 * HOUR, 8)])
    assert made.total_excl_vat_minor == 500
    assert [(line.rate, line.net_minor, line.vat_minor) for line in made.tax] == [(0, 100, 0), (21, 400, 84)]


def test_a_minimum_of_a_session_that_drew_nothing_has_the_rate_of_the_tariff() -> None:
    found = tariff(component("ENERGY", 0.40, 21), min_price={"excl_vat": 5})
    made = price_session(found, time_zone=ZONE, periods=[SessionPeriod(START, START + HOUR)])
    assert (made.total_minor, made.total_excl_vat_minor) == (605, 500)


def test_a_bill_held_to_its_quote_has_the_tax_of_what_is_paid() -> None:
    """Of one bill the total was 6 cents and the total without VAT 150."""
    found, booked = tariff(component("ENERGY", 1, 21)), stay(60)
    session = Delivered(booked.start, booked.end, None, booked.end, 1.5)
    made = settled(found, session, 6, booked)
    assert (made.price.total_minor, made.price.total_excl_vat_minor, made.uncapped_minor) == (6, 5, 182)
    assert [(line.dimension, line.amount_minor) for line in made.price.elements] == [("ENERGY", 182), (QUOTED, -176)]


def test_no_line_is_out_of_order() -> None:
    night = ([component("ENERGY", 0.1, 21)], {"start_time": "23:00", "end_time": "07:00"})
    made = price_session(
        tariff(night, component("ENERGY", 0.5, 21)), time_zone=ZONE, periods=[SessionPeriod(START, START + 20 * HOUR, 20)]
    )
    assert all(first.end == second.start for first, second in pairwise(made.elements))
