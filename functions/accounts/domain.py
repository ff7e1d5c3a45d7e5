"""Users, sessions, tokens, vehicles, and the rules they keep. No I/O, no clock."""

import base64
import hashlib
import hmac
import secrets
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from email_validator import EmailNotValidError, validate_email

IDLE_LIFETIME = timedelta(days=30)
"""A session that is not refreshed for so long has ended."""
WHOLE_LIFETIME = timedelta(days=180)
"""No session is older than this, however often it is refreshed."""
REFRESH_GRACE = timedelta(seconds=20)
"""So long after its exchange a refresh token may come once more: two tabs, or a repeat after a lost answer."""
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
    SECOND_FACTOR = "second_factor"
    """The challenge between a right password and the code of the second factor."""
    NOTICE = "notice"
    """No token: counts an e-mail without a link, so that nobody can flood a mailbox with it."""


TOKEN_LIFETIME = {
    Purpose.VERIFY: timedelta(days=2),
    Purpose.RESET: timedelta(hours=1),
    Purpose.EMAIL: timedelta(hours=2),
    Purpose.OIDC: timedelta(minutes=10),
    Purpose.SECOND_FACTOR: timedelta(minutes=5),
    Purpose.NOTICE: timedelta(hours=1),
}
ENROLMENT_LIFETIME = timedelta(hours=1)
"""How long a second factor that was begun can be confirmed."""
CHALLENGE_TRIES = 5
"""Wrong codes after which a sign-in begins anew."""
CODE_LIFETIME = timedelta(minutes=10)
"""How long the code sent to a phone number is good."""
CODE_TRIES = 5
"""Wrong codes after which a new one must be asked for."""
MAILS_AN_HOUR = 5
"""E-mails of one purpose that an account gets in an hour; what is asked for beyond is answered alike and not sent."""


@dataclass(frozen=True)
class User:
    """An account of a driver, an owner or an administrator."""

    id: uuid.UUID
    """UUIDv7."""
    email: str
    """Lower-case: addresses are compared without case."""
    name: str
    """As they want to be called."""
    phone: str | None
    """E.164; nothing is sent to it unless `phone_verified_at` is set."""
    role: str
    """`driver`, `owner` or `admin`."""
    password_hash: str = field(repr=False)
    """Argon2id, or NO_PASSWORD."""
    email_verified: bool
    """Whether somebody with access to the mailbox has shown it."""
    created_at: datetime
    """When it was registered."""
    status: str = UserStatus.ACTIVE.value
    """A UserStatus."""
    phone_verified_at: datetime | None = None
    """When a code sent to the number was given back; None of a number from before that was asked."""


def nobodys(email: str) -> dict[str, Any]:
    """What an account becomes when its address is proven by another way than the password chosen at registration.

    Whoever registered it may have been a stranger: name, phone and role are what they typed, and none of it stays.
    """
    return {"name": name_of(email), "phone": None, "phone_verified_at": None, "role": "driver", "email_verified": True}


def name_of(email: str) -> str:
    """What somebody is called who has not said: the part of the address before the @."""
    return email.split("@")[0][:120]


@dataclass(frozen=True)
class Contact:
    """How to reach a user."""

    user_id: uuid.UUID
    email: str
    phone: str | None
    name: str
    email_verified: bool
    phone_verified_at: datetime | None = None

    @property
    def sms_number(self) -> str | None:
        """The number that SMS may be sent to: only one that a code has proven."""
        return None if self.phone_verified_at is None else self.phone


@dataclass(frozen=True)
class PhoneVerification:
    """A number whose holder is to give back the code that was sent to it; one of an account at a time."""

    user_id: uuid.UUID
    """Whose account wants the number."""
    id: uuid.UUID
    """UUIDv7; the code is derived from it and the signing key."""
    number: str
    """E.164."""
    tries: int
    """Wrong codes that were given."""
    created_at: datetime
    """When it was asked for."""
    expires_at: datetime
    """From when on the code is refused."""


@dataclass(frozen=True)
class Consent:
    """Somebody accepted a version of a text."""

    id: uuid.UUID
    """UUIDv7."""
    user_id: uuid.UUID
    """Who; an id that stands for nobody once they have left."""
    document: str
    """`terms` or `privacy`."""
    version: str
    """The text's version."""
    text_hash: str
    """SHA-256 of the text."""
    accepted_at: datetime
    """When."""
    address_hash: str | None
    """The network address it came from, hashed with the signing key; None where it is not known or they have left."""


@dataclass(frozen=True)
class Vehicle:
    """A driver's vehicle."""

    id: uuid.UUID
    """UUIDv7."""
    user_id: uuid.UUID
    """Whose it is."""
    name: str
    """What the driver calls it."""
    plate: str | None
    """The number plate."""
    battery_kwh: float
    """Capacity, kWh."""
    consumption_kwh_per_km: float
    """On the road, kWh/km."""
    max_power_kw: float
    """The most it takes, kW."""
    standards: tuple[str, ...]
    """OCPI connector standards that fit."""
    created_at: datetime
    """When it was added."""


def normal_plate(plate: str | None) -> str | None:
    """A number plate as it is compared, letters and digits alone: `ab-12 cd` is `AB12CD`. None where nothing is left."""
    kept = "".join(letter for letter in unicodedata.normalize("NFKC", plate or "").upper() if letter.isalnum())
    return kept[:16] or None


