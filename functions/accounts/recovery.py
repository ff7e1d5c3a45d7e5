"""Use cases of proof: verifying an address, a forgotten password, changing password or address.

What is asked for without signing in is answered alike for every address: the work that depends on whether there is an account
is done later, by the consumer of the event (functions/accounts/account_emails.py), and told by e-mail alone.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from functions.accounts import repository, repository_consents
from functions.accounts.domain import (
    MAILS_AN_HOUR,
    Purpose,
    User,
    derived_again,
    nobodys,
    normalise_email,
    token_hash,
)
from functions.accounts.events import EmailChanged, EmailChangeWanted, PasswordChanged, PasswordForgotten, VerificationWanted
from functions.accounts.passwords import check_password, hash_password, verify_password
from functions.accounts.schemas import Tokens
from functions.accounts.second_factor_schemas import SecondFactorChallenge
from functions.accounts.service import get_me
from functions.accounts.sessions import sign_in
from functions.accounts.single_use import take_token
from shared.errors import BadCredentials, Conflict, FreshSignInNeeded
from shared.platform import Platform
from shared.tx import Actor, Tx

BAD_LINK = "This link is not good any more, or the password is not the one chosen with it; ask for a new link."
NEW_LINK = "This link is not good any more; ask for a new one."
NOT_YOURS = "The password is wrong."
SIGN_IN_ANEW = (
    "This account has no password: sign in at your provider anew (accounts/oidc/start with fresh=true) and try again, "
    "or have a link sent by accounts/password/forgot and set one."
)


def may_mail(*, tx: Tx, user_id: uuid.UUID, purpose: Purpose) -> bool:
    """Whether one more link of this purpose may be mailed to the account in this hour."""
    return repository.count_tokens(tx, user_id, purpose.value, since=tx.now - timedelta(hours=1)) < MAILS_AN_HOUR


def reveal_token(*, tx: Tx, token_id: uuid.UUID, keys: Sequence[str]) -> str | None:
    """The token of a row, for the e-mail that carries it; None where it is gone or its key retired."""
    row = repository.token_by_id(tx, token_id)
    return None if row is None else derived_again(keys, row)


def ask_for(*, tx: Tx, kind: type[VerificationWanted] | type[PasswordForgotten], email: str) -> None:
    """Passes on what somebody asks for an address: the same work whether or not there is an account."""
    tx.publish(kind(normalise_email(email)))


def verify(*, platform: Platform, actor: Actor, token: str, password: str, user_agent: str) -> Tokens | SecondFactorChallenge:
    """Verifies an address by the mailed token and the password chosen at registration, and opens a session.

    The password is asked for again so that nobody can register another's address and have its holder confirm it.
    Raises BadCredentials; a wrong password does not spend the token, but its tries are counted.
    """

    def holder_of_link(tx: Tx) -> User | None:
        row = repository.token_by_hash(tx, token_hash(token))
        if row is None or row.user_id is None or row.purpose != Purpose.VERIFY or not row.good(tx.now):
            return None
        return repository.user_by_id(tx, row.user_id)

    user = platform.read(holder_of_link, actor=actor)
    if user is not None:
        platform.limits.hit("sign_in_account", user.email)
    if not verify_password(password, user.password_hash if user else None) or user is None:
        raise BadCredentials(BAD_LINK)
    proven = user

    def use_case(tx: Tx) -> Tokens | SecondFactorChallenge:
        take_token(tx=tx, token=token, purpose=Purpose.VERIFY, detail=BAD_LINK)
        locked = repository.user_by_id(tx, proven.id, lock=True)
        if locked is None or locked.password_hash != proven.password_hash:
            raise BadCredentials(BAD_LINK)
        repository.update_user(tx, locked.id, email_verified=True)
        repository.spend_tokens(tx, locked.id)
        return sign_in(tx=tx, user=locked, user_agent=user_agent)

    tokens = platform.transact(use_case, actor=actor)
    platform.limits.lift("sign_in_account", user.email)
    return tokens


def reset(*, platform: Platform, actor: Actor, token: str, password: str) -> None:
    """Sets a new password by the mailed token and ends every session.

    Where it is the first proof that the address is somebody's, nothing stays of what was typed at registration: that may have
    been another. Raises BadCredentials, and Invalid for a password that is refused: the token stays good then.
    """
    check_password(password)
    hashed = hash_password(password)

    def use_case(tx: Tx) -> User:
        row = take_token(tx=tx, token=token, purpose=Purpose.RESET, detail=NEW_LINK)
        assert row.user_id is not None
        user = repository.user_by_id(tx, row.user_id, lock=True)
        if user is None:
            raise BadCredentials(NEW_LINK)
        check_password(password, email=user.email, name=user.name)
        if not user.email_verified:
            repository.update_user(tx, user.id, **nobodys(user.email))
            repository_consents.delete(tx, user.id)
        _set_password(tx, user, hashed, reason="reset")
        return user

    user = platform.transact(use_case, actor=actor)
    platform.limits.lift("sign_in_account", user.email)


def _set_password(tx: Tx, user: User, hashed: str, *, reason: str, but: uuid.UUID | None = None) -> None:
    """Sets a password: other sessions and open links end, and the holder is told."""
    repository.update_user(tx, user.id, password_hash=hashed)
    repository.spend_tokens(tx, user.id)
    repository.revoke_sessions(tx, user.id, reason=reason, but=but)
    tx.audit(f"user.password_{reason}", object_type="user", object_id=user.id)
    tx.publish(PasswordChanged(user.id, tx.now))


def require_password(*, platform: Platform, actor: Actor, password: str | None) -> User:
    """The caller's account, once they have shown again who they are: nobody does what is sensitive with a bearer token alone.

    An account with a password gives it; tries are counted. One without (it signs in by a provider) must have signed in there
    within FRESH_SIGN_IN_MINUTES. Raises BadCredentials, TooManyRequests, FreshSignInNeeded.
    """
    me, is_fresh = platform.read(lambda tx: (get_me(tx=tx), _signed_in_freshly(tx)), actor=actor)
    if not me.password_hash:
        if not is_fresh:
            raise FreshSignInNeeded(SIGN_IN_ANEW)
        return me
    platform.limits.hit("sign_in_account", me.email)
    if not verify_password(password or "", me.password_hash):
        raise BadCredentials(NOT_YOURS)
    platform.limits.lift("sign_in_account", me.email)
    return me


def _signed_in_freshly(tx: Tx) -> bool:
    """Whether the provider asked the caller who they are a moment ago, by the session that their token names."""
    session = None if tx.actor.session_id is None else repository.session_by_id(tx, tx.actor.session_id)
    if session is None or session.proven_at is None:
        return False
    return tx.now - session.proven_at < timedelta(minutes=tx.settings.fresh_sign_in_minutes)


def change_password(*, platform: Platform, actor: Actor, current: str | None, new: str) -> None:
    """Changes the caller's password and ends their other sessions. Raises BadCredentials, Invalid."""
    me = require_password(platform=platform, actor=actor, password=current)
    check_password(new, email=me.email, name=me.name, field="new_password")
    hashed = hash_password(new)

    def use_case(tx: Tx) -> None:
        locked = repository.user_by_id(tx, me.id, lock=True)
        if locked is None or locked.password_hash != me.password_hash:
            raise BadCredentials(NOT_YOURS)
        _set_password(tx, locked, hashed, reason="change", but=tx.actor.session_id)

    platform.transact(use_case, actor=actor)


