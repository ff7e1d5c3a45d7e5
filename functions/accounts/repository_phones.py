"""Every SQL statement of phone numbers and the codes that prove them."""

import uuid

import sqlalchemy as sa

from functions.accounts.domain import PhoneVerification
from functions.accounts.tables import phone_verification, user
from shared.db import for_update
from shared.tx import Tx


def replace(tx: Tx, verification: PhoneVerification) -> None:
    """Stores what is to be proven; an earlier number of the account that waited is forgotten. The account is locked."""
    delete(tx, verification.user_id)
    tx.execute(sa.insert(phone_verification).values(**vars(verification)))


def of_user(tx: Tx, user_id: uuid.UUID, *, lock: bool = False) -> PhoneVerification | None:
    """What an account has to prove; locked, as it is now and not as the transaction began."""
    statement = sa.select(phone_verification).where(phone_verification.c.user_id == user_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else PhoneVerification(**row._asdict())


def by_id(tx: Tx, verification_id: uuid.UUID) -> PhoneVerification | None:
    """One number that is to be proven."""
    row = tx.execute(sa.select(phone_verification).where(phone_verification.c.id == verification_id)).one_or_none()
    return None if row is None else PhoneVerification(**row._asdict())


def count_try(tx: Tx, user_id: uuid.UUID) -> None:
    """Counts a wrong code."""
    statement = sa.update(phone_verification).where(phone_verification.c.user_id == user_id)
    tx.execute(statement.values(tries=phone_verification.c.tries + 1))


def delete(tx: Tx, user_id: uuid.UUID) -> None:
    """Forgets what an account had to prove."""
    tx.execute(sa.delete(phone_verification).where(phone_verification.c.user_id == user_id))


def release(tx: Tx, number: str, *, but: uuid.UUID) -> list[uuid.UUID]:
    """Takes a proven number off every other account. Returns whose they are."""
    ids = list(tx.execute(for_update(_holders(number, but=but), tx.conn)).scalars())
    if ids:
        tx.execute(sa.update(user).where(user.c.id.in_(ids)).values(phone=None, phone_verified_at=None))
    return ids


def holders(tx: Tx, number: str, *, but: uuid.UUID) -> list[uuid.UUID]:
    """Whose proven number this is, beside `but`; not locked."""
    return list(tx.execute(_holders(number, but=but)).scalars())


def _holders(number: str, *, but: uuid.UUID) -> sa.Select[tuple[uuid.UUID]]:
    columns = user.c
    held = sa.select(columns.id).where(columns.phone == number, columns.phone_verified_at.is_not(None), columns.id != but)
    return held.order_by(columns.id)
