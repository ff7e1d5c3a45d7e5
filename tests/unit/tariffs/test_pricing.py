"""The tariff engine against OCPI's worked examples (2.2.1 mod_tariffs), and properties over days of every length."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.tariffs.domain import Tariff
from functions.tariffs.pricing import SessionPeriod, price_session
from functions.tariffs.rates import RateTables, compile_rates

ZONE = "Europe/Amsterdam"
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]


def component(dimension: str, price: float, vat: float | None = None, step: int = 1) -> dict[str, Any]:
    return {"type": dimension, "price": price, "step_size": step} | ({} if vat is None else {"vat": vat})


def tariff(*elements: Any, **more: Any) -> Tariff:
    """A tariff of elements: a component, or (components, restrictions)."""
    made = [
        {"price_components": [item]} if isinstance(item, dict) else {"price_components": item[0], "restrictions": item[1]}
        for item in elements
    ]
    return Tariff.model_validate({"id": "t", "currency": "EUR", "elements": made} | more)


def at(text: str, zone: str = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def price(found: Tariff, *periods: SessionPeriod, zone: str = ZONE) -> tuple[int, int]:
    """(without VAT, with VAT) in cents."""
    quote = price_session(found, time_zone=zone, periods=list(periods))
    assert sum(line.amount_minor for line in quote.elements) == quote.total_minor
    return quote.total_excl_vat_minor, quote.total_minor


def session(
    start: str, minutes: float, kwh: float = 0.0, parked: float = 0.0, amperes: float | None = None
) -> list[SessionPeriod]:
    begin = at(start)
    middle = begin + timedelta(minutes=minutes)
    found = [SessionPeriod(begin, middle, kwh, current_a=amperes)]
    return found + ([SessionPeriod(middle, middle + timedelta(minutes=parked), charging=False)] if parked else [])


ENERGY = component("ENERGY", 0.25, 10)
START = component("FLAT", 0.50, 20)
MONDAY = "2026-03-02T10:00"


def test_simple_tariff_025_per_kwh() -> None:
    assert price(tariff(ENERGY), *session(MONDAY, 60, 20)) == (500, 550)


def test_025_per_kwh_and_start_fee() -> None:
    assert price(tariff(START, ENERGY), *session(MONDAY, 60, 20)) == (550, 610)


def test_025_per_kwh_and_minimum_price() -> None:
    found = tariff(ENERGY, min_price={"excl_vat": 0.50, "incl_vat": 0.55})
    assert price(found, *session(MONDAY, 60, 20)) == (500, 550)
    assert price(found, *session(MONDAY, 60, 1.5)) == (50, 55)


def test_025_per_kwh_parking_fee_and_start_fee() -> None:
    found = tariff(START, ENERGY, component("PARKING_TIME", 2, 20, 900))
    assert price(found, *session(MONDAY, 60, 20, parked=40)) == (700, 790)


def test_025_per_kwh_start_fee_and_maximum_price() -> None:
    """The standard says 10.00 without VAT for the first; but 11.00 with two rates in it hold 1.04 of VAT, not 1.00."""
    found = tariff(START, ENERGY, max_price={"excl_vat": 10, "incl_vat": 11})
    assert price(found, *session(MONDAY, 60, 50)) == (996, 1100)
    assert price(found, *session(MONDAY, 60, 30)) == (800, 885)


def test_simple_tariff_2_per_hour() -> None:
    assert price(tariff(component("TIME", 2, 10, 60)), *session(MONDAY, 150)) == (500, 550)


def test_3_per_hour_5_per_hour_parking() -> None:
    found = tariff(component("TIME", 3, 10, 60), component("PARKING_TIME", 5, 20, 300))
    assert price(found, *session(MONDAY, 150, parked=42)) == (1125, 1275)


def test_ad_hoc_tariff_with_odd_vat() -> None:
    assert price(tariff(component("TIME", 1.9, 5.2, 300)), *session(MONDAY, 150)) == (475, 500)


def test_025_per_kwh_billed_per_100_wh() -> None:
    found = tariff(component("ENERGY", 0.22, 10, 100))
    assert price(found, *session(MONDAY, 60, 20.45)) == (451, 496)


COMPLEX = tariff(
    component("FLAT", 2.5, 15),
    ([component("TIME", 1.00, 20, 900)], {"max_current": 32}),
    ([component("TIME", 2.00, 20, 600)], {"min_current": 32, "day_of_week": WEEKDAYS}),
    ([component("TIME", 1.25, 20, 600)], {"min_current": 32, "day_of_week": ["SATURDAY", "SUNDAY"]}),
    ([component("PARKING_TIME", 5, 10, 300)], {"start_time": "09:00", "end_time": "18:00", "day_of_week": WEEKDAYS}),
    (
        [component("PARKING_TIME", 6, 10, 300)],
        {"start_time": "10:00", "end_time": "17:00", "day_of_week": ["SATURDAY"]},
    ),
)


def test_complex_tariff_on_a_monday() -> None:
    assert price(COMPLEX, *session("2026-03-02T09:30", 147, parked=42, amperes=16)) == (875, 1000)


def test_complex_tariff_on_a_saturday() -> None:
    assert price(COMPLEX, *session("2026-03-07T13:30", 114, parked=71, amperes=43)) == (1250, 1413)


def test_free_of_charge() -> None:
    assert price(tariff(component("FLAT", 0)), *session(MONDAY, 60, 20, parked=600)) == (0, 0)


def test_first_kwh_free() -> None:
    found = tariff(([component("ENERGY", 0)], {"max_kwh": 1}), ([component("ENERGY", 0.20)], {"min_kwh": 1}))
    assert price(found, *session(MONDAY, 60, 20)) == (380, 380)


def test_parking_dearer_the_longer_it_lasts() -> None:
    found = tariff(
        ([component("PARKING_TIME", 0)], {"max_duration": 3600}),
        ([component("PARKING_TIME", 2, step=60)], {"min_duration": 3600, "max_duration": 14400}),
        ([component("PARKING_TIME", 3, step=60)], {"min_duration": 14400}),
    )
    begin = at(MONDAY)
    parked = [SessionPeriod(begin, begin + timedelta(hours=5), charging=False)]
    assert price(found, *parked) == (900, 900), "an hour free, three at 2, one at 3"


STEPS = tariff(
    ([component("TIME", 1.20, step=1800)], {"end_time": "17:00"}),
    ([component("TIME", 2.40, step=900)], {"start_time": "17:00"}),
    ([component("PARKING_TIME", 1.00, step=900)], {"end_time": "20:00"}),
)


@pytest.mark.parametrize(
    ("start", "minutes", "parked", "cents"),
    [("16:55", 10, 2, 50), ("16:35", 35, 0, 130), ("19:55", 10, 2, 60)],
    ids=["different element 1", "different element 2", "free of charge element"],
)
def test_step_size_when_switching(start: str, minutes: float, parked: float, cents: int) -> None:
    assert price(STEPS, *session(f"2026-03-02T{start}", minutes, parked=parked))[0] == cents


@pytest.mark.parametrize(("step", "micros"), [(1, 29_000), (25, 31_250), (500, 125_000)])
def test_step_size_of_energy_for_115_wh(step: int, micros: int) -> None:
    found = tariff(component("ENERGY", 250, step=step))  # a thousandfold price makes the fractions of cents visible
    assert price(found, *session(MONDAY, 60, 0.1152))[0] == micros / 10


def test_reservation_and_booking_elements_do_not_price_sessions() -> None:
    found = tariff(
        ([component("TIME", 5, 20, 60)], {"reservation": "RESERVATION"}),
        ([component("FLAT", 4, 21)], {"booking": "BOOKING_EXPIRES"}),
        START,
        ENERGY,
    )
    assert price(found, *session(MONDAY, 60, 20)) == (550, 610)


NIGHT = tariff(
    ([component("ENERGY", 0.10)], {"start_time": "23:00", "end_time": "07:00"}),
    component("ENERGY", 0.50),
)


@pytest.mark.parametrize(
    ("day", "hours", "cents"),
    [("2026-03-02", 24, 8 * 10 + 16 * 50), ("2026-03-29", 23, 7 * 10 + 16 * 50), ("2026-10-25", 25, 9 * 10 + 16 * 50)],
    ids=["24 hours", "23 hours", "25 hours"],
)
def test_a_whole_day_of_any_length(day: str, hours: int, cents: int) -> None:
    begin = at(f"{day}T00:00")
    end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    assert end - begin == timedelta(hours=hours)
    assert price(NIGHT, SessionPeriod(begin, end, float(hours)))[0] == cents, "one kWh an hour"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"elements": []}, "elements"),
        ({"elements": [{"price_components": [component("ENERGY", -1)]}]}, "price"),
        ({"elements": [{"price_components": [component("WATER", 1)]}]}, "type"),
        ({"elements": [{"price_components": [component("ENERGY", 1, step=-1)]}]}, "step_size"),
        ({"elements": [{"price_components": [component("ENERGY", float("nan"))]}]}, "price"),
        ({"elements": [{"price_components": [ENERGY], "restrictions": {"start_time": "24:00"}}]}, "start_time"),
        ({"elements": [{"price_components": [ENERGY], "restrictions": {"min_kwh": 5, "max_kwh": 5}}]}, "restrictions"),
        ({"elements": [{"price_components": [ENERGY], "restrictions": {"min_current": 9, "max_current": 8}}]}, "restrictions"),
        ({"elements": [{"price_components": [ENERGY], "restrictions": {"day_of_week": ["FUNDAY"]}}]}, "day_of_week"),
    ],
)
def test_bad_tariffs_name_the_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Tariff.model_validate({"id": "t", "currency": "EUR", "elements": [{"price_components": [ENERGY]}]} | document)
    assert field in {str(part) for error in caught.value.errors() for part in error["loc"]}


def test_bad_periods_are_refused() -> None:
    begin = at(MONDAY)
    hour = timedelta(hours=1)
    for periods in (
        [SessionPeriod(begin, begin)],
        [SessionPeriod(begin, begin + hour, -1.0)],
        [SessionPeriod(begin, begin + hour), SessionPeriod(begin, begin + hour)],
    ):
        with pytest.raises(ValueError, match="periods"):
            price_session(NIGHT, time_zone=ZONE, periods=periods)


def test_a_currency_without_minor_units() -> None:
    yen = tariff(component("ENERGY", 55.5), currency="JPY")
    assert price(yen, *session(MONDAY, 60, 1)) == (56, 56)


prices = st.integers(0, 200).map(lambda cents: cents / 100)
minutes_of_day = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")


@st.composite
def simple_tariffs(draw: st.DrawFn) -> Tariff:
    """Tariffs that depend on time alone: what `compile_rates` promises to match."""
    elements: list[Any] = []
    for kind in ("ENERGY", "TIME"):
        for _ in range(draw(st.integers(0, 3))):
            days = draw(st.lists(st.sampled_from([*WEEKDAYS, "SATURDAY", "SUNDAY"]), max_size=3, unique=True))
            limits: dict[str, Any] = {"day_of_week": days}
            if draw(st.booleans()):
                limits |= {"start_time": draw(minutes_of_day), "end_time": draw(minutes_of_day)}
            elements.append(([component(kind, draw(prices), draw(st.sampled_from([None, 0, 21])))], limits))
        elements.append(component(kind, draw(prices), 21))
    elements.append(component("FLAT", draw(prices), 21))
    return tariff(*elements)


starts = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30)),
    st.datetimes(datetime(2026, 3, 28, 20), datetime(2026, 3, 29, 6)),
    st.datetimes(datetime(2026, 10, 24, 20), datetime(2026, 10, 25, 6)),
)


@given(simple_tariffs(), starts, st.integers(1, 60), st.integers(1, 400).map(lambda tenth: tenth / 10))
def test_rates_agree_with_the_engine_on_whole_slots(found: Tariff, when: datetime, slots: int, kwh: float) -> None:
    first = int(when.replace(tzinfo=UTC).timestamp()) // 300
    begin = datetime.fromtimestamp(first * 300, UTC)
    quote = price_session(found, time_zone=ZONE, periods=[SessionPeriod(begin, begin + timedelta(minutes=5 * slots), kwh)])
    rates = compile_rates(found, time_zone=ZONE, slot0=first, slots=slots, power_kw=50)
    by_rates = rates.flat + kwh * np.mean(rates.energy) + np.sum(rates.time) / 12
    rounding = 0.006 + 0.001 * 2 + float(np.max(rates.time, initial=0)) / 3600
    assert abs(quote.total_minor / 100 - by_rates) <= rounding


@given(simple_tariffs(), starts, st.integers(1, 1500), st.floats(0, 80))
def test_a_quote_is_whole_and_never_negative(found: Tariff, when: datetime, minutes: int, kwh: float) -> None:
    begin = when.replace(tzinfo=UTC)
    quote = price_session(found, time_zone=ZONE, periods=[SessionPeriod(begin, begin + timedelta(minutes=minutes), kwh)])
    assert quote.total_minor >= quote.total_excl_vat_minor >= 0
    assert sum(line.amount_minor for line in quote.elements) == quote.total_minor
    assert all(line.amount_minor >= 0 for line in quote.elements)


@given(simple_tariffs(), starts, st.integers(15, 600), st.floats(1, 60), st.floats(0, 20))
def test_more_energy_never_costs_less(found: Tariff, when: datetime, minutes: int, kwh: float, more: float) -> None:
    begin = when.replace(tzinfo=UTC)
    totals = [
        price_session(
            found, time_zone=ZONE, periods=[SessionPeriod(begin, begin + timedelta(minutes=minutes), energy)]
        ).total_minor
        for energy in (kwh, kwh + more)
    ]
    assert totals[0] <= totals[1]


@given(starts, st.integers(2, 600), st.data())
def test_a_session_told_in_two_parts_costs_the_same(when: datetime, minutes: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, minutes - 1))
    begin = when.replace(tzinfo=UTC)
    middle, end = begin + timedelta(minutes=cut), begin + timedelta(minutes=minutes)
    kwh = minutes / 10
    whole = price(NIGHT, SessionPeriod(begin, end, kwh))
    parts = price(NIGHT, SessionPeriod(begin, middle, cut / 10), SessionPeriod(middle, end, kwh - cut / 10))
    assert abs(whole[1] - parts[1]) <= 1, "energies are rounded to a millionth of a kWh"


def test_kept_tables_answer_as_fresh_ones_and_equal_tariffs_share_one() -> None:
    night = {"start_time": "23:00", "end_time": "07:00", "day_of_week": ["SATURDAY", "SUNDAY"]}
    found = tariff(([component("ENERGY", 0.2, 21)], night), component("ENERGY", 0.4, 21), component("TIME", 1.5))
    kept, spring = RateTables(), int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()) // 900
    ids = [uuid.uuid4(), uuid.uuid4()]
    for tariff_id in ids:
        for shift in (0, 40, 700):
            asked = {"time_zone": ZONE, "slot0": spring + shift, "slots": 120, "power_kw": 22.0}
            mine, fresh = kept.rates(tariff_id, found, **asked), compile_rates(found, **asked)  # type: ignore[arg-type]
            assert mine.energy.tolist() == fresh.energy.tolist()
            assert mine.time.tolist() == fresh.time.tolist()
            assert mine.flat == fresh.flat == 0.0
    assert kept.tables == 1


def test_a_tariff_with_dates_changes_on_its_day() -> None:
    new_year = {"start_date": "2026-01-01", "end_date": "2026-01-02"}
    found = tariff(([component("ENERGY", 0.1, None)], new_year), component("ENERGY", 0.4, None))
    first = int(datetime(2025, 12, 31, 22, tzinfo=UTC).timestamp()) // 300
    rates = compile_rates(found, time_zone="Europe/Amsterdam", slot0=first, slots=12 * 28, power_kw=22)
    assert rates.energy.tolist() == [0.4] * 12 + [0.1] * 288 + [0.4] * 36


def test_tables_are_forgotten_beyond_their_number() -> None:
    kept = RateTables(size=2)
    for _ in range(5):
        kept.rates(uuid.uuid4(), tariff(component("ENERGY", 0.3)), time_zone=ZONE, slot0=0, slots=4, power_kw=11)
        assert kept.tables <= 2
