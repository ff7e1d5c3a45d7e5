"""Every SQL statement of accounts."""

import uuid
from typing import Any

import sqlalchemy as sa

from functions.accounts.domain import Session, User, Vehicle
from functions.accounts.tables import session, user, vehicle
from shared.db import for_update, insert_new
from shared.tx import Tx


def add_user(tx: Tx, made: User) -> bool:
    """Stores a new account; False where the address is taken."""
    return insert_new(tx.conn, user, **vars(made))


def user_by_email(tx: Tx, email: str) -> User | None:
    """The account of a normalised address."""
    row = tx.execute(sa.select(user).where(user.c.email == email)).one_or_none()
    return None if row is None else User(**row._asdict())


def user_by_id(tx: Tx, id: uuid.UUID) -> User | None:
    """One account."""
    row = tx.execute(sa.select(user).where(user.c.id == id)).one_or_none()
    return None if row is None else User(**row._asdict())


def update_user(tx: Tx, id: uuid.UUID, **values: Any) -> None:
    """Changes columns of an account."""
    tx.execute(sa.update(user).where(user.c.id == id).values(**values))


def add_session(tx: Tx, made: Session) -> None:
    """Stores a refresh token's hash."""
    tx.execute(sa.insert(session).values(**vars(made)))


def session_by_hash(tx: Tx, token_hash: str) -> Session | None:
    """The session of a refresh token, locked."""
    statement = sa.select(session).where(session.c.token_hash == token_hash)
    row = tx.execute(for_update(statement, tx.conn)).one_or_none()
    return None if row is None else Session(**row._asdict())


def rotate_session(tx: Tx, id: uuid.UUID) -> None:
    """Marks a refresh token as used."""
    tx.execute(sa.update(session).where(session.c.id == id).values(rotated_at=tx.now))


def revoke_family(tx: Tx, family_id: uuid.UUID) -> None:
    """Ends a log-in with everything it was rotated to."""
    statement = sa.update(session).where(session.c.family_id == family_id, session.c.revoked_at.is_(None))
    tx.execute(statement.values(revoked_at=tx.now))


def lock_user(tx: Tx, id: uuid.UUID) -> bool:
    """Locks an account's row; False where there is none."""
    return tx.execute(for_update(sa.select(user.c.id).where(user.c.id == id), tx.conn)).first() is not None


def add_vehicle(tx: Tx, made: Vehicle) -> None:
    """Stores a vehicle."""
    tx.execute(sa.insert(vehicle).values(**vars(made) | {"standards": list(made.standards)}))


def _vehicle(row: sa.Row[Any]) -> Vehicle:
    values = row._asdict()
    return Vehicle(**values | {"standards": tuple(values["standards"])})


def vehicle_by_id(tx: Tx, id: uuid.UUID) -> Vehicle | None:
    """One vehicle."""
    row = tx.execute(sa.select(vehicle).where(vehicle.c.id == id)).one_or_none()
    return None if row is None else _vehicle(row)


def vehicles_of(tx: Tx, user_id: uuid.UUID, *, after: uuid.UUID | None, limit: int) -> list[Vehicle]:
    """A driver's vehicles in order of creation, after the cursor."""
    statement = sa.select(vehicle).where(vehicle.c.user_id == user_id).order_by(vehicle.c.id).limit(limit)
    if after is not None:
        statement = statement.where(vehicle.c.id > after)
    return [_vehicle(row) for row in tx.execute(statement)]


def update_vehicle(tx: Tx, id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a vehicle."""
    tx.execute(sa.update(vehicle).where(vehicle.c.id == id).values(**values))


def delete_vehicle(tx: Tx, id: uuid.UUID) -> None:
    """Removes a vehicle; bookings keep the figures they were made with."""
    tx.execute(sa.delete(vehicle).where(vehicle.c.id == id))
