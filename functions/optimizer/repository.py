"""Every SQL statement of the optimizer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.optimizer.domain import ChargeRequest, ChargeRequestStatus
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.tables import charge_request, decision
from shared.db import for_update
from shared.tx import Tx


def _charge_request(row: sa.Row[Any]) -> ChargeRequest:
    values = row._asdict()
    needs = ChargingNeeds.model_validate(values.pop("wish"))
    return ChargeRequest(**values | {"status": ChargeRequestStatus(values["status"]), "needs": needs})


def insert(
    tx: Tx,
    *,
    request_id: uuid.UUID,
    user_id: uuid.UUID,
    vehicle_id: uuid.UUID | None,
    needs: ChargingNeeds,
    expected_by: datetime,
) -> None:
    """Stores a new charge request, QUEUED."""
    tx.execute(
        sa.insert(charge_request),
        {
            "id": request_id,
            "user_id": user_id,
            "vehicle_id": vehicle_id,
            "status": ChargeRequestStatus.QUEUED.value,
            "wish": needs.model_dump(mode="json"),
            "expected_by": expected_by,
            "created_at": tx.now,
            "updated_at": tx.now,
        },
    )


def get(tx: Tx, request_id: uuid.UUID, *, lock: bool = False) -> ChargeRequest | None:
    """One charge request, locked where asked."""
    statement = sa.select(charge_request).where(charge_request.c.id == request_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _charge_request(row)


def update(tx: Tx, request_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of one charge request."""
    tx.execute(sa.update(charge_request).where(charge_request.c.id == request_id).values(**values, updated_at=tx.now))


def of_user(tx: Tx, user_id: uuid.UUID, *, before: uuid.UUID | None, limit: int | None) -> list[ChargeRequest]:
    """A driver's charge requests, newest first, after the cursor."""
    table = charge_request
    statement = sa.select(table).where(table.c.user_id == user_id).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.id < before)
    return [_charge_request(row) for row in tx.execute(statement)]


def queued_before(tx: Tx, instant: datetime, *, limit: int) -> list[uuid.UUID]:
    """Ids of the charge requests that were stored before an instant and are not decided, oldest first."""
    table = charge_request.c
    statement = sa.select(table.id).where(table.status == ChargeRequestStatus.QUEUED.value, table.created_at < instant)
    return list(tx.execute(statement.order_by(table.created_at, table.id).limit(limit)).scalars())


def lock_in_status(tx: Tx, user_id: uuid.UUID, statuses: list[str]) -> list[uuid.UUID]:
    """Ids of a driver's charge requests in some states, locked in order of id."""
    table = charge_request.c
    statement = sa.select(table.id).where(table.user_id == user_id, table.status.in_(statuses)).order_by(table.id)
    return list(tx.execute(for_update(statement, tx.conn)).scalars())


def decisions_since(tx: Tx, since: datetime) -> list[tuple[str, str | None, int]]:
    """(policy, fallback, count) of the decisions made since an instant."""
    table = charge_request.c
    statement = (
        sa.select(table.policy, table.fallback, sa.func.count().label("decisions"))
        .where(table.decided_at >= since, table.policy.is_not(None))
        .group_by(table.policy, table.fallback)
    )
    return [(row.policy, row.fallback, row.decisions) for row in tx.execute(statement)]


def minutes_between(tx: Tx, since: datetime, until: datetime, *, user_id: uuid.UUID | None = None) -> tuple[int, float, float]:
    """(count, minutes waited, minutes saved) of the decisions in [since, until) that gave a slot."""
    table = charge_request.c
    statement = sa.select(
        sa.func.count().label("decided"),
        sa.func.coalesce(sa.func.sum(table.wait_minutes), 0.0).label("waited"),
        sa.func.coalesce(sa.func.sum(table.saved_minutes), 0.0).label("saved"),
    ).where(table.decided_at >= since, table.decided_at < until, table.saved_minutes.is_not(None))
    if user_id is not None:
        statement = statement.where(table.user_id == user_id)
    row = tx.execute(statement).one()
    return int(row.decided), float(row.waited), float(row.saved)


def count_in(tx: Tx, statuses: Sequence[str]) -> int:
    """How many charge requests are in some states."""
    count = sa.select(sa.func.count()).select_from(charge_request).where(charge_request.c.status.in_(statuses))
    return int(tx.execute(count).scalar_one())


def insert_decision(tx: Tx, request_id: uuid.UUID, record: dict[str, Any]) -> None:
    """Stores the whole decision on a charge request."""
    shadow = record["shadow"] or {}
    tx.execute(
        sa.insert(decision),
        {
            "charge_request_id": request_id,
            "challenger": shadow.get("version"),
            "agrees": shadow.get("agrees"),
            "record": record,
            "created_at": tx.now,
        },
    )


def get_decision(tx: Tx, request_id: uuid.UUID) -> tuple[dict[str, Any], datetime] | None:
    """The whole decision on a charge request, and when it was made."""
    row = tx.execute(
        sa.select(decision.c.record, decision.c.created_at).where(decision.c.charge_request_id == request_id)
    ).one_or_none()
    return None if row is None else (row.record, row.created_at)


@dataclass(frozen=True)
class StoredDecision:
    """A whole decision with what the driver needed."""

    charge_request_id: uuid.UUID
    needs: dict[str, Any]
    record: dict[str, Any]
    created_at: datetime


def oldest_decisions(tx: Tx, *, limit: int) -> list[StoredDecision]:
    """The first decisions by id, which are the oldest: ids rise in time."""
    statement = (
        sa.select(decision.c.charge_request_id, charge_request.c.wish, decision.c.record, decision.c.created_at)
        .join(charge_request, charge_request.c.id == decision.c.charge_request_id)
        .order_by(decision.c.charge_request_id)
        .limit(limit)
    )
    return [StoredDecision(row.charge_request_id, row.wish, row.record, row.created_at) for row in tx.execute(statement)]


def delete_decision(tx: Tx, request_id: uuid.UUID) -> None:
    """Forgets the whole decision on a charge request; its outcome stays with the request."""
    tx.execute(sa.delete(decision).where(decision.c.charge_request_id == request_id))


def delete_decisions(tx: Tx, request_ids: Sequence[uuid.UUID]) -> None:
    """Forgets many whole decisions."""
    tx.execute(sa.delete(decision).where(decision.c.charge_request_id.in_(request_ids)))


def shadowed_since(tx: Tx, challenger: str, since: datetime) -> tuple[int, int]:
    """How many decisions a challenger scored too since an instant, and in how many it chose the same."""
    table = decision.c
    agreed = sa.func.coalesce(sa.func.sum(sa.case((table.agrees.is_(True), 1), else_=0)), 0)
    statement = sa.select(sa.func.count().label("shadowed"), agreed.label("agreed")).where(
        table.challenger == challenger, table.created_at >= since
    )
    row = tx.execute(statement).one()
    return int(row.shadowed), int(row.agreed)
