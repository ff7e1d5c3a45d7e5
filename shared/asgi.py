"""The one FastAPI app: its routers, its docs without internet, and the edge that turns every failure into one shape."""

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from opentelemetry.trace import Status, StatusCode
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.api import PREFIX
from shared.errors import (
    AppError,
    BadRequest,
    FieldError,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from shared.json_body import check_json
from shared.openapi import make_document
from shared.platform import Platform

log = logging.getLogger(__name__)
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")

JSON: tuple[str, ...] = ("application/json",)
PICTURES: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp")
PHOTO_UPLOAD = re.compile(rf"{PREFIX}/stations/locations/[^/]+/photos")
"""The one path whose body is no JSON; what the bytes are is looked at there, not believed here."""

DESCRIPTION = (
    "Charging slots a driver can count on. Sign in with `accounts/login`, press *Authorize*, paste the access_token. "
    "Every failure is an RFC 9457 problem with a `code`; lists answer `{items, next_cursor}`; times carry an offset."
)


def create_app(get_platform: Callable[[], Platform]) -> FastAPI:
    """The app over the platform that `get_platform` gives (at the first request, not before)."""
    from functions.accounts.audit_routes import router as audit
    from functions.accounts.pages import router as account_pages
    from functions.accounts.routes import router as accounts
    from functions.accounts.sessions import confirm
    from functions.booking.routes import router as booking
    from functions.notify.routes import router as notify
    from functions.optimizer.routes import router as optimizer
    from functions.payments.routes import router as payments
    from functions.stations.routes import router as stations

    app = FastAPI(
        title="evcharging",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: f"{route.tags[0] if route.tags else 'root'}_{route.name}",
    )

    def confirming() -> Platform:
        platform = get_platform()
        platform.confirm = confirm
        return platform

    app.state.get_platform = confirming
    # A request tries the routes in this order: what is called most comes first.
    for router in (booking, optimizer, stations, accounts, account_pages, audit, payments, notify):
        app.include_router(router, prefix=PREFIX)
    _add_root(app)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(Edge)
    app.openapi = lambda: make_document(app)  # type: ignore[method-assign]
    return app


class LateApp:
    """An app that is made with the first request, once, however many come at a time: making routes takes a fifth of a start."""

    def __init__(self, make: Callable[[], FastAPI]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: FastAPI | None = None

    @property
    def app(self) -> FastAPI:
        """The app, made now where it was not."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the app does."""
        await (self._made or self.app)(scope, receive, send)


def _add_root(app: FastAPI) -> None:
    from fastapi_offline import consts

    static = Path(consts.__file__).parent / "static"
    app.mount(f"{PREFIX}/docs/assets", StaticFiles(directory=static), name="docs_assets")

    @app.get(f"{PREFIX}/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=f"{PREFIX}/openapi.json",
            title="evcharging API",
            swagger_js_url=f"{PREFIX}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{PREFIX}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{PREFIX}/docs/assets/favicon.png",
            swagger_ui_parameters={
                "persistAuthorization": True,
                "displayRequestDuration": True,
                "tryItOutEnabled": True,
            },
        )

    @app.get(f"{PREFIX}/health", tags=["root"])
    def health(request: Request) -> JSONResponse:
        """Whether the process can reach its database and the database is of this code's revision."""
        platform: Platform = request.app.state.get_platform()
        platform.read(lambda tx: tx.conn.exec_driver_sql("SELECT 1").scalar())
        return JSONResponse({"status": "ok", "time": platform.clock.now().isoformat()})


class Edge:
    """The outermost of our middleware: invocation id, body limits, telemetry, and failures as problem documents.

    An exception that leaves the app would reach a Functions client as an empty 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        id = scope.get("azure_functions.invocation_id") or str(uuid.uuid4())
        storage = scope.get("azure_functions.thread_local_storage")
        platform: Platform = scope["app"].state.get_platform()
        started, status, begun = platform.clock.monotonic(), 500, False

        async def watch(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message.get("headers", []), (b"x-invocation-id", id.encode())]
            await send(message)

        with (
            telemetry.invocation(id, storage),
            telemetry.tracer.start_as_current_span(f"{scope['method']} {scope['path']}") as span,
        ):
            try:
                limited = _limit(receive, self._check_head(scope, platform))
                if _content_type(scope) == "application/json" and scope["method"] in WITH_BODY:
                    limited = await _checked(limited)
                await self.app(scope, limited, watch)
            except Exception as error:
                if begun:
                    raise
                problem = error if isinstance(error, AppError) else AppError()
                if not isinstance(error, AppError):
                    log.exception("%s %s failed", scope["method"], scope["path"])
                await _response(problem)(scope, receive, watch)
            route = getattr(scope.get("route"), "path", "unmatched")
            labels = {"route": route, "method": scope["method"], "status": status}
            telemetry.requests.add(1, labels)
            telemetry.request_ms.record((platform.clock.monotonic() - started) * 1000, labels)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    @staticmethod
    def _check_head(scope: Scope, platform: Platform) -> int:
        """Refuses bodies by what their headers say. Returns how many bytes may come."""
        kinds, limit = JSON, platform.settings.max_body_bytes
        if scope["method"] == "POST" and PHOTO_UPLOAD.fullmatch(scope["path"]):
            kinds, limit = PICTURES, platform.settings.max_photo_bytes
        headers = {key.lower(): value for key, value in scope["headers"]}
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise BadRequest.one("Content-Length", "must be a number")
        if len(length) > 15 or int(length) > limit:
            raise _too_large(limit)
        if scope["method"] not in WITH_BODY or not (int(length) or b"transfer-encoding" in headers):
            return limit
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding != "identity":  # no body is ever unpacked, so none can grow
            raise UnsupportedMediaType.one("Content-Encoding", f"send the body as it is, not {encoding[:40]!r}")
        kind = _content_type(scope)
        if scope["method"] != "DELETE" and kind not in kinds:
            raise UnsupportedMediaType.one("Content-Type", f"must be {' or '.join(kinds)}, not {kind[:80] or 'absent'}")
        charset = _charset(headers.get(b"content-type", b""))
        if kind == "application/json" and charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType.one("Content-Type", f"JSON is UTF-8, not {charset[:40]!r}")
        return limit


def _content_type(scope: Scope) -> str:
    value = next((value for key, value in scope["headers"] if key.lower() == b"content-type"), b"")
    return str(value.split(b";")[0].strip().lower().decode("latin-1"))


def _charset(content_type: bytes) -> str:
    for part in content_type.decode("latin-1").lower().split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""


async def _checked(receive: Receive) -> Receive:
    """Reads the whole body, checks that it is JSON we take, and hands it on as one message."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"".join(parts)
    if body:
        check_json(body)
    whole: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replay() -> Message:
        nonlocal whole
        message, whole = whole, None
        return await receive() if message is None else message

    return replay


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge.one("body", f"may have at most {limit} bytes", limit_bytes=limit)


def _limit(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    return limited


def _response(error: AppError) -> JSONResponse:
    document = error.problem() | {"invocation_id": telemetry.invocation_id()}
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        headers["Retry-After"] = "2"
    if "retry_after_s" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_s"])
    return JSONResponse(document, error.status, headers, media_type="application/problem+json")


async def _on_app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    if error.status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error.detail)
    return _response(error)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [FieldError(_field(item["loc"]), _sentence(item)) for item in error.errors()]
    named = "; ".join(f"{item.field}: {item.message}" for item in fields[:3])
    return _response(Invalid(named, fields=fields))


def _field(location: tuple[Any, ...]) -> str:
    parts = [str(part) for part in location]
    if parts and parts[0] in ("body", "query", "path", "header") and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts)


def _sentence(item: dict[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"the body is not valid JSON ({item.get('ctx', {}).get('error', 'unreadable')})"
    return str(item["msg"]).removeprefix("Value error, ")


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kinds: dict[int, type[AppError]] = {
        400: BadRequest, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed,
        413: PayloadTooLarge,
    }  # fmt: skip
    if isinstance(error.__cause__, AppError):  # FastAPI wraps what reading the body raises
        return _response(error.__cause__)
    kind = kinds.get(error.status_code, AppError)
    response = _response(kind(f"{request.method} {request.url.path}" if kind in (NotFound, MethodNotAllowed) else ""))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def dump_openapi(app: FastAPI) -> str:
    """The OpenAPI document as text."""
    return json.dumps(app.openapi(), indent=1, sort_keys=True)
