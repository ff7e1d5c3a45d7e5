"""Which pages of other origins may call the API from a browser: those that are named in full by a setting, by default none."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.platform import Platform

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Session", "Prefer")
EXPOSED = ("ETag", "Location", "Retry-After", "Idempotency-Replayed", "X-Invocation-Id")
PREFLIGHT_KEPT_S = 600


class Cors:
    """Starlette's middleware for the origins of the setting WEB_ORIGINS, around everything, failures of `Edge` too.

    A preflight of such an origin is answered here: it is no call, comes to no route, and is neither counted nor logged. To
    pages of any other origin an answer has none of its headers, so that their browser gives it to nobody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._with_cors: CORSMiddleware | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        platform: Platform | None = scope["app"].state.get_platform() if scope["type"] == "http" else None
        if platform is None or not platform.settings.allowed_origins:
            await self._app(scope, receive, send)
            return
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
        if origin in platform.settings.allowed_origins:
            await self._for_origins(platform.settings.allowed_origins)(scope, receive, send)
            return

        async def send_varied(message: Message) -> None:
            # A cache must not give an answer without the headers to a page that may read it.
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, send_varied)

    def _for_origins(self, origins: tuple[str, ...]) -> CORSMiddleware:
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
