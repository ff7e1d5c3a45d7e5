"""Use cases of a phone number: asked for, proven by a code sent to it, removed. Nothing else is sent to a number without proof.

The code of six digits is stored nowhere, not even hashed (a million hashes are tried in a second): it is derived from the
signing key and the id of its row. A number belongs to who proved it last: numbers are handed on, and a refusal would tell who
has an account.
"""

import hmac
import uuid
from collections.abc import Sequence

from functions.accounts import repository, repository_phones
from functions.accounts.domain import CODE_LIFETIME, CODE_TRIES, PhoneVerification, User, phone_code
from functions.accounts.events import PhoneChanged, PhoneProofWanted, PhoneTaken
from functions.accounts.phone_numbers import parse_mobile
from functions.accounts.recovery import require_password
from functions.accounts.schemas import PhoneIn
from functions.accounts.service import get_me
from shared.db import new_id
from shared.errors import AppError, Invalid, WrongState
from shared.platform import Platform
from shared.tx import Actor, Tx

NO_CODE = "No code waits to be confirmed, or it was tried too often, or its ten minutes are over; ask for a new one."


def ask(*, platform: Platform, actor: Actor, phone_in: PhoneIn) -> PhoneVerification:
    """Sends a code to a number; the account keeps the number it has until the code is confirmed.

    Asks for the password, as everything that changes how an account is reached. Raises Invalid, BadCredentials,
    FreshSignInNeeded, TooManyRequests.
    """
    number = parse_mobile(phone_in.number, phone_in.country, countries=platform.settings.sms_country_codes)
    me = require_password(platform=platform, actor=actor, password=phone_in.password)
    platform.limits.hit("phone_account", str(me.id))
    platform.limits.hit("phone_number", number)

    def use_case(tx: Tx) -> PhoneVerification:
        verification = PhoneVerification(
            user_id=me.id, id=new_id(), number=number, tries=0, created_at=tx.now, expires_at=tx.now + CODE_LIFETIME
        )
        repository.lock_user(tx, me.id)
        repository_phones.replace(tx, verification)
        tx.publish(PhoneProofWanted(me.id, verification.id))
        tx.audit("user.phone_asked", object_type="user", object_id=me.id)
        return verification

    return platform.transact(use_case, actor=actor)


def reveal_code(*, tx: Tx, verification_id: uuid.UUID, key: str) -> str | None:
    """The code, for the message that carries it; None where a newer one replaced it or it was used."""
    verification = repository_phones.by_id(tx, verification_id)
    return None if verification is None or verification.expires_at <= tx.now else phone_code(key, verification.id)


def confirm(*, platform: Platform, actor: Actor, code: str) -> User:
    """Gives the caller's account the number that the code was sent to. A wrong try is counted, five end it.

    Raises Invalid for a wrong code, WrongState where none waits.
    """

    def use_case(tx: Tx) -> User | AppError:
        return _confirm(tx, code)

    confirmed = platform.transact(use_case, actor=actor)
    if isinstance(confirmed, AppError):  # raised after the commit, which keeps the count
        raise confirmed
    return confirmed


def _confirm(tx: Tx, code: str) -> User | AppError:
    me = get_me(tx=tx)
    _lock_holders(tx, me.id)
    waiting = repository_phones.of_user(tx, me.id, lock=True)
    if waiting is None or waiting.tries >= CODE_TRIES or waiting.expires_at <= tx.now:
        return WrongState(NO_CODE)
    if not _is_right(code, waiting, tx.settings.verification_keys):
        repository_phones.count_try(tx, me.id)
        left = CODE_TRIES - waiting.tries - 1
        return Invalid.one("code", f"is not the code that was sent; {left} tries are left")
    for holder_id in repository_phones.release(tx, waiting.number, but=me.id):
        tx.audit("user.phone_taken", object_type="user", object_id=holder_id)
        tx.publish(PhoneTaken(holder_id, tx.now))
    repository.update_user(tx, me.id, phone=waiting.number, phone_verified_at=tx.now)
    repository_phones.delete(tx, me.id)
    tx.audit("user.phone", object_type="user", object_id=me.id)
    tx.publish(PhoneChanged(me.id, tx.now))
    return get_me(tx=tx)


def _lock_holders(tx: Tx, user_id: uuid.UUID) -> None:
    """Locks an account and those that have the number it is to prove, in one order: two may be after each other's."""
    wanted = repository_phones.of_user(tx, user_id)
    holders = [] if wanted is None else repository_phones.holders(tx, wanted.number, but=user_id)
    repository.lock_users(tx, [user_id, *holders])


def _is_right(code: str, waiting: PhoneVerification, keys: Sequence[str]) -> bool:
    return any(hmac.compare_digest(phone_code(key, waiting.id), code) for key in keys)


def remove(*, tx: Tx) -> None:
    """Takes the number, and one that waits for its code, off the caller's account: no more text messages."""
    me = repository.user_by_id(tx, get_me(tx=tx).id, lock=True)  # as it is now: a code may be confirmed at this moment
    assert me is not None
    repository_phones.delete(tx, me.id)
    if me.phone is not None:
        repository.update_user(tx, me.id, phone=None, phone_verified_at=None)
        tx.audit("user.phone", object_type="user", object_id=me.id)
        tx.publish(PhoneChanged(me.id, tx.now))
