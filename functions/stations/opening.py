"""Opening times: OCPI Hours in the location's local time, and which slots are open."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from shared.slots import SLOT, SLOT_MINUTES

if TYPE_CHECKING:
    import numpy as np


class TimeSpan(Protocol):
    """A stretch of time: an OCPI ExceptionalPeriod, or a time an owner blocked."""

    @property
    def period_begin(self) -> datetime:
        """Its first instant."""

    @property
    def period_end(self) -> datetime:
        """The first instant after it."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s*([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)
DAY_MINUTES = 1440


def _clock_minutes(text: str) -> tuple[int, int] | None:
    """The minute of the day that a time of the clock names, 0 to 1440, and its seconds; None where it names none."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if match[4].lower() == "p" else 0)
    if minutes > 59 or seconds > 59 or hours * 60 + minutes + (seconds > 0) > DAY_MINUTES:
        return None
    return hours * 60 + minutes, seconds


def _written(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _begin(value: Any) -> Any:
    """A begin as HH:MM. Raises ValueError."""
    read = _clock_minutes(value) if isinstance(value, str) else None
    if read is None or read[0] + (read[1] > 0) >= DAY_MINUTES:
        raise ValueError(f"{value!r} is not a local time such as 13:45")
    return _written(read[0] + (read[1] > 0))


def _end(value: Any) -> Any:
    """An end as HH:MM; 24:00, and 23:59 as most write the last minute of a day, are 00:00, the end of the day. Raises
    ValueError."""
    read = _clock_minutes(value) if isinstance(value, str) else None
    if read is None:
        raise ValueError(f"{value!r} is not a local time such as 13:45")
    minutes = read[0] + (read[1] == 59)
    return _written(0 if minutes >= DAY_MINUTES - 1 else minutes)


def _minutes(text: str, *, end: bool = False) -> int:
    hours, minutes = text.split(":")
    minutes_of_day = int(hours) * 60 + int(minutes)
    return DAY_MINUTES if end and minutes_of_day == 0 else minutes_of_day


class RegularHours(_Model):
    """OCPI RegularHours: weekday 1 (Monday) to 7, times as the world writes them (8:00, 08:00:00, 8:00 AM), kept as HH:MM;
    `period_end` 24:00, 23:59 or 00:00 is the end of the day, one before `period_begin` is on the next day."""

    weekday: int = Field(ge=1, le=7)
    period_begin: Annotated[str, BeforeValidator(_begin)]
    period_end: Annotated[str, BeforeValidator(_end)]

    @model_validator(mode="after")
    def _some_time(self) -> "RegularHours":
        if self.period_end == self.period_begin != "00:00":
            raise ValueError("period_end: must differ from period_begin; a whole day is 00:00 to 24:00")
        return self

    def days(self) -> tuple["RegularHours", ...]:
        """The period by days: two where it crosses midnight."""
        if _minutes(self.period_end, end=True) > _minutes(self.period_begin):
            return (self,)
        evening = RegularHours(weekday=self.weekday, period_begin=self.period_begin, period_end="00:00")
        return evening, RegularHours(weekday=self.weekday % 7 + 1, period_begin="00:00", period_end=self.period_end)


MAX_PERIODS = 50


def _by_days(periods: tuple[RegularHours, ...]) -> tuple[RegularHours, ...]:
    """Periods none of which crosses midnight, as OCPI has them and as they are stored. Raises ValueError."""
    split = tuple(part for period in periods for part in period.days())
    if len(split) > MAX_PERIODS:
        raise ValueError(f"must have at most {MAX_PERIODS} periods; one across midnight counts as two")
    return split


class ExceptionalPeriod(_Model):
    """OCPI ExceptionalPeriod."""

    period_begin: AwareDatetime
    period_end: AwareDatetime

    @model_validator(mode="after")
    def _ordered(self) -> "ExceptionalPeriod":
        if self.period_end <= self.period_begin:
            raise ValueError("period_end: must be after period_begin")
        return self


def _none_is(default: Any, taken: Any) -> BeforeValidator:
    """Takes null for the default; the document of what is sent says so, that of what is answered does not."""
    return BeforeValidator(lambda value: default if value is None else value, json_schema_input_type=taken | None)


Exceptions = Annotated[tuple[ExceptionalPeriod, ...], Field(max_length=200), _none_is((), tuple[ExceptionalPeriod, ...])]


class Hours(_Model):
    """OCPI Hours. What is null is as if it were left out."""

    twentyfourseven: Annotated[bool, _none_is(False, bool)] = False
    regular_hours: Annotated[
        tuple[RegularHours, ...],
        Field(max_length=MAX_PERIODS),
        AfterValidator(_by_days),
        _none_is((), tuple[RegularHours, ...]),
    ] = ()
    exceptional_openings: Exceptions = ()
    exceptional_closings: Exceptions = ()

    @model_validator(mode="before")
    @classmethod
    def _round_the_clock(cls, value: Any) -> Any:
        """Where twentyfourseven is true, a week without a gap says nothing more, and many write it."""
        if isinstance(value, dict) and value.get("twentyfourseven") is True and value.get("regular_hours"):
            try:
                week = cls.model_validate({"regular_hours": value["regular_hours"]})
            except ValidationError:
                return value  # and its faults are told by their places
            if not _open_over(week.regular_hours).all():
                raise ValueError("regular_hours: must be empty or without a gap where twentyfourseven is true")
            return {key: item for key, item in value.items() if key != "regular_hours"}
        return value


def is_open(hours: Hours | None, time_zone: str, instant: datetime) -> bool:
    """Whether the location is open at an instant. None means always. Closings win over openings, both over the week."""
    if hours is None:
        return True
    if any(item.period_begin <= instant < item.period_end for item in hours.exceptional_closings):
        return False
    if any(item.period_begin <= instant < item.period_end for item in hours.exceptional_openings):
        return True
    if hours.twentyfourseven:
        return True
    local = instant.astimezone(ZoneInfo(time_zone))
    now, weekday = local.hour * 60 + local.minute, local.isoweekday()
    return any(
        item.weekday == weekday and _minutes(item.period_begin) <= now < _minutes(item.period_end, end=True)
        for item in hours.regular_hours
    )


def open_slots(hours: Hours | None, time_zone: str, slot0: datetime, slots: int) -> "np.ndarray":
    """Which of `slots` slots from `slot0` (aligned) on are open from their first minute to their last: bool
    [slots]. A closing that touches a slot closes it; one second is enough."""
    import numpy as np

    begin = slot0.astimezone(UTC)
    opened = np.ones(slots, dtype=bool)
    if hours is None:
        return opened
    if not hours.twentyfourseven:
        zone = ZoneInfo(time_zone)
        places = _minutes_of_week([begin + SLOT * number for number in range(slots)], zone)
        opened = _open_over(hours.regular_hours)[places]
        for number in _touched(hours.exceptional_openings, begin, slots):
            opened[number] = all(
                _is_covered(hours, zone, begin + SLOT * number + timedelta(minutes=minute)) for minute in range(SLOT_MINUTES)
            )
    close(opened, begin, hours.exceptional_closings)
    return opened


def close(opened: "np.ndarray", slot0: datetime, periods: Iterable["TimeSpan"]) -> None:
    """Shuts every slot from `slot0` (aligned) on that one of `periods` touches, in place."""
    for number in _touched(periods, slot0, len(opened)):
        opened[number] = False


def _touched(periods: Iterable["TimeSpan"], begin: datetime, slots: int) -> list[int]:
    touched: set[int] = set()
    for item in periods:
        first, last = (item.period_begin - begin) // SLOT, -((begin - item.period_end) // SLOT)
        touched.update(range(max(0, first), min(slots, last)))
    return sorted(touched)


def _is_covered(hours: Hours, zone: ZoneInfo, minute: datetime) -> bool:
    """Whether the whole minute is open by the week or by an opening."""
    until = minute + timedelta(minutes=1)
    if any(item.period_begin <= minute and until <= item.period_end for item in hours.exceptional_openings):
        return True
    local = minute.astimezone(zone)
    now, weekday = local.hour * 60 + local.minute, local.isoweekday()
    return any(
        item.weekday == weekday and _minutes(item.period_begin) <= now < _minutes(item.period_end, end=True)
        for item in hours.regular_hours
    )


WEEK_MINUTES = 7 * 1440


def _minutes_of_week(instants: list[datetime], zone: ZoneInfo) -> "np.ndarray":
    import numpy as np

    local = (instant.astimezone(zone) for instant in instants)
    return np.array([(at.isoweekday() - 1) * 1440 + at.hour * 60 + at.minute for at in local], dtype=np.int64)


@lru_cache(maxsize=512)
def _open_over(regular: tuple[RegularHours, ...]) -> "np.ndarray":
    """By the minute of the week (Monday 00:00 is 0): whether the minutes of a slot from there on are all open."""
    import numpy as np

    minutes = np.zeros(WEEK_MINUTES, dtype=np.int64)
    for item in regular:
        day = (item.weekday - 1) * 1440
        minutes[day + _minutes(item.period_begin) : day + _minutes(item.period_end, end=True)] = 1
    sums = np.concatenate([[0], np.cumsum(np.concatenate([minutes, minutes[:SLOT_MINUTES]]))])
    opened: np.ndarray = sums[SLOT_MINUTES : SLOT_MINUTES + WEEK_MINUTES] - sums[:WEEK_MINUTES] == SLOT_MINUTES
    opened.flags.writeable = False
    return opened
