"""How well the platform does, week by week: promises kept, what drivers say of it, time saved, and forecasts that came true."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from functions.booking import promises
from functions.booking.promises import WEEK, PromiseWeek
from functions.forecast import service as forecasts
from functions.forecast.service import Accuracy
from functions.optimizer import figures
from functions.optimizer.figures import DecisionFigures
from functions.ratings import service as ratings
from functions.ratings.domain import NOBODY, Standing
from shared.tx import Tx


@dataclass(frozen=True)
class EvaluatedWeek:
    """A week, Monday to Sunday in UTC."""

    promises: PromiseWeek
    """Of bookings by their start; its `week` is this one."""
    ratings: Standing
    """Of sessions by their end."""
    decisions: DecisionFigures
    """By when they were made."""
    forecasts: Accuracy
    """By the day they were for."""


def by_week(*, tx: Tx, weeks: int) -> list[EvaluatedWeek]:
    """The last so many weeks, the present one first. For administrators."""
    kept = promises.by_week(tx=tx, weeks=weeks)
    rated = ratings.by_week(tx=tx, since=kept[-1].week)
    evaluated = []
    for week in kept:
        since = datetime.combine(week.week, time(), UTC)
        evaluated.append(
            EvaluatedWeek(
                promises=week,
                ratings=rated.get(week.week, NOBODY),
                decisions=figures.between(tx=tx, since=since, until=since + WEEK),
                forecasts=forecasts.accuracy(tx=tx, since=since, until=since + timedelta(days=7)),
            )
        )
    return evaluated
