"""Use cases of the second factor: set one up, show it at sign-in, renew recovery codes, take it away.

A code is good once: the step of the last one is kept, under a lock. Tries are counted by challenge (five) and by account.
Whose role must have one and has not is let in to set one up alone (sessions.confirm).
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from functions.accounts import repository, totp
from functions.accounts import repository_second_factor as factors
from functions.accounts.domain import (
    CHALLENGE_TRIES,
    ENROLMENT_LIFETIME,
    Purpose,
    SecondFactor,
    User,
    token_hash,
)
from functions.accounts.events import RecoveryCodeUsed, SecondFactorAdded, SecondFactorRemoved
from functions.accounts.recovery import require_password
from functions.accounts.schemas import Tokens
from functions.accounts.second_factor_schemas import (
    RecoveryCodes,
    SecondFactorEnrolment,
    SecondFactorProof,
    SecondFactorState,
)
from functions.accounts.service import get_me, get_user
from functions.accounts.sessions import must_have_factor, open_session
from functions.accounts.single_use import find_token
from shared.errors import BadCredentials, Conflict, NotFound, WrongState
from shared.platform import Platform
from shared.sealing import open_sealed, seal
from shared.tx import Actor, Tx

T = TypeVar("T")
BEGIN_AGAIN = "This sign-in took too long, was finished already, or had too many wrong codes; begin again."
WRONG_CODE = "The code is wrong, too old, or was used before."


def state(*, tx: Tx) -> SecondFactorState:
    """Whether the caller has a second factor, must have one, and has shown one in this session."""
    me, session_id = get_me(tx=tx), tx.actor.session_id
    assert session_id is not None
    factor, session = factors.factor_of(tx, me.id), repository.session_by_id(tx, session_id)
    return SecondFactorState(
        confirmed_at=factor.confirmed_at if factor else None,
        recovery_codes_left=factors.codes_left(tx, me.id),
        demanded=must_have_factor(me.role, tx.settings),
        shown=session is not None and session.second_factor_at is not None,
    )


def begin(*, platform: Platform, actor: Actor, password: str | None) -> SecondFactorEnrolment:
    """A new secret for the caller's authenticator app; nothing is asked for before a code of it has confirmed it.

    Raises BadCredentials, FreshSignInNeeded (`recovery.require_password`), WrongState where there is a factor already.
    """
    me = require_password(platform=platform, actor=actor, password=password)

    def use_case(tx: Tx) -> SecondFactorEnrolment:
        user = _locked(tx, me.id)
        factor = factors.factor_of(tx, user.id, lock=True)
        if factor is not None and factor.confirmed_at is not None:
            raise WrongState("There is a second factor already; remove it first.")
        secret = _store_new(tx, user, confirmed=False)
        tx.audit("user.second_factor_begun", object_type="user", object_id=user.id)
        address = totp.uri(secret, email=user.email)
        return SecondFactorEnrolment(secret=secret, otpauth_uri=address, qr_svg=totp.qr_svg(address))

    return platform.transact(use_case, actor=actor)


def _store_new(tx: Tx, user: User, *, confirmed: bool) -> str:
    secret = totp.new_secret()
    sealed = seal(secret, owner_id=user.id, settings=tx.settings)
    factors.replace_factor(tx, SecondFactor(user.id, sealed, tx.now, tx.now if confirmed else None, None))
    return secret


def confirm(*, platform: Platform, actor: Actor, code: str) -> RecoveryCodes:
    """Confirms the caller's factor by a first code; from now on sign-ins ask for it. Other sessions end.

    Raises BadCredentials for a wrong code, WrongState where none was begun within the hour, TooManyRequests.
    """

    def use_case(tx: Tx, me: User) -> RecoveryCodes:
        factor = factors.factor_of(tx, me.id, lock=True)
        if factor is None or factor.confirmed_at is not None or tx.now - factor.created_at > ENROLMENT_LIFETIME:
            raise WrongState("There is no second factor to confirm; begin one.")
        _use_code(tx, factor, code)
        factors.update_factor(tx, me.id, confirmed_at=tx.now)
        _settle_sessions(tx, me, shown=True)
        tx.audit("user.second_factor_added", object_type="user", object_id=me.id)
        tx.publish(SecondFactorAdded(me.id, tx.now))
        return _new_codes(tx, me.id)

    return _counted(platform, actor, use_case)


def renew_codes(*, platform: Platform, actor: Actor, code: str) -> RecoveryCodes:
    """Ten new recovery codes; earlier ones are void. Raises BadCredentials, WrongState, TooManyRequests."""

    def use_case(tx: Tx, me: User) -> RecoveryCodes:
        _use_code(tx, _confirmed(tx, me.id), code)
        tx.audit("user.recovery_codes_renewed", object_type="user", object_id=me.id)
        return _new_codes(tx, me.id)

    return _counted(platform, actor, use_case)


def remove(*, platform: Platform, actor: Actor, proof: SecondFactorProof) -> None:
    """Takes the caller's factor away, by a code of it. Other sessions end; this one has shown nothing any more.

    Raises BadCredentials, WrongState, TooManyRequests.
    """

    def use_case(tx: Tx, me: User) -> None:
        _confirmed(tx, me.id)
        if not _is_shown(tx, me.id, proof):
            raise BadCredentials(WRONG_CODE)
        factors.erase(tx, me.id)
        _settle_sessions(tx, me, shown=False)
        tx.audit("user.second_factor_removed", object_type="user", object_id=me.id)
        tx.publish(SecondFactorRemoved(me.id, tx.now))

    _counted(platform, actor, use_case)


def remove_of(*, tx: Tx, user_id: uuid.UUID, reason: str) -> None:
    """Takes somebody else's factor away, for who has lost device and recovery codes; their sessions end.

    Raises NotFound, and Conflict for one's own: that takes a code.
    """
    user = get_user(tx=tx, user_id=user_id)
    if user.id == tx.actor.id:
        raise Conflict("Remove your own second factor with a code, at accounts/me/second-factor/removal.")
    if repository.user_by_id(tx, user.id, lock=True) is None or factors.factor_of(tx, user.id, lock=True) is None:
        raise NotFound("This account has no second factor.")
    factors.erase(tx, user.id)
    repository.spend_tokens(tx, user.id)
    repository.revoke_sessions(tx, user.id, reason="factor")
    tx.audit("user.second_factor_removed", object_type="user", object_id=user.id, after={"reason": reason})
    tx.publish(SecondFactorRemoved(user.id, tx.now))


def answer(*, platform: Platform, actor: Actor, challenge: str, proof: SecondFactorProof, user_agent: str) -> Tokens:
    """Ends a sign-in whose password was right with a code. The challenge ends with success, or with five wrong codes.

    Raises BadCredentials, Forbidden (suspended), TooManyRequests.
    """

    def holder(tx: Tx) -> uuid.UUID | None:
        row = repository.token_by_hash(tx, token_hash(challenge))
        return None if row is None or row.purpose != Purpose.SECOND_FACTOR else row.user_id

    user_id = platform.read(holder, actor=actor)
    if user_id is None:
        raise BadCredentials(BEGIN_AGAIN)
    platform.limits.hit("second_factor", str(user_id))

    def use_case(tx: Tx) -> Tokens | None:
        row = find_token(tx=tx, token=challenge, purpose=Purpose.SECOND_FACTOR, detail=BEGIN_AGAIN)
        user = _locked(tx, user_id)
        if not _is_shown(tx, user.id, proof):
            tries = int(row.data.get("tries", 0)) + 1
            factors.count_try(tx, row, tries=tries, is_last=tries >= CHALLENGE_TRIES)
            return None
        repository.use_token(tx, row.id)
        said = row.data.get("proven_at")
        proven_at = None if said is None else datetime.fromisoformat(said)
        return open_session(tx=tx, user=user, user_agent=user_agent, has_shown_factor=True, proven_at=proven_at)

    tokens = platform.transact(use_case, actor=actor)
    if tokens is None:  # not raised above: the count must be committed
        raise BadCredentials(WRONG_CODE)
    platform.limits.lift("second_factor", str(user_id))
    return tokens


def enrol(*, tx: Tx, user: User) -> str:
    """Gives an account a new, confirmed factor in place of any it has; its secret. For operators' commands, not routes."""
    secret = _store_new(tx, user, confirmed=True)
    tx.audit("user.second_factor_added", object_type="user", object_id=user.id)
    return secret


