"""A driver's row, locked to decide on a booking of theirs, in one statement with what a booking asks of them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from functions.accounts import repository_drivers
from functions.accounts.consents import terms_changed
from functions.accounts.domain import Vehicle
from functions.accounts.legal_texts import Document, current
from shared.errors import NotFound
from shared.precompiled import Precompiled
from shared.tx import Tx

Children = Callable[[sa.ColumnElement[uuid.UUID]], sa.Select[Any]]
"""A SELECT of what belongs to the driver with the id in a column."""


@dataclass(frozen=True)
class LockedDriver:
    """What a booking asks of its driver, as it is now that nobody else decides on a booking of theirs."""

    has_accepted_terms: bool
    """Whether they accepted the present terms."""
    vehicle: Vehicle | None
    """The one asked for, where it is theirs."""
    belongings: list[Any]
    """The rows of the lock's own SELECT, in no order."""


class DriverLock:
    """A prepared statement that locks one driver and reads, beside what is of accounts, what a higher room keeps of them."""

    def __init__(self, children: Children) -> None:
        self._statement: Precompiled = repository_drivers.locking(children)

    def take(self, *, tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID | None, **values: Any) -> LockedDriver:
        """Locks the account's row until the transaction ends, as `service.lock_driver` does, and reads. `values` are those of
        the lock's own SELECT. Raises NotFound where there is no such account."""
        terms = current(tx.settings, Document.TERMS)
        values |= {"user_id": user_id, "vehicle_id": vehicle_id, "version": terms.version}
        row = repository_drivers.lock(tx, self._statement, **values)
        if row is None:
            raise NotFound(f"There is no account {user_id}.")
        return LockedDriver(row.consents > 0, row.vehicle, row.belongings)


def check_terms(*, tx: Tx, driver: LockedDriver) -> None:
    """Raises TermsChanged where the driver has not accepted the present terms: no booking without them."""
    if not driver.has_accepted_terms:
        raise terms_changed(current(tx.settings, Document.TERMS))
