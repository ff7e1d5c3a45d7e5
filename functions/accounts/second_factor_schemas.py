"""Payloads and answers of the second factor."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from functions.accounts.schemas import Given, LinkToken
from shared.web.fields import Input, Output

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["123456"])]
"""What the authenticator app shows."""
RecoveryCode = Annotated[str, StringConstraints(min_length=1, max_length=64), Field(examples=["k3j5da-q7wz2m-ax4c6t-p5yv2e"])]


class SecondFactorBegin(Input):
    """The password again; none where the account has none: then the sign-in must be of the last 15 minutes."""

    password: Given | None = None


class SecondFactorEnrolment(Output):
    """What an authenticator app takes up. It is shown this once."""

    secret: str = Field(description="Base32, to be typed where no camera is")
    otpauth_uri: str
    qr_svg: str = Field(description="A QR code of `otpauth_uri`: one SVG element")


class SecondFactorCode(Input):
    """A code of the authenticator app."""

    code: Code


class SecondFactorProof(Input):
    """A code of the authenticator app, or a recovery code: one of the two."""

    code: Code | None = None
    recovery_code: RecoveryCode | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.code is None) == (self.recovery_code is None):
            raise ValueError("send either code or recovery_code")
        return self


class ChallengeAnswer(SecondFactorProof):
    """The challenge that the sign-in answered, and a code."""

    challenge: LinkToken


class SecondFactorRemoval(Input):
    """Why an administrator takes an account's second factor away; it goes into the audit."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class RecoveryCodes(Output):
    """Ten codes that work once each in place of the app's. They are shown this once, and earlier ones are void."""

    recovery_codes: list[str]


class SecondFactorChallenge(Output):
    """The password was right; a second factor is asked for at `accounts/login/second-factor`."""

    challenge: str
    expires_in: int = Field(description="Seconds the challenge is good for")


class SecondFactorState(Output):
    """Whether your account has a second factor."""

    confirmed_at: datetime | None = Field(description="Since when it is asked for; null without one")
    recovery_codes_left: int
    demanded: bool = Field(description="Whether your role must have one")
    shown: bool = Field(description="Whether one was shown in this session")
