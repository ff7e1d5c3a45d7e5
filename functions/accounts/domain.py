"""Users, contacts, vehicles, and the passwords' rules. No I/O, no clock."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

REFRESH_LIFETIME = timedelta(days=30)
DEFAULT_CONSUMPTION_KWH_PER_KM = 0.18
"""PROBLEM.md, Candidates."""


@dataclass(frozen=True)
class User:
    """An account. `email` is kept lower-case: addresses are compared without case."""

    id: uuid.UUID
    email: str
    name: str
    phone: str | None
    role: str
    password_hash: str
    email_verified: bool
    created_at: datetime


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
    """One refresh token in a family: a log-in and what it was rotated to. Only its hash is kept."""

    id: uuid.UUID
    family_id: uuid.UUID
    user_id: uuid.UUID
    token_hash: str
    created_at: datetime
    expires_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None


def normalise_email(email: str) -> str:
    """The form in which an address is stored and compared."""
    return email.strip().lower()


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a refresh token; it has enough entropy for a plain hash."""
    return hashlib.sha256(token.encode()).hexdigest()
