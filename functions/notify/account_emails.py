"""Messages about an account, in words: links to verify and reset, codes, and what its holder must hear of.

A link's token and a phone's code are in no table: the message is stored with a mark in their place and gets them while it is
sent.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from functions.accounts.account_emails import AccountEmail
from functions.accounts.phones import reveal_code
from functions.accounts.recovery import reveal_token
from functions.notify.records import NotificationContent
from shared.errors import Undeliverable
from shared.platform import Platform
from shared.settings import Settings
from shared.web.call import PREFIX

MARK = "0TOKEN0"
"""Stands for the token or code in a stored message."""
CODE_TEXT = f"{MARK} is your evcharging code, good for 10 minutes. Give it to nobody; we never ask for it."
PAGES = {"verify": "accounts/verify", "reset": "accounts/password/reset", "email": "accounts/email/confirm"}
NOT_YOU = "If this was not you, set a new password at once: that ends every session."

WORDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "verify_email": (
        "Confirm your e-mail address",
        (
            "Open the link and give the password you have just chosen; then your account is ready. It is good for two days.",
            "If you did not register, do nothing: without your click there is no account.",
        ),
    ),
    "account_exists": (
        "You have an account already",
        (
            "Somebody, perhaps you, wanted to use this e-mail address for an account. It has one: sign in with it.",
            "If you have forgotten the password, ask for a new one. If this was not you, there is nothing to do.",
        ),
    ),
    "reset_password": (
        "Set a new password",
        (
            "Open the link to choose a new password. It is good for an hour and works once; every session ends with it.",
            "If you did not ask for this, do nothing: your password stays as it is.",
        ),
    ),
    "confirm_email": (
        "Confirm your new e-mail address",
        ("Open the link to use this address for your account from now on. It is good for two hours.",),
    ),
    "password_changed": ("Your password was changed", ("The password of your account was changed.", NOT_YOU)),
    "email_changed": (
        "Your e-mail address was changed",
        ("Your account has another e-mail address from now on; this one gets nothing more.", NOT_YOU),
    ),
    "phone_changed": (
        "Your phone number was changed",
        ("The phone number of your account was changed or removed.", NOT_YOU),
    ),
    "phone_taken": (
        "Your phone number was removed",
        (
            "Another account has shown that it holds your phone number. Yours has none any more and gets no text messages.",
            "If you still hold the number, confirm it again in your account.",
        ),
    ),
    "account_linked": (
        "A new way to sign in",
        ("You can sign in to your account by your identity provider from now on.", NOT_YOU),
    ),
    "second_factor_added": (
        "Your account has a second factor",
        (
            "Signing in asks for a code of your authenticator app from now on. Keep the recovery codes elsewhere.",
            NOT_YOU,
        ),
    ),
    "second_factor_removed": (
        "Your second factor was removed",
        ("Signing in asks for no code any more. Your other sessions have ended.", NOT_YOU),
    ),
    "recovery_code_used": (
        "A recovery code was used",
        (
            "A recovery code stood for your authenticator app. It is void now; make new ones before they run out.",
            NOT_YOU,
        ),
    ),
    "account_suspended": (
        "Your account is suspended",
        (
            "Your account is suspended: you cannot sign in for now. What you had booked is cancelled at no cost to you.",
            "Places that you offer are not shown or booked.",
        ),
    ),
    "account_deleted": (
        "Your account is deleted",
        ("Your account, your vehicles and your messages are gone. What you had booked is kept without your name.",),
    ),
}


def to_content(account_email: AccountEmail, *, settings: Settings) -> tuple[NotificationContent, str | None]:
    """The e-mail in words, and its link with MARK for the token (in the fragment, which no server and no log sees)."""
    subject, lines = WORDS[account_email.kind]
    if account_email.reason is not None:
        lines = (*lines, f"The reason given: {account_email.reason}")
    link = None
    if account_email.page is not None:
        link = f"{settings.public_url.rstrip('/')}{PREFIX}/{PAGES[account_email.page]}#{MARK}"
    return NotificationContent(subject, lines, (), None), link


def with_token(platform: Platform, content: dict[str, Any]) -> dict[str, Any]:
    """A stored e-mail's content with the token in its place. Raises Undeliverable where its key has been retired."""
    if "token_id" not in content:
        return content
    keys = platform.settings.verification_keys
    token = platform.read(lambda tx: reveal_token(tx=tx, token_id=uuid.UUID(content["token_id"]), keys=keys))
    if token is None:
        raise Undeliverable("The key of the link's token has been retired; ask for a new link.")
    return content | {part: content[part].replace(MARK, token) for part in ("text", "html")}


def with_code(platform: Platform, content: dict[str, Any]) -> str:
    """A stored text message with the code in its place. Raises Undeliverable where it is of no use any more."""
    text: str = content["text"]
    if "verification_id" not in content:
        return text
    verification_id, key = uuid.UUID(content["verification_id"]), platform.settings.signing_key
    code = platform.read(lambda tx: reveal_code(tx=tx, verification_id=verification_id, key=key))
    if code is None:
        raise Undeliverable("The code was used, replaced by a newer one, or is too old.")
    return text.replace(MARK, code)
