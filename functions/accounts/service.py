"""Use cases of accounts: who somebody is, and their vehicles. None commits.

Beside it: sessions.py, second_factor.py, recovery.py (links), oidc.py (providers), user_management.py (administrators),
privacy.py.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from functions.accounts import consents, repository, repository_consents
from functions.accounts.domain import Contact, User, UserStatus, Vehicle, nobodys, normalise_email
from functions.accounts.events import AccountRegistered
from functions.accounts.passwords import hash_password
from functions.accounts.schemas import Register, UserUpdate, VehicleCreate, VehicleUpdate
from shared.db import new_id
from shared.errors import NotFound, Unauthenticated
from shared.tx import Tx


def register(*, tx: Tx, register_in: Register, password_hash: str) -> None:
    """Opens an account, or does as much work where the address has one, and leaves it to the e-mail to say which.

    Raises TermsChanged where other terms were accepted than the present ones. An account that nobody verified is nobody's yet:
    its figures are replaced. `functions/accounts/account_emails.py` writes.
    """
    email = normalise_email(register_in.email)
    values: dict[str, Any] = {
        "name": register_in.name,
        "phone": None,
        "phone_verified_at": None,
        "role": register_in.role,
        "password_hash": password_hash,
        "created_at": tx.now,
    }
    if not repository.replace_unverified(tx, email, **values):
        repository.add_user(tx, User(id=new_id(), email=email, email_verified=False, **values))
    consents.record_registration(tx=tx, email=email, accept_terms=register_in.accept_terms)
    tx.publish(AccountRegistered(email))


def ensure_user(
    *, tx: Tx, email: str, password: str, name: str, role: str, phone: str | None = None, accepts: bool = False
) -> User:
    """The account of `email`, made or brought to this password and role, verified and active; its sessions end. For
    operators' commands, not for routes: they vouch for address and phone, and with `accepts` for a new account's consents."""
    email, hashed = normalise_email(email), hash_password(password)
    user = repository.user_by_email(tx, email, lock=True)
    if user is None:
        user = User(
            id=new_id(),
            email=email,
            name=name,
            phone=phone,
            role=role,
            password_hash=hashed,
            email_verified=True,
            created_at=tx.now,
            phone_verified_at=None if phone is None else tx.now,
        )
        repository.add_user(tx, user)
        if accepts:
            consents.accept_for(tx=tx, user_ids=[user.id])
        tx.audit("user.create", object_type="user", object_id=user.id, after={"role": role})
        return user
    active = UserStatus.ACTIVE.value
    if not user.email_verified:
        repository.update_user(tx, user.id, **nobodys(email) | {"name": name})
        repository_consents.delete(tx, user.id)
    repository.update_user(tx, user.id, password_hash=hashed, role=role, email_verified=True, status=active)
    repository.revoke_sessions(tx, user.id, reason="operator")
    before, after = {"role": user.role, "status": user.status}, {"role": role, "status": active}
    tx.audit("user.role", object_type="user", object_id=user.id, before=before, after=after)
    return get_user(tx=tx, user_id=user.id)


def get_user(*, tx: Tx, user_id: uuid.UUID | None) -> User:
    """An account. Raises NotFound."""
    user = repository.user_by_id(tx, user_id) if user_id is not None else None
    if user is None:
        raise NotFound("There is no such account.")
    return user


def get_me(*, tx: Tx) -> User:
    """The caller's account."""
    try:
        return get_user(tx=tx, user_id=tx.actor.id)
    except NotFound as error:
        raise Unauthenticated("This account no longer exists.") from error


def update_me(*, tx: Tx, update: UserUpdate) -> User:
    """Changes the caller's name."""
    me = get_me(tx=tx)
    values = update.model_dump(exclude_unset=True)
    if values.get("name", "") is None:
        del values["name"]
    if values:
        repository.update_user(tx, me.id, **values)
    return get_me(tx=tx)


