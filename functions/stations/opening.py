"""Opening times: OCPI Hours in the location's local time, and which quarter hours are open."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from functions.stations.tariffs import LocalTime

if TYPE_CHECKING:
    import numpy as np

SLOT = timedelta(minutes=15)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _minutes(text: str, *, end: bool = False) -> int:
    hours, minutes = text.split(":")
    found = int(hours) * 60 + int(minutes)
    return 1440 if end and found == 0 else found


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
    [slots]."""
    import numpy as np

    if hours is None or (hours.twentyfourseven and not hours.exceptional_closings):
        return np.ones(slots, dtype=bool)
    last = SLOT - timedelta(minutes=1)
    step = timedelta(minutes=5)  # hours that begin inside a slot are seen at its thirds
    begin = slot0.astimezone(UTC)
    return np.array(
        [
            all(is_open(hours, time_zone, begin + SLOT * number + inside) for inside in (timedelta(0), step, 2 * step, last))
            for number in range(slots)
        ],
        dtype=bool,
    )
