"""What decisions saved and cost in time: minutes until a driver is charged, against the nearest way to charge."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from functions.optimizer import repository
from functions.optimizer.domain import ChargeRequestStatus, Offer
from functions.optimizer.serving import Decision
from shared.tx import Tx


@dataclass(frozen=True)
class DecisionFigures:
    """What was decided within a time; minutes are means over the decisions that gave a slot, None where there are none."""

    decided: int
    """Decisions that gave a slot."""
    wait_minutes: float | None
    """From the arrival to the start."""
    saved_minutes: float | None
    """How much earlier charging is over than at the nearest place; below 0 where something else was worth more."""
    saved_hours: float
    """Their sum."""


def minutes_of(decision: Decision, rank: int) -> dict[str, float]:
    """What is kept of the row of a rank beside the decision itself: columns of the charge request, minutes."""
    row, nearest, rows = int(decision.ranking.order[rank]), decision.nearest_row(), decision.rows
    done = rows.begin_min[0] + rows.duration_min[0]
    return {
        "wait_minutes": round(float(rows.wait_min[0, row]), 1),
        "saved_minutes": round(float(done[nearest] - done[row]), 1),
    }


def of_other_offer(saved_minutes: float | None, held: Offer, taken: Offer) -> dict[str, float | None]:
    """The same, where the driver takes another offer than the one held."""
    later = ((taken.start - held.start).total_seconds() / 60) + taken.duration_minutes - held.duration_minutes
    saved = None if saved_minutes is None else round(saved_minutes - later, 1)
    return {"wait_minutes": round(taken.wait_minutes, 1), "saved_minutes": saved}


def between(*, tx: Tx, since: datetime, until: datetime, user_id: uuid.UUID | None = None) -> DecisionFigures:
    """Of the decisions made in [since, until), of all or of one driver."""
    decided, waited, saved = repository.minutes_between(tx, since, until, user_id=user_id)
    return DecisionFigures(
        decided=decided,
        wait_minutes=round(waited / decided, 1) if decided else None,
        saved_minutes=round(saved / decided, 1) if decided else None,
        saved_hours=round(saved / 60, 1),
    )


def count_waiting(*, tx: Tx) -> int:
    """How many charge requests are not decided."""
    return repository.count_in(tx, [ChargeRequestStatus.QUEUED.value])
