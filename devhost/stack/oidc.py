"""A loopback OpenID Connect provider: discovery, authorization with PKCE, token endpoint, published keys, RS256 ID tokens.

It keeps the rules a good provider keeps (codes work once, for the redirect and verifier they were made for, for a client that
shows its secret) and can be told to break each one that a client must check.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from jwt.algorithms import RSAAlgorithm

from devhost.stack.loopback import Loopback
from shared.clock import Clock


@dataclass
class ProviderBehaviour:
    """How the provider behaves: who is signed in, and what is done to a token before and instead of signing it well."""

    claims: dict[str, Any] = field(default_factory=dict)
    tamper: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    sign: Callable[[dict[str, Any]], str] | None = None
    token_status: int = 200
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Codes that were given and not exchanged yet, with what they were asked for with."""


class OidcIssuer(Loopback):
    """The provider in a thread. Use it as a context manager."""

    def __init__(self, clock: Clock, *, client_id: str = "evcharging", client_secret: str = "loopback secret") -> None:
        self.clock, self.client_id, self.client_secret = clock, client_id, client_secret
        super().__init__()
        self.behaviour = ProviderBehaviour()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def issuer(self) -> str:
        """For OIDC_ISSUER."""
        return f"http://127.0.0.1:{self.port}/tenant/v2.0"

    def settings(self) -> dict[str, str]:
        """The settings of a platform that has its client here."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": self.client_id,
            "oidc_client_secret": self.client_secret,
            "oidc_redirect_url": "https://app.example.org/signed-in",
        }

    def id_token(self, request: dict[str, str]) -> str:
        """The ID token of whoever is signed in, as well or badly as the manners say."""
        now = int(self.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "nonce": request["nonce"],
        }
        if "max_age" in request:  # a provider asked so must say when it last asked who they are
            claims["auth_time"] = now
        claims |= self.behaviour.claims
        if self.behaviour.tamper is not None:
            claims = self.behaviour.tamper(claims)
        if self.behaviour.sign is not None:
            return self.behaviour.sign(claims)
        return jwt.encode(claims, self.key, "RS256", headers={"kid": "first"})

    def app(self) -> FastAPI:
        """The ASGI app."""
        app = FastAPI(openapi_url=None)
        base, behaviour = f"http://127.0.0.1:{self.port}", self.behaviour

        @app.get("/tenant/v2.0/.well-known/openid-configuration")
        def discovery() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/keys",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [public | {"kid": "first", "use": "sig", "alg": "RS256"}]}

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            parameters = dict(request.query_params)
            needed = {"client_id", "redirect_uri", "state", "nonce", "code_challenge", "scope"}
            good = needed <= set(parameters) and parameters["client_id"] == self.client_id
            if not good or parameters.get("response_type") != "code" or parameters.get("code_challenge_method") != "S256":
                return JSONResponse({"error": "invalid_request"}, 400)
            code = secrets.token_urlsafe(32)
            behaviour.codes[code] = parameters
            return RedirectResponse(
                f"{parameters['redirect_uri']}?{urlencode({'code': code, 'state': parameters['state']})}", 302
            )

        @app.post("/token")
        async def token(request: Request) -> Response:
            if behaviour.token_status != 200:
                return JSONResponse({"error": "temporarily_unavailable"}, behaviour.token_status)
            form = dict(part.split("=", 1) for part in (await request.body()).decode().split("&"))
            basic = base64.b64decode(request.headers.get("authorization", "Basic ").removeprefix("Basic ")).decode()
            if basic != f"{self.client_id}:{self.client_secret}":
                return JSONResponse({"error": "invalid_client"}, 401)
            granted = behaviour.codes.pop(form.get("code", ""), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if granted is None or granted["code_challenge"] != challenge:
                return JSONResponse({"error": "invalid_grant"}, 400)
            answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": self.id_token(granted)}
            return JSONResponse(answer)

        return app
