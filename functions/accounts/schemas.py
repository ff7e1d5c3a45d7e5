"""Payloads and answers of accounts."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, StringConstraints, field_validator

from functions.accounts.domain import UserStatus, parse_email
from functions.accounts.legal_texts import Document
from functions.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from functions.stations.enums import ConnectorType
from shared.energy import CONSUMPTION_KWH_PER_KM
from shared.web.fields import Input, Output, old_names
from shared.web.links import no_link

Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(parse_email)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(no_link)]
CarName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(no_link)]
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=MIN_LENGTH, max_length=MAX_LENGTH)]
"""A password to be set; passwords.py says which ones are refused."""
Given = Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_LENGTH)]
"""A password to be compared."""
LinkToken = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Role = Literal["driver", "owner", "admin"]
Version = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
"""Of a legal text."""
Kwh = Annotated[float, Field(ge=0.1, le=1000, examples=[60.0])]
Consumption = Annotated[float, Field(gt=0.01, le=5, examples=[0.18])]
Power = Annotated[float, Field(ge=0.1, le=1000, examples=[100.0])]
Plate = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16)]
Standards = Annotated[list[ConnectorType], Field(min_length=1, max_length=10, examples=[["IEC_62196_T2"]])]


class Register(Input):
    """A new account."""

    email: Email = Field(examples=["ada@example.org"])
    password: Password = Field(examples=["correct horse battery"])
    name: Name = Field(examples=["Ada"])
    role: Literal["driver", "owner"] = "driver"
    accept_terms: Version | None = Field(
        None,
        description="The version of the terms that was shown and accepted; without it they are asked for at the first booking",
    )


class Login(Input):
    """Credentials."""

    email: Annotated[str, Field(max_length=254, examples=["driver@demo.test"])]
    password: Given


class Asked(Output):
    """What was asked for is under way; whether there is an account, the e-mail alone tells."""

    detail: str = "If it applies to this address, an e-mail is on its way."


class AddressIn(Input):
    """An e-mail address something is asked for."""

    email: Email = Field(examples=["ada@example.org"])


class VerifyIn(Input):
    """The token of the mailed link, and the password chosen at registration."""

    token: LinkToken
    password: Given


class ResetIn(Input):
    """The token of the mailed link, and the new password."""

    token: LinkToken
    password: Password


class PasswordChange(Input):
    """The present password (none where the account has none yet and its holder has just signed in) and the new one."""

    current_password: Given | None = None
    new_password: Password


class EmailChange(Input):
    """The address wanted, and the present password."""

    email: Email
    password: Given | None = None


class EmailConfirm(Input):
    """The token of the link that was mailed to the new address."""

    token: LinkToken


class PhoneIn(Input):
    """A mobile number as it is dialled, and the present password."""

    number: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=40)] = Field(
        examples=["06 1234 5678"], description="International (+31612345678), or as it is dialled in `country`"
    )
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = Field(
        None, examples=["NL"], description="ISO 3166-1, two letters: where a number without + belongs"
    )
    password: Given | None = None


class PhoneAsked(Output):
    """A code is on its way to `number` (E.164); it is good until `expires_at`."""

    number: str
    expires_at: datetime


class PhoneCode(Input):
    """The code that was sent to the number."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{6}$")] = Field(examples=["123456"])


class OidcStart(Output):
    """Where to send the browser, and what the client keeps until it comes back. `binding` never leaves the client."""

    authorization_url: str
    state: str
    binding: str


class OidcFinish(Input):
    """What the provider's redirect brought, and the `binding` of the start."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    state: LinkToken
    binding: LinkToken


class Refresh(Input):
    """The refresh token of the last log-in or refresh; none where it comes by cookie."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Tokens(Output):
    """A log-in: an access token for 15 minutes and a refresh token that works once."""

    access_token: str
    refresh_token: str | None = Field(description="null where it came in a cookie (`X-Session: cookie`)")
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds the access token is good for")


class User(Output):
    """An account as its owner sees it."""

    id: uuid.UUID
    email: str
    name: str
    phone: str | None
    phone_verified_at: datetime | None = Field(description="When a code proved the number; without that no SMS is sent to it")
    role: str
    email_verified: bool
    created_at: datetime


class TextVersion(Output):
    """A legal text in its present version; `accounts/{document}` shows it."""

    document: Document
    version: str
    title: str


class LegalTexts(Output):
    """Every legal text there is."""

    items: list[TextVersion]


class Me(User):
    """Your account, and the texts whose present version you have not accepted yet: a new booking needs the terms."""

    to_accept: list[TextVersion]


class ConsentGiven(Input):
    """The version of a text that was shown and accepted."""

    document: Literal["terms", "privacy"]
    version: Version


class Consent(Output):
    """A version of a text that you accepted."""

    document: Literal["terms", "privacy"]
    version: str
    accepted_at: datetime


class AccountSession(Output):
    """A log-in of yours: the device (as its browser names itself), the address it last came from, when it was last used."""

    id: uuid.UUID
    user_agent: str
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(False, description="This very session")


class Account(User):
    """An account as administrators see it."""

    status: UserStatus


class AccountUpdate(Input):
    """What an administrator changes; absent fields stay. Why goes into the audit."""

    status: UserStatus | None = None
    role: Role | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)] | None = None


class UserUpdate(Input):
    """What a user may change of their own account. The phone number has a way of its own: accounts/me/phone."""

    name: Name | None = None


class VehicleCreate(Input):
    """A vehicle's figures."""

    model_config = ConfigDict(json_schema_extra=old_names(standards="connectors"))

    name: CarName = "My car"
    plate: Plate | None = None
    battery_kwh: Kwh
    consumption_kwh_per_km: Consumption = CONSUMPTION_KWH_PER_KM
    max_power_kw: Power = Field(description="The most it takes, kW")
    standards: Standards = Field(validation_alias=AliasChoices("connectors", "standards"))

    @field_validator("standards")
    @classmethod
    def _once_each(cls, value: list[ConnectorType]) -> list[ConnectorType]:
        return list(dict.fromkeys(value))


class VehicleUpdate(Input):
    """What is to change; absent fields stay."""

    model_config = ConfigDict(json_schema_extra=old_names(standards="connectors"))

    name: CarName | None = None
    plate: Plate | None = None
    battery_kwh: Kwh | None = None
    consumption_kwh_per_km: Consumption | None = None
    max_power_kw: Power | None = None
    standards: Standards | None = Field(None, validation_alias=AliasChoices("connectors", "standards"))


class Vehicle(Output):
    """A vehicle."""

    id: uuid.UUID
    name: str
    plate: str | None
    battery_kwh: float
    consumption_kwh_per_km: float
    max_power_kw: float
    connectors: list[str] = Field(validation_alias=AliasChoices("connectors", "standards"))
    standards: list[str] = Field(json_schema_extra={"deprecated": True}, description="`connectors` by their old name")
    created_at: datetime
