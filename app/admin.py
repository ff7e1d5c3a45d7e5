"""`make admin EMAIL=...`: makes an account an administrator's, with a new password and a new second factor, printed once.

Who has lost both comes in again by it; it needs the environment of the database, its keys too.
"""

import contextlib
import os
import secrets
import sys

import segno
from email_validator import EmailNotValidError, validate_email

from app.process import make_platform, sentence_of
from functions.accounts import service as accounts
from functions.accounts import totp
from functions.accounts.second_factor import enrol
from shared.errors import AppError
from shared.tx import Tx


def main() -> None:
    """Reads EMAIL and the settings from the environment. Exits 1 with a sentence where it cannot."""
    given = os.environ.get("EMAIL", "").strip()
    if not given:
        sys.exit("Say whose account: make admin EMAIL=you@example.org")
    try:
        email = validate_email(given, check_deliverability=False).normalized
    except EmailNotValidError as error:
        sys.exit(f"EMAIL={given}: {error} Say it as: make admin EMAIL=you@example.org")
    password = secrets.token_urlsafe(12)
    try:
        with contextlib.closing(make_platform()) as platform:
            secret = platform.transact(lambda tx: _make(tx, email=email, password=password))
    except (AppError, ValueError) as error:  # of settings, where one is missing or wrong
        sys.exit(sentence_of(error))
    address = totp.uri(secret, email=email)
    print(f"{email} is an administrator now; password {password}")
    print("Second factor: scan this with an authenticator app, or type its secret; earlier ones are void.\n")
    segno.make(address, error="m", micro=False).terminal(compact=True)
    print(f"\n  {address}\n  secret {secret}")
    print("Recovery codes: POST accounts/me/second-factor/recovery-codes with a code of the app.")


def _make(tx: Tx, *, email: str, password: str) -> str:
    """The administrator's account, and the secret of its second factor."""
    user = accounts.ensure_user(tx=tx, email=email, password=password, name="Administrator", role="admin")
    return enrol(tx=tx, user=user)


if __name__ == "__main__":
    main()
