"""Opening times: OCPI Hours in the location's local time, and which quarter hours are open."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Protocol
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from functions.tariffs.domain import LocalTime
from shared.slots import SLOT

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


def _minutes(text: str, *, end: bool = False) -> int:
    hours, minutes = text.split(":")
    minutes_of_day = int(hours) * 60 + int(minutes)
    return 1440 if end and minutes_of_day == 0 else minutes_of_day


class RegularHours(_Model):
    """OCPI RegularHours: weekday 1 (Monday) to 7; `period_end` 00:00 is the end of the day; no crossing of midnight."""

    weekday: int = Field(ge=1, le=7)
    period_begin: LocalTime
    period_end: LocalTime

    @model_validator(mode="after")
    def _ordered(self) -> "RegularHours":
        if _minutes(self.period_end, end=True) <= _minutes(self.period_begin):
            raise ValueError("period_end: must be after period_begin; write hours across midnight as two periods")
        return self


class ExceptionalPeriod(_Model):
    """OCPI ExceptionalPeriod."""

    period_begin: AwareDatetime
    period_end: AwareDatetime

    @model_validator(mode="after")
    def _ordered(self) -> "ExceptionalPeriod":
        if self.period_end <= self.period_begin:
            raise ValueError("period_end: must be after period_begin")
        return self


class Hours(_Model):
    """OCPI Hours."""

    twentyfourseven: bool = False
    regular_hours: Annotated[tuple[RegularHours, ...], Field(max_length=50)] = ()
    exceptional_openings: Annotated[tuple[ExceptionalPeriod, ...], Field(max_length=200)] = ()
    exceptional_closings: Annotated[tuple[ExceptionalPeriod, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "Hours":
        if self.twentyfourseven and self.regular_hours:
            raise ValueError("regular_hours: must be empty where twentyfourseven is true")
        return self


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
    """Which of `slots` quarter hours from `slot0` (aligned) on are open from their first minute to their last: bool
    [slots]. A closing that touches a slot closes it; one second is enough."""
    import numpy as np

    begin = slot0.astimezone(UTC)
    opened = np.ones(slots, dtype=bool)
    if hours is None:
        return opened
    if not hours.twentyfourseven:
        zone = ZoneInfo(time_zone)
        places = _minutes_of_week([begin + SLOT * number for number in range(slots)], zone)
        opened = _open_quarters(hours.regular_hours)[places]
        for number in _touched(hours.exceptional_openings, begin, slots):
            opened[number] = all(
                _is_covered(hours, zone, begin + SLOT * number + timedelta(minutes=minute)) for minute in range(15)
            )
    close(opened, begin, hours.exceptional_closings)
    return opened


def close(opened: "np.ndarray", slot0: datetime, periods: Iterable["TimeSpan"]) -> None:
    """Shuts every quarter hour from `slot0` (aligned) on that one of `periods` touches, in place."""
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
def _open_quarters(regular: tuple[RegularHours, ...]) -> "np.ndarray":
    """By the minute of the week (Monday 00:00 is 0): whether the fifteen minutes from there on are all open."""
    import numpy as np

    minutes = np.zeros(WEEK_MINUTES, dtype=np.int64)
    for item in regular:
        day = (item.weekday - 1) * 1440
        minutes[day + _minutes(item.period_begin) : day + _minutes(item.period_end, end=True)] = 1
    sums = np.concatenate([[0], np.cumsum(np.concatenate([minutes, minutes[:15]]))])
    quarters: np.ndarray = sums[15 : 15 + WEEK_MINUTES] - sums[:WEEK_MINUTES] == 15
    quarters.flags.writeable = False
    return quarters
