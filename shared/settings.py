"""Every setting of the process, read from the environment once and lazily; docs/settings.md explains each."""

import base64
import ipaddress
import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.local_files import kept_key

_DATA_KEY_BYTES = 32


def _is_data_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == _DATA_KEY_BYTES
    except ValueError:
        return False


@dataclass(frozen=True)
class TrustedProxies:
    """Proxies of ours that stand before the API: how many, or in which networks."""

    count: int = 0
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def of(cls, text: str) -> "TrustedProxies":
        """By a number, or by networks with commas between. Raises ValueError."""
        if text.strip().isdigit():
            return cls(count=int(text))
        return cls(networks=tuple(ipaddress.ip_network(network) for network in _listed(text)))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


class Settings(BaseSettings):
    """Settings by their environment names. Nothing is required on the embedded defaults."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True, case_sensitive=False)

    environment: Literal["development", "staging", "production"] = Field(
        "development",
        description="`staging` and `production` refuse to work on embedded parts, on an example's keys, without rate limits "
        "and without verified TLS to the database; the health answer names what is missing.",
    )
    hosting: Literal["azure", "host"] = Field(
        "azure",
        description="`host`: an ordinary server, on which the outbox may be the bus (with exactly one delivery process), blobs "
        "a folder (that is backed up) and the database the same machine's.",
    )
    azure_client_id: str | None = Field(
        None, description="Client id of the user-assigned managed identity. Unset: the system-assigned one."
    )
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded defaults: database, blobs, mailbox.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy address of MySQL or MariaDB (`mysql+pymysql://...`). Unset: SQLite in DATA_DIR."
    )
    database_auth: Literal["password", "entra"] = Field(
        "password",
        description="`entra`: a token of the managed identity is the password; DATABASE_URL then has a user and none.",
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        le=200,
        description="Connections a process may open; instances x pool must stay below max_connections.",
    )
    blob_endpoint: str | None = Field(
        None,
        pattern="^https://",
        description="Address of a Blob Storage account that the managed identity may read and write "
        "(`https://NAME.blob.core.windows.net/`). Unset: BLOB_CONNECTION_STRING, or a folder in DATA_DIR.",
    )
    blob_connection_string: SecretStr | None = Field(
        None, description="Connection string of Blob Storage or Azurite, where there is a key: emulators."
    )
    blob_container: str = Field("evcharging", description="Container of models, exports and photos.")
    servicebus__fullyqualifiednamespace: str | None = Field(
        None,
        description="Service Bus by the managed identity (`NAME.servicebus.windows.net`), in the host's spelling "
        "`SERVICEBUS__fullyQualifiedNamespace`: the triggers read it too.",
    )
    servicebus: SecretStr | None = Field(
        None,
        description="Connection string of Service Bus, where there is a key: emulators. Neither set: the outbox table itself "
        "is the queue, and one process delivers from it.",
    )
    communication_endpoint: str | None = Field(
        None, description="Communication Services endpoint. Unset: messages land in the mailbox of DATA_DIR."
    )
    communication_key: SecretStr | None = Field(
        None, description="Access key of Communication Services. Unset: by the managed identity."
    )
    email_sender: str = Field("noreply@evcharging.test", description="Sender address of e-mail.")
    sms_sender: str = Field("+15005550006", description="Sender number of SMS, E.164.")
    jwt_secret: SecretStr | None = Field(
        None,
        description="Key that signs access tokens, 32 bytes or more. Unset on SQLite: made once and kept in DATA_DIR.",
    )
    jwt_other_secrets: SecretStr | None = Field(
        None,
        description="Keys that verify and do not sign, comma separated: the next and the last one of a rotation.",
    )
    data_keys: SecretStr | None = Field(
        None,
        description="Keys that encrypt secrets at rest (second factors), comma separated: the first encrypts, all decrypt. "
        "Unset on SQLite: made once and kept in DATA_DIR.",
    )
    stripe_api_key: SecretStr | None = Field(
        None,
        description="Stripe's secret key: live in production alone, test elsewhere. Unset: places whose terms ask for payment "
        "cannot be booked. `make run` sets it to a loopback Stripe.",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None, description="Secret by which Stripe's webhooks are known; must be set where STRIPE_API_KEY is."
    )
    stripe_api_base: str | None = Field(
        None,
        pattern=r"^http://127\.0\.0\.1:\d+$",
        description="Address of a loopback Stripe, `http://127.0.0.1:PORT`; never in staging or production.",
    )
    hold_ahead_hours: int = Field(
        24, ge=1, le=72, description="Money for a booking is held no more than so many hours before its start."
    )
    payment_minutes: int = Field(
        10, ge=1, le=30, description="Minutes that a place is kept for a booking that is to be paid for."
    )
    public_url: str = Field("http://127.0.0.1:7071", description="Address drivers reach the API at; links in messages.")
    trusted_proxies: str = Field(
        "",
        description="Proxies of ours before the API, of which X-Forwarded-For is believed: how many there are, or their "
        "networks, comma separated. Unset: none (on Functions its own front end is always believed).",
    )
    web_origins: str = Field(
        "",
        description="Exact origins (`https://app.example.org`) of web clients that may call with credentials, comma separated. "
        "Unset: pages of this host alone.",
    )
    web_url: str | None = Field(
        None,
        description="Address of the web application, where messages' links lead. Unset: to the API's own page of a booking.",
    )
    map_url: str = Field(
        "https://www.google.com/maps/dir/?api=1&destination={latitude},{longitude}",
        pattern=r"^https://.*\{latitude\}.*\{longitude\}.*$",
        description="Where messages show the way: an https address with {latitude} and {longitude} in it.",
    )
    message_hold_s: int = Field(
        60,
        ge=0,
        le=600,
        description="Seconds that the letter of a booking made or moved waits: what is taken back within them is not sent.",
    )
    max_body_bytes: int = Field(262_144, ge=1024, description="Largest request body taken, photos aside.")
    max_photo_bytes: int = Field(16_777_216, ge=1024, description="Largest photo taken, as it is uploaded.")
    open_bookings_per_driver: int = Field(
        20,
        ge=1,
        le=1000,
        description="Open bookings a driver may have over all locations; each location's terms limit those there.",
    )
    pending_bookings_per_driver: int = Field(
        3, ge=1, le=100, description="Offers that may be held for a driver at once, unpaid and not accepted."
    )
    booking_horizon_days: int = Field(
        90, ge=1, le=365, description="How many days ahead anything may be booked, where a location's terms allow as much."
    )
    rate_limits: bool = Field(True, description="`false` switches every rate limit off: load tests, never production.")
    calls_per_minute: int = Field(
        1200,
        ge=1,
        description="Calls of any kind that an account may make in a minute, or an address without a valid token.",
    )
    searches_per_minute: int = Field(
        600, ge=1, description="Public searches (nearby, availability, quotes) that an address may make in a minute."
    )
    photos_per_hour: int = Field(60, ge=1, description="Photos an account may send in an hour.")
    asks_per_minute: int = Field(60, ge=1, description="Charge requests and recommendations a driver may ask for in a minute.")
    fee_cap_percent: int = Field(
        100,
        ge=0,
        le=1000,
        description="A late cancel or a no-show costs at most so many % of its quote, unless an administrator allowed more.",
    )
    commission_percent: float = Field(
        5.0,
        ge=0,
        le=100,
        description="What the platform keeps of each price and fee, in % of what the driver owes, VAT included.",
    )
    commission_vat_percent: float = Field(21.0, ge=0, le=100, description="VAT on the commission, in %; it comes on top of it.")
    charge_request_minutes: int = Field(
        10, ge=2, le=1440, description="Minutes after which a charge request that is not decided has FAILED."
    )
    fault_grace_s: int = Field(
        120,
        ge=0,
        le=3600,
        description="Seconds that a booking waits for its broken charger, or another of its pool, before it moves to "
        "another place.",
    )
    relocate_km: float = Field(
        3.0,
        gt=0,
        le=50,
        description="How far, as the crow flies, a booking may move to another place when its charger has failed.",
    )
    relocate_ahead_hours: int = Field(
        24,
        ge=1,
        le=168,
        description="How many hours before its start a booking whose charger has failed may move to another place; until "
        "then the charger may be mended.",
    )
    bookings_per_hour: int = Field(
        30,
        ge=1,
        description="How often a driver may book, ask for a charge or move in an hour; cancels count, and are never refused.",
    )
    sign_ins_per_account: int = Field(
        10, ge=1, description="Tries to sign in to one e-mail address in 15 minutes before it is locked until they are over."
    )
    sign_ins_per_address: int = Field(100, ge=1, description="Sign-ins and links that an address may try in 15 minutes.")
    account_mails_per_address: int = Field(
        30, ge=1, description="Registrations, forgotten passwords and repeated verifications an address may ask for in an hour."
    )
    sms_countries: str = Field(
        "AT,BE,BG,CH,CY,CZ,DE,DK,EE,ES,FI,FR,GB,GR,HR,HU,IE,IS,IT,LI,LT,LU,LV,MT,NL,NO,PL,PT,RO,SE,SI,SK",
        pattern="^[A-Z]{2}(,[A-Z]{2})*$",
        description="Countries whose mobile numbers get SMS: ISO 3166-1, two letters, comma separated.",
    )
    phone_codes_per_address: int = Field(
        20, ge=1, description="Codes to prove a phone number that an address may ask for in an hour."
    )
    phone_codes_per_account: int = Field(
        5, ge=1, description="Codes to prove a phone number that an account may ask for in a day."
    )
    phone_codes_per_number: int = Field(
        5, ge=1, description="Codes that may be asked for one number in an hour, by whichever accounts."
    )
    sms_per_number_hour: int = Field(10, ge=1, description="SMS that a number gets in an hour.")
    sms_per_number_day: int = Field(30, ge=1, description="SMS that a number gets in a day.")
    sms_per_account_day: int = Field(40, ge=1, description="SMS that an account gets in a day, whatever its numbers.")
    sms_per_hour: int = Field(
        2000, ge=1, description="SMS that the platform sends in an hour; above it none, and an error `SMS_CEILING` in the log."
    )
    oidc_issuer: str | None = Field(
        None, description="Issuer of an OpenID Connect provider (Entra External ID). Unset: sign-in by password alone."
    )
    oidc_client_id: str | None = Field(None, description="Our client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(None, description="Our client secret at the provider.")
    oidc_redirect_url: str | None = Field(
        None, description="Page of the client that the provider sends people back to; it hands `code` and `state` to the API."
    )
    oidc_verified_claim: str = Field(
        "email_verified", description="Claim that says the provider has verified the e-mail address (Entra: `xms_edov`)."
    )
    oidc_second_factor_values: str | None = Field(
        None,
        description="Values of the provider's `amr` or `acr` claim that count as a second factor, comma separated "
        "(Entra: `mfa`). Unset: ours is asked for too.",
    )
    second_factor_for_owners: bool = Field(
        False, description="`true`: station owners too must have a second factor, as administrators always must."
    )
    fresh_sign_in_minutes: int = Field(
        10,
        ge=1,
        le=1440,
        description="Minutes after a sign-in at the provider in which an account without a password does what is sensitive.",
    )
    legal_terms_file: FilePath | None = Field(
        None, description="Markdown of the terms of use. Unset: the text that is shipped."
    )
    legal_privacy_file: FilePath | None = Field(
        None, description="Markdown of the privacy notice. Unset: the text that is shipped."
    )
    legal_imprint_file: FilePath | None = Field(None, description="Markdown of the imprint. Unset: the text that is shipped.")
    decision_deadline_ms: float = Field(
        200.0, gt=0, description="Time the policy has to score a request before the rule decides."
    )
    feed_silent_after_s: int = Field(
        900, ge=60, description="Seconds without a word from a location's feed after which its EVSEs are UNKNOWN."
    )
    feed_clock_skew_s: int = Field(
        60, ge=0, le=3600, description="Seconds that a station's clock may be ahead; later timestamps are refused."
    )
    feed_updates_per_minute: int = Field(60, ge=1, description="State changes taken of one EVSE in a minute.")
    feed_history_days: int = Field(35, ge=1, description="Days that changes of EVSE states are kept for the forecast.")
    decision_days: int = Field(
        35, ge=8, description="Days after which a whole decision leaves the database for the store, without who asked."
    )
    delivery_days: int = Field(30, ge=8, description="Days that an e-mail or SMS is kept after it was made.")
    notification_days: int = Field(
        365, ge=30, description="Days after which a read message of the app is deleted; unread ones after twice as many."
    )
    claim_days: int = Field(35, ge=8, description="Days after a slot that the claim on it is kept.")
    tile_url: str | None = Field(
        None, description="Map tiles for clients, with {z}, {x} and {y}. Unset: clients draw a ground of their own."
    )
    tile_attribution: str = Field("", description="What must stand beside a map of those tiles.")
    support_email: str | None = Field(None, description="Address that clients show where people need help.")
    demo: bool = Field(False, description="`true` where what is shown is made up; clients say so.")
    applicationinsights_connection_string: SecretStr | None = Field(
        None, description="Azure Monitor. Unset: telemetry stays in the process."
    )
    trace_sampling_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the requests and messages whose spans are sent. Metrics count all."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Level of the root logger; libraries that tell of each call of theirs stay at WARNING."
    )

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            if value is not None:
                make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            # Without the address, in which there may be a password.
            raise ValueError("must be an address such as mysql+pymysql://user:password@host/name") from None
        return value

    @model_validator(mode="after")
    def _check_one_way_each(self) -> "Settings":
        pairs = (("servicebus", "servicebus_namespace"), ("blob_connection_string", "blob_endpoint"))
        for one, other in pairs:
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one.upper()}: leave it out, the managed identity is used")
        return self

    @property
    def servicebus_namespace(self) -> str | None:
        """The namespace of Service Bus that is reached by the managed identity."""
        return self.servicebus__fullyqualifiednamespace

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        TrustedProxies.of(value)
        return value

    @field_validator("web_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        for origin in _listed(value):
            if not re.fullmatch(r"https?://[a-z0-9.\-]+(:\d{1,5})?", origin):
                raise ValueError(f"{origin!r} is no origin: scheme, host in small letters, port unless it is the usual one")
        return value

    @cached_property
    def proxies(self) -> "TrustedProxies":
        """The proxies of ours before the API."""
        return TrustedProxies.of(self.trusted_proxies)

    @cached_property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins whose pages may call the API."""
        return _listed(self.web_origins)

    @cached_property
    def sms_country_codes(self) -> frozenset[str]:
        """The countries whose mobile numbers get SMS."""
        return frozenset(self.sms_countries.split(","))

    @cached_property
    def database_address(self) -> str:
        """The database's SQLAlchemy address."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'evcharging.db'}"

    @cached_property
    def second_factor_claims(self) -> frozenset[str]:
        """The values of OIDC_SECOND_FACTOR_VALUES."""
        return frozenset(value.strip() for value in (self.oidc_second_factor_values or "").split(",") if value.strip())

    @cached_property
    def signing_key(self) -> str:
        """The key of access tokens. On SQLite it is made once; elsewhere it must be set."""
        if self.jwt_secret is not None:
            key = self.jwt_secret.get_secret_value()
            if len(key.encode()) < 32:
                raise ValueError("JWT_SECRET: must be at least 32 bytes")
            return key
        if not self.database_address.startswith("sqlite"):
            raise ValueError("JWT_SECRET: must be set when DATABASE_URL is")
        return kept_key(self.data_dir / "jwt.key", secrets.token_urlsafe(48))

    @cached_property
    def sealing_keys(self) -> tuple[str, ...]:
        """DATA_KEYS: 32 bytes each in URL-safe base64; the first encrypts, all decrypt. On SQLite one is made once."""
        if self.data_keys is None:
            if not self.database_address.startswith("sqlite"):
                raise ValueError("DATA_KEYS: must be set when DATABASE_URL is")
            fresh = base64.urlsafe_b64encode(secrets.token_bytes(_DATA_KEY_BYTES)).decode()
            return (kept_key(self.data_dir / "data.key", fresh),)
        keys = tuple(key.strip() for key in self.data_keys.get_secret_value().split(",") if key.strip())
        if not keys or any(not _is_data_key(key) for key in keys):
            raise ValueError("DATA_KEYS: each must be 32 bytes in URL-safe base64 (`openssl rand -base64 32 | tr +/ -_`)")
        return keys

    @cached_property
    def verification_keys(self) -> tuple[str, ...]:
        """Every key whose access tokens are good: the one that signs, then those of a rotation."""
        others = [] if self.jwt_other_secrets is None else self.jwt_other_secrets.get_secret_value().split(",")
        keys = [key.strip() for key in others if key.strip()]
        if any(len(key.encode()) < 32 for key in keys):
            raise ValueError("JWT_OTHER_SECRETS: each must be at least 32 bytes")
        return (self.signing_key, *keys)
