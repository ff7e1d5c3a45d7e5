"""Every SQL statement of accounts: users, sessions, tokens, identities, vehicles."""

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from functions.accounts.domain import AccountSession, AccountToken, RefreshToken, User, UserStatus, Vehicle
from functions.accounts.tables import (
    account_token,
    consent,
    identity,
    old_session,
    phone_verification,
    recovery_code,
    refresh_token,
    second_factor,
    session,
    user,
    user_preference,
    vehicle,
)
from shared.audit import audit_entry
from shared.db import for_update, insert_new, is_duplicate
from shared.precompiled import Precompiled
from shared.tx import Tx
from shared.web.idempotency import idempotency_key


def add_user(tx: Tx, account: User) -> bool:
    """Stores a new account; False where the address is taken."""
    return insert_new(tx.conn, user, **vars(account))


def replace_unverified(tx: Tx, email: str, **values: Any) -> bool:
    """Changes the account of an address that nobody has verified; False where there is none."""
    statement = sa.update(user).where(user.c.email == email, user.c.email_verified.is_(False))
    return tx.execute(statement.values(**values)).rowcount == 1


def user_by_email(tx: Tx, email: str, *, lock: bool = False) -> User | None:
    """The account of a normalised address."""
    statement = sa.select(user).where(user.c.email == email)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else User(**row._asdict())


