"""A person's part in running locations that are others', when they ask for a copy of their data or leave: export, erase."""

import uuid

from functions.stations import repository_staff
from functions.stations.domain import Staff
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID, email: str) -> list[Staff]:
    """Where they were asked to help, and help."""
    return repository_staff.of_person(tx, user_id, email.lower())


def erase(*, tx: Tx, user_id: uuid.UUID, email: str) -> None:
    """Forgets that they were asked to help, or did."""
    repository_staff.erase(tx, user_id, email.lower())
