"""The one FastAPI app: its routers, its docs without internet, and the edge that turns every failure into one shape."""

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.openapi import make_document
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
)
from shared.platform import Platform
from shared.web.call import PREFIX
from shared.web.cors import Cors
from shared.web.edge import REFUSAL, Edge
from shared.web.not_modified import NotModified
from shared.web.pages import script_source
from shared.web.problems import problem_response

log = logging.getLogger(__name__)

DESCRIPTION = (
    "Charging slots a driver can count on. Sign in with `accounts/login`, press *Authorize*, paste the access_token. "
    "Every failure is an RFC 9457 problem with a `code`; lists answer `{items, next_cursor}`; times carry an offset. "
    "What is read has an ETag: with If-None-Match what you have already is a 304 without a body. "
    "Every answer has its `X-Invocation-Id`, which the log has too."
)


def create_app(get_platform: Callable[[], Platform], *, hosts: frozenset[str] | None = None) -> FastAPI:
    """The app over the platform that `get_platform` gives (at the first request, not before). `hosts` are the names it may be
    called by; None for any."""
    from app.root import router as root
    from functions.accounts.pages import router as account_pages
    from functions.accounts.preferences_routes import router as preferences
    from functions.accounts.routes import router as accounts
    from functions.accounts.second_factor_routes import router as second_factors
    from functions.administration.routes import audit_router as audit
    from functions.administration.routes import dead_letter_router as dead_letters
    from functions.administration.routes import router as administration
    from functions.booking.page import router as booking_page
    from functions.booking.routes import router as booking
    from functions.booking.session_routes import router as booking_sessions
    from functions.booking.standing_routes import router as standing
    from functions.booking.station_routes import router as station_sessions
    from functions.drivers.routes import router as drivers
    from functions.forecast.routes import router as forecast
    from functions.notify.calendar_routes import router as calendar_files
    from functions.notify.routes import router as notify
    from functions.operators.calendar_routes import router as calendar
    from functions.operators.feed_routes import router as operator_feed
    from functions.operators.photo_routes import router as photos
    from functions.operators.price_routes import router as dynamic_prices
    from functions.operators.routes import router as operators
    from functions.operators.staff_routes import router as staff
    from functions.operators.submission_routes import router as submissions
    from functions.operators.summary_routes import feeds_router as feeds
    from functions.operators.summary_routes import router as summaries
    from functions.optimizer.routes import router as optimizer
    from functions.payments.documents.routes import router as documents
    from functions.payments.ledger.routes import router as ledger
    from functions.payments.routes import router as payments
    from functions.privacy.routes import router as privacy
    from functions.ratings.routes import router as ratings
    from functions.search.routes import router as search
    from functions.stations.feed.routes import router as feed
    from functions.waitlist.routes import router as waitlist

    app = FastAPI(
        title="evcharging",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},  # the edge has ours
        redirect_slashes=False,  # such a redirect would lead to whatever the Host header names
        generate_unique_id_function=lambda route: f"{route.tags[0] if route.tags else 'root'}_{route.name}",
    )

    app.state.get_platform = get_platform
    # A request tries the routes in this order: what is called most comes first.
    for router in (
        booking,
        booking_sessions,
        calendar,
        optimizer,
        forecast,
        search,
        feed,
        station_sessions,
        operators,
        dynamic_prices,
        photos,
        submissions,
        operator_feed,
        waitlist,
        ratings,
        summaries,
        feeds,
        staff,
        preferences,
        drivers,
        calendar_files,
        accounts,
        second_factors,
        standing,
        account_pages,
        booking_page,
        privacy,
        audit,
        payments,
        ledger,
        documents,
        notify,
        dead_letters,
        administration,
        root,
    ):
        app.include_router(router, prefix=PREFIX)
    _add_root(app)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(NotModified)  # inside the edge, which completes its answers too
    app.add_middleware(Edge, hosts=hosts)
    app.add_middleware(Cors)  # outside, so that a page of another origin may read what the edge itself refuses
    app.openapi = lambda: make_document(app)  # type: ignore[method-assign]
    return app


class LateApp:
    """The app over a platform, made once, with the first request: making routes takes a fifth of a start."""

    def __init__(self, get_platform: Callable[[], Platform]) -> None:
        self._get_platform = get_platform
        self._lock = threading.Lock()
        self._app: FastAPI | None = None

    @property
    def app(self) -> FastAPI:
        """The app, made now where it was not."""
        with self._lock:
            if self._app is None:
                self._app = create_app(self._get_platform)
            return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the app does."""
        await (self._app or self.app)(scope, receive, send)


def _add_root(app: FastAPI) -> None:
    from fastapi_offline import consts

    static = Path(consts.__file__).parent / "static"
    app.mount(f"{PREFIX}/docs/assets", StaticFiles(directory=static), name="docs_assets")

    @app.get(f"{PREFIX}/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
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
        page.headers["Content-Security-Policy"] = _docs_policy(page.body)
        return page


def _docs_policy(page: bytes | memoryview) -> str:
    """What the docs page needs and no more: its script is named by its hash; Swagger UI writes styles and images in place."""
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(page), re.DOTALL)
    sources = " ".join(script_source(script) for script in scripts)
    return (
        f"default-src 'none'; script-src 'self' {sources}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def _on_app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    if error.status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error.detail)
    request.scope[REFUSAL] = error.code
    return problem_response(error)


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [FieldError(_field(detail["loc"]), _sentence(detail)) for detail in error.errors()]
    summary = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
    return problem_response(Invalid(summary, fields=fields))


def _field(location: tuple[Any, ...]) -> str:
    parts = [str(part) for part in location]
    if parts and parts[0] in ("body", "query", "path", "header") and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts)


def _sentence(detail: dict[str, Any]) -> str:
    if detail["type"] == "json_invalid":
        return f"the body is not valid JSON ({detail.get('ctx', {}).get('error', 'unreadable')})"
    return str(detail["msg"]).removeprefix("Value error, ")


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kinds: dict[int, type[AppError]] = {
        400: BadRequest,
        401: Unauthenticated,
        403: Forbidden,
        404: NotFound,
        405: MethodNotAllowed,
        413: PayloadTooLarge,
    }
    if isinstance(error.__cause__, AppError):  # FastAPI wraps what reading the body raises
        return problem_response(error.__cause__)
    kind = kinds.get(error.status_code, AppError)
    response = problem_response(kind(f"{request.method} {request.url.path}" if kind in (NotFound, MethodNotAllowed) else ""))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response