@dataclass(frozen=True)
class AccountSession:
    """A log-in: from which device and address, and how long it lasts. Access tokens name it (`sid`)."""

    id: uuid.UUID
    """UUIDv7, the `sid` of access tokens."""
    user_id: uuid.UUID
    """Whose log-in it is."""
    created_at: datetime
    """When they logged in."""
    last_used_at: datetime
    """When tokens were last issued."""
    expires_at: datetime
    """When it ends by itself, unless it is refreshed before."""
    revoked_at: datetime | None
    """When it was ended early."""
    revoked_for: str | None
    """Why it was ended early: `logout`, `reuse`, `reset` and the like."""
    user_agent: str
    """How the device's browser names itself."""
    address: str | None
    """The network address it last came from."""
    second_factor_at: datetime | None = None
    """When a second factor was shown in it, to us or to the provider it came by; None where none was."""
    proven_at: datetime | None = None
    """When the identity provider last asked its person who they are; None of a log-in by password, or where it does not say."""

    def alive(self, now: datetime) -> bool:
        """Whether it can still be refreshed."""
        return self.revoked_at is None and self.expires_at > now


@dataclass(frozen=True)
class RefreshToken:
    """One of a session's family of refresh tokens: the latest is not rotated yet."""

    id: uuid.UUID
    session_id: uuid.UUID
    token_hash: str
    """SHA-256; the token itself is not kept."""
    created_at: datetime
    rotated_at: datetime | None
    """When it was exchanged for the next one."""
    parent_id: uuid.UUID | None = None
    """The token it was given for; None for the first of a session."""


@dataclass(frozen=True)
class SecondFactor:
    """The authenticator app of an account."""

    user_id: uuid.UUID
    """Whose it is."""
    encrypted_secret: bytes = field(repr=False)
    """What the app was given, sealed (shared/sealing.py)."""
    created_at: datetime
    """When it was begun."""
    confirmed_at: datetime | None
    """When a first code was given, and since when it is asked for; None where it is only begun."""
    last_step: int | None
    """The time step of the last code used: no code works twice, nor an earlier one after it."""


@dataclass(frozen=True)
class AccountToken:
    """A token of an e-mail's link or of a sign-in at a provider. Single use; only its hash is kept."""

    id: uuid.UUID
    """UUIDv7; the token is derived from it and the signing key."""
    user_id: uuid.UUID | None
    """Whose it is; None while somebody signs in at a provider."""
    purpose: str
    """A Purpose."""
    token_hash: str
    """SHA-256."""
    data: dict[str, Any]
    """What the purpose needs: the address wanted (`email`), the hash of the client's `binding` and whether it is to be asked
    anew (`oidc`), wrong codes so far (`tries`) and when the provider asked who they are (`proven_at`, ISO 8601)
    (`second_factor`)."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """From when on it is refused."""
    used_at: datetime | None
    """When it was used or made useless."""

    def good(self, now: datetime) -> bool:
        """Whether it can be used at `now`."""
        return self.used_at is None and self.expires_at > now


def session_end(created_at: datetime, now: datetime) -> datetime:
    """Until when a session refreshed at `now` lasts."""
    return min(now + IDLE_LIFETIME, created_at + WHOLE_LIFETIME)


def parse_email(email: str) -> str:
    """An address in the one form in which it is stored and compared, wherever it comes from: NFC, lower case, a domain in
    letters and not in punycode. Raises ValueError for what is none."""
    try:
        # Deliverability is not asked for: it would look up names on the network. `.test` is allowed for demos and tests.
        valid = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from error
    return unicodedata.normalize("NFC", valid.lower())


def normalise_email(email: str) -> str:
    """The same, for what is only looked for: what is no address stays as it is, and nobody has it."""
    try:
        return parse_email(email)
    except ValueError:
        return email.strip().lower()


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token; it has enough entropy for a plain hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def derive(key: str, purpose: str, row_id: uuid.UUID) -> str:
    """A secret of 256 bits for the row `row_id` that only the holder of `key` can make (HMAC-SHA256).

    So the secret itself is stored nowhere, not in the database and in no queue, and can still be written into an e-mail later.
    """
    digest = hmac.new(key.encode(), b"evcharging " + purpose.encode() + b"\0" + row_id.bytes, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def keyed_hash(key: str, purpose: str, text: str) -> str:
    """A hash by which the holder of `key` alone can tell whether a text was this one."""
    return hmac.new(key.encode(), b"evcharging " + purpose.encode() + b"\0" + text.encode(), hashlib.sha256).hexdigest()


def phone_code(key: str, verification_id: uuid.UUID) -> str:
    """The six digits that prove a number; only the holder of `key` can make them."""
    digest = hmac.new(key.encode(), b"evcharging phone\0" + verification_id.bytes, hashlib.sha256).digest()
    return f"{int.from_bytes(digest) % 1_000_000:06}"


def derived_again(keys: Sequence[str], row: AccountToken) -> str | None:
    """The token of a stored row, derived anew; None where its key has been retired."""
    candidates = (derive(key, row.purpose, row.id) for key in keys)
    return next((token for token in candidates if hmac.compare_digest(token_hash(token), row.token_hash)), None)
