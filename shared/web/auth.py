"""Access tokens: signed JWTs of 15 minutes that say who and with which role; the clock is the injected one.

Station keys are the other kind of bearer token: long-lived, of one location, for its feed alone. Here is their form; who
holds one is known to functions/stations. `evcsk_`, 32 random characters, and a checksum of 6: secret scanners recognise one,
and a mistyped one is refused without asking the database.
"""

import hashlib
import secrets
import string
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from shared.clock import Clock, numeric_date
from shared.errors import TokenExpired, Unauthenticated
from shared.tx import Actor

LIFETIME = timedelta(minutes=15)
ALGORITHM = "HS256"
ISSUER = "evcharging"
AUDIENCE = "evcharging-api"
TYPE = "at+jwt"
ROLES = ("driver", "owner", "admin")
STATION_KEY = "station_key"
"""The role of a station key, none of ROLES: only routes with `shared.web.call.Station` or `.OwnerOrStation` take it."""
KEY_PREFIX = "evcsk_"
_ALPHABET = string.digits + string.ascii_letters
_RANDOM, _CHECK = 32, 6


def key_id(key: str) -> str:
    """The `kid` of a key: it names the key and tells nothing of it."""
    return hashlib.sha256(b"evcharging kid\0" + key.encode()).hexdigest()[:12]


def issue_access_token(*, key: str, user_id: uuid.UUID, role: str, session_id: uuid.UUID, now: datetime) -> str:
    """A bearer token for `user_id`, good from `now` for `LIFETIME`."""
    import jwt

    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "role": role,
        "sid": str(session_id),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id(key), "typ": TYPE})


def read_access_token(token: str, *, keys: Sequence[str], clock: Clock, address: str | None = None) -> Actor:
    """Who the token says it stands for, signed by one of `keys`. Raises TokenExpired or Unauthenticated.

    Whether that still holds, the transaction's `confirm` finds out.
    """
    claims = _verified_claims(token, tuple(keys))
    if clock.now().timestamp() >= claims.expires_at:
        raise TokenExpired("The access token has expired; use the refresh token.")
    return Actor(role=claims.role, id=claims.user_id, session_id=claims.session_id, address=address)


@dataclass(frozen=True)
class _Claims:
    """What a token of ours says; `expires_at` in seconds of the epoch."""

    role: str
    user_id: uuid.UUID
    session_id: uuid.UUID
    expires_at: int


@lru_cache(maxsize=2048)
def _verified_claims(token: str, keys: tuple[str, ...]) -> _Claims:
    """A token's claims, its signature verified; whether it has expired is left to the caller, so that this may be cached.

    A driver's app sends the same token for a quarter of an hour. What is refused is looked at anew each time.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        key = next((key for key in keys if key_id(key) == header.get("kid")), None)
        if key is None or header.get("typ") != TYPE:
            raise Unauthenticated("The bearer token is not one of ours.")
        payload: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={
                "require": ["sub", "role", "sid", "iat", "exp"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        numeric_date(payload["iat"])
        expires_at = int(numeric_date(payload["exp"]))
        claims = _Claims(payload["role"], uuid.UUID(payload["sub"]), uuid.UUID(payload["sid"]), expires_at)
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unauthenticated("The bearer token is not one of ours.") from error
    if claims.role not in ROLES:
        raise Unauthenticated("The bearer token names an unknown role.")
    return claims


def make_station_key() -> str:
    """A new station key: 190 random bits between the prefix and the checksum."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{KEY_PREFIX}{secret}{_checksum(secret)}"


def is_station_key(token: str) -> bool:
    """Whether a bearer token means to be a station key."""
    return token.startswith(KEY_PREFIX)


def station_key_hash(token: str) -> str:
    """What is stored of a station key: SHA-256 in hex. Raises Unauthenticated for what is mistyped.

    The key is random, so a slow hash would add nothing.
    """
    secret, check = token.removeprefix(KEY_PREFIX)[:-_CHECK], token[-_CHECK:]
    well_formed = is_station_key(token) and len(secret) == _RANDOM and secret.isascii() and secret.isalnum()
    if not well_formed or not secrets.compare_digest(_checksum(secret).encode(), check.encode()):
        raise Unauthenticated("The station key is mistyped: its checksum does not fit.")
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(secret: str) -> str:
    value, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECK):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
