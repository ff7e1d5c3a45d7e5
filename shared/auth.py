"""Access tokens: signed JWTs of 15 minutes that say who and with which role; the clock is the injected one."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock
from shared.errors import TokenExpired, Unauthenticated
from shared.tx import Actor

LIFETIME = timedelta(minutes=15)
ALGORITHM = "HS256"
ISSUER = "evcharging"
ROLES = ("driver", "owner", "admin")


def issue_access_token(*, key: str, user_id: uuid.UUID, role: str, session_id: uuid.UUID, now: datetime) -> str:
    """A bearer token for `user_id`, good from `now` for `LIFETIME`."""
    import jwt

    claims = {
        "iss": ISSUER,
        "sub": str(user_id),
        "role": role,
        "sid": str(session_id),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def read_access_token(token: str, *, key: str, clock: Clock, address: str | None = None) -> Actor:
    """Who the token stands for. Raises TokenExpired or Unauthenticated."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["sub", "role", "sid", "iat", "exp"], "verify_exp": False, "verify_iat": False},
        )
        actor = Actor(role=claims["role"], id=uuid.UUID(claims["sub"]), session_id=uuid.UUID(claims["sid"]), address=address)
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("The bearer token is not one of ours.") from error
    if actor.role not in ROLES:
        raise Unauthenticated("The bearer token names an unknown role.")
    if clock.now().timestamp() >= claims["exp"]:
        raise TokenExpired("The access token has expired; use the refresh token.")
    return actor
