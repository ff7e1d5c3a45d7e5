"""An OpenID Connect provider (Entra External ID, or any other): authorization code with PKCE, and the ID token checked.

Authlib speaks OAuth, PyJWT verifies the signature by the provider's published keys. Both are imported when first needed.
"""

import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from shared.clock import Clock, numeric_date
from shared.errors import BadCredentials, Unavailable
from shared.settings import Settings

ALGORITHMS = ["RS256", "PS256", "ES256"]
"""Public keys only: with HS256 allowed, a client secret could sign, and `none` is no signature."""
SCOPE = "openid email profile"
TIMEOUT_S = 10
LEEWAY_S = 60
"""Seconds the provider's clock may differ from ours."""
CACHE_S = 3600
MAX_SUBJECT = 255


@dataclass(frozen=True)
class OidcIdentity:
    """Somebody as the provider knows them. `email` is None unless the provider says that it has verified it."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    authenticated_at: datetime | None
    """When the provider last asked who they are (`auth_time`); None where it does not say."""
    has_shown_factor: bool = False
    """Whether they showed the provider a second factor that counts here (OIDC_SECOND_FACTOR_VALUES)."""


class OidcProvider:
    """One provider and our client there. Its metadata and keys are cached for an hour."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        issuer, client, redirect = settings.oidc_issuer, settings.oidc_client_id, settings.oidc_redirect_url
        if not (issuer and client and redirect):
            raise ValueError("OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_REDIRECT_URL: must be set together")
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("OIDC_ISSUER: must be https")
        self.issuer, self._client, self._redirect = issuer, client, redirect
        self._secret = settings.oidc_client_secret
        self._verified_claim = settings.oidc_verified_claim
        self._factor_values = settings.second_factor_claims
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._fetched_at = 0.0
        self._keys: Any = None

    def _session(self, **more: Any) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        secret = None if self._secret is None else self._secret.get_secret_value()
        return OAuth2Session(
            self._client, secret, scope=SCOPE, redirect_uri=self._redirect, code_challenge_method="S256", **more
        )

    def _discover(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery). Raises Unavailable."""
        import jwt

        with self._lock:
            if self._metadata and self._clock.monotonic() - self._fetched_at < CACHE_S:
                return self._metadata
            with _unavailable_if_unreachable(), self._session() as session:
                answer = session.get(
                    f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", withhold_token=True, timeout=TIMEOUT_S
                )
                answer.raise_for_status()
                metadata = answer.json()
            if metadata.get("issuer") != self.issuer:
                raise Unavailable(f"The identity provider calls itself {metadata.get('issuer')!r}, not {self.issuer!r}.")
            self._keys = jwt.PyJWKClient(metadata["jwks_uri"], lifespan=CACHE_S, timeout=TIMEOUT_S)
            self._metadata, self._fetched_at = metadata, self._clock.monotonic()
            return self._metadata

    def authorization_url(self, *, state: str, nonce: str, verifier: str, fresh: bool = False) -> str:
        """Where the browser goes; `verifier` is sent as its SHA-256 only (PKCE, RFC 7636). Raises Unavailable.

        `fresh` has the provider ask who they are though it knows, and say when (OpenID Connect Core, 3.1.2.1).
        """
        metadata = self._discover()
        asked_anew = {"prompt": "login", "max_age": "0"} if fresh else {}
        with self._session() as session:
            url, _ = session.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier, **asked_anew
            )
        return str(url)

    def identify(self, *, code: str, nonce: str, verifier: str) -> OidcIdentity:
        """Exchanges the code and checks the ID token: signature, issuer, audience, times, nonce (OpenID Connect Core,
        3.1.3.7). Raises BadCredentials, Unavailable."""
        from authlib.common.errors import AuthlibBaseError

        metadata = self._discover()
        try:
            with _unavailable_if_unreachable(), self._session() as session:
                tokens = session.fetch_token(
                    metadata["token_endpoint"],
                    code=code,
                    code_verifier=verifier,
                    timeout=TIMEOUT_S,
                    grant_type="authorization_code",
                )
        except AuthlibBaseError as error:
            raise BadCredentials(f"The identity provider refused: {error.error}.") from error
        claims = self._verified_claims(str(tokens.get("id_token", "")))
        if not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
            raise BadCredentials("The identity provider's answer belongs to another sign-in.")
        is_verified = claims.get(self._verified_claim) in (True, 1, "1", "true", "True")
        email = claims.get("email") if is_verified else None
        return OidcIdentity(
            self.issuer,
            _subject(claims["sub"]),
            _text(email),
            _text(claims.get("name")),
            self._asked_at(claims),
            self._has_shown_factor(claims),
        )

    def _asked_at(self, claims: dict[str, Any]) -> datetime | None:
        """When the provider last asked, by its `auth_time`; never later than now."""
        if claims.get("auth_time") is None:
            return None
        asked_at, now = _numeric_date(claims, "auth_time"), self._clock.now()
        if asked_at > now.timestamp() + LEEWAY_S:
            raise BadCredentials("The identity provider's token is too new.")
        return min(datetime.fromtimestamp(asked_at, UTC), now)

    def _has_shown_factor(self, claims: dict[str, Any]) -> bool:
        """Whether `amr` (a list of methods) or `acr` (the level reached) says so."""
        amr = claims.get("amr")
        said = {item for item in amr if isinstance(item, str)} if isinstance(amr, list) else set()
        if isinstance(claims.get("acr"), str):
            said.add(claims["acr"])
        return not said.isdisjoint(self._factor_values)

    def _verified_claims(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            with _unavailable_if_unreachable():
                key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._client,
                issuer=self.issuer,
                # Times are checked below, by the injected clock.
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("The identity provider's keys cannot be read right now.") from error
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadCredentials(f"The identity provider's token is not good: {error}.") from error
        now = self._clock.now().timestamp()
        _numeric_date(claims, "iat")
        expires, not_before = _numeric_date(claims, "exp"), _numeric_date({"nbf": 0} | claims, "nbf")
        if now >= expires + LEEWAY_S or not_before > now + LEEWAY_S:
            raise BadCredentials("The identity provider's token is too old, or too new.")
        if claims.get("azp", self._client) != self._client:
            raise BadCredentials("The identity provider's token was made for another client.")
        return claims


def _subject(value: Any) -> str:
    """The `sub` that names somebody for ever: ASCII, at most 255 (OpenID Connect Core, 2). Raises BadCredentials."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SUBJECT or not (value.isascii() and value.isprintable()):
        raise BadCredentials("The identity provider's token names nobody: its `sub` is empty, too long or no ASCII.")
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _numeric_date(claims: dict[str, Any], name: str) -> float:
    try:
        return numeric_date(claims[name])
    except ValueError as error:
        raise BadCredentials(f"The identity provider's token is not good: {name} {error}.") from error


@contextmanager
def _unavailable_if_unreachable() -> Iterator[None]:
    """Turns failures of the network, and answers of 4xx and 5xx to what needs no permission, into Unavailable."""
    import requests

    try:
        yield
    except (requests.RequestException, OSError) as error:
        raise Unavailable("The identity provider cannot be reached right now; try again in a moment.") from error


def make_provider(settings: Settings, clock: Clock) -> OidcProvider | None:
    """The provider of the settings; None where there is none."""
    return None if settings.oidc_issuer is None else OidcProvider(settings, clock)
