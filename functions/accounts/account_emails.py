"""Which e-mail or SMS an account's event asks for: to whom it goes, and the token or code that it carries.

This runs in the consumer of the event, after the answer: so the answer takes as long for an address without an account.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.accounts import repository, repository_phones
from functions.accounts.domain import Purpose, User, UserStatus
from functions.accounts.events import (
    AccountDeleted,
    AccountLinked,
    AccountRegistered,
    AccountSuspended,
    EmailChanged,
    EmailChangeWanted,
    PasswordChanged,
    PasswordForgotten,
    PhoneChanged,
    PhoneProofWanted,
    PhoneTaken,
    RecoveryCodeUsed,
    SecondFactorAdded,
    SecondFactorEvent,
    SecondFactorRemoved,
    VerificationWanted,
)
from functions.accounts.recovery import may_mail
from functions.accounts.single_use import make_token
from shared.events import Event
from shared.tx import Tx


@dataclass(frozen=True)
class AccountEmail:
    """An e-mail that is to be worded and sent (functions/notify/account_emails.py)."""

    kind: str
    """Which text: a key of notify's WORDS."""
    user_id: uuid.UUID
    """Whose account it is about."""
    to: str
    """The address it goes to."""
    name: str
    """How they are addressed; empty where nobody has shown that the address is theirs."""
    token_id: uuid.UUID | None = None
    """The row of its link's token; None without a link."""
    page: str | None = None
    """The link's page: a Purpose."""
    reason: str | None = None
    """What an administrator wrote to them."""
    in_app: bool = False
    """Whether it is in the in-app inbox too."""
    keep: bool = True
    """False where nothing of it may stay once it is sent."""


@dataclass(frozen=True)
class AccountSms:
    """A code that is to be sent to a number; nothing of it stays once it is sent."""

    user_id: uuid.UUID
    """Whose account wants the number."""
    to: str
    """The number, E.164."""
    verification_id: uuid.UUID
    """The row that the code is derived from."""


def _phone_proof(tx: Tx, event: PhoneProofWanted) -> AccountSms | None:
    verification = repository_phones.by_id(tx, event.verification_id)
    if verification is None or verification.expires_at <= tx.now:
        return None
    return AccountSms(verification.user_id, verification.number, verification.id)


def _linked(tx: Tx, kind: str, user: User, purpose: Purpose, *, to: str | None = None) -> AccountEmail | None:
    if not may_mail(tx=tx, user_id=user.id, purpose=purpose):
        return None
    data = {} if to is None else {"email": to}
    token = make_token(tx=tx, purpose=purpose, user_id=user.id, data=data)
    name = _name(user, to or user.email)
    return AccountEmail(kind, user.id, to or user.email, name, token.id, purpose.value)


def _name(user: User, to: str) -> str:
    """The name, for an address that its holder has proven; what a stranger typed is mailed to nobody."""
    return user.name if user.email_verified and to == user.email else ""


def _exists(tx: Tx, user: User) -> AccountEmail | None:
    if not may_mail(tx=tx, user_id=user.id, purpose=Purpose.NOTICE):
        return None
    make_token(tx=tx, purpose=Purpose.NOTICE, user_id=user.id)
    return AccountEmail("account_exists", user.id, user.email, _name(user, user.email))


def _registered(tx: Tx, event: AccountRegistered) -> AccountEmail | None:
    """A new account is to be verified; the holder of an old one hears that somebody tried: it may have been they."""
    user = repository.user_by_email(tx, event.email)
    if user is None:
        return None
    if user.email_verified:
        return _exists(tx, user)
    return _linked(tx, "verify_email", user, Purpose.VERIFY)


def _verification(tx: Tx, event: VerificationWanted) -> AccountEmail | None:
    user = repository.user_by_email(tx, event.email)
    if user is None or user.email_verified:
        return None
    return _linked(tx, "verify_email", user, Purpose.VERIFY)


def _forgotten(tx: Tx, event: PasswordForgotten) -> AccountEmail | None:
    user = repository.user_by_email(tx, event.email)
    if user is None or user.status != UserStatus.ACTIVE:
        return None
    return _linked(tx, "reset_password", user, Purpose.RESET)


def _email_wanted(tx: Tx, event: EmailChangeWanted) -> AccountEmail | None:
    user = repository.user_by_id(tx, event.user_id)
    if user is None:
        return None
    holder = repository.user_by_email(tx, event.email)
    if holder is not None and holder.email_verified:
        return None if holder.id == user.id else _exists(tx, holder)
    return _linked(tx, "confirm_email", user, Purpose.EMAIL, to=event.email)


Told = PasswordChanged | EmailChanged | PhoneChanged | PhoneTaken | AccountLinked | SecondFactorEvent
"""What was done to an account, and its holder must hear of."""


def _about(kind: str) -> Callable[[Tx, Told], AccountEmail | None]:
    """An e-mail that tells holders what was done to their account; it is in their inbox too."""

    def account_email(tx: Tx, event: Told) -> AccountEmail | None:
        user = repository.user_by_id(tx, event.user_id)
        if user is None or not user.email_verified:
            return None
        address = event.old if isinstance(event, EmailChanged) else user.email
        return AccountEmail(kind, user.id, address, user.name, in_app=True)

    return account_email


def _suspended(tx: Tx, event: AccountSuspended) -> AccountEmail | None:
    user = repository.user_by_id(tx, event.user_id)
    if user is None or not user.email_verified:  # a stranger may have typed the address, and the name
        return None
    return AccountEmail("account_suspended", user.id, user.email, user.name, reason=event.reason, in_app=True)


def _deleted(_tx: Tx, event: AccountDeleted) -> AccountEmail | None:
    return AccountEmail("account_deleted", event.user_id, event.email, event.name, keep=False)


ACCOUNT_EMAILS: Mapping[type[Event], Callable[[Tx, Any], AccountEmail | AccountSms | None]] = {
    AccountRegistered: _registered,
    VerificationWanted: _verification,
    PasswordForgotten: _forgotten,
    EmailChangeWanted: _email_wanted,
    PasswordChanged: _about("password_changed"),
    EmailChanged: _about("email_changed"),
    PhoneProofWanted: _phone_proof,
    PhoneChanged: _about("phone_changed"),
    PhoneTaken: _about("phone_taken"),
    AccountLinked: _about("account_linked"),
    SecondFactorAdded: _about("second_factor_added"),
    SecondFactorRemoved: _about("second_factor_removed"),
    RecoveryCodeUsed: _about("recovery_code_used"),
    AccountSuspended: _suspended,
    AccountDeleted: _deleted,
}
"""By an account's event: the e-mail or SMS it asks for, None where nobody is to be told."""
