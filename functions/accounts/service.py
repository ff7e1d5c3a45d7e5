"""Use cases of accounts. None commits; passwords are hashed outside the transaction where one is open for writing."""

import uuid
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import (
    REFRESH_LIFETIME,
    Contact,
    Session,
    User,
    Vehicle,
    new_refresh_token,
    normalise_email,
    token_hash,
)
from functions.accounts.passwords import hash_password, verify_password
from functions.accounts.schemas import Register, Tokens, UserUpdate, VehicleCreate, VehicleUpdate
from shared.auth import LIFETIME, issue_access_token
from shared.db import new_id
from shared.errors import BadCredentials, EmailTaken, NotFound, Unauthenticated
from shared.platform import Platform
from shared.tx import Tx


def register(*, tx: Tx, register_in: Register, password_hash: str) -> User:
    """A new account of a driver or owner. Raises EmailTaken."""
    made = _new_user(
        tx, email=register_in.email, name=register_in.name, phone=register_in.phone, role=register_in.role,
        password_hash=password_hash,
    )  # fmt: skip
    if not repository.add_user(tx, made):
        raise EmailTaken()
    return made


def _new_user(tx: Tx, *, email: str, name: str, phone: str | None, role: str, password_hash: str) -> User:
    return User(
        id=new_id(),
        email=normalise_email(email),
        name=name,
        phone=phone,
        role=role,
        password_hash=password_hash,
        email_verified=False,
        created_at=tx.now,
    )


def ensure_user(*, tx: Tx, email: str, password: str, name: str, role: str, phone: str | None = None) -> User:
    """The account of `email`, made or brought to this password and role. For operators' commands, not for routes."""
    found = repository.user_by_email(tx, normalise_email(email))
    hashed = hash_password(password)
    if found is None:
        made = _new_user(tx, email=email, name=name, phone=phone, role=role, password_hash=hashed)
        repository.add_user(tx, made)
        tx.audit("user.create", object_type="user", object_id=made.id, after={"role": role})
        return made
    repository.update_user(tx, found.id, password_hash=hashed, role=role)
    tx.audit("user.role", object_type="user", object_id=found.id, before={"role": found.role}, after={"role": role})
    return get_user(tx=tx, user_id=found.id)


def log_in(*, platform: Platform, email: str, password: str) -> Tokens:
    """A new session. Raises BadCredentials, after the same work whether or not the account exists."""
    user = platform.read(lambda tx: repository.user_by_email(tx, normalise_email(email)))
    if not verify_password(password, user.password_hash if user else None) or user is None:
        raise BadCredentials()
    known = user
    return platform.transact(lambda tx: _open_session(tx, known, family_id=new_id()))


def _open_session(tx: Tx, user: User, *, family_id: uuid.UUID) -> Tokens:
    token = new_refresh_token()
    made = Session(
        id=new_id(),
        family_id=family_id,
        user_id=user.id,
        token_hash=token_hash(token),
        created_at=tx.now,
        expires_at=tx.now + REFRESH_LIFETIME,
        rotated_at=None,
        revoked_at=None,
    )
    repository.add_session(tx, made)
    access = issue_access_token(key=tx.settings.signing_key, user_id=user.id, role=user.role, session_id=family_id, now=tx.now)
    return Tokens(access_token=access, refresh_token=token, expires_in=int(LIFETIME.total_seconds()))


def refresh(*, tx: Tx, refresh_token: str) -> Tokens | None:
    """Rotates a refresh token. None where it was used before: its whole family is revoked then (the transaction must
    commit, so this is no exception). Raises BadCredentials for an unknown, expired or revoked one."""
    found = repository.session_by_hash(tx, token_hash(refresh_token))
    if found is None or found.revoked_at is not None or found.expires_at <= tx.now:
        raise BadCredentials("The refresh token is not good any more; log in.")
    if found.rotated_at is not None:
        repository.revoke_family(tx, found.family_id)
        return None
    user = repository.user_by_id(tx, found.user_id)
    if user is None:
        raise BadCredentials("The refresh token is not good any more; log in.")
    repository.rotate_session(tx, found.id)
    return _open_session(tx, user, family_id=found.family_id)


