"""What happens to accounts. What somebody asks for an address is an event too: whether there is an account shows later."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.events import Event


@dataclass(frozen=True)
class AccountRegistered(Event):
    """Somebody registered with an address, which may have an account already."""

    TYPE: ClassVar[str] = "account_registered"
    email: str


@dataclass(frozen=True)
class VerificationWanted(Event):
    """Somebody asks for the link that verifies an address once more."""

    TYPE: ClassVar[str] = "verification_wanted"
    email: str


@dataclass(frozen=True)
class PasswordForgotten(Event):
    """Somebody asks to set a new password for an address."""

    TYPE: ClassVar[str] = "password_forgotten"
    email: str


@dataclass(frozen=True)
class EmailChangeWanted(Event):
    """A user wants to use another address."""

    TYPE: ClassVar[str] = "email_change_wanted"
    user_id: uuid.UUID
    email: str


@dataclass(frozen=True)
class PasswordChanged(Event):
    """A user has another password from now on."""

    TYPE: ClassVar[str] = "password_changed"
    user_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class EmailChanged(Event):
    """A user has another address from now on; `old` gets nothing more."""

    TYPE: ClassVar[str] = "email_changed"
    user_id: uuid.UUID
    old: str
    at: datetime


@dataclass(frozen=True)
class PhoneProofWanted(Event):
    """A user wants a code sent to a number; the number is in the verification's row."""

    TYPE: ClassVar[str] = "phone_proof_wanted"
    user_id: uuid.UUID
    verification_id: uuid.UUID


@dataclass(frozen=True)
class PhoneChanged(Event):
    """A user has another proven phone number from now on, or none."""

    TYPE: ClassVar[str] = "phone_changed"
    user_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class PhoneTaken(Event):
    """A user's phone number was proven by another account: this one has none any more."""

    TYPE: ClassVar[str] = "phone_taken"
    user_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class AccountLinked(Event):
    """A user can sign in by an identity provider from now on."""

    TYPE: ClassVar[str] = "account_linked"
    user_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class SecondFactorEvent(Event):
    """Something happened to the second factor of a user's account."""

    user_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class SecondFactorAdded(SecondFactorEvent):
    """Sign-ins ask for a second factor from now on."""

    TYPE: ClassVar[str] = "second_factor_added"


@dataclass(frozen=True)
class SecondFactorRemoved(SecondFactorEvent):
    """Sign-ins ask for no second factor any more; the user or an administrator took it away."""

    TYPE: ClassVar[str] = "second_factor_removed"


@dataclass(frozen=True)
class RecoveryCodeUsed(SecondFactorEvent):
    """A recovery code stood for the second factor."""

    TYPE: ClassVar[str] = "recovery_code_used"


@dataclass(frozen=True)
class AccountSuspended(Event):
    """An administrator suspended an account; `reason` is what they wrote to its holder."""

    TYPE: ClassVar[str] = "account_suspended"
    user_id: uuid.UUID
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class AccountDeleted(Event):
    """An account is gone; address and name are for the last e-mail alone."""

    TYPE: ClassVar[str] = "account_deleted"
    user_id: uuid.UUID
    email: str
    name: str
