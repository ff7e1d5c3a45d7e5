"""A person's postings, when they ask for a copy of their data or leave: export, pseudonymise."""

import uuid
from typing import Any

from functions.payments.ledger import repository
from functions.payments.ledger.domain import credit_account, driver_account, owner_account
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every posting of a user's accounts, the latest stored first."""
    party = repository.find_party(tx, user_id)
    accounts = [owner_account(user_id)]
    if party is not None:
        accounts += [driver_account(party), credit_account(party)]
    return [vars(posting) for account in accounts for posting in repository.of_account(tx, account)]


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Gives what a user owed and paid to a random id that stands for nobody. An owner's account keeps the id: it is that of
    whoever sold."""
    repository.pseudonymise(tx, user_id, pseudonym)
