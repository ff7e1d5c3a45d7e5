"""The booking state machine over every pair of states, and slots."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.booking.domain import INITIAL, ReservationStatus, check_period, check_transition, end_of, missed_at
from functions.stations.domain import BookingTerms
from shared.energy import session_energy, session_minutes
from shared.errors import Invalid, WrongState
from shared.slots import slot_after, slot_of, slot_start, slots_of

S = ReservationStatus
# The diagram of OCPI 2.3.0 Bookings, written out by hand.
ALLOWED = {
    (S.PENDING, S.RESERVED),
    (S.PENDING, S.REJECTED),
    (S.PENDING, S.FAILED),
    (S.PENDING, S.CANCELED),
    (S.RESERVED, S.FULFILLED),
    (S.RESERVED, S.CANCELED),
    (S.RESERVED, S.NO_SHOW),
}

instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@pytest.mark.parametrize(("old", "new"), list(product(S, S)), ids=lambda status: status.value)
def test_every_pair_of_states(old: ReservationStatus, new: ReservationStatus) -> None:
    if (old, new) in ALLOWED:
        check_transition(old, new)
    else:
        with pytest.raises(WrongState, match=f"{old} booking cannot become {new}"):
            check_transition(old, new)


def test_a_booking_begins_in_the_states_of_ocpi() -> None:
    assert {S.PENDING, S.RESERVED, S.REJECTED, S.FAILED} == INITIAL


@given(instants)
def test_the_slot_of_an_instant_holds_it(at: datetime) -> None:
    begin = slot_start(slot_of(at))
    assert begin <= at < begin + timedelta(minutes=5)
    assert begin.minute % 5 == 0
    assert begin.second == 0


@given(instants)
def test_the_slot_after_begins_no_earlier(at: datetime) -> None:
    begin = slot_start(slot_after(at))
    assert at <= begin < at + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("10:00:01", "11:00:00", "start"),
        ("10:00:00", "10:59:00.5", "end"),
        ("11:00:00", "10:00:00", "end"),
        ("10:00:00", "10:00:00", "end"),
    ],
)
def test_a_period_that_is_not_whole_minutes_names_the_field(start: str, end: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_period(*(datetime.fromisoformat(f"2026-03-02T{at}+00:00") for at in (start, end)))
    assert [item.field for item in caught.value.fields] == [field]


@pytest.mark.parametrize(
    ("start", "end", "first", "stop"),
    [("10:00", "11:00", "10:00", "11:00"), ("10:01", "10:31", "10:00", "10:35"), ("10:04", "10:05", "10:00", "10:05")],
)
def test_a_period_holds_the_slots_that_it_touches(start: str, end: str, first: str, stop: str) -> None:
    begin, until, since, to = (datetime.fromisoformat(f"2026-03-02T{at}+00:00") for at in (start, end, first, stop))
    slots = check_period(begin, until)
    assert (slot_start(slots.start), slot_start(slots.stop)) == (since, to)
    assert slots == slots_of(begin, until)


@pytest.mark.parametrize(("minutes", "whole"), [(0.1, 1), (15, 15), (15.01, 16), (60.0000000001, 60)])
def test_sessions_take_whole_minutes(minutes: float, whole: int) -> None:
    start = datetime(2026, 3, 2, 10, 1, tzinfo=UTC)
    assert end_of(start, minutes) == start + timedelta(minutes=whole)


@given(st.floats(0.5, 100), st.floats(3, 350), st.floats(3, 350))
def test_energy_and_minutes_are_each_others_inverse(kwh: float, evse_kw: float, vehicle_kw: float) -> None:
    assert session_energy(session_minutes(kwh, evse_kw, vehicle_kw), evse_kw, vehicle_kw) == pytest.approx(kwh)


@pytest.mark.parametrize(
    ("end", "since", "missed"),
    [
        ("11:00", "09:00", "10:15"),
        ("10:05", "09:00", "10:05"),
        ("10:05", "10:00", "10:05"),
        ("10:05", "10:04", "10:19"),
        ("11:00", "10:04", "10:19"),
    ],
)
def test_a_booking_is_missed_after_the_terms_time_or_at_its_end(end: str, since: str, missed: str) -> None:
    start, until, told, at = (datetime.fromisoformat(f"2026-03-02T{time}+00:00") for time in ("10:00", end, since, missed))
    assert missed_at(BookingTerms(), start, until, told) == at


def test_terms_at_the_default_store_no_least_that_code_of_before_refuses() -> None:
    assert "min_booking_minutes" not in BookingTerms().stored()
    assert BookingTerms(min_booking_minutes=15).stored()["min_booking_minutes"] == 15
    for minutes in (5, 15):
        terms = BookingTerms(min_booking_minutes=minutes)
        assert BookingTerms.model_validate(terms.stored()) == terms
