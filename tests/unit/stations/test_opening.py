"""Opening times in local time: weeks, exceptions, days of 23 and 25 hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from functions.stations.opening import Hours, is_open, open_slots

ZONE = "Europe/Amsterdam"
WEEK = Hours.model_validate(
    {"regular_hours": [{"weekday": day, "period_begin": "07:00", "period_end": "23:00"} for day in range(1, 8)]}
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_no_hours_means_always_open() -> None:
    assert is_open(None, ZONE, at("2026-03-02T03:00+01:00"))
    assert open_slots(None, ZONE, at("2026-03-02T00:00+00:00"), 96).all()


@pytest.mark.parametrize(("local", "opened"), [("06:59", False), ("07:00", True), ("22:59", True), ("23:00", False)])
def test_a_week_is_local(local: str, opened: bool) -> None:
    assert is_open(WEEK, ZONE, at(f"2026-03-02T{local}+01:00")) is opened
    assert is_open(WEEK, ZONE, at(f"2026-07-06T{local}+02:00")) is opened


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 16), ("2026-03-29", 16), ("2026-10-25", 16)])
def test_every_day_has_its_opening_hours_whatever_its_length(day: str, hours: int) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=UTC) - timedelta(hours=3)
    slots = open_slots(WEEK, ZONE, start, 4 * 30)
    local_day = [
        slots[number]
        for number in range(len(slots))
        if str((start + timedelta(minutes=15 * number)).astimezone(ZoneInfo(ZONE)).date()) == day
    ]
    assert sum(local_day) == hours * 4


def test_the_skipped_hour_of_spring_cannot_be_open() -> None:
    night = Hours.model_validate({"regular_hours": [{"weekday": 7, "period_begin": "02:00", "period_end": "03:00"}]})
    slots = open_slots(night, ZONE, at("2026-03-28T23:00+00:00"), 96)
    assert not slots.any(), "on 29 March 2026 02:00 to 03:00 does not exist"
    doubled = open_slots(night, ZONE, at("2026-10-24T22:00+00:00"), 100)
    assert doubled.sum() == 8, "on 25 October 2026 it comes twice"


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
        ({"regular_hours": [{"weekday": 1, "period_begin": "22:00", "period_end": "06:00"}]}, "two periods"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "7:00", "period_end": "09:00"}]}, "local time"),
        ({"regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "25:00"}]}, "local time"),
        (
            {
                "twentyfourseven": True,
                "regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "09:00"}],
            },
            "empty",
        ),
        ({"open": True}, "Extra inputs"),
    ],
)
def test_bad_hours_say_what_is_wrong(hours: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Hours.model_validate(hours)
