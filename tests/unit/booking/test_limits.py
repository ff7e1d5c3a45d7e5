"""Limits: each at its exact edge, when it lifts, and that what is closed to the optimizer is what would be refused."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from functions.booking.limits import Car, Limits, OpenBooking
from functions.stations.domain import BookingTerms
from shared.errors import LimitReached
from shared.slots import SLOT_MINUTES, SLOTS_A_DAY, slot_after, slot_of, slot_start, slots_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HERE, THERE = uuid.UUID(int=1), uuid.UUID(int=2)
CAR, OTHER_CAR, SAME_PLATE = Car(uuid.UUID(int=11), "AB12CD"), Car(uuid.UUID(int=12)), Car(uuid.UUID(int=13), "AB12CD")
UNNAMED = Car()
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


def booked(
    start: datetime, minutes: int = 60, *, at: uuid.UUID = HERE, car: Car = OTHER_CAR, held: bool = False
) -> OpenBooking:
    end = start + timedelta(minutes=minutes)
    return OpenBooking(uuid.uuid4(), at, car, start, end, end, held)


def limits(*bookings: OpenBooking, now: datetime = NOW, horizon: int = 90, count: int = 20) -> Limits:
    return Limits(now, bookings, horizon, count, max_held=2)


def refused(
    bounds: Limits,
    start: datetime,
    minutes: int = 60,
    *,
    terms: BookingTerms | None = None,
    car: Car = UNNAMED,
    moved: bool = False,
) -> LimitReached | None:
    bounds = replace(bounds, car=car)
    return bounds.refusal(terms or BookingTerms(), HERE, start, start + timedelta(minutes=minutes), moved=moved)


def details(error: LimitReached | None) -> tuple[object, ...]:
    assert error is not None
    return tuple(error.details[name] for name in ("limit", "value", "scope", "lifts_at"))


def test_the_horizon_is_open_to_its_last_instant_and_lifts_to_the_second() -> None:
    terms = BookingTerms(booking_horizon_days=14)
    assert refused(limits(), NOW + 14 * DAY, terms=terms) is None
    error = refused(limits(), NOW + 14 * DAY + QUARTER, terms=terms)
    assert details(error) == ("booking_horizon_days", 14, "location", "2026-03-02T08:15:00+00:00")
    assert refused(limits(now=NOW + QUARTER - timedelta(seconds=1)), NOW + 14 * DAY + QUARTER, terms=terms) is not None
    assert refused(limits(now=NOW + QUARTER), NOW + 14 * DAY + QUARTER, terms=terms) is None, "at lifts_at it is taken"


def test_the_platforms_horizon_holds_where_a_location_allows_more() -> None:
    terms = BookingTerms(booking_horizon_days=365)
    assert refused(limits(horizon=90), NOW + 90 * DAY, terms=terms) is None
    error = refused(limits(horizon=90), NOW + 90 * DAY + QUARTER, terms=terms)
    assert details(error)[:3] == ("booking_horizon_days", 90, "platform")


def test_notice_is_wanted_to_the_minute() -> None:
    terms = BookingTerms(min_lead_minutes=30)
    assert refused(limits(), NOW + 2 * QUARTER, terms=terms) is None
    error = refused(limits(now=NOW + timedelta(seconds=1)), NOW + 2 * QUARTER, terms=terms)
    assert details(error) == ("min_lead_minutes", 30, "location", "2026-03-02T08:35:00+00:00")
    assert refused(limits(), NOW) is None, "no notice is wanted unless the terms say so"


def test_durations_are_within_the_terms_and_never_lift() -> None:
    terms = BookingTerms(min_booking_minutes=30, max_booking_minutes=120)
    assert refused(limits(), NOW, 30, terms=terms) is None
    assert refused(limits(), NOW, 120, terms=terms) is None
    assert details(refused(limits(), NOW, 15, terms=terms)) == ("min_booking_minutes", 30, "location", None)
    assert details(refused(limits(), NOW, 135, terms=terms)) == ("max_booking_minutes", 120, "location", None)


def test_open_bookings_are_counted_here_and_in_all() -> None:
    terms = BookingTerms(open_bookings_per_driver=2)
    two = [booked(NOW + hours * 4 * QUARTER) for hours in (5, 3)]
    assert refused(limits(two[0], booked(NOW, at=THERE)), NOW, terms=terms) is None, "those elsewhere are no matter here"
    assert details(refused(limits(*two), NOW, terms=terms)) == (
        "open_bookings_per_driver",
        2,
        "location",
        "2026-03-02T12:00:00+00:00",
    )
    elsewhere = [booked(NOW + hours * 4 * QUARTER, at=THERE) for hours in (9, 7, 8)]
    error = refused(limits(*elsewhere, count=3), NOW, terms=terms)
    assert details(error) == ("open_bookings_per_driver", 3, "platform", "2026-03-02T16:00:00+00:00")
    assert refused(limits(*elsewhere, count=4), NOW, terms=terms) is None
    assert refused(limits(*elsewhere, count=3), NOW, terms=terms, moved=True) is None, "moving one adds none"


def test_room_comes_when_enough_have_ended_not_when_the_first_has() -> None:
    terms = BookingTerms(open_bookings_per_driver=2)  # lowered after four were made
    four = [booked(NOW + hours * 4 * QUARTER) for hours in (1, 2, 3, 4)]
    assert details(refused(limits(*four), NOW, terms=terms))[3] == "2026-03-02T12:00:00+00:00", (
        "three must end: the third at 12:00"
    )


def test_a_vehicle_is_in_one_place_at_a_time() -> None:
    ten = NOW + 8 * QUARTER
    busy = limits(booked(ten, 60, at=THERE, car=CAR), booked(ten + 5 * QUARTER, 30, at=THERE, car=CAR))
    assert refused(busy, ten - 4 * QUARTER, 60, car=CAR) is None, "it ends when the other begins"
    assert refused(busy, ten + 4 * QUARTER, 15, car=CAR) is None, "between the two is a quarter hour"
    assert refused(busy, ten, 60, car=OTHER_CAR) is None
    assert refused(busy, ten, 60) is None, "one that is not named is another"
    error = refused(busy, ten - QUARTER, 30, car=CAR)
    assert details(error) == ("one_vehicle_one_place", 1, "platform", "2026-03-02T11:45:00+00:00"), (
        "the gap at 11:00 is too short"
    )
    assert error is not None
    assert error.details["booking_id"] == str(busy.open_bookings[0].booking_id)
    free = datetime.fromisoformat(str(error.details["lifts_at"]))
    assert refused(busy, free, 30, car=CAR) is None
    assert refused(busy, free - QUARTER, 30, car=CAR) is not None


def test_two_vehicles_of_one_plate_are_one_car_and_one_that_is_not_named_is_another() -> None:
    busy = limits(booked(NOW, car=CAR))
    assert details(refused(busy, NOW, car=SAME_PLATE))[0] == "one_vehicle_one_place"
    assert refused(busy, NOW, car=UNNAMED) is None
    assert refused(busy, NOW, car=OTHER_CAR) is None, "without a plate it is by itself"
    assert details(refused(limits(booked(NOW, car=UNNAMED)), NOW, car=UNNAMED))[0] == "one_vehicle_one_place"


def test_no_more_offers_are_held_than_allowed_and_a_booking_is_not_kept_from_by_them() -> None:
    two = limits(booked(NOW, 15, held=True), booked(NOW, 30, held=True))
    error = refused(replace(two, holds=True), NOW + 8 * QUARTER)
    assert details(error) == ("pending_bookings_per_driver", 2, "platform", "2026-03-02T08:15:00+00:00")
    assert refused(two, NOW + 8 * QUARTER) is None
    one = limits(booked(NOW, 15, held=True), booked(NOW, 30))
    assert refused(replace(one, holds=True), NOW + 8 * QUARTER) is None


SLOTS = st.integers(0, SLOTS_A_DAY)
MINUTES = st.integers(0, 1440)
CARS = (CAR, OTHER_CAR, SAME_PLATE, UNNAMED)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Limits, BookingTerms]:
    now = NOW + timedelta(seconds=draw(st.integers(0, 899)))
    drawn = draw(
        st.lists(st.tuples(MINUTES, st.integers(1, 120), st.sampled_from((HERE, THERE)), st.sampled_from(CARS), st.booleans()))
    )
    bookings = [
        booked(NOW + timedelta(minutes=begin), minutes, at=at, car=car, held=held) for begin, minutes, at, car, held in drawn
    ]
    low = draw(st.integers(15, 60))
    terms = BookingTerms(
        min_lead_minutes=draw(st.integers(0, 180)),
        booking_horizon_days=1,
        min_booking_minutes=low,
        max_booking_minutes=draw(st.integers(low, 120)),
        open_bookings_per_driver=draw(st.integers(1, 100)),
    )
    bounds = limits(*bookings, now=now, count=draw(st.integers(1, 100)))
    return replace(bounds, car=draw(st.sampled_from(CARS)), holds=draw(st.booleans())), terms


def closed_and_refused(bounds: Limits, terms: BookingTerms, begin: datetime, minutes: int) -> tuple[bool, bool]:
    slots = slots_of(begin, begin + timedelta(minutes=minutes))
    closed = bounds.closed(terms, HERE, minutes=minutes)
    touches = any(since < slots.stop and until > slots.start for since, until in closed)
    return touches, bounds.refusal(terms, HERE, begin, begin + timedelta(minutes=minutes)) is not None


def on_slots(bounds: Limits) -> Limits:
    """The same where every booking begins and ends on a slot."""
    rounded = (
        replace(item, start=slot_start(slot_of(item.start)), end=slot_start(slot_after(item.end)))
        for item in bounds.open_bookings
    )
    return replace(bounds, open_bookings=tuple(rounded))


@given(world=worlds(), start=SLOTS.map(lambda slot: slot + 6), length=st.integers(1, 30))
@example(world=(limits(), BookingTerms(booking_horizon_days=1)), start=SLOTS_A_DAY, length=6)
@example(world=(limits(), BookingTerms(booking_horizon_days=1)), start=SLOTS_A_DAY + 1, length=3)
def test_what_is_closed_is_what_would_be_refused(world: tuple[Limits, BookingTerms], start: int, length: int) -> None:
    bounds, terms = world
    touches, is_refused = closed_and_refused(on_slots(bounds), terms, slot_start(slot_of(NOW) + start), length * SLOT_MINUTES)
    assert touches == is_refused


@given(world=worlds(), start=MINUTES, minutes=st.integers(1, 150))
def test_what_is_refused_is_closed_whatever_its_minute(world: tuple[Limits, BookingTerms], start: int, minutes: int) -> None:
    """Within the horizon: its last slot is open though its last minutes are not."""
    bounds, terms = world
    touches, is_refused = closed_and_refused(
        bounds, terms.model_copy(update={"booking_horizon_days": 14}), NOW + timedelta(minutes=start), minutes
    )
    assert touches or not is_refused
