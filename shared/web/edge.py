"""The edge, outermost middleware: checks before a request is read, telemetry around it, every failure in one shape."""

import logging
import re
import uuid

from fastapi.responses import JSONResponse
from opentelemetry.trace import Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.errors import (
    AppError,
    BadRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from shared.platform import Platform
from shared.web.call import PREFIX
from shared.web.json_body import check_json

log = logging.getLogger(__name__)

WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
JSON: tuple[str, ...] = ("application/json",)
PICTURES: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp")
PHOTO_UPLOAD = re.compile(rf"{PREFIX}/stations/locations/[^/]+/photos")
"""The one path whose body is no JSON; what the bytes are is looked at there, not believed here."""


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
        invocation_id = scope.get("azure_functions.invocation_id") or str(uuid.uuid4())
        storage = scope.get("azure_functions.thread_local_storage")
        platform: Platform = scope["app"].state.get_platform()
        started_at, status, response_began = platform.clock.monotonic(), 500, False

        async def watch(message: Message) -> None:
            nonlocal status, response_began
            if message["type"] == "http.response.start":
                status, response_began = message["status"], True
                message["headers"] = [*message.get("headers", []), (b"x-invocation-id", invocation_id.encode())]
            await send(message)

        with (
            telemetry.invocation(invocation_id, storage),
            telemetry.tracer.start_as_current_span(f"{scope['method']} {scope['path']}") as span,
        ):
            try:
                receive_limited = _limit(receive, self._check_head(scope, platform))
                if _content_type(scope) == "application/json" and scope["method"] in WITH_BODY:
                    receive_limited = await _check_body(receive_limited)
                await self.app(scope, receive_limited, watch)
            except Exception as error:
                if response_began:
                    raise
                problem = error if isinstance(error, AppError) else AppError()
                if not isinstance(error, AppError):
                    log.exception("%s %s failed", scope["method"], scope["path"])
                await problem_response(problem)(scope, receive, watch)
            route = getattr(scope.get("route"), "path", "unmatched")
            labels = {"route": route, "method": scope["method"], "status": status}
            telemetry.requests.add(1, labels)
            telemetry.request_ms.record((platform.clock.monotonic() - started_at) * 1000, labels)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    @staticmethod
    def _check_head(scope: Scope, platform: Platform) -> int:
        """Refuses bodies by what their headers say. Returns how many bytes may come."""
        content_types, limit = JSON, platform.settings.max_body_bytes
        if scope["method"] == "POST" and PHOTO_UPLOAD.fullmatch(scope["path"]):
            content_types, limit = PICTURES, platform.settings.max_photo_bytes
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
        content_type = _content_type(scope)
        if scope["method"] != "DELETE" and content_type not in content_types:
            raise UnsupportedMediaType.one(
                "Content-Type", f"must be {' or '.join(content_types)}, not {content_type[:80] or 'absent'}"
            )
        charset = _charset(headers.get(b"content-type", b""))
        if content_type == "application/json" and charset not in ("", "utf-8", "utf8", "us-ascii"):
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


async def _check_body(receive: Receive) -> Receive:
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
    whole_body: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replay() -> Message:
        nonlocal whole_body
        message, whole_body = whole_body, None
        return await receive() if message is None else message

    return replay


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge.one("body", f"may have at most {limit} bytes", limit_bytes=limit)


def _limit(receive: Receive, limit: int) -> Receive:
    received_bytes = 0

    async def limited() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > limit:
            raise _too_large(limit)
        return message

    return limited


def problem_response(error: AppError) -> JSONResponse:
    """The error as an answer: an RFC 9457 problem document with the invocation id, and the headers its status asks for."""
    document = error.problem() | {"invocation_id": telemetry.invocation_id()}
    headers = {"Idempotency-Replayed": "true"} if error.replayed else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        headers["Retry-After"] = "2"
    if "retry_after_s" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_s"])
    return JSONResponse(document, error.status, headers, media_type="application/problem+json")
