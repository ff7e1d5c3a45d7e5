"""What ENVIRONMENT asks for: staging and production refuse whatever is embedded, an example's or unverified."""

from pathlib import Path
from typing import Any

import pytest

from app.process import make_platform
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.platform import Platform
from shared.readiness import shortcomings
from shared.settings import Settings

COMPLETE: dict[str, Any] = {
    "environment": "production",
    "database_url": "mysql+pymysql://id-app@database.example.test/evcharging",
    "database_auth": "entra",
    "servicebus__fullyqualifiednamespace": "bus.servicebus.windows.net",
    "blob_endpoint": "https://data.blob.core.windows.net/",
    "communication_endpoint": "https://messages.example.test",
    "jwt_secret": "a" * 40,
    "data_keys": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
    "public_url": "https://www.example.test",
    "stripe_webhook_secret": "whsec_x",
}
STRIPE = {"production": "sk_live_x", "staging": "sk_test_x"}


def missing(**changed: Any) -> list[str]:
    """The shortcomings of a complete environment with something changed."""
    environment = changed.get("environment", COMPLETE["environment"])
    return shortcomings(Settings.model_validate(COMPLETE | {"stripe_api_key": STRIPE.get(environment)} | changed))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_complete_environment_lacks_nothing(environment: str) -> None:
    assert missing(environment=environment) == []


def test_development_needs_nothing() -> None:
    assert shortcomings(Settings()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"servicebus__fullyqualifiednamespace": None}, "SERVICEBUS: must be set"),
        ({"blob_endpoint": None}, "BLOB_ENDPOINT: must be set"),
        ({"communication_endpoint": None}, "COMMUNICATION_ENDPOINT: must be set"),
        ({"database_url": None}, "DATABASE_URL: must be set"),
        ({"database_url": "sqlite:////tmp/x.db"}, "DATABASE_URL: must be a MySQL or MariaDB server"),
        ({"database_url": "mysql+pymysql://u@127.0.0.1/x"}, "DATABASE_URL: must be a server that is reached by verified TLS"),
        ({"jwt_secret": None}, "JWT_SECRET: must be set"),
        ({"jwt_secret": "change-me-to-32-random-bytes-or-more"}, "JWT_SECRET: is an example's or an emulator's"),
        ({"data_keys": None}, "DATA_KEYS: must be set"),
        ({"rate_limits": False}, "RATE_LIMITS: must not be false"),
        ({"public_url": "http://www.example.test"}, "PUBLIC_URL: must be an https address"),
        (
            {"servicebus__fullyqualifiednamespace": None, "servicebus": "Endpoint=sb://x;UseDevelopmentEmulator=true;"},
            "SERVICEBUS: is an example's or an emulator's",
        ),
        (
            {"blob_endpoint": None, "blob_connection_string": "UseDevelopmentStorage=true"},
            "BLOB_CONNECTION_STRING: is an example's or an emulator's",
        ),
    ],
)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_missing_is_named(environment: str, changed: dict[str, Any], said: str) -> None:
    assert missing(environment=environment, **changed) == [said]


@pytest.mark.parametrize("key", [None, "sk_test_x", "rk_test_x", "pk_live_x", "@Microsoft.KeyVault(SecretUri=https://v)"])
def test_production_wants_a_live_key_of_stripe(key: str | None) -> None:
    assert missing(stripe_api_key=key) == ["STRIPE_API_KEY: must be a live key when ENVIRONMENT is production"]


@pytest.mark.parametrize("key", [None, "sk_live_x", "rk_live_x"])
def test_no_money_moves_outside_production(key: str | None) -> None:
    said = missing(environment="staging", stripe_api_key=key)
    assert said == ["STRIPE_API_KEY: must be a test key when ENVIRONMENT is staging"]


def test_payments_need_the_secret_of_their_webhooks_everywhere() -> None:
    said = ["STRIPE_WEBHOOK_SECRET: must be set when STRIPE_API_KEY is"]
    assert missing(stripe_webhook_secret=None) == said
    assert shortcomings(Settings.model_validate({"stripe_api_key": "sk_test_x"})) == said


def test_no_money_moves_in_development() -> None:
    live = {"stripe_api_key": "sk_live_x", "stripe_webhook_secret": "whsec_x"}
    assert shortcomings(Settings.model_validate(live)) == [
        "STRIPE_API_KEY: must not be a live key when ENVIRONMENT is development"
    ]


def test_a_loopback_is_for_development_alone() -> None:
    assert missing(stripe_api_base="http://127.0.0.1:9") == ["STRIPE_API_BASE: must not be set outside development"]


def test_a_restricted_key_is_a_key() -> None:
    assert missing(stripe_api_key="rk_live_x") == []


def test_an_ordinary_host_may_have_the_outbox_as_bus_a_folder_of_blobs_and_its_own_database() -> None:
    embedded = {"servicebus__fullyqualifiednamespace": None, "blob_endpoint": None}
    assert missing(hosting="host", **embedded, database_url="mysql+pymysql://u@127.0.0.1/x") == []


def test_an_ordinary_host_needs_real_messages_too() -> None:
    assert missing(hosting="host", communication_endpoint=None) == ["COMMUNICATION_ENDPOINT: must be set"]


def test_no_value_is_said() -> None:
    said = " ".join(missing(jwt_secret="change-me-this-is-a-long-secret-of-somebody", public_url="http://inside.example"))
    assert "somebody" not in said
    assert "inside" not in said


@pytest.mark.parametrize("part", ["bus", "blobs", "email", "sms", "database"])
def test_no_part_is_quietly_embedded_in_a_command(part: str, tmp_path: Path) -> None:
    platform = Platform(Settings.model_validate({"environment": "staging", "data_dir": tmp_path}), SystemClock())
    with pytest.raises(Unavailable, match="must be set when ENVIRONMENT is staging"):
        getattr(platform, part)


def test_a_server_that_is_not_set_up_does_nothing(tmp_path: Path) -> None:
    platform = make_platform(Settings.model_validate({"environment": "production", "data_dir": tmp_path}))
    with pytest.raises(Unavailable, match="the health answer says what is missing"):
        platform.transact(lambda tx: None)


@pytest.mark.parametrize(
    "both",
    [
        {"servicebus": "Endpoint=sb://x;", "servicebus__fullyqualifiednamespace": "bus.servicebus.windows.net"},
        {"blob_connection_string": "AccountName=x;", "blob_endpoint": "https://data.blob.core.windows.net/"},
    ],
)
def test_a_key_beside_the_identity_is_refused(both: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="leave it out, the managed identity is used"):
        Settings.model_validate(both)
