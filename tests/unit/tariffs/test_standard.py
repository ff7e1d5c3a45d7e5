"""Every member of OCPI's Tariff is honoured or refused by its name, in the spellings of 2.1.1, 2.2.1 and 2.3.0."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from functions.tariffs.domain import Tariff, chosen, stored_tariff
from functions.tariffs.fees import cancellation_fee, kept_items, no_show_fee, overtime_items, stated_fees
from functions.tariffs.pricing import SessionPeriod, price_session
from functions.tariffs.quotes import quote
from functions.tariffs.restrictions import Use
from functions.tariffs.settling import Delivered, settle_session
from tests.unit.tariffs.tariffs import START, ZONE, component, stay, tariff

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ENERGY, FLAT = component("ENERGY", 0.25, 10), component("FLAT", 0.50, 20)


def cents(found: Tariff, minutes: float = 60, kwh: float = 20.0) -> int:
    period = SessionPeriod(START, START + minutes * MINUTE, kwh)
    return price_session(found, time_zone=ZONE, periods=[period]).total_minor


def used(found: Tariff, waited: float) -> tuple[int, int]:
    """(without VAT, with VAT) of a booking whose session began so many minutes after its start and drew 20 kWh in an hour."""
    begun = START + waited * MINUTE
    made = settle_session(
        found,
        time_zone=ZONE,
        session=Delivered(begun, begun + HOUR, None, begun + HOUR, 20),
        start=START,
        limit=START + 3 * HOUR,
        at_most_minor=10_000,
    )
    return made.price.total_excl_vat_minor, made.price.total_minor


def missed(found: Tariff, hours: float) -> int:
    return no_show_fee(found, time_zone=ZONE, start=START, kept_until=START + hours * HOUR)


def reserved(*components: dict[str, Any], kind: str = "RESERVATION") -> Any:
    return list(components), {"reservation": kind}


def test_a_reservation_is_billed_until_the_session_begins() -> None:
    found = tariff(reserved(component("TIME", 5, 20, 60)), FLAT, ENERGY)
    assert used(found, 15) == (675, 760)


def test_a_reservation_has_a_fee_and_steps() -> None:
    found = tariff(reserved(component("FLAT", 2, 20), component("TIME", 5, 20, 300)), FLAT, ENERGY)
    assert used(found, 13) == (875, 1000)


def test_an_expired_reservation_costs_its_fee_and_its_time() -> None:
    found = tariff(
        reserved(component("FLAT", 4, 20), kind="RESERVATION_EXPIRES"), reserved(component("TIME", 2, 20, 600)), FLAT, ENERGY
    )
    assert used(found, 22) == (650, 730)
    assert missed(found, 1) == 720


def test_an_expired_reservation_has_a_rate_of_its_own() -> None:
    found = tariff(
        reserved(component("TIME", 6, 20, 600), kind="RESERVATION_EXPIRES"),
        reserved(component("TIME", 3, 20, 600)),
        FLAT,
        ENERGY,
    )
    assert used(found, 22) == (700, 790)
    assert missed(found, 1.5) == 1080


def test_a_booking_element_is_a_reservation_of_ours() -> None:
    found = tariff(([component("FLAT", 1, 20)], {"booking": "BOOKING"}), ENERGY)
    made = quote(tariff=found, currency="EUR", time_zone=ZONE, stay=stay(60, 20, 22))
    assert made.expected_minor == 120 + 550
    assert used(found, 0) == (600, 670)
    assert cents(found) == 550, "it prices no session"


def test_prices_that_hold_the_tax() -> None:
    found = tariff(component("TIME", 2.10, None, 1), tax_included="YES", currency="CAD")
    assert cents(found) == 210
    taxed = price_session(
        tariff(component("ENERGY", 1.21, 21), tax_included="YES"),
        time_zone=ZONE,
        periods=[SessionPeriod(START, START + HOUR, 10)],
    )
    assert (taxed.total_minor, taxed.total_excl_vat_minor, taxed.elements[0].unit_price) == (1210, 1000, 1.0)


def test_prices_without_tax_and_where_there_is_none() -> None:
    assert cents(tariff(component("TIME", 2, None, 1), tax_included="NO", currency="CAD")) == 200
    assert cents(tariff(component("TIME", 2, 20, 1), tax_included="N/A")) == 200


def test_bounds_in_the_words_of_2_3_0() -> None:
    found = tariff(ENERGY, min_price={"before_taxes": 0.50, "after_taxes": 0.55}, max_price={"before_taxes": 1})
    assert (cents(found, kwh=1.5), cents(found)) == (55, 110)


def test_a_step_of_zero_reads_as_one() -> None:
    assert cents(tariff(component("ENERGY", 0.25, 10, 0))) == 550


def test_lists_that_are_null_are_empty() -> None:
    found = Tariff.model_validate(
        {
            "id": "1",
            "currency": "EUR",
            "tariff_alt_text": None,
            "elements": [{"price_components": [ENERGY], "restrictions": {"day_of_week": None, "reservation": None}}],
        }
    )
    assert cents(found) == 550


def test_what_has_no_price_in_it_is_kept() -> None:
    more: dict[str, Any] = {
        "country_code": "DE",
        "party_id": "ALL",
        "tariff_alt_url": "https://company.example/tariffs/1",
        "energy_mix": {"is_green_energy": True},
        "preauthorize_amount": 25,
    }
    kept = tariff(ENERGY, **more).model_dump(mode="json", exclude_none=True)
    assert {name: kept[name] for name in more} == more


@pytest.mark.parametrize(
    ("element", "named"),
    [
        ({"price_components": [ENERGY], "restrictions": {"min_soc": 20}}, "min_soc"),
        ({"price_components": [ENERGY | {"discount": 5}]}, "discount"),
        ({"price_components": [ENERGY], "valid_for": "MEMBERS"}, "valid_for"),
        ({"price_components": [ENERGY], "restrictions": {"reservation": "RESERVATION"}}, "ENERGY"),
        ({"price_components": [component("PARKING_TIME", 1)], "restrictions": {"booking": "BOOKING_OVERTIME"}}, "PARKING_TIME"),
    ],
)
def test_what_would_change_a_price_and_is_not_known_is_refused_by_name(element: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Tariff.model_validate({"id": "1", "currency": "EUR", "elements": [element]})


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"type": "PROFILE_BLUE"}, "type"),
        ({"tax_included": "MAYBE"}, "tax_included"),
        ({"min_price": {"before_taxes": 1, "taxes": []}}, "taxes"),
        ({"start_date_time": "2026-02-01T00:00:00Z", "end_date_time": "2026-01-01T00:00:00Z"}, "end_date_time"),
        ({"currency": "XAU"}, "currency"),
        ({"currency": "HRK"}, "currency"),
        ({"tariff_alt_url": "javascript:alert(1)"}, "tariff_alt_url"),
    ],
)
def test_members_of_the_tariff_are_refused_by_name(more: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        tariff(ENERGY, **more)


def test_what_was_stored_before_a_rule_came_is_read_and_priced() -> None:
    element = {
        "price_components": [ENERGY],
        "restrictions": {"booking": "BOOKING_EXPIRES", "min_current": 32, "max_current": 32},
    }
    document = {"id": "1", "currency": "HRK", "type": "OURS", "elements": [element, {"price_components": [ENERGY]}]}
    assert cents(stored_tariff(document)) == 550


def dated(name: str, begin: str | None = None, end: str | None = None, kind: str | None = None) -> Tariff:
    more = {"type": kind, "start_date_time": begin, "end_date_time": end}
    return tariff(ENERGY, **{"id": name} | {key: value for key, value in more.items() if value is not None})


@pytest.mark.parametrize(
    ("tariffs", "expected"),
    [
        ([dated("a")], "a"),
        ([dated("a", end="2026-03-02T09:00:00Z"), dated("b", begin="2026-03-02T09:00:00")], "b"),
        ([dated("a", begin="2026-03-02T09:00:01Z")], None),
        ([dated("a", kind="PROFILE_CHEAP"), dated("b", kind="AD_HOC_PAYMENT"), dated("c", kind="REGULAR")], "c"),
        ([dated("a", kind="PROFILE_CHEAP"), dated("b")], "b"),
        ([dated("a"), dated("b", kind="REGULAR")], "a"),
        ([dated("a", kind="PROFILE_CHEAP"), dated("b", kind="PROFILE_FAST")], "b"),
        ([], None),
    ],
)
def test_type_and_dates_choose_among_several(tariffs: list[Tariff], expected: str | None) -> None:
    number = chosen(tariffs, START)
    assert (None if number is None else tariffs[number].id) == expected


WEEKEND: Any = {"day_of_week": ["SATURDAY", "SUNDAY"]}
SATURDAY = datetime(2026, 3, 7, 9, tzinfo=UTC)


def test_fees_obey_weekday_hours_and_dates() -> None:
    found = tariff(
        ([component("FLAT", 9, 21)], {"booking": "BOOKING_EXPIRES"} | WEEKEND),
        ([component("FLAT", 4, 21)], {"booking": "BOOKING_EXPIRES", "start_time": "10:00", "end_time": "11:00"}),
        ([component("FLAT", 2, 21)], {"booking": "BOOKING_CANCELLATION_FEES", "start_date": "2026-03-03"}),
        ENERGY,
    )
    quarter = 15 * MINUTE

    def expired(start: datetime) -> int:
        return no_show_fee(found, time_zone=ZONE, start=start, kept_until=start + quarter)

    assert (expired(START), expired(START + HOUR), expired(SATURDAY)) == (484, 0, 1089)
    late = [cancellation_fee(found, time_zone=ZONE, start=start, end=start + HOUR) for start in (START, SATURDAY)]
    assert late == [0, 242]
    assert stated_fees(found, Use.EXPIRES) == {0, 484, 1089}


def tiered(kind: str) -> Tariff:
    """12 an hour for the first half hour, 6 an hour up to an hour and a half, nothing after that."""
    return tariff(
        ([component("TIME", 12)], {"booking": kind, "max_duration": 1800}),
        ([component("TIME", 6)], {"booking": kind, "min_duration": 1800, "max_duration": 5400}),
        ENERGY,
    )


def test_fees_obey_the_durations_of_their_elements() -> None:
    """Three hours were billed whole by the element of the first half hour: 36.00 in place of 12.00."""
    hours, zone = 3 * HOUR, {"time_zone": ZONE}
    kept = kept_items(tiered("BOOKING"), since=START, until=START + hours, **zone)
    over = overtime_items(tiered("BOOKING_OVERTIME"), since=START, until=START + hours, **zone)
    for items in (kept, over):
        assert [(float(item.quantity), float(item.gross)) for item in items] == [(0.5, 600.0), (1.0, 600.0)]
    assert missed(tiered("BOOKING_EXPIRES"), 3) == 1200
    assert missed(tiered("BOOKING_EXPIRES"), 0.25) == 300
    cancelled = tiered("BOOKING_CANCELLATION_FEES")
    assert cancellation_fee(cancelled, start=START, end=START + hours, **zone) == 1200


def test_overtime_is_billed_from_the_grace_on_by_its_own_hours() -> None:
    found = tariff(
        ([component("FLAT", 1), component("TIME", 12, step=60)], {"booking": "BOOKING_OVERTIME", "end_time": "12:00"}),
        ENERGY,
    )
    items = overtime_items(found, time_zone=ZONE, since=START + HOUR, until=START + 3 * HOUR)
    assert [(item.unit, float(item.quantity), float(item.gross)) for item in items] == [
        ("booking", 1.0, 100.0),
        ("h", 1.0, 1200.0),
    ], "11:00 to 12:00 in Amsterdam"


def test_parking_time_counts_from_the_end_of_charging_and_its_grace() -> None:
    found = tariff(ENERGY, component("PARKING_TIME", 6, 20, 60))
    charged, ended = START + 20 * MINUTE, START + 60 * MINUTE
    made = settle_session(
        found,
        time_zone=ZONE,
        session=Delivered(START, charged, charged + 10 * MINUTE, ended, 10),
        start=START,
        limit=START + HOUR,
        at_most_minor=10_000,
    )
    assert [(line.dimension, line.quantity) for line in made.price.elements] == [("ENERGY", 10.0), ("PARKING_TIME", 0.5)]


def test_a_quote_states_its_fees_and_what_overstaying_costs() -> None:
    found = tariff(
        ([component("FLAT", 5, 21)], {"booking": "BOOKING_EXPIRES"}),
        ([component("FLAT", 2, 21)], {"booking": "BOOKING_CANCELLATION_FEES"}),
        ([component("FLAT", 3, 21), component("TIME", 10, 21)], {"booking": "BOOKING_OVERTIME"}),
        component("ENERGY", 0.40, 21),
        component("PARKING_TIME", 4, 0),
        component("TIME", 1, 21),
    )
    fees = quote(tariff=found, currency="EUR", time_zone=ZONE, stay=stay(60)).fees
    assert fees is not None
    assert (fees.late_cancel_minor, fees.no_show_minor) == (242, 605)
    assert fees.overtime is not None
    assert fees.overtime.begins_at == START + 70 * MINUTE
    assert fees.overtime.model_dump(exclude={"begins_at"}) == {
        "per_kwh": 0.484,
        "per_hour": 4.0,
        "extra_per_hour": 12.1,
        "extra_minor": 363,
    }
    spared = quote(tariff=found, currency="EUR", time_zone=ZONE, stay=stay(60, noshow_fee=False)).fees
    assert spared is not None
    assert spared.no_show_minor == 0
