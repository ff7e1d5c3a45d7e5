"""Users, sessions, tokens, vehicles, and the rules they keep. No I/O, no clock."""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

IDLE_LIFETIME = timedelta(days=30)
"""A session that is not refreshed for so long has ended."""
WHOLE_LIFETIME = timedelta(days=180)
"""No session is older than this, however often it is refreshed."""
"""PROBLEM.md, Candidates."""
NO_PASSWORD = ""
"""The password hash of an account that signs in by a provider alone."""


class UserStatus(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class Purpose(StrEnum):
    """What a token that was handed out is good for."""

    VERIFY = "verify"
    RESET = "reset"
    EMAIL = "email"
    OIDC = "oidc"
    NOTICE = "notice"
    """No token: counts a letter without a link, so that nobody can flood a mailbox with it."""


TOKEN_LIFETIME = {
    Purpose.VERIFY: timedelta(days=2),
    Purpose.RESET: timedelta(hours=1),
    Purpose.EMAIL: timedelta(hours=2),
    Purpose.OIDC: timedelta(minutes=10),
    Purpose.NOTICE: timedelta(hours=1),
}
MAILS_AN_HOUR = 5
"""Links of one purpose that are mailed to an account in an hour; what is asked for beyond is answered alike and not sent."""


@dataclass(frozen=True)
class User:
    """An account. `email` is kept lower-case: addresses are compared without case."""

    id: uuid.UUID
    email: str
    name: str
    phone: str | None
    role: str
    password_hash: str = field(repr=False)
    email_verified: bool
    created_at: datetime
    status: str = UserStatus.ACTIVE.value


@dataclass(frozen=True)
class Contact:
    """How to reach a user."""

    user_id: uuid.UUID
    email: str
    phone: str | None
    name: str
    email_verified: bool


@dataclass(frozen=True)
class Vehicle:
    """A driver's vehicle: battery kWh, consumption kWh/km, the most power it takes in kW, OCPI connector standards."""

    id: uuid.UUID
    user_id: uuid.UUID
    name: str
    plate: str | None
    battery_kwh: float
    consumption_kwh_per_km: float
    max_power_kw: float
    standards: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True)
class Session:
    """A log-in: from which device and address, and how long it lasts. Access tokens name it (`sid`)."""

    id: uuid.UUID
    user_id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_for: str | None
    user_agent: str
    address: str | None

    def alive(self, now: datetime) -> bool:
        """Whether it can still be refreshed."""
        return self.revoked_at is None and self.expires_at > now


@dataclass(frozen=True)
class RefreshToken:
    """One of a session's family of refresh tokens: the latest is not rotated yet. Only its hash is kept."""

    id: uuid.UUID
    session_id: uuid.UUID
    token_hash: str
    created_at: datetime
    rotated_at: datetime | None


@dataclass(frozen=True)
class AccountToken:
    """A token of an e-mail's link or of a sign-in at a provider. Single use; only its hash is kept."""

    id: uuid.UUID
    user_id: uuid.UUID | None
    purpose: str
    token_hash: str
    data: dict[str, Any]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def good(self, now: datetime) -> bool:
        """Whether it can be used at `now`."""
        return self.used_at is None and self.expires_at > now


def session_end(created_at: datetime, now: datetime) -> datetime:
    """Until when a session refreshed at `now` lasts."""
    return min(now + IDLE_LIFETIME, created_at + WHOLE_LIFETIME)


def normalise_email(email: str) -> str:
    """The form in which an address is stored and compared."""
    return email.strip().lower()


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token; it has enough entropy for a plain hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def derive(key: str, purpose: str, id: uuid.UUID) -> str:
    """A secret of 256 bits that only the holder of `key` can make, for the row `id`: so that the secret itself is stored
    nowhere, not in the database and in no queue, and can still be written into an e-mail later."""
    digest = hmac.new(key.encode(), b"evcharging " + purpose.encode() + b"\0" + id.bytes, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def derived_again(keys: Sequence[str], made: AccountToken) -> str | None:
    """The token of a stored row, made anew; None where its key has been retired."""
    candidates = (derive(key, made.purpose, made.id) for key in keys)
    return next((token for token in candidates if hmac.compare_digest(token_hash(token), made.token_hash)), None)
