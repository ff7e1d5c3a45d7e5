"""`make admin EMAIL=...`: makes an account an administrator's, with a new password that is printed once."""

import os
import secrets
import sys

from email_validator import EmailNotValidError, validate_email

from app.process import make_platform
from functions.accounts import service as accounts
from shared.errors import AppError


def main() -> None:
    """Reads EMAIL and the settings from the environment."""
    given = os.environ.get("EMAIL", "").strip()
    if not given:
        sys.exit("Say whose account: make admin EMAIL=you@example.org")
    try:
        email = validate_email(given, check_deliverability=False).normalized
    except EmailNotValidError as error:
        sys.exit(f"EMAIL={given}: {error} Say it as: make admin EMAIL=you@example.org")
    password = secrets.token_urlsafe(12)
    platform = make_platform()
    try:
        platform.transact(
            lambda tx: accounts.ensure_user(tx=tx, email=email, password=password, name="Administrator", role="admin")
        )
    except AppError as error:
        sys.exit(error.detail)
    finally:
        platform.close()
    print(f"{email} is an administrator now; password {password}")


if __name__ == "__main__":
    main()