def find_contact(*, tx: Tx, user_id: uuid.UUID) -> Contact | None:
    """How to reach a user; None where the account has been deleted since."""
    user = repository.user_by_id(tx, user_id)
    if user is None:
        return None
    return Contact(user.id, user.email, user.phone, user.name, user.email_verified, user.phone_verified_at)


def get_vehicle(*, tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID) -> Vehicle:
    """A user's vehicle. Raises NotFound unless it is theirs."""
    vehicle = find_vehicle(tx=tx, user_id=user_id, vehicle_id=vehicle_id)
    if vehicle is None:
        raise NotFound(f"There is no vehicle {vehicle_id}.")
    return vehicle


def find_vehicle(*, tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID) -> Vehicle | None:
    """A user's vehicle; None unless it is theirs."""
    vehicle = repository.vehicle_by_id(tx, vehicle_id)
    return vehicle if vehicle is not None and vehicle.user_id == user_id else None


def lock_driver(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Locks the account's row until the transaction ends. Raises NotFound.

    It is the first lock of what counts against a driver's limits: two bookings of one driver are decided one after the other,
    wherever they are.
    """
    if not repository.lock_user(tx, user_id):
        raise NotFound(f"There is no account {user_id}.")


def lock_unless_suspended(*, tx: Tx, user_id: uuid.UUID) -> bool:
    """Locks an account's row until the transaction ends; False where it is suspended. One that is not there is not suspended:
    operators' commands load the locations of owners without an account."""
    user = repository.user_by_id(tx, user_id, lock=True)
    return user is None or user.status != UserStatus.SUSPENDED


def _caller_id(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def list_vehicles(*, tx: Tx, after: uuid.UUID | None, limit: int) -> list[Vehicle]:
    """The caller's vehicles."""
    return repository.vehicles_of(tx, _caller_id(tx), after=after, limit=limit)


def add_vehicle(*, tx: Tx, vehicle_in: VehicleCreate, user_id: uuid.UUID | None = None) -> Vehicle:
    """A new vehicle of the caller (or, from an operator's command, of `user_id`)."""
    vehicle = Vehicle(
        id=new_id(),
        user_id=user_id or _caller_id(tx),
        name=vehicle_in.name,
        plate=vehicle_in.plate,
        battery_kwh=vehicle_in.battery_kwh,
        consumption_kwh_per_km=vehicle_in.consumption_kwh_per_km,
        max_power_kw=vehicle_in.max_power_kw,
        standards=tuple(standard.value for standard in vehicle_in.standards),
        created_at=tx.now,
    )
    repository.add_vehicle(tx, vehicle)
    return vehicle


def update_vehicle(*, tx: Tx, vehicle_id: uuid.UUID, update: VehicleUpdate) -> Vehicle:
    """Changes one of the caller's vehicles; `plate: null` removes the plate, other nulls leave the field."""
    get_vehicle(tx=tx, user_id=_caller_id(tx), vehicle_id=vehicle_id)
    given: dict[str, Any] = update.model_dump(exclude_unset=True, mode="json")
    values = {name: value for name, value in given.items() if value is not None or name == "plate"}
    if values:
        repository.update_vehicle(tx, vehicle_id, **values)
    return get_vehicle(tx=tx, user_id=_caller_id(tx), vehicle_id=vehicle_id)


def delete_vehicle(*, tx: Tx, vehicle_id: uuid.UUID) -> None:
    """Removes one of the caller's vehicles."""
    get_vehicle(tx=tx, user_id=_caller_id(tx), vehicle_id=vehicle_id)
    repository.delete_vehicle(tx, vehicle_id)


def count_accounts(*, tx: Tx) -> dict[str, dict[str, int]]:
    """Accounts by role and status. For administrators."""
    return repository.count_users(tx)


def find_verified(*, tx: Tx, email: str) -> uuid.UUID | None:
    """The account whose proven address this is; None where there is none."""
    user = repository.user_by_email(tx, email)
    return user.id if user is not None and user.email_verified else None


def names_of(*, tx: Tx, user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What people call themselves, by account; those that are deleted are absent. For administrators."""
    return repository.names_of(tx, user_ids)
