"""The booking state machine over every pair of states, and slots."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.booking.domain import INITIAL, ReservationStatus, check_period, check_transition
from shared.energy import session_energy, session_minutes
from shared.errors import Invalid, WrongState
from shared.slots import slot_after, slot_of, slot_start, whole_slots

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
    assert begin <= at < begin + timedelta(minutes=15)
    assert begin.minute % 15 == 0
    assert begin.second == 0


@given(instants)
def test_the_slot_after_begins_no_earlier(at: datetime) -> None:
    begin = slot_start(slot_after(at))
    assert at <= begin < at + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [("10:05", "11:00", "start"), ("10:00", "10:59", "end"), ("11:00", "10:00", "end"), ("10:00", "10:00", "end")],
)
def test_a_period_that_is_not_whole_slots_names_the_field(start: str, end: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_period(*(datetime.fromisoformat(f"2026-03-02T{at}:00+00:00") for at in (start, end)))
    assert [item.field for item in caught.value.fields] == [field]


def test_a_period_gives_its_slots() -> None:
    slots = check_period(datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC))
    assert len(slots) == 4
    assert slot_start(slots[0]) == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "slots"), [(0.1, 1), (15, 1), (15.01, 2), (45, 3), (46, 4)])
def test_sessions_take_whole_slots(minutes: float, slots: int) -> None:
    assert whole_slots(minutes) == slots


@given(st.floats(0.5, 100), st.floats(3, 350), st.floats(3, 350))
def test_energy_and_minutes_are_each_others_inverse(kwh: float, evse_kw: float, vehicle_kw: float) -> None:
    assert session_energy(session_minutes(kwh, evse_kw, vehicle_kw), evse_kw, vehicle_kw) == pytest.approx(kwh)
