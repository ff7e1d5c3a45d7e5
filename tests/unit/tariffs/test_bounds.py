"""What is quoted as the most is the most, and a longer booking's most is never less."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.tariffs.bills import bill, within_limits
from functions.tariffs.domain import Tariff
from functions.tariffs.fees import kept_items
from functions.tariffs.pricing import session_items
from functions.tariffs.quotes import Quote, Stay, quote
from tests.unit.tariffs.tariffs import ZONE, component, sessions_within, starts, stay, tariff, tariffs

slow = settings(deadline=None, max_examples=40)
FIFTEEN = timedelta(minutes=15)
periods = st.builds(
    lambda start, quarters, power, need, most: stay(quarters * 15, need, power, start, most_kwh=most),
    starts,
    st.integers(1, 60),
    st.sampled_from([3.7, 11.0, 22.0, 50.0]),
    st.floats(0.1, 100),
    st.one_of(st.none(), st.floats(0.1, 80)),
)


def quoted(found: Tariff, bound: Stay) -> Quote:
    return quote(tariff=found, currency=found.currency, time_zone=ZONE, stay=bound)


@slow
@given(tariffs(), periods, st.data())
def test_no_session_of_the_period_costs_more_than_the_total(found: Tariff, bound: Stay, data: st.DataObject) -> None:
    made = data.draw(sessions_within(bound))
    late = min(made[0].start, bound.start + bound.kept)
    items = [
        *kept_items(found, time_zone=ZONE, since=bound.start, until=late),
        *session_items(found, time_zone=ZONE, periods=made),
    ]
    price = bill(within_limits(found, items), currency=found.currency, tariff_id="t", energy_kwh=0, minutes=0)
    assert price.total_minor <= quoted(found, bound).total_minor


@slow
@given(tariffs(), periods, st.integers(1, 12))
def test_longer_is_never_cheaper(found: Tariff, bound: Stay, more: int) -> None:
    longer = replace(bound, end=bound.end + more * FIFTEEN)
    assert quoted(found, bound).total_minor <= quoted(found, longer).total_minor


@slow
@given(tariffs(), periods, st.floats(0, 50))
def test_neither_more_energy_nor_more_power_is_cheaper(found: Tariff, bound: Stay, more: float) -> None:
    first = quoted(found, bound).total_minor
    assert first <= quoted(found, replace(bound, power_kw=bound.power_kw + more)).total_minor
    if bound.most_kwh is not None:
        assert first <= quoted(found, replace(bound, most_kwh=bound.most_kwh + more)).total_minor


@slow
@given(tariffs(), periods)
def test_what_is_expected_is_at_most_the_total(found: Tariff, bound: Stay) -> None:
    made = quoted(found, bound)
    assert 0 <= made.expected_minor <= made.total_minor
    assert sum(line.amount_minor for line in made.elements) == made.total_minor
    assert sum(line.amount_minor for line in made.expected_elements) == made.expected_minor


def total(found: Tariff, **bound: float | datetime | None) -> int:
    return quoted(found, stay(**bound)).total_minor  # type: ignore[arg-type]


def test_tiers_by_power_are_bounded_by_the_dearest_whatever_their_order() -> None:
    """By the mean power twice as long halved the price."""
    slow = ([component("ENERGY", 0.20)], {"max_power": 10})
    fast = ([component("ENERGY", 0.80)], {"min_power": 10})
    for elements in ((slow, fast), (fast, slow)):
        assert total(tariff(*elements), minutes=60, kwh=10.0, most_kwh=10.0) == 800
        assert total(tariff(*elements), minutes=480, kwh=10.0, most_kwh=10.0) == 800


def test_tiers_by_current_are_bounded_by_the_dearest_whatever_their_order() -> None:
    low = ([component("TIME", 1)], {"max_current": 32})
    high = ([component("TIME", 2)], {"min_current": 32})
    assert total(tariff(low, high), minutes=60) == total(tariff(high, low), minutes=60) == 200


def test_a_tier_that_the_period_cannot_reach_does_not_count() -> None:
    late = ([component("TIME", 9, step=60)], {"min_duration": 3600})
    evening = ([component("TIME", 7, step=60)], {"start_time": "20:00", "end_time": "22:00"})
    strong = ([component("ENERGY", 5)], {"min_power": 50})
    found = tariff(late, evening, strong, component("TIME", 1, step=60), component("ENERGY", 0.1))
    assert total(found, minutes=60, most_kwh=10.0) == 200, "an hour at 1 and 10 kWh at 0.10"


def test_a_duration_that_no_calendar_holds_is_not_reached() -> None:
    """Its instant was looked for, and there is none: OverflowError."""
    found = tariff(([component("TIME", 9)], {"min_duration": 10**15}), component("TIME", 1))
    assert total(found, minutes=60) == 100


def test_energy_is_drawn_where_it_is_dearest_as_fast_as_it_can_flow() -> None:
    evening = ([component("ENERGY", 1.00)], {"start_time": "11:00"})
    found = tariff(evening, component("ENERGY", 0.50))
    made = quoted(found, stay(minutes=75, power_kw=20.0))
    assert [(line.quantity, line.unit_price) for line in made.elements if line.amount_minor] == [(20.0, 0.5), (5.0, 1.0)]


def test_the_most_is_that_of_power_battery_and_limit_never_of_the_need() -> None:
    found = tariff(component("ENERGY", 0.50))
    assert total(found, minutes=480, kwh=0.1) == 22 * 8 * 50
    assert total(found, minutes=480, kwh=0.1, most_kwh=1.1 * 60) == 3300
    assert quoted(found, stay(480, 0.1)).expected_minor == 5


@slow
@given(tariffs(), st.lists(periods, min_size=2, max_size=4))
def test_a_quote_is_the_same_whatever_was_quoted_before(found: Tariff, bounds: list[Stay]) -> None:
    for bound in bounds:
        anew = Tariff.model_validate(found.model_dump())
        assert quoted(found, bound) == quoted(anew, bound)
