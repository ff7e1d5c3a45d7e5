"""Which pages of other origins may call the API from a browser: those that are named in full by a setting, by default none."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.platform import Platform

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Session", "Prefer")
EXPOSED = ("ETag", "Location", "Retry-After", "Idempotency-Replayed", "X-Invocation-Id")
PREFLIGHT_KEPT_S = 600


class Cors:
    """Starlette's middleware for the origins of the setting WEB_ORIGINS, around everything, failures too.

    To pages of any other origin an answer has none of its headers, so that their browser gives it to nobody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._with_cors: CORSMiddleware | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        handler = self._app
        if scope["type"] == "http":
            platform: Platform = scope["app"].state.get_platform()
            origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
            if origin in platform.settings.allowed_origins:
                handler = self._made(platform.settings.allowed_origins)
        await handler(scope, receive, send)

    def _made(self, origins: tuple[str, ...]) -> CORSMiddleware:
        if self._with_cors is None:
            self._with_cors = CORSMiddleware(
                self._app,
                allow_origins=origins,
                allow_methods=METHODS,
                allow_headers=SENT,
                expose_headers=EXPOSED,
                allow_credentials=True,
                max_age=PREFLIGHT_KEPT_S,
            )
        return self._with_cors