def user_by_id(tx: Tx, user_id: uuid.UUID, *, lock: bool = False) -> User | None:
    """One account."""
    statement = sa.select(user).where(user.c.id == user_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else User(**row._asdict())


def update_user(tx: Tx, user_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of an account."""
    tx.execute(sa.update(user).where(user.c.id == user_id).values(**values))


def change_email(tx: Tx, user_id: uuid.UUID, email: str) -> bool:
    """Gives an account another, verified address; False, and nothing changed, where it is taken."""
    try:
        update_user(tx, user_id, email=email, email_verified=True)
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):
            return False
        raise
    return True


def users(
    tx: Tx,
    *,
    role: str | None,
    status: str | None,
    email: str | None,
    words: str | None = None,
    after: uuid.UUID | None,
    limit: int,
) -> list[User]:
    """Accounts in order of creation, after the cursor; `email` is how the address begins, `words` stand in name or address."""
    statement = sa.select(user).order_by(user.c.id).limit(limit)
    for column, wanted in ((user.c.role, role), (user.c.status, status)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if email is not None:
        statement = statement.where(user.c.email.startswith(email, autoescape=True))
    if words is not None:
        names = (user.c.name.icontains(words, autoescape=True), user.c.email.icontains(words, autoescape=True))
        statement = statement.where(sa.or_(*names))
    if after is not None:
        statement = statement.where(user.c.id > after)
    return [User(**row._asdict()) for row in tx.execute(statement)]


def names_of(tx: Tx, user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What people call themselves, by account."""
    statement = sa.select(user.c.id, user.c.name).where(user.c.id.in_(sorted(set(user_ids))))
    return {row.id: row.name for row in tx.execute(statement)}


def count_users(tx: Tx) -> dict[str, dict[str, int]]:
    """Accounts by role and status."""
    by_role: dict[str, dict[str, int]] = {}
    statement = sa.select(user.c.role, user.c.status, sa.func.count().label("number")).group_by(user.c.role, user.c.status)
    for row in tx.execute(statement):
        by_role.setdefault(row.role, {})[row.status] = row.number
    return by_role


def lock_administrators(tx: Tx) -> set[uuid.UUID]:
    """The active administrators, locked in order of id: two who remove each other at once wait for one another."""
    statement = sa.select(user.c.id).where(user.c.role == "admin", user.c.status == UserStatus.ACTIVE.value).order_by(user.c.id)
    return set(tx.execute(for_update(statement, tx.conn)).scalars())


_STANDING = Precompiled(
    sa.select(user.c.role, user.c.status, session.c.second_factor_at)
    .join_from(session, user, user.c.id == session.c.user_id)
    .where(
        session.c.id == sa.bindparam("session_id"),
        session.c.user_id == sa.bindparam("user_id"),
        session.c.revoked_at.is_(None),
    )
)


def standing(tx: Tx, session_id: uuid.UUID, user_id: uuid.UUID) -> tuple[str, str, bool] | None:
    """(role, status) of the account while the session lives, and whether a second factor was shown in it: two primary keys in
    one read. None where either is gone."""
    for row in tx.rows(_STANDING, session_id=session_id, user_id=user_id):
        return row.role, row.status, row.second_factor_at is not None
    return None


def add_session(tx: Tx, opened: AccountSession) -> None:
    """Stores a log-in."""
    tx.execute(sa.insert(session).values(**vars(opened)))


def session_by_id(tx: Tx, session_id: uuid.UUID, *, lock: bool = False) -> AccountSession | None:
    """One session."""
    statement = sa.select(session).where(session.c.id == session_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else AccountSession(**row._asdict())


def sessions_of(
    tx: Tx, user_id: uuid.UUID, *, alive: bool, before: uuid.UUID | None, limit: int | None
) -> list[AccountSession]:
    """A user's sessions, newest first, after the cursor; `alive` leaves out those that have ended."""
    statement = sa.select(session).where(session.c.user_id == user_id).order_by(session.c.id.desc()).limit(limit)
    if alive:
        statement = statement.where(session.c.revoked_at.is_(None), session.c.expires_at > tx.now)
    if before is not None:
        statement = statement.where(session.c.id < before)
    return [AccountSession(**row._asdict()) for row in tx.execute(statement)]


def touch_session(tx: Tx, session_id: uuid.UUID, **values: Any) -> None:
    """Records that a session was used."""
    tx.execute(sa.update(session).where(session.c.id == session_id).values(last_used_at=tx.now, **values))


def revoke_session(tx: Tx, session_id: uuid.UUID, *, reason: str) -> None:
    """Ends a log-in with everything it was rotated to."""
    statement = sa.update(session).where(session.c.id == session_id, session.c.revoked_at.is_(None))
    tx.execute(statement.values(revoked_at=tx.now, revoked_for=reason))


def revoke_sessions(tx: Tx, user_id: uuid.UUID, *, reason: str, but: uuid.UUID | None = None) -> int:
    """Ends a user's log-ins, all of them or all but one. Returns how many."""
    statement = sa.update(session).where(session.c.user_id == user_id, session.c.revoked_at.is_(None))
    if but is not None:
        statement = statement.where(session.c.id != but)
    return tx.execute(statement.values(revoked_at=tx.now, revoked_for=reason)).rowcount


def add_refresh_token(tx: Tx, token: RefreshToken) -> None:
    """Stores a refresh token's hash."""
    tx.execute(sa.insert(refresh_token).values(**vars(token)))


def refresh_token_by_hash(tx: Tx, token_hash: str) -> RefreshToken | None:
    """A refresh token, locked."""
    statement = sa.select(refresh_token).where(refresh_token.c.token_hash == token_hash)
    row = tx.execute(for_update(statement, tx.conn)).one_or_none()
    return None if row is None else RefreshToken(**row._asdict())


def rotate(tx: Tx, refresh_token_id: uuid.UUID) -> None:
    """Marks a refresh token as used."""
    tx.execute(sa.update(refresh_token).where(refresh_token.c.id == refresh_token_id).values(rotated_at=tx.now))


def child_was_rotated(tx: Tx, parent: RefreshToken) -> bool:
    """Whether a token that was given for `parent` has been exchanged in turn. Its session is locked by the caller."""
    columns = refresh_token.c
    statement = sa.select(columns.id).where(
        columns.session_id == parent.session_id, columns.parent_id == parent.id, columns.rotated_at.is_not(None)
    )
    return tx.execute(statement.limit(1)).first() is not None


def add_token(tx: Tx, token: AccountToken) -> None:
    """Stores a token's hash."""
    tx.execute(sa.insert(account_token).values(**vars(token)))


def token_by_hash(tx: Tx, token_hash: str) -> AccountToken | None:
    """A token, locked: of two who bring it at once one is first."""
    statement = sa.select(account_token).where(account_token.c.token_hash == token_hash)
    row = tx.execute(for_update(statement, tx.conn)).one_or_none()
    return None if row is None else AccountToken(**row._asdict())


def token_by_id(tx: Tx, token_id: uuid.UUID) -> AccountToken | None:
    """A token's row."""
    row = tx.execute(sa.select(account_token).where(account_token.c.id == token_id)).one_or_none()
    return None if row is None else AccountToken(**row._asdict())


def count_tokens(tx: Tx, user_id: uuid.UUID, purpose: str, *, since: Any) -> int:
    """How many tokens of a purpose an account was given since an instant."""
    columns = account_token.c
    statement = sa.select(sa.func.count()).where(
        columns.user_id == user_id, columns.purpose == purpose, columns.created_at > since
    )
    return int(tx.execute(statement).scalar_one())


def use_token(tx: Tx, token_id: uuid.UUID) -> None:
    """Marks a token as used."""
    tx.execute(sa.update(account_token).where(account_token.c.id == token_id).values(used_at=tx.now))


def spend_tokens(tx: Tx, user_id: uuid.UUID) -> None:
    """Makes every open token of an account useless: an earlier link must not undo what was just done."""
    statement = sa.update(account_token).where(account_token.c.user_id == user_id, account_token.c.used_at.is_(None))
    tx.execute(statement.values(used_at=tx.now))


def identity_user(tx: Tx, issuer: str, subject: str) -> uuid.UUID | None:
    """Whose identity this is at a provider."""
    statement = sa.select(identity.c.user_id).where(identity.c.issuer == issuer, identity.c.subject == subject)
    user_id: uuid.UUID | None = tx.execute(statement).scalar()
    return user_id


def has_identity(tx: Tx, user_id: uuid.UUID, issuer: str) -> bool:
    """Whether an account is linked to somebody at a provider."""
    statement = sa.select(identity.c.subject).where(identity.c.user_id == user_id, identity.c.issuer == issuer)
    return tx.execute(statement).first() is not None


def add_identity(tx: Tx, issuer: str, subject: str, user_id: uuid.UUID) -> bool:
    """Links an account to somebody at a provider; False where that identity is linked already."""
    return insert_new(tx.conn, identity, issuer=issuer, subject=subject, user_id=user_id, created_at=tx.now)


_LOCK_USER = Precompiled(sa.select(user.c.id).where(user.c.id == sa.bindparam("user_id")).with_for_update())


def lock_user(tx: Tx, user_id: uuid.UUID) -> bool:
    """Locks an account's row; False where there is none."""
    return bool(tx.rows(_LOCK_USER, user_id=user_id))


def lock_users(tx: Tx, user_ids: Iterable[uuid.UUID]) -> None:
    """Locks the rows of several accounts in order of id, those that there are: two who need the same wait for one another."""
    statement = sa.select(user.c.id).where(user.c.id.in_(sorted(set(user_ids)))).order_by(user.c.id)
    tx.execute(for_update(statement, tx.conn)).all()


def add_vehicle(tx: Tx, added: Vehicle) -> None:
    """Stores a vehicle."""
    tx.execute(sa.insert(vehicle).values(**vars(added) | {"standards": list(added.standards)}))


def _vehicle(row: sa.Row[Any]) -> Vehicle:
    values = row._asdict()
    return Vehicle(**values | {"standards": tuple(values["standards"])})


def vehicle_by_id(tx: Tx, vehicle_id: uuid.UUID) -> Vehicle | None:
    """One vehicle."""
    row = tx.execute(sa.select(vehicle).where(vehicle.c.id == vehicle_id)).one_or_none()
    return None if row is None else _vehicle(row)


def vehicles_of(tx: Tx, user_id: uuid.UUID, *, after: uuid.UUID | None, limit: int | None) -> list[Vehicle]:
    """A driver's vehicles in order of creation, after the cursor."""
    statement = sa.select(vehicle).where(vehicle.c.user_id == user_id).order_by(vehicle.c.id).limit(limit)
    if after is not None:
        statement = statement.where(vehicle.c.id > after)
    return [_vehicle(row) for row in tx.execute(statement)]


def update_vehicle(tx: Tx, vehicle_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a vehicle."""
    tx.execute(sa.update(vehicle).where(vehicle.c.id == vehicle_id).values(**values))


def delete_vehicle(tx: Tx, vehicle_id: uuid.UUID) -> None:
    """Removes a vehicle; bookings keep the figures they were made with."""
    tx.execute(sa.delete(vehicle).where(vehicle.c.id == vehicle_id))


def identities_of(tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """What an account is linked to."""
    return [row._asdict() for row in tx.execute(sa.select(identity).where(identity.c.user_id == user_id))]


def audit_about(tx: Tx, user_id: uuid.UUID) -> list[dict[str, Any]]:
    """Audit entries of what a user did and of what was done to their account, in order."""
    columns = audit_entry.c
    about = sa.or_(columns.actor_id == user_id, sa.and_(columns.object_type == "user", columns.object_id == user_id))
    return [row._asdict() for row in tx.execute(sa.select(audit_entry).where(about).order_by(columns.id))]


def erase_user(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes an account and everything of it that this domain holds, stored answers of its calls too."""
    session_ids = sa.select(session.c.id).where(session.c.user_id == user_id)
    tx.execute(sa.delete(refresh_token).where(refresh_token.c.session_id.in_(session_ids)))
    held = (session, old_session, account_token, phone_verification, consent, identity, vehicle, recovery_code, second_factor)
    for table in (*held, user_preference, idempotency_key):
        tx.execute(sa.delete(table).where(table.c.user_id == user_id))
    tx.execute(sa.delete(user).where(user.c.id == user_id))


def prune(tx: Tx, *, sessions_before: Any, tokens_before: Any, unverified_before: Any, limit: int = 1000) -> int:
    """Deletes sessions, tokens and never verified accounts that ended before the instants. Returns how many rows."""
    ended = sa.select(session.c.id).where(session.c.expires_at < sessions_before).limit(limit)
    session_ids = list(tx.execute(ended).scalars())
    count = len(session_ids)
    if session_ids:
        tx.execute(sa.delete(refresh_token).where(refresh_token.c.session_id.in_(session_ids)))
        tx.execute(sa.delete(session).where(session.c.id.in_(session_ids)))
    count += tx.execute(sa.delete(old_session).where(old_session.c.expires_at < sessions_before)).rowcount
    count += tx.execute(sa.delete(account_token).where(account_token.c.expires_at < tokens_before)).rowcount
    count += tx.execute(sa.delete(phone_verification).where(phone_verification.c.expires_at <= tx.now)).rowcount
    in_use = sa.select(session.c.user_id).union(*(sa.select(table.c.user_id) for table in (old_session, vehicle, identity)))
    never_verified = sa.select(user.c.id).where(
        user.c.email_verified.is_(False), user.c.created_at < unverified_before, user.c.id.not_in(in_use)
    )
    user_ids = list(tx.execute(never_verified.limit(limit)).scalars())
    if user_ids:
        for table in (account_token, phone_verification, consent):
            tx.execute(sa.delete(table).where(table.c.user_id.in_(user_ids)))
        tx.execute(sa.delete(user).where(user.c.id.in_(user_ids)))
    return count + len(user_ids)
