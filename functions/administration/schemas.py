"""Answers to administrators."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import Field

from functions.administration.evaluation import EvaluatedWeek
from functions.booking.schemas import PromiseWeek
from shared.web.fields import Output


class DeadLetter(Output):
    """A message that could not be delivered: where it was to go, what it says, how often it was tried and what failed."""

    id: uuid.UUID
    queue: str
    type: str
    payload: Any
    attempts: int
    last_error: str | None
    created_at: datetime


class AuditEntry(Output):
    """Who did what to which object, when and from which address; `before` and `after` hold what changed."""

    id: uuid.UUID
    at: datetime
    actor_id: uuid.UUID | None = Field(description="The account; null for the platform itself and operators' commands")
    actor_name: str | None = Field(None, description="What they call themselves now; null where the account is gone")
    actor_role: str = Field(examples=["owner"])
    action: str = Field(examples=["evse.remove"])
    object_type: str = Field(examples=["location"])
    object_id: uuid.UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None

    @classmethod
    def of(cls, entry: Any, names: Mapping[uuid.UUID, str]) -> "AuditEntry":
        """The answer for a row of the log; `names` by account."""
        name = None if entry.actor_id is None else names.get(entry.actor_id)
        return cls.model_validate(entry).model_copy(update={"actor_name": name})


class StationCountsOut(Output):
    """Locations and EVSEs by state, and what of them waits."""

    locations: dict[str, int] = Field(description="By state", examples=[{"APPROVED": 150, "SUBMITTED": 2}])
    evses: dict[str, int] = Field(description="Of approved locations, by state")
    changes_proposed: int = Field(description="Approved places of which a change of name or address waits")
    oldest_waiting_since: datetime | None = Field(description="Since when the first of those to be approved has waited")


class BookingCountsOut(Output):
    """How many bookings there are now."""

    held: int = Field(description="Offers that wait for their driver")
    reserved: int
    charging: int
    waiting_for_a_charger: int = Field(description="Reserved at EVSEs that cannot be used")


class OverviewOut(Output):
    """What there is and what waits, in numbers."""

    at: datetime
    accounts: dict[str, dict[str, int]] = Field(
        description="By role and status", examples=[{"driver": {"ACTIVE": 1200, "SUSPENDED": 3}}]
    )
    stations: StationCountsOut
    silent_feeds: int
    bookings: BookingCountsOut
    requests_waiting: int = Field(description="Charge requests that are not decided")
    ratings_reported: int
    messages_waiting: dict[str, int] = Field(description="By queue: due, and not left")
    dead_letters: dict[str, int] = Field(description="By queue")


class RatingsWeek(Output):
    """What drivers said of the sessions that ended in a week."""

    count: int
    average: float | None = Field(description="Stars; null: nobody has said anything")
    by_stars: dict[int, int]


class DecisionsWeek(Output):
    """Decisions of a week that gave a slot; minutes are means over them."""

    decided: int
    wait_minutes: float | None = Field(description="From the arrival to the start")
    saved_minutes: float | None = Field(
        description="How much earlier charging is over than at the nearest place; below 0 where something else was worth more"
    )
    saved_hours: float = Field(description="Their sum")


class ForecastsWeek(Output):
    """How right the forecasts for a week were."""

    forecasts: int
    brier: float | None = Field(description="Mean squared error of the chance that a point is free")
    rmse: float | None = Field(description="Root mean squared error of the occupancy")
    ece: float | None = Field(description="Expected calibration error of that chance")


class WeekOut(Output):
    """A week, Monday to Sunday in UTC."""

    week: date = Field(description="Its Monday")
    promises: PromiseWeek
    ratings: RatingsWeek
    decisions: DecisionsWeek
    forecasts: ForecastsWeek

    @classmethod
    def of(cls, week: EvaluatedWeek) -> "WeekOut":
        """The answer for a week."""
        rated = week.ratings
        return cls(
            week=week.promises.week,
            promises=PromiseWeek.model_validate(week.promises),
            ratings=RatingsWeek(count=rated.count, average=rated.average, by_stars=dict(rated.by_stars)),
            decisions=DecisionsWeek.model_validate(week.decisions),
            forecasts=ForecastsWeek.model_validate(week.forecasts),
        )


class Evaluation(Output):
    """How well the platform did, week by week, the present one first."""

    weeks: list[WeekOut]
