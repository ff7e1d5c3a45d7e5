"""Opening times in local time: weeks, exceptions, days of 23 and 25 hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.stations.opening import Hours, is_open, open_slots
from shared.slots import SLOT, SLOT_MINUTES, SLOTS_A_DAY, SLOTS_AN_HOUR

ZONE = "Europe/Amsterdam"
WEEK = Hours.model_validate(
    {"regular_hours": [{"weekday": day, "period_begin": "07:00", "period_end": "23:00"} for day in range(1, 8)]}
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_no_hours_means_always_open() -> None:
    assert is_open(None, ZONE, at("2026-03-02T03:00+01:00"))
    assert open_slots(None, ZONE, at("2026-03-02T00:00+00:00"), SLOTS_A_DAY).all()


@pytest.mark.parametrize(("local", "opened"), [("06:59", False), ("07:00", True), ("22:59", True), ("23:00", False)])
def test_a_week_is_local(local: str, opened: bool) -> None:
    assert is_open(WEEK, ZONE, at(f"2026-03-02T{local}+01:00")) is opened
    assert is_open(WEEK, ZONE, at(f"2026-07-06T{local}+02:00")) is opened


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 16), ("2026-03-29", 16), ("2026-10-25", 16)])
def test_every_day_has_its_opening_hours_whatever_its_length(day: str, hours: int) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=UTC) - timedelta(hours=3)
    slots = open_slots(WEEK, ZONE, start, 30 * SLOTS_AN_HOUR)
    local_day = [
        slots[number] for number in range(len(slots)) if str((start + SLOT * number).astimezone(ZoneInfo(ZONE)).date()) == day
    ]
    assert sum(local_day) == hours * SLOTS_AN_HOUR


def test_the_skipped_hour_of_spring_cannot_be_open() -> None:
    night = Hours.model_validate({"regular_hours": [{"weekday": 7, "period_begin": "02:00", "period_end": "03:00"}]})
    slots = open_slots(night, ZONE, at("2026-03-28T23:00+00:00"), SLOTS_A_DAY)
    assert not slots.any(), "on 29 March 2026 02:00 to 03:00 does not exist"
    doubled = open_slots(night, ZONE, at("2026-10-24T22:00+00:00"), 25 * SLOTS_AN_HOUR)
    assert doubled.sum() == 2 * SLOTS_AN_HOUR, "on 25 October 2026 it comes twice"


def test_exceptions_beat_the_week_and_closings_beat_openings() -> None:
    hours = WEEK.model_copy(
        update={
            "exceptional_openings": Hours.model_validate(
                {"exceptional_openings": [{"period_begin": "2026-03-02T00:00:00Z", "period_end": "2026-03-02T06:00:00Z"}]}
            ).exceptional_openings,
            "exceptional_closings": Hours.model_validate(
                {"exceptional_closings": [{"period_begin": "2026-03-02T05:00:00Z", "period_end": "2026-03-02T12:00:00Z"}]}
            ).exceptional_closings,
        }
    )
    assert is_open(hours, ZONE, at("2026-03-02T04:00+00:00"))
    assert not is_open(hours, ZONE, at("2026-03-02T05:30+00:00"))
    assert not is_open(hours, ZONE, at("2026-03-02T11:00+00:00"))
    assert is_open(hours, ZONE, at("2026-03-02T12:00+00:00"))


def test_midnight_is_the_end_of_a_day() -> None:
    late = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "20:00", "period_end": "00:00"}]})
    assert is_open(late, ZONE, at("2026-03-02T23:59+01:00"))
    assert not is_open(late, ZONE, at("2026-03-03T00:00+01:00"))


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ({"regular_hours": [{"weekday": 8, "period_begin": "07:00", "period_end": "09:00"}]}, "weekday"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "08:00"}]}, "whole day"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "24:00", "period_end": "09:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "13:00 PM", "period_end": "20:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "seven", "period_end": "09:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": 7, "period_end": "09:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "07:60", "period_end": "09:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "22:00", "period_end": "06:00"}] * 26}, "at most 50"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "25:00"}]}, "local time"),
        (
            {
                "twentyfourseven": True,
                "regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "09:00"}],
            },
            "without a gap",
        ),
        ({"open": True}, "Extra inputs"),
    ],
)
def test_bad_hours_say_what_is_wrong(hours: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Hours.model_validate(hours)


def week_of(begin: str, end: str, days: range = range(1, 8)) -> Hours:
    return Hours.model_validate({"regular_hours": [{"weekday": day, "period_begin": begin, "period_end": end} for day in days]})


@pytest.mark.parametrize("end", ["23:59", "24:00", "00:00", "23:59:59", "24:00:00", "11:59 PM"])
def test_a_day_until_its_last_minute_joins_the_next(end: str) -> None:
    for start in ("2026-03-02T00:00+00:00", "2026-03-28T00:00+00:00", "2026-10-24T00:00+00:00"):
        assert open_slots(week_of("00:00", end), ZONE, at(start), 2 * 100).all()
    assert is_open(week_of("0:00", end), ZONE, at("2026-03-02T23:59:30+01:00"))


@pytest.mark.parametrize(("begin", "end"), [("22:00", "06:00"), ("22:00:00", "6:00"), ("10:00 PM", "6:00 a.m.")])
def test_hours_across_midnight_are_read_and_kept_by_days(begin: str, end: str) -> None:
    night = week_of(begin, end, range(7, 8))
    kept = [(item.weekday, item.period_begin, item.period_end) for item in night.regular_hours]
    assert kept == [(7, "22:00", "00:00"), (1, "00:00", "06:00")], "OCPI has no period across midnight, nor has older code"
    slots = open_slots(night, ZONE, at("2026-03-01T21:00+01:00"), 11 * SLOTS_AN_HOUR)
    open_hours = range(SLOTS_AN_HOUR, 9 * SLOTS_AN_HOUR)
    assert [number for number, is_open in enumerate(slots) if is_open] == list(open_hours), "Sunday 22:00 to Monday 06:00"
    assert Hours.model_validate(night.model_dump(mode="json")) == night


def test_lists_that_are_null_are_empty() -> None:
    hours = Hours.model_validate(
        {"twentyfourseven": None, "regular_hours": None, "exceptional_openings": None, "exceptional_closings": None}
    )
    assert hours == Hours()


def test_round_the_clock_may_be_said_twice_and_has_exceptions() -> None:
    closing = [{"period_begin": "2026-03-02T10:00:00Z", "period_end": "2026-03-02T11:00:00Z"}]
    week = [{"weekday": day, "period_begin": "00:00", "period_end": "23:59"} for day in range(1, 8)]
    hours = Hours.model_validate({"twentyfourseven": True, "regular_hours": week, "exceptional_closings": closing})
    assert (hours.twentyfourseven, hours.regular_hours) == (True, ())
    assert open_slots(hours, ZONE, at("2026-03-02T09:55+00:00"), 14).tolist() == [True, *[False] * 12, True]


def test_a_fault_beside_twentyfourseven_is_told_by_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        Hours.model_validate(
            {"twentyfourseven": True, "regular_hours": [{"weekday": 9, "period_begin": "1", "period_end": "2:00"}]}
        )
    assert [item["loc"] for item in caught.value.errors()] == [
        ("regular_hours", 0, "weekday"),
        ("regular_hours", 0, "period_begin"),
    ]


@settings(max_examples=100, deadline=None)
@given(begin=st.integers(0, 1439), end=st.integers(0, 1439), day=st.integers(1, 7), zone=st.sampled_from([ZONE, "UTC"]))
def test_a_period_of_any_ends_is_open_between_them(begin: int, end: int, day: int, zone: str) -> None:
    if begin == end != 0:
        return
    hours = week_of(f"{begin // 60}:{begin % 60:02}", f"{end // 60}:{end % 60:02}", range(day, day + 1))
    last = end if end not in (0, 1439) else 1440
    length = (last - begin) % 1440 or 1440
    monday = datetime(2026, 6, 1, tzinfo=ZoneInfo(zone))
    first = (day - 1) * 1440 + begin
    for minute in (first - 1, first, first + length - 1, first + length):
        inside = first <= minute < first + length
        assert is_open(hours, zone, monday + MINUTE * (minute % (7 * 1440))) is inside, minute


MINUTE = timedelta(minutes=1)


@st.composite
def plans(draw: st.DrawFn) -> Hours:
    """Hours of any shape: a week by the minute, openings and closings that begin and end anywhere."""
    week = []
    for day in range(1, 8):
        ends = sorted(draw(st.lists(st.integers(0, 1440), max_size=4, unique=True)))
        for begin, end in zip(ends[::2], ends[1::2], strict=False):
            until = "00:00" if end == 1440 else f"{end // 60:02}:{end % 60:02}"
            week.append({"weekday": day, "period_begin": f"{begin // 60:02}:{begin % 60:02}", "period_end": until})
    exceptions = {}
    for name in ("exceptional_openings", "exceptional_closings"):
        starts = draw(st.lists(st.tuples(st.integers(-60, 1500), st.integers(1, 300)), max_size=3))
        exceptions[name] = [
            {"period_begin": CHANGE + MINUTE * begin, "period_end": CHANGE + MINUTE * (begin + length)}
            for begin, length in starts
        ]
    always = draw(st.booleans()) if not week else False
    return Hours.model_validate({"twentyfourseven": always, "regular_hours": week} | exceptions)


CHANGE = at("2026-03-28T18:00+01:00")
"""Six hours before the day of 23 hours begins in Amsterdam."""


@settings(max_examples=60, deadline=None)
@given(hours=plans(), zone=st.sampled_from([ZONE, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]))
def test_a_slot_is_open_when_each_of_its_minutes_is(hours: Hours, zone: str) -> None:
    slots = open_slots(hours, zone, CHANGE, 25 * SLOTS_AN_HOUR)
    for number, slot_is_open in enumerate(slots):
        begin = CHANGE + SLOT * number
        assert slot_is_open == all(is_open(hours, zone, begin + MINUTE * minute) for minute in range(SLOT_MINUTES)), begin


def test_a_closing_of_seconds_closes_its_slot() -> None:
    closing = [{"period_begin": "2026-03-02T10:06:10Z", "period_end": "2026-03-02T10:06:50Z"}]
    hours = Hours.model_validate({"twentyfourseven": True, "exceptional_closings": closing})
    assert open_slots(hours, ZONE, at("2026-03-02T10:00+00:00"), 4).tolist() == [True, False, True, True]


def test_an_opening_joins_the_hours_of_the_day() -> None:
    hours = Hours.model_validate(
        {
            "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "18:05"}],
            "exceptional_openings": [{"period_begin": "2026-03-02T18:05:00+01:00", "period_end": "2026-03-02T18:29:30+01:00"}],
        }
    )
    slots = open_slots(hours, ZONE, at("2026-03-02T18:00+01:00"), 8).tolist()
    assert slots == [True] * 5 + [False] * 3, "the last half minute before 18:30 is closed"