def _counted(platform: Platform, actor: Actor, use_case: Callable[[Tx, User], T]) -> T:
    """Runs a use case of the caller's that takes a code, on the locked account; what was tried is counted, and forgotten once
    a code was right."""
    platform.limits.hit("second_factor", str(actor.id))
    assert actor.id is not None
    user_id = actor.id
    result = platform.transact(lambda tx: use_case(tx, _locked(tx, user_id)), actor=actor)
    platform.limits.lift("second_factor", str(user_id))
    return result


def _locked(tx: Tx, user_id: uuid.UUID) -> User:
    user = repository.user_by_id(tx, user_id, lock=True)
    if user is None:
        raise BadCredentials(BEGIN_AGAIN)
    return user


def _confirmed(tx: Tx, user_id: uuid.UUID) -> SecondFactor:
    factor = factors.factor_of(tx, user_id, lock=True)
    if factor is None or factor.confirmed_at is None:
        raise WrongState("There is no second factor.")
    return factor


def _use_code(tx: Tx, factor: SecondFactor, code: str) -> None:
    if not _takes(tx, factor, code):
        raise BadCredentials(WRONG_CODE)


def _takes(tx: Tx, factor: SecondFactor, code: str) -> bool:
    """Whether the code is good now, and from now on no more. The secret is sealed anew, by today's key."""
    secret = open_sealed(factor.encrypted_secret, owner_id=factor.user_id, settings=tx.settings)
    step = totp.matching_step(secret, code, now=tx.now, after=factor.last_step)
    if step is not None:
        sealed = seal(secret, owner_id=factor.user_id, settings=tx.settings)
        factors.update_factor(tx, factor.user_id, last_step=step, encrypted_secret=sealed)
    return step is not None