def log_out(*, tx: Tx) -> None:
    """Ends the caller's session: its refresh tokens are revoked."""
    if tx.actor.session_id is not None:
        repository.revoke_family(tx, tx.actor.session_id)


def get_user(*, tx: Tx, user_id: uuid.UUID | None) -> User:
    """An account. Raises NotFound."""
    found = repository.user_by_id(tx, user_id) if user_id is not None else None
    if found is None:
        raise NotFound("There is no such account.")
    return found


def get_me(*, tx: Tx) -> User:
    """The caller's account."""
    try:
        return get_user(tx=tx, user_id=tx.actor.id)
    except NotFound as error:
        raise Unauthenticated("This account no longer exists.") from error


def update_me(*, tx: Tx, update: UserUpdate) -> User:
    """Changes the caller's name or phone."""
    me = get_me(tx=tx)
    values = update.model_dump(exclude_unset=True)
    if values.get("name", "") is None:
        del values["name"]
    if values:
        repository.update_user(tx, me.id, **values)
    return get_me(tx=tx)


def get_contact(*, tx: Tx, user_id: uuid.UUID) -> Contact:
    """How to reach a user. Raises NotFound."""
    user = get_user(tx=tx, user_id=user_id)
    return Contact(user.id, user.email, user.phone, user.name, user.email_verified)


def get_vehicle(*, tx: Tx, user_id: uuid.UUID, vehicle_id: uuid.UUID) -> Vehicle:
    """A user's vehicle. Raises NotFound unless it is his."""
    found = repository.vehicle_by_id(tx, vehicle_id)
    if found is None or found.user_id != user_id:
        raise NotFound(f"There is no vehicle {vehicle_id}.")
    return found


def lock_driver(*, tx: Tx, user_id: uuid.UUID) -> None:
    """Locks the account's row until the transaction ends: the first lock of what counts against a driver's limits, so that
    two bookings of one driver are decided one after the other, wherever they are. Raises NotFound."""
    if not repository.lock_user(tx, user_id):
        raise NotFound(f"There is no account {user_id}.")


def _mine(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def list_vehicles(*, tx: Tx, after: uuid.UUID | None, limit: int) -> list[Vehicle]:
    """The caller's vehicles."""
    return repository.vehicles_of(tx, _mine(tx), after=after, limit=limit)


def add_vehicle(*, tx: Tx, vehicle_in: VehicleCreate, user_id: uuid.UUID | None = None) -> Vehicle:
    """A new vehicle of the caller (or, from an operator's command, of `user_id`)."""
    made = Vehicle(
        id=new_id(),
        user_id=user_id or _mine(tx),
        name=vehicle_in.name,
        plate=vehicle_in.plate,
        battery_kwh=vehicle_in.battery_kwh,
        consumption_kwh_per_km=vehicle_in.consumption_kwh_per_km,
        max_power_kw=vehicle_in.max_power_kw,
        standards=tuple(item.value for item in vehicle_in.standards),
        created_at=tx.now,
    )
    repository.add_vehicle(tx, made)
    return made


def update_vehicle(*, tx: Tx, vehicle_id: uuid.UUID, update: VehicleUpdate) -> Vehicle:
    """Changes one of the caller's vehicles; `plate: null` removes the plate, other nulls leave the field."""
    get_vehicle(tx=tx, user_id=_mine(tx), vehicle_id=vehicle_id)
    given: dict[str, Any] = update.model_dump(exclude_unset=True, mode="json")
    values = {name: value for name, value in given.items() if value is not None or name == "plate"}
    if values:
        repository.update_vehicle(tx, vehicle_id, **values)
    return get_vehicle(tx=tx, user_id=_mine(tx), vehicle_id=vehicle_id)


def delete_vehicle(*, tx: Tx, vehicle_id: uuid.UUID) -> None:
    """Removes one of the caller's vehicles."""
    get_vehicle(tx=tx, user_id=_mine(tx), vehicle_id=vehicle_id)
    repository.delete_vehicle(tx, vehicle_id)
