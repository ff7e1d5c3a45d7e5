"""The SQL statement that locks a driver and reads what a booking asks of them."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from functions.accounts.domain import Vehicle
from functions.accounts.legal_texts import Document
from functions.accounts.tables import consent, user, vehicle
from shared.nested import nested
from shared.precompiled import Precompiled
from shared.tx import Tx

_CONSENTS = (
    sa.select(sa.func.count())
    .select_from(consent)
    .where(
        consent.c.user_id == user.c.id,
        consent.c.document == Document.TERMS.value,
        consent.c.version == sa.bindparam("version"),
    )
    .scalar_subquery()
)
_VEHICLE = nested(sa.select(vehicle).where(vehicle.c.user_id == user.c.id, vehicle.c.id == sa.bindparam("vehicle_id")))


class DriverRow(NamedTuple):
    """What the statement found."""

    consents: int
    vehicle: Vehicle | None
    belongings: list[Any]


def locking(children: Callable[[sa.ColumnElement[uuid.UUID]], sa.Select[Any]]) -> Precompiled:
    """The statement that locks a driver's row alone and reads what belongs to them: `children`, by the id's column."""
    read = (_CONSENTS.label("consents"), _VEHICLE.label("vehicles"), nested(children(user.c.id)).label("belongings"))
    return Precompiled(sa.select(*read).where(user.c.id == sa.bindparam("user_id")).with_for_update())


def lock(tx: Tx, statement: Precompiled, **values: Any) -> DriverRow | None:
    """Sends such a statement; None where there is no such account."""
    for row in tx.rows(statement, **values):
        vehicles = [Vehicle(**each._asdict() | {"standards": tuple(each.standards)}) for each in row.vehicles]
        return DriverRow(row.consents, vehicles[0] if vehicles else None, row.belongings)
    return None
