"""A dynamic price: a factor of 1 changes nothing, what is quoted binds, fees and what follows the booked end stay."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.tariffs.bills import bill, within_limits
from functions.tariffs.domain import Tariff
from functions.tariffs.fees import kept_items
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceSteps
from functions.tariffs.pricing import session_items
from functions.tariffs.quotes import Quote, Stay, quote
from functions.tariffs.settling import Delivered, settle_session
from tests.unit.tariffs.tariffs import START, ZONE, component, sessions_within, stay, tariff, tariffs
from tests.unit.tariffs.test_bounds import FIFTEEN, periods

slow = settings(deadline=None, max_examples=40)
HOUR = timedelta(hours=1)
factors = st.integers(50, 200).map(lambda percent: Decimal(percent) / 100)


@st.composite
def some_steps(draw: st.DrawFn, bound: Stay) -> PriceSteps:
    offsets = draw(st.lists(st.integers(-4, 64), min_size=1, max_size=6, unique=True))
    return PriceSteps.of((bound.start + number * FIFTEEN, draw(factors)) for number in offsets)


def quoted(plan: Tariff, bound: Stay, steps: PriceSteps = AS_THE_TARIFF) -> Quote:
    return quote(tariff=plan, currency=plan.currency, time_zone=ZONE, stay=bound, steps=steps)


@slow
@given(tariffs(), periods, st.lists(st.integers(-4, 64), max_size=4, unique=True))
def test_a_factor_of_one_changes_nothing(plan: Tariff, bound: Stay, offsets: list[int]) -> None:
    ones = PriceSteps(tuple((bound.start + number * FIFTEEN, Decimal(1)) for number in sorted(offsets)))
    assert quoted(plan, bound, ones).model_dump(exclude={"price_steps"}) == quoted(plan, bound).model_dump(
        exclude={"price_steps"}
    )


@slow
@given(tariffs(), periods, st.data())
def test_no_session_of_the_period_costs_more_than_the_quote(plan: Tariff, bound: Stay, data: st.DataObject) -> None:
    steps, sessions = data.draw(some_steps(bound)), data.draw(sessions_within(bound))
    late = min(sessions[0].start, bound.start + bound.kept)
    items = [
        *kept_items(plan, time_zone=ZONE, since=bound.start, until=late),
        *session_items(plan, time_zone=ZONE, periods=sessions, steps=steps),
    ]
    price = bill(within_limits(plan, items), currency=plan.currency, tariff_id="t", energy_kwh=0, minutes=0)
    assert price.total_minor <= quoted(plan, bound, steps).total_minor


@slow
@given(tariffs(), periods, st.integers(1, 12), st.data())
def test_longer_is_never_cheaper(plan: Tariff, bound: Stay, more: int, data: st.DataObject) -> None:
    steps, longer = data.draw(some_steps(bound)), replace(bound, end=bound.end + more * FIFTEEN)
    assert quoted(plan, bound, steps).total_minor <= quoted(plan, longer, steps).total_minor


@slow
@given(tariffs(), periods, st.data())
def test_fees_are_those_of_the_tariff(plan: Tariff, bound: Stay, data: st.DataObject) -> None:
    assert quoted(plan, bound, data.draw(some_steps(bound))).fees == quoted(plan, bound).fees


@slow
@given(tariffs(), periods, st.data())
def test_a_frozen_quote_keeps_the_factors_of_its_period(plan: Tariff, bound: Stay, data: st.DataObject) -> None:
    steps = data.draw(some_steps(bound))
    kept = PriceSteps.frozen(Quote.model_validate_json(quoted(plan, bound, steps).model_dump_json()).price_steps)
    instants = [bound.start + number * FIFTEEN for number in range(int((bound.end - bound.start) / FIFTEEN))]
    assert [kept.factor_at(at) for at in instants] == [steps.factor_at(at) for at in instants]


def from_the_start(factor: str, *, after: timedelta | None = None) -> PriceSteps:
    steps = [(START, Decimal(factor))]
    return PriceSteps.of(steps if after is None else [*steps, (START + after, Decimal(1))])


def test_energy_and_time_are_multiplied_flat_and_parking_are_not() -> None:
    for dimension, factored in (("ENERGY", 240), ("TIME", 60), ("FLAT", 50), ("PARKING_TIME", 0)):
        price = {"ENERGY": 0.2, "TIME": 0.5, "FLAT": 0.5, "PARKING_TIME": 0.5}[dimension]
        plan = tariff(component(dimension, price))
        assert quoted(plan, stay(), from_the_start("1.2")).expected_minor == factored, dimension


def test_each_part_of_the_time_costs_by_its_own_factor() -> None:
    plan = tariff(component("TIME", 1.0))
    made = quoted(plan, stay(120), from_the_start("1.5", after=HOUR))
    assert [(line.unit_price, line.amount_minor) for line in made.expected_elements] == [(1.5, 150), (1.0, 100)]


def settled(plan: Tariff, steps: PriceSteps, ended_at: datetime, at_most_minor: int) -> int:
    session = Delivered(START, ended_at, None, ended_at, 10.0)
    limit = START + HOUR
    bound = settle_session(
        plan, time_zone=ZONE, session=session, start=START, limit=limit, at_most_minor=at_most_minor, steps=steps
    )
    return bound.price.total_minor


def test_a_session_is_settled_by_the_factors_of_its_quote() -> None:
    assert settled(tariff(component("TIME", 1.0)), from_the_start("1.5"), START + HOUR, 1000) == 150


def test_after_the_booked_end_the_tariff_counts_as_it_is() -> None:
    assert settled(tariff(component("TIME", 1.0)), from_the_start("1.5"), START + 2 * HOUR, 1000) == 250
    assert settled(tariff(component("TIME", 1.0)), from_the_start("0.5"), START + 2 * HOUR, 1000) == 150


def test_steps_that_change_nothing_are_none() -> None:
    assert not PriceSteps.of([(START, Decimal(1)), (START + HOUR, Decimal("1.00"))])
