"""Use cases of sessions: log in, refresh with rotation, log out, list, revoke; and what confirms every call's token."""

import uuid
from datetime import datetime
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import (
    REFRESH_GRACE,
    AccountSession,
    Purpose,
    RefreshToken,
    User,
    UserStatus,
    derive,
    new_refresh_token,
    normalise_email,
    session_end,
    token_hash,
)
from functions.accounts.passwords import hash_password, is_outdated, verify_password
from functions.accounts.repository_second_factor import factor_of
from functions.accounts.schemas import Tokens
from functions.accounts.second_factor_schemas import SecondFactorChallenge
from functions.accounts.single_use import make_token
from shared import telemetry
from shared.db import new_id
from shared.errors import BadCredentials, Forbidden, NotFound, SecondFactorNeeded, TokenExpired, Unauthenticated
from shared.platform import Platform
from shared.settings import Settings
from shared.tx import Actor, Tx
from shared.web.auth import LIFETIME, issue_access_token

WRONG_CREDENTIALS = "E-mail or password is wrong, or the address is not verified yet."
SUSPENDED = "This account is suspended. Write to us if you think that is wrong."
BAD_REFRESH_TOKEN = "The refresh token is not good any more; log in."


def confirm(tx: Tx) -> None:
    """Begins every transaction of a caller with a token: their session lives, account is active, role is still the token's, and
    a second factor was shown where the role must have one (or the call is one of setting it up).

    One read. Raises Unauthenticated, SecondFactorNeeded, or TokenExpired where a refresh brings the new role.
    """
    actor = tx.actor
    assert actor.id is not None
    assert actor.session_id is not None
    standing = repository.standing(tx, actor.session_id, actor.id)
    if standing is None:
        raise Unauthenticated("This session has ended; log in.")
    role, status, has_shown_factor = standing
    if status != UserStatus.ACTIVE:
        raise Unauthenticated(SUSPENDED)
    if role != actor.role:
        raise TokenExpired(f"Your role is {role} now; use the refresh token.")
    if not has_shown_factor and not actor.may_lack_factor and must_have_factor(role, tx.settings):
        raise SecondFactorNeeded(f"The role {role} needs a second factor: set one up, or sign in again with the one you have.")


def must_have_factor(role: str, settings: Settings) -> bool:
    """Whether this role must show a second factor for anything but setting one up."""
    return role == "admin" or (role == "owner" and settings.second_factor_for_owners)


def log_in(*, platform: Platform, actor: Actor, email: str, password: str, user_agent: str) -> Tokens | SecondFactorChallenge:
    """A new session, or the challenge of a second factor. Tries are counted before the password is looked at.

    Raises TooManyRequests (locked), Forbidden (suspended), and BadCredentials after the same work whether or not the account
    exists.
    """
    email = normalise_email(email)
    platform.limits.hit("sign_in_account", email)
    user = platform.read(lambda tx: repository.user_by_email(tx, email))
    is_right = verify_password(password, user.password_hash if user else None)
    if not is_right or user is None or not user.email_verified:
        raise BadCredentials(WRONG_CREDENTIALS)
    new_hash = hash_password(password) if is_outdated(user.password_hash) else None
    verified = user

    def use_case(tx: Tx) -> Tokens | SecondFactorChallenge:
        locked = repository.user_by_id(tx, verified.id, lock=True)
        if locked is None or locked.password_hash != verified.password_hash:  # changed while the password was verified
            raise BadCredentials(WRONG_CREDENTIALS)
        if new_hash is not None:
            repository.update_user(tx, locked.id, password_hash=new_hash)
        return sign_in(tx=tx, user=locked, user_agent=user_agent)

    tokens = platform.transact(use_case, actor=actor)
    platform.limits.lift("sign_in_account", email)
    return tokens


def sign_in(
    *, tx: Tx, user: User, user_agent: str, has_shown_factor: bool = False, proven_at: datetime | None = None
) -> Tokens | SecondFactorChallenge:
    """A session of somebody whose password, link or provider was right; the challenge of their second factor where they have
    one and have not shown the provider theirs. Raises Forbidden for a suspended account."""
    _check_active(user)
    factor = factor_of(tx, user.id)
    if has_shown_factor or factor is None or factor.confirmed_at is None:
        return open_session(tx=tx, user=user, user_agent=user_agent, has_shown_factor=has_shown_factor, proven_at=proven_at)
    data = {} if proven_at is None else {"proven_at": proven_at.isoformat()}
    row = make_token(tx=tx, purpose=Purpose.SECOND_FACTOR, user_id=user.id, data=data)
    challenge = derive(tx.settings.signing_key, Purpose.SECOND_FACTOR, row.id)
    return SecondFactorChallenge(challenge=challenge, expires_in=int((row.expires_at - row.created_at).total_seconds()))


