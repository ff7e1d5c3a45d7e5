"""A weak ETag on every JSON answer to a GET that sets none, and 304 where the caller has it already (RFC 9110, 13.1.2).

Whoever asks again and again, for a booking, a charge request or the inbox, is sent no body while nothing has changed.
"""

import hashlib
from base64 import urlsafe_b64encode

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON = "application/json"


def tag_of(body: bytes) -> str:
    """The weak ETag of an answer's body: two that are alike mean the same, whatever made them."""
    return f'W/"{urlsafe_b64encode(hashlib.sha256(body).digest()[:16]).decode().rstrip("=")}"'


def has_already(if_none_match: str, tag: str) -> bool:
    """Whether `If-None-Match` names the ETag, by the weak comparison; `*` names every one."""
    sent = [part.strip() for part in if_none_match.split(",")]
    return "*" in sent or tag.removeprefix("W/") in [part.removeprefix("W/") for part in sent]


class NotModified:
    """The middleware. Answers that set an ETag of their own, are no JSON or no 200 go as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        if_none_match = Headers(scope=scope).get("if-none-match")
        start: Message | None = None
        body = b""

        async def watch(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                if message["status"] != 200 or "etag" in headers or not headers.get("content-type", "").startswith(JSON):
                    await send(message)
                else:
                    start = message
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            tag = tag_of(body)
            headers_now = MutableHeaders(raw=list(start["headers"]))
            headers_now["ETag"] = tag
            if if_none_match is not None and has_already(if_none_match, tag):
                del headers_now["content-length"]
                del headers_now["content-type"]
                await send({**start, "status": 304, "headers": headers_now.raw})
                await send({"type": "http.response.body", "body": b""})
                return
            await send({**start, "headers": headers_now.raw})
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, watch)