def ask_for_email(*, platform: Platform, actor: Actor, email: str, password: str | None) -> None:
    """Mails a link to the address the caller wants instead of theirs; nothing changes until it is followed.
    Raises BadCredentials."""
    me = require_password(platform=platform, actor=actor, password=password)

    def use_case(tx: Tx) -> None:
        tx.publish(EmailChangeWanted(me.id, normalise_email(email)))
        tx.audit("user.email_asked", object_type="user", object_id=me.id)

    platform.transact(use_case, actor=actor)


def confirm_email(*, tx: Tx, token: str) -> None:
    """Gives the account the address the link was mailed to, and tells the old one.

    Raises BadCredentials, and Conflict where somebody has registered the address meanwhile.
    """
    row = take_token(tx=tx, token=token, purpose=Purpose.EMAIL, detail=NEW_LINK)
    assert row.user_id is not None
    wanted = str(row.data["email"])
    seen = repository.user_by_email(tx, wanted)
    repository.lock_users(tx, [row.user_id] if seen is None else [row.user_id, seen.id])  # two may want each other's address
    user = repository.user_by_id(tx, row.user_id, lock=True)
    if user is None:
        raise BadCredentials(NEW_LINK)
    holder = repository.user_by_email(tx, wanted, lock=True)
    if holder is not None and not holder.email_verified:  # whoever registered it never showed that the address is theirs
        repository.erase_user(tx, holder.id)
    if not repository.change_email(tx, user.id, wanted):
        raise Conflict("Another account has this address by now.")
    repository.spend_tokens(tx, user.id)
    tx.audit("user.email", object_type="user", object_id=user.id, before={"email": user.email}, after={"email": wanted})
    tx.publish(EmailChanged(user.id, user.email, tx.now))