def _check_active(user: User) -> None:
    if user.status != UserStatus.ACTIVE:
        raise Forbidden(SUSPENDED)


def open_session(
    *, tx: Tx, user: User, user_agent: str, has_shown_factor: bool = False, proven_at: datetime | None = None
) -> Tokens:
    """A new session of somebody who has proven who they are, at a provider at `proven_at`. Raises Forbidden for a suspended
    account."""
    _check_active(user)
    session = AccountSession(
        id=new_id(),
        user_id=user.id,
        created_at=tx.now,
        last_used_at=tx.now,
        expires_at=session_end(tx.now, tx.now),
        revoked_at=None,
        revoked_for=None,
        user_agent=user_agent,
        address=tx.actor.address,
        second_factor_at=tx.now if has_shown_factor else None,
        proven_at=proven_at,
    )
    repository.add_session(tx, session)
    told: dict[str, Any] = {"user_id": str(user.id), "role": user.role, "address": session.address}
    told |= {"session_id": str(session.id), "second_factor": has_shown_factor, "by_provider": proven_at is not None}
    tx.when_committed(lambda: telemetry.security.info("signed in", extra=told))
    return _tokens(tx, user, session.id)


def _tokens(tx: Tx, user: User, session_id: uuid.UUID, *, parent_id: uuid.UUID | None = None) -> Tokens:
    token = new_refresh_token()
    repository.add_refresh_token(tx, RefreshToken(new_id(), session_id, token_hash(token), tx.now, None, parent_id))
    access_token = issue_access_token(
        key=tx.settings.signing_key, user_id=user.id, role=user.role, session_id=session_id, now=tx.now
    )
    return Tokens(access_token=access_token, refresh_token=token, expires_in=int(LIFETIME.total_seconds()))


def refresh(*, tx: Tx, refresh_token: str, user_agent: str) -> Tokens | None:
    """Rotates a refresh token. None where it was used before.

    The whole session is revoked then; the transaction must commit, so this is no exception. Two who bring a token at once, or
    a repeat, are no theft: within REFRESH_GRACE of its exchange it gives a fresh pair, unless what it gave was used already.
    Raises BadCredentials for an unknown, expired or revoked one.
    """
    row = repository.refresh_token_by_hash(tx, token_hash(refresh_token))
    session = repository.session_by_id(tx, row.session_id, lock=True) if row is not None else None
    if row is None or session is None or not session.alive(tx.now):
        raise BadCredentials(BAD_REFRESH_TOKEN)
    if row.rotated_at is not None and not _in_grace(tx, row, row.rotated_at):
        repository.revoke_session(tx, session.id, reason="reuse")
        return None
    user = repository.user_by_id(tx, session.user_id)
    if user is None or user.status != UserStatus.ACTIVE:
        raise BadCredentials(BAD_REFRESH_TOKEN)
    if row.rotated_at is None:
        repository.rotate(tx, row.id)
    repository.touch_session(
        tx,
        session.id,
        expires_at=session_end(session.created_at, tx.now),
        user_agent=user_agent or session.user_agent,
        address=tx.actor.address,
    )
    return _tokens(tx, user, session.id, parent_id=row.id)


def _in_grace(tx: Tx, row: RefreshToken, rotated_at: datetime) -> bool:
    """Whether an exchanged token may come once more. Each repeat counts from the first exchange: none prolongs the grace."""
    return tx.now - rotated_at <= REFRESH_GRACE and not repository.child_was_rotated(tx, row)


def log_out(*, tx: Tx) -> None:
    """Ends the caller's session: its refresh tokens and its access tokens."""
    assert tx.actor.session_id is not None
    repository.revoke_session(tx, tx.actor.session_id, reason="logout")


def list_sessions(*, tx: Tx, before: uuid.UUID | None, limit: int) -> list[AccountSession]:
    """The caller's living sessions, newest first."""
    assert tx.actor.id is not None
    return repository.sessions_of(tx, tx.actor.id, alive=True, before=before, limit=limit)


def get_owned(*, tx: Tx, session_id: uuid.UUID) -> AccountSession:
    """One of the caller's living sessions. Raises NotFound."""
    session = repository.session_by_id(tx, session_id)
    if session is None or session.user_id != tx.actor.id or not session.alive(tx.now):
        raise NotFound(f"There is no session {session_id}.")
    return session


def revoke(*, tx: Tx, session_id: uuid.UUID) -> None:
    """Ends one of the caller's sessions at once."""
    repository.revoke_session(tx, get_owned(tx=tx, session_id=session_id).id, reason="revoked")


def revoke_others(*, tx: Tx) -> None:
    """Ends every session of the caller but this one."""
    assert tx.actor.id is not None
    repository.revoke_sessions(tx, tx.actor.id, reason="revoked", but=tx.actor.session_id)