def _is_shown(tx: Tx, user_id: uuid.UUID, proof: SecondFactorProof) -> bool:
    """Whether the code or recovery code is good; it is used up then. Who uses a recovery code hears of it."""
    factor = factors.factor_of(tx, user_id, lock=True)
    if factor is None or factor.confirmed_at is None:
        return False
    if proof.code is not None:
        return _takes(tx, factor, proof.code)
    if not factors.use_code(tx, user_id, totp.recovery_code_hash(proof.recovery_code or "")):
        return False
    left = factors.codes_left(tx, user_id)
    tx.audit("user.recovery_code_used", object_type="user", object_id=user_id, after={"left": left})
    tx.publish(RecoveryCodeUsed(user_id, tx.now))
    return True


def _new_codes(tx: Tx, user_id: uuid.UUID) -> RecoveryCodes:
    codes = [totp.new_recovery_code() for _ in range(totp.RECOVERY_CODES)]
    factors.replace_codes(tx, user_id, map(totp.recovery_code_hash, codes))
    return RecoveryCodes(recovery_codes=codes)


def _settle_sessions(tx: Tx, me: User, *, shown: bool) -> None:
    """A factor came or went: the caller's other sessions and half-done sign-ins end, this one has shown it or not."""
    assert tx.actor.session_id is not None
    repository.revoke_sessions(tx, me.id, reason="factor", but=tx.actor.session_id)
    repository.spend_tokens(tx, me.id)
    factors.mark_session(tx, tx.actor.session_id, shown=shown)
