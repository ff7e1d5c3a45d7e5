"""Every setting of the process, read from the environment once and lazily; docs/settings.md explains each."""

import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings by their environment names. Nothing is required on the embedded defaults."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True, case_sensitive=False)

    data_dir: Path = Field(Path(".data"), description="Folder of the embedded defaults: database, blobs, mailbox.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy address of MySQL or MariaDB (`mysql+pymysql://...`). Unset: SQLite in DATA_DIR."
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        le=200,
        description="Connections a process may open; instances x pool must stay below max_connections.",
    )
    blob_connection_string: SecretStr | None = Field(
        None, description="Blob Storage (or Azurite) connection string. Unset: a folder in DATA_DIR."
    )
    blob_container: str = Field("evcharging", description="Container of models, exports and photos.")
    servicebus_connection_string: SecretStr | None = Field(
        None,
        description="Service Bus connection string. Unset: the outbox table itself is the queue, drained by devhost.",
    )
    communication_endpoint: str | None = Field(
        None, description="Communication Services endpoint. Unset: messages land in the mailbox of DATA_DIR."
    )
    communication_key: SecretStr | None = Field(None, description="Access key of Communication Services.")
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
    public_url: str = Field("http://127.0.0.1:7071", description="Address drivers reach the API at; links in messages.")
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
    max_photo_bytes: int = Field(8_388_608, ge=1024, description="Largest photo taken, as it is uploaded.")
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
    searches_per_minute: int = Field(
        600, ge=1, description="Public searches (nearby, availability, quotes) that an address may make in a minute."
    )
    asks_per_minute: int = Field(60, ge=1, description="Charge requests and recommendations a driver may ask for in a minute.")
    fee_cap_percent: int = Field(
        100,
        ge=0,
        le=1000,
        description="A late cancel or a no-show costs at most so many % of its quote, unless an administrator allowed more.",
    )
    charge_request_minutes: int = Field(
        10, ge=2, le=1440, description="Minutes after which a charge request that is not decided has FAILED."
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
    applicationinsights_connection_string: SecretStr | None = Field(
        None, description="Azure Monitor. Unset: telemetry stays in the process."
    )
    log_level: str = Field("INFO", description="Level of the root logger.")

    @cached_property
    def database_address(self) -> str:
        """The database's SQLAlchemy address."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'evcharging.db'}"

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
        path = self.data_dir / "jwt.key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".jwt.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                pass  # another process of this folder made it first: its key is the key
            finally:
                draft.unlink()
        return path.read_text()

    @cached_property
    def verification_keys(self) -> tuple[str, ...]:
        """Every key whose access tokens are good: the one that signs, then those of a rotation."""
        others = [] if self.jwt_other_secrets is None else self.jwt_other_secrets.get_secret_value().split(",")
        keys = [key.strip() for key in others if key.strip()]
        if any(len(key.encode()) < 32 for key in keys):
            raise ValueError("JWT_OTHER_SECRETS: each must be at least 32 bytes")
        return (self.signing_key, *keys)
