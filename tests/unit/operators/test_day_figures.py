"""A day's figures hour by hour: in local time, over both clock changes, of sessions and bookings and what was open."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.operators.day_figures import NAMES, Figures, day_period, figures_of, of_stored, stored
from functions.stations.domain import BlockedTime, BookingTerms, Connector, Evse, Location
from functions.stations.enums import EvseStatus, LocationStatus

LATER = datetime(2027, 1, 1, tzinfo=UTC)
PLUG = Connector("1", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", 22.0)


def a_location(time_zone: str = "Europe/Amsterdam", evses: int = 2) -> Location:
    return Location(
        id=uuid.uuid4(),
        owner_id=uuid.uuid4(),
        name="Stadhuis",
        address="Plein 1",
        city="Utrecht",
        country="NLD",
        latitude=52.0,
        longitude=5.0,
        time_zone=time_zone,
        currency="EUR",
        status=LocationStatus.APPROVED.value,
        opening_times=None,
        booking_terms=BookingTerms(),
        evses=tuple(Evse(uuid.uuid4(), f"E{number}", EvseStatus.AVAILABLE.value, (PLUG,)) for number in range(evses)),
        tariff_ids={},
    )


def total(day: list[Figures]) -> Figures:
    summed = Figures()
    for hour in day:
        summed.add(hour)
    return summed


def test_a_session_is_split_by_the_hours_of_the_place() -> None:
    place, day = a_location("Asia/Kolkata"), date(2026, 3, 2)
    begin = datetime(2026, 3, 2, 4, 15, tzinfo=UTC)  # 09:45 there
    figures = figures_of(place, day, [], [(begin, begin + timedelta(minutes=90))], LATER)
    occupied = {hour: item.occupied_minutes for hour, item in enumerate(figures) if item.occupied_minutes}
    assert occupied == {9: 15, 10: 60, 11: 15}


def test_a_session_over_midnight_counts_on_each_day_what_is_its() -> None:
    place = a_location()
    session = (datetime(2026, 3, 2, 22, 30, tzinfo=UTC), datetime(2026, 3, 3, 1, 0, tzinfo=UTC))  # 23:30 to 02:00 there
    assert total(figures_of(place, date(2026, 3, 2), [], [session], LATER)).occupied_minutes == 30
    assert total(figures_of(place, date(2026, 3, 3), [], [session], LATER)).occupied_minutes == 120


def test_the_days_of_the_clock_changes_have_23_and_25_hours() -> None:
    place = a_location()
    spring = figures_of(place, date(2026, 3, 29), [], [], LATER)
    autumn = figures_of(place, date(2026, 10, 25), [], [], LATER)
    assert (spring[2].capacity_minutes, spring[3].capacity_minutes) == (0, 120), "there is no 02:30 that night"
    assert (autumn[2].capacity_minutes, autumn[3].capacity_minutes) == (240, 120), "02:30 comes twice"
    assert (total(spring).capacity_minutes, total(autumn).capacity_minutes) == (23 * 120, 25 * 120)


def test_blocked_times_and_removed_chargers_are_no_capacity() -> None:
    place, begin = a_location(evses=3), datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    removed = replace(place.evses[2], status=EvseStatus.REMOVED.value)
    one = BlockedTime(uuid.uuid4(), place.evses[0].id, begin, begin + timedelta(hours=1), "Inspection")
    whole = BlockedTime(uuid.uuid4(), None, begin + timedelta(hours=2), begin + timedelta(hours=3), "Market")
    place = replace(place, evses=(*place.evses[:2], removed), blocked=(one, whole))
    figures = figures_of(place, date(2026, 3, 2), [], [], LATER)
    assert [figures[hour].capacity_minutes for hour in (9, 10, 11, 12, 13)] == [120, 60, 120, 0, 120]


def test_of_today_only_what_is_over_counts() -> None:
    place = a_location()
    begin, _ = day_period(date(2026, 3, 2), place.time_zone)
    now = begin + timedelta(hours=2)
    figures = figures_of(place, date(2026, 3, 2), [], [(begin, begin + timedelta(hours=5))], now)
    assert (total(figures).occupied_minutes, total(figures).capacity_minutes) == (120, 240)


AMOUNTS = st.floats(0, 1e6).map(lambda value: round(value, 3))


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, AMOUNTS)), min_size=24, max_size=24))
def test_a_stored_day_is_read_as_it_was(hours: list[dict[str, float]]) -> None:
    day = [Figures(**values) for values in hours]
    assert of_stored(stored(day)) == day
