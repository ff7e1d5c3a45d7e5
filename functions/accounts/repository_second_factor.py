"""Every SQL statement of second factors and recovery codes."""

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from functions.accounts.domain import AccountToken, SecondFactor
from functions.accounts.tables import account_token, recovery_code, second_factor, session
from shared.db import for_update
from shared.tx import Tx


def factor_of(tx: Tx, user_id: uuid.UUID, *, lock: bool = False) -> SecondFactor | None:
    """An account's second factor, begun or confirmed."""
    statement = sa.select(second_factor).where(second_factor.c.user_id == user_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else SecondFactor(**row._asdict())


def replace_factor(tx: Tx, factor: SecondFactor) -> None:
    """Stores an account's factor in place of the one it has; recovery codes go with that."""
    erase(tx, factor.user_id)
    tx.execute(sa.insert(second_factor).values(**vars(factor)))


def update_factor(tx: Tx, user_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a factor."""
    tx.execute(sa.update(second_factor).where(second_factor.c.user_id == user_id).values(**values))


def replace_codes(tx: Tx, user_id: uuid.UUID, hashes: Iterable[str]) -> None:
    """Stores an account's recovery codes in place of those it has."""
    tx.execute(sa.delete(recovery_code).where(recovery_code.c.user_id == user_id))
    for code_hash in hashes:
        tx.execute(sa.insert(recovery_code).values(user_id=user_id, code_hash=code_hash, created_at=tx.now))


def use_code(tx: Tx, user_id: uuid.UUID, code_hash: str) -> bool:
    """Marks a recovery code as used; False where there is none good. One statement: of two one is first."""
    columns = recovery_code.c
    statement = sa.update(recovery_code).where(
        columns.user_id == user_id, columns.code_hash == code_hash, columns.used_at.is_(None)
    )
    return tx.execute(statement.values(used_at=tx.now)).rowcount == 1


def codes_left(tx: Tx, user_id: uuid.UUID) -> int:
    """How many recovery codes an account can still use."""
    columns = recovery_code.c
    statement = sa.select(sa.func.count()).where(columns.user_id == user_id, columns.used_at.is_(None))
    return int(tx.execute(statement).scalar_one())


def count_try(tx: Tx, challenge: AccountToken, *, tries: int, is_last: bool) -> None:
    """Records how many wrong codes a locked challenge has had, beside what else it holds; the last one ends it."""
    values: dict[str, Any] = {"data": challenge.data | {"tries": tries}} | ({"used_at": tx.now} if is_last else {})
    tx.execute(sa.update(account_token).where(account_token.c.id == challenge.id).values(**values))


def mark_session(tx: Tx, session_id: uuid.UUID, *, shown: bool) -> None:
    """Records that a factor was shown in a session, or that what was shown counts no more."""
    values = {"second_factor_at": tx.now if shown else None}
    tx.execute(sa.update(session).where(session.c.id == session_id).values(**values))


def erase(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes an account's factor and its recovery codes."""
    for table in (recovery_code, second_factor):
        tx.execute(sa.delete(table).where(table.c.user_id == user_id))
