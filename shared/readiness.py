"""What a staging or production environment must have set: nothing embedded, nothing unverified, no key of an example."""

import sqlalchemy as sa

from shared.errors import Unavailable
from shared.settings import Settings

SAMPLES = ("change-me", "devstoreaccount1", "UseDevelopmentStorage", "UseDevelopmentEmulator")
"""What the keys of examples and of emulators have in them."""
NOT_READY = "The platform is not set up for its ENVIRONMENT; the health answer says what is missing."


def shortcomings(settings: Settings) -> list[str]:
    """What is missing, a sentence each that begins with the setting's name and shows no value. In development only what could
    move money."""
    if settings.environment == "development":
        return _stripe_in_development(settings)
    return [*_parts(settings), *_keys(settings), *_stripe(settings), *_database(settings), *_rules(settings)]


def require_ready(settings: Settings) -> None:
    """Raises Unavailable where something is missing."""
    if shortcomings(settings):
        raise Unavailable(NOT_READY)


def refuse_embedded(settings: Settings, name: str) -> None:
    """Raises Unavailable, which names the setting, where a part would be embedded that must not be."""
    if settings.environment != "development" and not (settings.hosting == "host" and name in ON_AN_ORDINARY_HOST):
        raise Unavailable(f"{name}: must be set when ENVIRONMENT is {settings.environment}")


BUS, BLOBS, MESSAGES, DATABASE = "SERVICEBUS", "BLOB_ENDPOINT", "COMMUNICATION_ENDPOINT", "DATABASE_URL"
ON_AN_ORDINARY_HOST = frozenset({BUS, BLOBS})
"""What may be embedded with HOSTING=host: the outbox as the bus, with one delivery process, and a folder of blobs."""


def _parts(settings: Settings) -> list[str]:
    unset = {
        BUS: settings.servicebus is None and settings.servicebus_namespace is None,
        BLOBS: settings.blob_connection_string is None and settings.blob_endpoint is None,
        MESSAGES: settings.communication_endpoint is None,
        DATABASE: settings.database_url is None,
    }
    allowed = ON_AN_ORDINARY_HOST if settings.hosting == "host" else frozenset()
    return [f"{name}: must be set" for name, missing in unset.items() if missing and name not in allowed]


def _keys(settings: Settings) -> list[str]:
    required = {"JWT_SECRET": settings.jwt_secret, "DATA_KEYS": settings.data_keys}
    optional = {
        "SERVICEBUS": settings.servicebus,
        "BLOB_CONNECTION_STRING": settings.blob_connection_string,
        "JWT_OTHER_SECRETS": settings.jwt_other_secrets,
    }
    missing = [f"{name}: must be set" for name, key in required.items() if key is None]
    samples = [
        f"{name}: is an example's or an emulator's"
        for name, key in (required | optional).items()
        if key is not None and any(sample in key.get_secret_value() for sample in SAMPLES)
    ]
    return missing + samples


STRIPE_MODES = {"production": "live", "staging": "test"}
"""Which of Stripe's two worlds an environment's key must be of: money moves in production alone."""


def _stripe(settings: Settings) -> list[str]:
    key, mode = settings.stripe_api_key, STRIPE_MODES[settings.environment]
    wrong = [] if settings.stripe_api_base is None else ["STRIPE_API_BASE: must not be set outside development"]
    if key is None or not key.get_secret_value().startswith((f"sk_{mode}_", f"rk_{mode}_")):
        return [f"STRIPE_API_KEY: must be a {mode} key when ENVIRONMENT is {settings.environment}", *wrong]
    return [*_webhook_secret(settings), *wrong]


def _webhook_secret(settings: Settings) -> list[str]:
    missing = settings.stripe_api_key is not None and settings.stripe_webhook_secret is None
    return ["STRIPE_WEBHOOK_SECRET: must be set when STRIPE_API_KEY is"] if missing else []


def _stripe_in_development(settings: Settings) -> list[str]:
    key = settings.stripe_api_key
    if key is not None and key.get_secret_value().startswith(("sk_live_", "rk_live_")):
        return ["STRIPE_API_KEY: must not be a live key when ENVIRONMENT is development"]
    return _webhook_secret(settings)


def _database(settings: Settings) -> list[str]:
    if settings.database_url is None:
        return []
    from shared.db import is_on_this_machine

    address = sa.make_url(settings.database_address)
    if address.get_backend_name() not in ("mysql", "mariadb"):
        return ["DATABASE_URL: must be a MySQL or MariaDB server"]
    if is_on_this_machine(address) and settings.hosting != "host":
        return ["DATABASE_URL: must be a server that is reached by verified TLS"]
    return []


def _rules(settings: Settings) -> list[str]:
    wrong = [] if settings.rate_limits else ["RATE_LIMITS: must not be false"]
    if not settings.public_url.startswith("https://"):
        wrong.append("PUBLIC_URL: must be an https address")
    return wrong
