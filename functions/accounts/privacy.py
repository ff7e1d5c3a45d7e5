"""A person's account, when they ask for a copy of their data or leave: export, erase."""

import uuid
from typing import Any

from functions.accounts import repository, repository_consents, repository_phones, repository_preferences
from functions.accounts import repository_second_factor as factors
from functions.accounts.domain import User
from functions.accounts.user_management import check_administrator_left
from shared.errors import Unauthenticated
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> dict[str, Any]:
    """The parts of the account's export by name: identities, second factor, vehicles, sessions, audit entries about the person,
    the phone number that waits for its code, preferences, and the texts they accepted."""
    factor = factors.factor_of(tx, user_id)
    return {
        "second_factor": None
        if factor is None
        else {"confirmed_at": factor.confirmed_at, "recovery_codes_left": factors.codes_left(tx, user_id)},
        "consents": repository_consents.of_user(tx, user_id),
        "phone_to_confirm": repository_phones.of_user(tx, user_id),
        "preferences": repository_preferences.get(tx, user_id),
        "identities": repository.identities_of(tx, user_id),
        "vehicles": repository.vehicles_of(tx, user_id, after=None, limit=None),
        "sessions": repository.sessions_of(tx, user_id, alive=False, before=None, limit=None),
        "audit": repository.audit_about(tx, user_id),
    }


def lock_account(*, tx: Tx, seen: User) -> User:
    """The account, locked, if it is as it was when its password was given.

    Raises Conflict for the last administrator, Unauthenticated where the account has changed meanwhile.
    """
    administrators = repository.lock_administrators(tx) if seen.role == "admin" else set()
    check_administrator_left(administrators, seen.id, stays=False)
    user = repository.user_by_id(tx, seen.id, lock=True)
    if user is None or user.password_hash != seen.password_hash:
        raise Unauthenticated("The account has changed meanwhile; try again.")
    return user


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Keeps which texts were accepted for the bookings that stay, of nobody: not the address they came from."""
    repository_consents.pseudonymise(tx, user_id, pseudonym)


def erase(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes the account with all that hangs on it."""
    repository.erase_user(tx, user_id)
