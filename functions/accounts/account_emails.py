"""What an account's e-mails are sent for: an event becomes a letter to somebody, with a token where it carries a link.

This runs in the consumer of the event, after the answer: so the answer takes as long for an address without an account.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import Purpose, User, UserStatus
from functions.accounts.recovery import make_token, may_mail
from shared.tx import Tx


@dataclass(frozen=True)
class Letter:
    """An e-mail to be worded and sent. `page` with `token_id` make its link. `keep` is False where nothing of it may stay
    once it is sent."""

    kind: str
    user_id: uuid.UUID
    to: str
    name: str
    token_id: uuid.UUID | None = None
    page: str | None = None
    in_app: bool = False
    keep: bool = True


def _linked(tx: Tx, kind: str, user: User, purpose: Purpose, *, to: str | None = None) -> Letter | None:
    if not may_mail(tx=tx, user_id=user.id, purpose=purpose):
        return None
    data = {} if to is None else {"email": to}
    token = make_token(tx=tx, purpose=purpose, user_id=user.id, data=data)
    return Letter(kind, user.id, to or user.email, user.name, token.id, purpose.value)


def _exists(tx: Tx, user: User) -> Letter | None:
    if not may_mail(tx=tx, user_id=user.id, purpose=Purpose.NOTICE):
        return None
    make_token(tx=tx, purpose=Purpose.NOTICE, user_id=user.id)
    return Letter("account_exists", user.id, user.email, user.name)


def _registered(tx: Tx, event: dict[str, Any]) -> Letter | None:
    """A new account is to be verified; the holder of an old one hears that somebody tried, in case it was himself."""
    user = repository.user_by_email(tx, event["email"])
    if user is None:
        return None
    if user.email_verified:
        return _exists(tx, user)
    return _linked(tx, "verify_email", user, Purpose.VERIFY)


def _verification(tx: Tx, event: dict[str, Any]) -> Letter | None:
    user = repository.user_by_email(tx, event["email"])
    if user is None or user.email_verified:
        return None
    return _linked(tx, "verify_email", user, Purpose.VERIFY)


def _forgotten(tx: Tx, event: dict[str, Any]) -> Letter | None:
    user = repository.user_by_email(tx, event["email"])
    if user is None or user.status != UserStatus.ACTIVE:
        return None
    return _linked(tx, "reset_password", user, Purpose.RESET)


def _email_wanted(tx: Tx, event: dict[str, Any]) -> Letter | None:
    user = repository.user_by_id(tx, uuid.UUID(event["user_id"]))
    if user is None:
        return None
    holder = repository.user_by_email(tx, event["email"])
    if holder is not None and holder.email_verified:
        return None if holder.id == user.id else _exists(tx, holder)
    return _linked(tx, "confirm_email", user, Purpose.EMAIL, to=event["email"])


def _about(kind: str) -> Callable[[Tx, dict[str, Any]], Letter | None]:
    """A letter that tells a holder what was done to his account; it is in his inbox too."""

    def letter(tx: Tx, event: dict[str, Any]) -> Letter | None:
        user = repository.user_by_id(tx, uuid.UUID(event["user_id"]))
        return None if user is None else Letter(kind, user.id, event.get("old") or user.email, user.name, in_app=True)

    return letter


def _deleted(tx: Tx, event: dict[str, Any]) -> Letter | None:
    return Letter("account_deleted", uuid.UUID(event["user_id"]), event["email"], event["name"], keep=False)


LETTERS: dict[str, Callable[[Tx, dict[str, Any]], Letter | None]] = {
    "account_registered": _registered,
    "verification_wanted": _verification,
    "password_forgotten": _forgotten,
    "email_change_wanted": _email_wanted,
    "password_changed": _about("password_changed"),
    "email_changed": _about("email_changed"),
    "account_linked": _about("account_linked"),
    "account_deleted": _deleted,
}
"""Every event of an account that is told by e-mail."""
